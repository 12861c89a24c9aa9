// What the dashboard must do, each scenario in a browser with a storage of its own.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { PATIENCE } from "./stage.mjs";

const AXE = readFileSync(fileURLToPath(new URL("../../node_modules/axe-core/axe.min.js", import.meta.url)), "utf8");

/** A browser that was never here before. What goes wrong in it, or is asked of another origin, is kept. */
export async function newAnalyst(
  stage,
  { colorScheme = "light", viewport = { width: 1440, height: 900 }, locale = "en-GB" } = {},
) {
  const context = await stage.browser.newContext({ colorScheme, viewport, locale, acceptDownloads: true });
  context.setDefaultTimeout(PATIENCE);
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: stage.url });
  const faults = [];
  context.on(
    "request",
    (request) =>
      !/^(blob|data):/.test(request.url()) &&
      !request.url().startsWith(stage.url) &&
      faults.push(`asked for ${request.url()}`),
  );
  context.on(
    "console",
    (message) => /Content Security Policy|Trusted/i.test(message.text()) && faults.push(message.text()),
  );
  context.on("weberror", (error) => faults.push(String(error.error())));
  const page = await context.newPage();
  return {
    page,
    async leave() {
      await context.close();
      assert.deepEqual(faults, [], "nothing went wrong in the page, and no other origin was asked for anything");
    },
  };
}

/** Opens the dashboard at this query, signed in. */
export async function open(stage, page, query = "") {
  await page.goto(stage.url);
  await page.evaluate((key) => sessionStorage.setItem("tacita-key", key), stage.key);
  await page.goto(`${stage.url}/${query}`);
  await settled(page);
}

/** Waits until every figure and card has its answer. */
export async function settled(page) {
  await page.waitForFunction(() => {
    const asked = [...document.querySelectorAll("[data-figure], [data-card]")];
    return (
      (asked.length > 0 || document.querySelector(".form, .blank")) &&
      asked.every((one) => one.dataset.ready === "true" && one.getAttribute("aria-busy") === "false")
    );
  });
}

const figure = (page, name) => page.locator(`[data-figure="${name}"]`);
const card = (page, name) => page.locator(`[data-card="${name}"]`);
const number = (text) => Number(text.replace("−", "-").replace(/[^\d.-]/g, ""));

/** A choice in a figure's menu, and the file that it hands over if it does. */
async function choose(page, name, entry) {
  await figure(page, name)
    .getByRole("button", { name: /^Export and details/ })
    .click();
  await figure(page, name).getByRole("button", { name: entry, exact: true }).click();
}

async function download(page, name, entry) {
  const [file] = await Promise.all([page.waitForEvent("download"), choose(page, name, entry)]);
  return { name: file.suggestedFilename(), bytes: readFileSync(await file.path()) };
}

/** Does something, and says what the service was asked. */
async function asked(page, method, act) {
  const [request] = await Promise.all([page.waitForRequest((request) => request.url().endsWith(`/${method}`)), act()]);
  return request;
}

