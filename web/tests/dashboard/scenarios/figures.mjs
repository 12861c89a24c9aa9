// What is on the page is what the service answers.
import assert from "node:assert/strict";
import { card, choose, download, figure, lastDays, number, open, settled } from "../analyst.mjs";

export const figures = {
  async "the figures are the service's"(stage, page) {
    await open(stage, page, "?range=90d");
    const campaign = "acme/spring";
    const range = lastDays(90);
    const { rows } = await stage.client.service.query({
      query: { campaign, measures: ["arrivals"], groupBy: ["kind", "channel"], range },
    });
    await choose(page, "channels", "Show as table");
    const whatsapp = rows.find((row) => row.labels[1] === "whatsapp").estimate;
    const cells = await figure(page, "channels")
      .getByRole("row", { name: /^WhatsApp/ })
      .locator("td")
      .allTextContents();
    assert.deepEqual(cells.slice(1, 4).map(number), [whatsapp.value, whatsapp.low, whatsapp.high].map(Math.round));
    const { ratios } = await stage.client.service.query({
      query: { campaign, ratios: [{ kind: stage.client.wire.RatioKind.DARK_SHARE }], range },
    });
    assert.match(
      await card(page, "darkShare").textContent(),
      new RegExp(`${(100 * ratios[0].estimate.value).toFixed(1)}%`),
    );
  },

  async "what is private is one number everywhere, and what has no evidence is no part of it"(stage, page) {
    await open(stage, page, "?range=90d");
    const range = lastDays(90);
    const query = { campaign: "acme/spring", measures: ["arrivals"], groupBy: ["kind"], range };
    const { rows } = await stage.client.service.query({ query });
    const [inferred, known] = ["inferred", "private"].map((kind) => rows.find(({ labels }) => labels[0] === kind));
    assert.ok(inferred.estimate.value > 1_000 && known.estimate.value > 1_000);
    const heads = await figure(page, "channels").locator(".chart-section-note").allTextContents();
    assert.equal(number(heads[0].split("±")[0]), Math.round(known.estimate.value));
    await figure(page, "channels").getByText("Perhaps private: an upper bound").waitFor();
    assert.equal(await figure(page, "channels").locator("g.bar.tone-maybe").count(), 1);
    await open(stage, page, "?range=90d&filter=kind:private");
    assert.equal(await figure(page, "channels").locator("g.bar.tone-maybe").count(), 0);
    await open(stage, page, "?range=90d&split=kind");
    await figure(page, "over-time").locator(".legend").getByText("Perhaps private, at most").waitFor();
    await page.getByRole("button", { name: "Filter", exact: true }).click();
    await page.locator(".filter-sheet summary", { hasText: "Kind" }).click();
    await page.getByLabel("Perhaps private, at most").check();
    await settled(page);
    assert.equal(await figure(page, "channels").locator("g.bar").count(), 1);
  },

  async "growth has its interval, and is never below zero"(stage, page) {
    for (const query of ["?range=1d", "?range=90d"]) {
      await open(stage, page, query);
      const growths = await figure(page, "generations").locator(".funnel-ratio").allTextContents();
      assert.equal(growths.length, 4);
      for (const growth of growths)
        assert.match(growth, /^↓ growth(: cannot be told yet| at most × [\d.]+$| × [\d.]+ \([\d.]+ to [\d.]+\)$)/);
    }
    await choose(page, "funnel", "Show as table");
    const room = figure(page, "funnel").locator(".table-room");
    assert.ok(await room.evaluate((element) => element.scrollWidth <= element.clientWidth), "no column is cut off");
    assert.equal(await room.getByText("More reports needed").count(), 0, "a column that tells nothing is not there");
  },

  async "each piece of what GA4 says is named, the rest too, with whole whiskers"(stage, page) {
    const { groups } = await stage.client.service.getReconciliation({ campaign: "acme/spring" });
    for (const width of [1440, 390]) {
      await page.setViewportSize({ width, height: 900 });
      await open(stage, page, "?page=analytics&range=all");
      const drawn = figure(page, "analytics").locator("svg.chart > g");
      assert.equal(await drawn.count(), groups.length);
      for (const [place, { parts, arrivals }] of groups.entries()) {
        const texts = await drawn.nth(place).locator(".piece-text").allTextContents();
        const seen = parts.filter((part) => part.arrivals.aboveZero);
        assert.equal(texts.length, seen.length + (seen.length < parts.length ? 1 : 0));
        const sum = texts.reduce((sum, text) => sum + number(text.split("±")[0]), 0);
        assert.ok(Math.abs(sum - arrivals.value) <= texts.length, `${sum} of ${arrivals.value}`);
      }
      const ends = await drawn.locator("path.whisker").evaluateAll((paths) => paths.map((path) => path.getBBox().x));
      const zero = await drawn
        .locator(".part")
        .first()
        .evaluate((part) => part.getBBox().x);
      assert.ok(groups.some(({ arrivals }) => arrivals.low < -20));
      for (const [place, { arrivals }] of groups.entries())
        if (Math.abs(arrivals.low) > 20)
          assert.equal(ends[place] < zero, arrivals.low < 0, "a whisker is not cut at zero");
    }
  },

  async "devices, and how they share, are the service's"(stage, page) {
    await open(stage, page, "?range=all&count=reach");
    const ask = (measure, groupBy) =>
      stage.client.service.query({ query: { campaign: "acme/spring", measures: [measure], groupBy } });
    const channels = (await ask("devices", ["kind", "channel"])).rows.filter(({ estimate }) => estimate.aboveZero);
    const bars = figure(page, "channels").locator("g.bar:not(.bar-unsure) .bar-value");
    assert.deepEqual(
      (await bars.allTextContents()).map((text) => number(text.split("±")[0])).sort((one, other) => one - other),
      channels.map(({ estimate }) => Math.round(estimate.value)).sort((one, other) => one - other),
    );
    await figure(page, "channels").getByText("Devices add up over windows and publishers").waitFor();
    const { rows } = await ask("sharers", ["profile"]);
    await choose(page, "profiles", "Show as table");
    for (const [label, name] of [
      ["private-only", "In private only"],
      ["both", "In private and in public"],
    ]) {
      const { value } = rows.find(({ labels }) => labels[0] === label).estimate;
      const row = figure(page, "profiles").getByRole("row", { name: new RegExp(`^${name}`) });
      assert.equal(number(await row.locator("td").first().textContent()), Math.round(value));
    }
    await figure(page, "profiles").getByText("Of devices that came back").waitFor();
  },

  async "two contents are compared with the service's ratio"(stage, page) {
    await open(stage, page, "?page=contents&range=all");
    await page.getByLabel("First").selectOption("/travel/night-ferry");
    await page.getByLabel("Second").selectOption("/food/bread-without-kneading");
    await page.getByText("The difference is more than noise.").waitFor();
    assert.match(page.url(), /f\.one=\/travel\/night-ferry&f\.other=/);
  },

  async "the privacy page has the service's statement, and words that follow its numbers"(stage, page) {
    const { measures, notGuaranteed, guarantees } = await stage.client.service.getPrivacy({ campaign: "acme/spring" });
    await page.setViewportSize({ width: 390, height: 844 });
    await open(stage, page, "?page=privacy&range=all");
    // ε 4 is e⁴ = 54.6 times: that is not "almost nothing".
    assert.equal(Math.max(...measures.map(({ privacy }) => Math.round(privacy.epsilon))), 4);
    await page.getByText("One answer alone may say much: a guess about its sender becomes up to × 54.6").waitFor();
    assert.equal(await page.getByText("almost nothing").count(), 0);
    await page.getByRole("heading", { name: "What is not guaranteed" }).first().waitFor();
    const said = await page.locator(".statement").textContent();
    for (const one of [...notGuaranteed, ...guarantees.map(({ what }) => what)]) assert.ok(said.includes(one), one);
    const sharers = page.locator(".facts > li").filter({ has: page.getByRole("heading", { name: "sharers" }) });
    const { amplifiedOver } = measures.find(({ measure }) => measure === "sharers").privacy;
    await sharers.getByText(`among ${Number(amplifiedOver).toLocaleString("en")} reports`).waitFor();
    await sharers.getByText(/−?\d+ ± \d+/).waitFor();
    const csv = (await download(page, "privacy", "CSV")).bytes.toString("utf8").split("\r\n")[0];
    assert.match(csv, /amplified_over,device_epsilon,none,none_low,none_high/);
  },
};