export const scenarios = {
  async "a wrong key is told, and nothing is kept of it"(stage, page) {
    await page.goto(stage.url);
    await page.getByRole("button", { name: "Open the dashboard" }).click();
    await page.getByText("Enter a key").waitFor();
    await page.getByLabel("Brand’s API key").fill("tacita_99_wrong");
    await page.getByRole("button", { name: "Open the dashboard" }).click();
    await page.getByText("This key is not taken.").waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.length + localStorage.length), 0);
  },

  async "a brand signs in with its key, which stays in the tab"(stage, page) {
    await page.goto(stage.url);
    await page.getByLabel("Brand’s API key").fill(` ${stage.key}\n`);
    await page.keyboard.press("Enter");
    await settled(page);
    assert.equal(await page.evaluate(() => sessionStorage.getItem("tacita-key")), stage.key);
    assert.ok(
      !(await page.evaluate(() => document.cookie + JSON.stringify(localStorage) + location.href)).includes(stage.key),
    );
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByLabel("Brand’s API key").waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  },

  async "the figures are the service's"(stage, page) {
    await open(stage, page, "?range=90d");
    const campaign = "acme/spring";
    const to = (Math.floor(Date.now() / 86_400_000) + 1) * 86_400;
    const range = { from: BigInt(to - 90 * 86_400), to: BigInt(to) };
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

  async "a range is chosen, and is in the address"(stage, page) {
    await open(stage, page);
    const month = number(await card(page, "arrivals").locator(".card-value").textContent());
    await page.getByRole("button", { name: /^Range:/ }).click();
    await page.getByRole("button", { name: "Last 7 days" }).click();
    await page.waitForURL(/range=7d/);
    await settled(page);
    const week = number(await card(page, "arrivals").locator(".card-value").textContent());
    assert.ok(week > 0 && week < month / 2, `${week} of ${month}`);
    await page.goBack();
    await page.waitForURL((url) => !url.search.includes("range"));
    await settled(page);
    assert.equal(number(await card(page, "arrivals").locator(".card-value").textContent()), month);
  },

  async "a range without reports, or ahead of us, says so"(stage, page) {
    await open(stage, page, "?range=2020-01-01..2020-01-31");
    await page.getByText("No reports in this range.").first().waitFor();
    await open(stage, page, "?range=2099-01-01..2099-01-31");
    await page.getByText("This range lies in the future").first().waitFor();
  },

  async "what the policy hides is told as hidden, with the reports that would show it"(stage, page) {
    const campaign = "acme/quiet";
    await open(stage, page, `?campaign=${campaign}&range=60d`);
    const to = (Math.floor(Date.now() / 86_400_000) + 1) * 86_400;
    const range = { from: BigInt(to - 60 * 86_400), to: BigInt(to) };
    const ask = async (measure, granularity) =>
      stage.client.service.query({ query: { campaign, measures: [measure], range, granularity } });
    // Of shares everything is hidden, and no card says 0.
    const { hidden } = (await ask("passed")).measures[0];
    assert.ok(hidden.moreReports > 0n && hidden.reports > 1_000n);
    assert.equal(await card(page, "shares").locator(".card-value").textContent(), "–");
    await card(page, "shares").getByText(`${hidden.moreReports} more reports show the first`).waitFor();
    await card(page, "darkShare").getByText(`Hidden: ${hidden.moreReports} more reports show it`).waitFor();
    await figure(page, "channels").getByRole("button", { name: "Shares" }).click();
    await figure(page, "channels").getByText(`${hidden.moreReports} more reports show the first`).waitFor();
    // Of visits some days are: gaps in the line, and no zeroes.
    await open(stage, page, `?campaign=${campaign}&range=60d`);
    const { rows } = await ask("visits", stage.client.wire.Granularity.DAY);
    const gaps = rows.filter((row) => row.hidden && row.reports === 0n);
    assert.ok(gaps.length > 2 && gaps.length < rows.length - 2, `${gaps.length} of ${rows.length} days`);
    assert.equal(await figure(page, "over-time").locator(".series-hidden").count(), gaps.length);
    await figure(page, "over-time").getByText(`${gaps.length} windows of visits are hidden`).waitFor();
    await card(page, "arrivals").getByText(`without ${gaps.length} hidden windows`).waitFor();
    const csv = (await download(page, "over-time", "CSV")).bytes.toString("utf8").trim().split("\r\n");
    const [head, ...lines] = csv.map((line) => line.split(","));
    const of = (line, name) => line[head.indexOf(name)];
    const empty = lines.filter((line) => of(line, "low") === "");
    assert.deepEqual(
      empty.map((line) => Number(of(line, "hidden_more_reports"))),
      gaps.map((row) => Number(row.hidden.moreReports)),
    );
    await open(stage, page, `?campaign=${campaign}&range=60d&lang=fr`);
    await card(page, "shares").getByText(`Encore ${hidden.moreReports} rapports montreront la première`).waitFor();
  },

  async "a comparison stands beside each figure"(stage, page) {
    await open(stage, page);
    await page.getByLabel("Compare with").selectOption("previous");
    await page.waitForURL(/compare=previous/);
    await settled(page);
    await card(page, "arrivals").locator(".card-moved").waitFor();
    assert.ok((await figure(page, "over-time").locator(".series-before").count()) === 1);
    assert.ok((await figure(page, "channels").locator(".bar-before").count()) > 10);
  },

  async "a filter narrows every figure that can, and the others say that they cannot"(stage, page) {
    await open(stage, page);
    const request = await asked(page, "Query", async () => {
      await figure(page, "channels").locator(".bar-button", { hasText: "WhatsApp" }).click();
      await page.waitForURL(/filter=channel:whatsapp/);
    });
    assert.ok(request.postDataBuffer().includes("whatsapp"));
    await settled(page);
    assert.equal(await figure(page, "channels").locator("g.bar").count(), 1);
    await page.getByRole("button", { name: "Remove the filter Channel is WhatsApp" }).click();
    await settled(page);
    assert.ok((await figure(page, "channels").locator("g.bar").count()) > 10);
    await open(stage, page, "?page=contents&filter=channel:whatsapp");
    await page.getByText("Not filtered by Channel").first().waitFor();
  },

  async "a card that cannot be filtered as asked shows no number"(stage, page) {
    await open(stage, page, "?filter=cohort:1");
    assert.ok(number(await card(page, "arrivals").locator(".card-value").textContent()) > 0);
    for (const name of ["shares", "conversions"]) {
      assert.equal(await card(page, name).locator(".card-value").textContent(), "–");
      await card(page, name).getByText("Not filtered by Cohort").waitFor();
    }
    await open(stage, page, "?filter=channel:search");
    await card(page, "shares").getByText("this measure does not know Search").waitFor();
    await open(stage, page, "?filter=channel:whatsapp,search&count=share");
    await figure(page, "channels").getByText("Filtered by Channel without Search").waitFor();
  },

  async "a ratio that the filter alone decides is left out, and named"(stage, page) {
    await open(stage, page, "?filter=channel:whatsapp");
    await page.getByText("Not shown: Shared in private, Direct that is dark, proven").waitFor();
    assert.equal(await card(page, "darkShare").count(), 0);
    assert.ok(number(await card(page, "conversionRate").locator(".card-value").textContent()) > 0);
    await open(stage, page, "?page=analytics&filter=channel:whatsapp");
    await figure(page, "analytics").getByText("A ratio that the filter alone decides is left out").waitFor();
    assert.equal(await page.getByRole("region", { name: "Inside “Direct”" }).count(), 0);
    // It comes back with the filter gone.
    await open(stage, page, "?filter=channel:whatsapp");
    await page.getByRole("button", { name: "Remove the filter Channel is WhatsApp" }).click();
    await card(page, "darkShare").locator(".card-value").waitFor();
  },

  async "a refusal is told by its reason, in the page's language, the service's words behind it"(stage, page) {
    await open(stage, page, "?filter=channel:nope&lang=fr");
    for (const one of [card(page, "conversionRate"), figure(page, "generations")]) {
      await one.getByText("Aucune mesure de la campagne ne connaît ce qui est filtré").waitFor();
      assert.match(await one.locator('[lang="en"]').textContent(), /nope/);
    }
    await open(stage, page, "?filter=channel:nope");
    await card(page, "conversionRate").getByText("No measure of the campaign knows what is filtered by").waitFor();
  },

  async "what is private is one number everywhere, and what has no evidence is no part of it"(stage, page) {
    await open(stage, page, "?range=90d");
    const to = (Math.floor(Date.now() / 86_400_000) + 1) * 86_400;
    const range = { from: BigInt(to - 90 * 86_400), to: BigInt(to) };
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

  async "compared are days that are over, shares in points, each change with its interval"(stage, page) {
    await open(stage, page, "?range=1d");
    await page.getByRole("button", { name: "Range: Today" }).waitFor();
    await page.getByLabel("Compare with").selectOption("previous");
    await page.getByRole("button", { name: "Range: Yesterday" }).waitFor();
    await settled(page);
    const to = Math.floor(Date.now() / 86_400_000) * 86_400;
    const range = { from: BigInt(to - 86_400), to: BigInt(to) };
    const query = { campaign: "acme/spring", range, compare: { period: { case: "previousPeriod", value: true } } };
    const ask = (part) => stage.client.service.query({ query: { ...query, ...part } });
    const { rows } = await ask({ measures: ["arrivals"], groupBy: ["kind", "channel"] });
    const csv = (await download(page, "channels", "CSV")).bytes.toString("utf8").trim().split("\r\n");
    const [head, ...lines] = csv.map((line) => line.split(","));
    assert.deepEqual(head.slice(-4), ["compared_estimate", "change", "change_low", "change_high"]);
    for (const { labels, compared } of rows) {
      const { value, low, high } = compared.difference;
      assert.deepEqual(
        lines
          .find((line) => line[0] === labels[1])
          .slice(-4)
          .map(Number),
        [compared.estimate.value, value, low, high],
      );
    }
    const overTime = (await download(page, "over-time", "CSV")).bytes.toString("utf8").split("\r\n")[0];
    assert.match(overTime, /,compared_estimate,change,change_low,change_high,reports$/);
    await open(stage, page, "?compare=previous");
    assert.match(
      await card(page, "roi").locator(".card-moved").textContent(),
      /[▲▼] [\d.]+ points.*[+−][\d.]+ to [+−][\d.]+ points/,
    );
    assert.match(await card(page, "arrivals").locator(".card-moved").textContent(), /[▲▼] \d+%.*[+−]\d+% to [+−]\d+%/);
    for (const name of ["funnel", "generations", "surges"])
      await figure(page, name).getByText("Of this range alone: not compared with another period.").waitFor();
    const today = new Date().toISOString().slice(0, 10);
    await open(stage, page, `?range=2026-01-01..${today}&compare=previous`);
    await page.getByText("This range is not over, and stands beside one that is").waitFor();
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

  async "CSV holds the service's numbers in full"(stage, page) {
    await open(stage, page, "?range=all");
    const { name, bytes } = await download(page, "channels", "CSV");
    assert.match(name, /^tacita-acme-spring-channels-all\.csv$/);
    const lines = bytes
      .toString("utf8")
      .trim()
      .split("\r\n")
      .map((line) => line.split(","));
    assert.deepEqual(lines[0], ["channel", "kind", "estimate", "low", "high", "above_zero", "reports_needed", "share"]);
    const { rows } = await stage.client.service.query({
      query: { campaign: "acme/spring", measures: ["arrivals"], groupBy: ["kind", "channel"] },
    });
    assert.equal(lines.length - 1, rows.length);
    for (const {
      labels: [kind, channel],
      estimate,
      share,
    } of rows) {
      const line = lines.find((line) => line[0] === channel);
      assert.deepEqual(
        [line[1], ...[2, 3, 4, 7].map((place) => Number(line[place])), line[5]],
        [kind, estimate.value, estimate.low, estimate.high, share, String(estimate.aboveZero)],
      );
    }
  },

  async "JSON is the answer as it came"(stage, page) {
    await open(stage, page, "?range=all");
    const file = JSON.parse((await download(page, "channels", "JSON (the answer as it came)")).bytes);
    const { toJson, wire, service } = stage.client;
    const answer = toJson(
      wire.QueryResponseSchema,
      await service.query({
        query: { campaign: "acme/spring", measures: ["arrivals"], groupBy: ["kind", "channel"] },
        pageSize: 10_000,
      }),
    );
    assert.deepEqual(file.rows, answer.rows);
    assert.equal(file.state, answer.state);
  },

  async "SVG and PNG are what is on screen"(stage, page) {
    await open(stage, page);
    const svg = (await download(page, "over-time", "SVG")).bytes.toString("utf8");
    assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
    assert.match(svg, />Over time<\/text>/);
    assert.ok(!/class=|style=|var\(|<script|light-dark/.test(svg), "it stands by itself");
    const seen = await figure(page, "over-time").locator(".series-line").first().getAttribute("d");
    assert.ok(svg.includes(seen), "the line is the one on screen");
    const png = (await download(page, "over-time", "PNG")).bytes;
    assert.deepEqual([...png.subarray(0, 8)], [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
    assert.ok(png.readUInt32BE(16) > 1_000 && png.length > 10_000);
  },

  async "the call that made a figure can be copied, without the key"(stage, page) {
    await open(stage, page);
    await choose(page, "funnel", "The gRPC call that made it");
    await page.getByRole("dialog").getByRole("button", { name: "Copy" }).click();
    await page.getByRole("dialog").getByText("Copied").waitFor();
    const line = await page.evaluate(() => navigator.clipboard.readText());
    assert.match(
      line,
      /^grpcurl -plaintext -H "authorization: Bearer \$TACITA_KEY" -d '\{"campaign":"acme\/spring",.*' 127\.0\.0\.1:\d+ tacita\.v1\.ReportingService\/GetFunnel$/,
    );
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
  },

  async "what is counted meanwhile arrives by itself, and is said"(stage, page) {
    await open(stage, page, "?range=all");
    await page.getByText("Live", { exact: true }).waitFor();
    const before = number(await card(page, "arrivals").locator(".card-value").textContent());
    stage.more(400);
    await page.waitForFunction(() => Number(document.querySelector(".live").dataset.revision) > 0);
    await page.waitForFunction(
      (before) =>
        Number(document.querySelector('[data-card="arrivals"] .card-value').textContent.replace(/\D/g, "")) >
        before + 100,
      before,
    );
    await page.getByRole("status").filter({ hasText: "Figures updated at" }).waitFor({ state: "attached" });
  },

  async "a surge that was found is marked, and listed with the service's numbers"(stage, page) {
    await open(stage, page, "?range=7d");
    const mark = figure(page, "over-time").locator(".series-mark", { hasText: "WhatsApp: surge on" }).first();
    await mark.waitFor({ state: "attached" });
    const [alert] = (await stage.client.service.listAlerts({ campaign: "acme/spring" })).alerts.filter(
      ({ label, measure }) => label === "whatsapp" && measure === "arrivals",
    );
    const row = figure(page, "surges").getByRole("row").filter({ hasText: "WhatsApp" }).filter({ hasText: "arrivals" });
    const cells = await row.locator("td").allTextContents();
    const { value, low, high } = alert.observed;
    assert.deepEqual(cells.slice(1, 5).map(number), [value, low, high, alert.expected].map(Math.round));
    const svg = (await download(page, "over-time", "SVG")).bytes.toString("utf8");
    assert.ok(svg.includes("M0 -8L7 4H-7Z"), "the mark is in the picture");
    await open(stage, page, "?range=2020-01-01..2020-01-31");
    await figure(page, "surges").getByText("Nothing surged in this range.").waitFor();
  },

  async "a surge that is found meanwhile is said, marked and listed"(stage, page) {
    await open(stage, page, "?range=7d");
    await page.getByText("Live", { exact: true }).waitFor();
    await stage.surge("telegram");
    const news = page.locator('[data-news="telegram"]');
    await news.getByText(/^Telegram surges: about \d+ visits where \d+ were expected/).waitFor();
    await figure(page, "over-time")
      .locator(".series-mark", { hasText: "Telegram: surge on" })
      .first()
      .waitFor({ state: "attached" });
    await figure(page, "surges").getByRole("row").filter({ hasText: "Telegram" }).first().waitFor();
    await news.getByRole("button", { name: "Close" }).click();
    await news.waitFor({ state: "detached" });
  },

  async "a brand declares what it knows, and sees its webhook's secret"(stage, page) {
    await open(stage, page, "?page=campaign&campaign=acme/autumn");
    await page.getByLabel("Market").fill("Belgique");
    await page.getByRole("button", { name: "Add a cost" }).click();
    await page.getByLabel("First day").fill("2026-03-02");
    await page.getByLabel("Last day").fill("2026-03-01");
    await page.getByLabel("Amount").fill("much");
    await page.getByRole("button", { name: "Add a webhook" }).click();
    await page.getByLabel("Address").fill("http://acme.example/hook");
    await page.getByRole("button", { name: "Save" }).click();
    for (const told of [
      "4 fields have to be put right.",
      "Three capital letters, for example EUR; costs need one.",
      "The last day lies before the first.",
      "A number that is not negative",
      "An address that begins with https://",
    ])
      await page.getByText(told).waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.name), "currency", "the first of them has the focus");
    const declared = async () =>
      (await stage.client.service.listCampaigns({})).campaigns.find(({ name }) => name === "acme/autumn").declaration;
    assert.equal((await declared()).market, "", "nothing was declared");

    await page.getByLabel("Currency").fill("eur");
    await page.getByLabel("Last day").fill("2026-03-02");
    await page.getByLabel("Amount").fill("1 500,50");
    await page.getByLabel("Address").fill("https://acme.example/hook");
    await page.getByRole("button", { name: "Add a category" }).click();
    await page.getByLabel("Name").fill("news");
    await page.getByRole("textbox", { name: "Contents" }).fill("/news/one\n/news/two");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Saved. The figures go by it").waitFor();
    const { market, currency, costs, categories, webhooks } = await declared();
    assert.deepEqual([market, currency], ["Belgique", "EUR"]);
    assert.deepEqual(
      [costs[0].amount, costs[0].range.from, costs[0].range.to],
      [1500.5, BigInt(Date.UTC(2026, 2, 2) / 1000), BigInt(Date.UTC(2026, 2, 3) / 1000)],
    );
    assert.deepEqual([categories[0].name, categories[0].contents], ["news", ["/news/one", "/news/two"]]);
    assert.match(webhooks[0].secret, /^[0-9a-f]{64}$/);
    assert.ok(
      !(await page.locator("[data-secret]").textContent()).includes(webhooks[0].secret),
      "not before it is asked for",
    );
    await page.getByRole("button", { name: "Show" }).click();
    assert.equal(await page.locator("[data-secret]").textContent(), webhooks[0].secret);

    // A colleague declares something meanwhile: nothing is written over it.
    await stage.client.service.declareCampaign({ campaign: "acme/autumn", declaration: { market: "Suisse" } });
    await page.getByLabel("Market").fill("Luxembourg");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Somebody else has changed this meanwhile").waitFor();
    assert.equal((await declared()).market, "Suisse");
    await page.getByRole("button", { name: "Take theirs" }).click();
    assert.equal(await page.getByLabel("Market").inputValue(), "Suisse");

    // What only the collector knows to be wrong is told in its words.
    await page.getByRole("button", { name: "Add a webhook" }).click();
    await page.getByLabel("Address").fill(`https://acme.example/${"x".repeat(300)}`);
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("The collector did not take it:").waitFor();
    await page.getByText(/an address has \d+ bytes: at most 256/).waitFor();
  },

  async "what was declared is what the figures go by"(stage, page) {
    await open(stage, page);
    const before = await card(page, "costPerConversion").locator(".card-value").textContent();
    await open(stage, page, "?page=campaign");
    await page.getByLabel("Amount").fill("18000");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Saved. The figures go by it").waitFor();
    await page.getByRole("link", { name: "Overview" }).click();
    await settled(page);
    const after = await card(page, "costPerConversion").locator(".card-value").textContent();
    assert.ok(Math.abs(number(after) / number(before) - 2) < 0.01, `${before} to ${after}`);
  },

  async "a collector that went away is told, and found again"(stage, page) {
    await open(stage, page);
    await page.getByText("Live", { exact: true }).waitFor();
    await stage.collector.stop();
    await page.getByText("Connection lost, trying again").waitFor();
    await stage.collector.start();
    await page.getByText("Live", { exact: true }).waitFor();
  },

  async "in French all of it is French"(stage, page) {
    await open(stage, page);
    await page.getByRole("button", { name: /^EN: Language/ }).click();
    await page.getByText("Français").click();
    await page.waitForURL(/lang=fr/);
    await page.getByRole("heading", { name: "Au fil du temps" }).waitFor();
    assert.equal(await page.evaluate(() => document.documentElement.lang), "fr");
    assert.match(await card(page, "darkShare").locator(".card-value").textContent(), /^\s*\d+,\d\u00a0%$/);
    assert.ok(!/\b(Channels|Shares|Over time|more than|Filter|Live)\b/.test(await page.locator("body").innerText()));
  },

  async "what another brand has is as if it were not there"(stage, page) {
    await open(stage, page, "?campaign=globex/launch");
    await page.getByText("There is no campaign “globex/launch” that this key may read.").waitFor();
    // A page that is still taking the first key would keep that one.
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.evaluate((key) => sessionStorage.setItem("tacita-key", key), stage.otherKey);
    await page.goto(`${stage.url}/?campaign=acme/spring`);
    await page.getByText("There is no campaign “acme/spring”").waitFor();
  },

  async "what no measure of the campaign tells apart is said, and what it would take"(stage, page) {
    await open(stage, page, "?split=planet");
    await figure(page, "over-time").getByText("No measure answers this: it takes a measure of this event.").waitFor();
    await open(stage, page, "?page=cohorts&campaign=acme/autumn");
    await page.getByText("No measure answers this: it takes a measure with the dimension cohort.").waitFor();
  },

  async "two contents are compared with the service's ratio"(stage, page) {
    await open(stage, page, "?page=contents&range=all");
    await page.getByLabel("First").selectOption("/travel/night-ferry");
    await page.getByLabel("Second").selectOption("/food/bread-without-kneading");
    await page.getByText("The difference is more than noise.").waitFor();
    assert.match(page.url(), /f\.one=\/travel\/night-ferry&f\.other=/);
  },

  async "links are built, with UTM, QR code and short link"(stage, page) {
    await open(stage, page, "?page=links");
    await page.getByLabel("Page to share").fill("https://acme.example/shoes?size=42");
    await page.getByLabel("Channel").selectOption("telegram");
    await page.getByLabel("Add UTM").check();
    const link = await page.locator("[data-link]").textContent();
    assert.match(
      link,
      /^https:\/\/acme\.example\/shoes\?size=42&utm_source=telegram&utm_medium=share&utm_campaign=spring#tct=1[0-9a-z]{14}$/,
    );
    await page.getByRole("img", { name: /^QR code of the link/ }).waitFor();
    await page.getByRole("textbox", { name: /^Code/ }).fill("spring-tg");
    assert.match(
      await page.locator("[data-short]").textContent(),
      /code = "spring-tg"\nto = "https:\/\/acme\.example\/shoes\?size=42"\n/,
    );
    await page.getByLabel("Page to share").fill("acme.example");
    await page.getByText("This is not a full web address").waitFor();
  },

  async "the planner answers what is asked of it"(stage, page) {
    await open(stage, page, "?page=planner");
    const seen = async () => number(await figure(page, "plan").locator("footer strong").textContent());
    const before = await seen();
    await page.getByLabel("Reports in one window").fill("5000");
    await page.waitForFunction(
      (before) =>
        Number(document.querySelector('[data-figure="plan"] footer strong')?.textContent.replace(/[^\d.]/g, "")) >
        before,
      before,
    );
    assert.match(page.url(), /f\.traffic=5000/);
    // A split into 1,400 squads is told to be noise, and what it would take.
    await page.getByLabel("Told apart by").selectOption("cohort");
    await page.getByLabel("Cohorts told apart").fill("1..1400");
    await choose(page, "plan", "Show as table");
    const cells = page.locator('[data-figure="plan"] tbody tr').filter({ hasText: "Each of the others" });
    await cells.getByText("Cannot be told from zero").waitFor();
    assert.ok(number(await cells.locator("td").last().textContent()) > 10, "windows that would show it");
  },

  async "the keyboard alone reaches everything"(stage, page) {
    await page.goto(stage.url);
    await page.getByLabel("Brand’s API key").waitFor();
    await page.waitForFunction(() => document.activeElement?.name === "key");
    await page.keyboard.type(stage.key);
    await page.keyboard.press("Enter");
    await settled(page);
    await page.reload();
    await settled(page);
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement.id), "main");
    // From the main part on: the range.
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.waitForURL(/range=7d/);
    await settled(page);
    assert.match(
      await page.evaluate(() => document.activeElement.getAttribute("aria-label")),
      /^Range: Last 7 days/,
      "the focus is back",
    );
    // The time series is read with the arrows.
    await page.locator(".series").focus();
    await page.keyboard.press("ArrowRight");
    await page.locator(".reading strong").waitFor();
    const first = await page.locator(".reading").textContent();
    await page.keyboard.press("ArrowRight");
    await page.waitForFunction((first) => document.querySelector(".reading").textContent !== first, first);
    // A chart's table, and a filter from it.
    const menu = figure(page, "channels").getByRole("button", { name: /^Export and details/ });
    await menu.focus();
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await figure(page, "channels").getByRole("button", { name: "WhatsApp" }).focus();
    await page.keyboard.press("Enter");
    await page.waitForURL(/filter=channel:whatsapp/);
    for (let presses = 0; presses < 8; presses++) {
      await page.keyboard.press("Tab");
      const outlined = await page.evaluate(
        () =>
          document.activeElement === document.body || getComputedStyle(document.activeElement).outlineStyle !== "none",
      );
      assert.ok(outlined, "where the focus is can be seen");
    }
  },

  async "axe finds nothing serious, on any page, light or dark, wide or narrow"(stage, page) {
    const found = [];
    for (const [colorScheme, width] of [
      ["light", 1440],
      ["dark", 390],
    ]) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.setViewportSize({ width, height: 900 });
      for (const query of [
        "?compare=previous",
        "?campaign=acme/quiet&range=60d",
        "?filter=channel:nope&lang=fr",
        "?page=contents",
        "?page=cohorts",
        "?page=analytics",
        "?page=planner",
        "?page=links&f.address=https://acme.example/",
        "?page=campaign",
        "?page=privacy",
      ]) {
        await open(stage, page, query);
        found.push(...(await violations(page)).map((one) => `${colorScheme} ${query}: ${one}`));
      }
      await page.getByRole("button", { name: "Sign out" }).click();
      await page.getByLabel("Brand’s API key").waitFor();
      found.push(...(await violations(page)).map((one) => `${colorScheme} sign-in: ${one}`));
    }
    assert.deepEqual(found, []);
  },
};

/** By Playwright's own evaluation, which the page's policy does not bind. */
async function violations(page) {
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    const { violations } = await window.axe.run(document, { resultTypes: ["violations"] });
    const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
    return serious.map(
      ({ id, nodes }) =>
        `${id}: ${nodes
          .map((node) => `${node.target.join(" ")} (${node.failureSummary.split("\n").at(-1).trim()})`)
          .slice(0, 3)
          .join("; ")}`,
    );
  });
}

/** Pictures for people: every page, wide and narrow, light and dark. */
export async function photograph(stage, folder) {
  const pages = {
    overview: "?compare=previous",
    devices: "?count=reach&split=kind",
    hidden: "?campaign=acme/quiet&range=60d",
    filtered: "?filter=cohort:1",
    surge: "?range=7d",
    contents: "?page=contents&compare=previous&f.one=/travel/night-ferry&f.other=/food/ten-soups",
    cohorts: "?page=cohorts",
    analytics: "?page=analytics",
    planner: "?page=planner",
    links: "?page=links&f.address=https://acme.example/shoes&f.code=spring-wa",
    campaign: "?page=campaign",
    privacy: "?page=privacy",
    french: "?lang=fr&split=kind",
    "french-compared": "?lang=fr&compare=previous",
    "french-hidden": "?lang=fr&campaign=acme/quiet&range=60d",
    "french-planner": "?lang=fr&page=planner",
    "french-privacy": "?lang=fr&page=privacy",
    "french-campaign": "?page=campaign&lang=fr",
  };
  for (const [width, height] of [
    [1440, 900],
    [390, 844],
  ]) {
    for (const colorScheme of ["light", "dark"]) {
      const { page, leave } = await newAnalyst(stage, { colorScheme, viewport: { width, height } });
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.goto(stage.url);
      await page.getByLabel("Brand’s API key").waitFor();
      await page.screenshot({ path: `${folder}/sign-in-${width}-${colorScheme}.png` });
      for (const [name, query] of Object.entries(pages)) {
        await open(stage, page, query);
        assert.ok(
          await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth),
          `${name} at ${width} does not scroll sideways`,
        );
        await page.screenshot({ path: `${folder}/${name}-${width}-${colorScheme}.png`, fullPage: true });
      }
      await leave();
    }
  }
}
