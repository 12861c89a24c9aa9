// Which days, compared with which, and of what.
import assert from "node:assert/strict";
import { asked, card, cardValue, download, figure, open, settled } from "../analyst.mjs";

export const choosing = {
  async "a range is chosen, and is in the address"(stage, page) {
    await open(stage, page);
    const month = await cardValue(page, "arrivals");
    await page.getByRole("button", { name: /^Range:/ }).click();
    await page.getByRole("button", { name: "Last 7 days" }).click();
    await page.waitForURL(/range=7d/);
    await settled(page);
    const week = await cardValue(page, "arrivals");
    assert.ok(week > 0 && week < month / 2, `${week} of ${month}`);
    await page.goBack();
    await page.waitForURL((url) => !url.search.includes("range"));
    await settled(page);
    assert.equal(await cardValue(page, "arrivals"), month);
  },

  async "a range without reports, or ahead of us, says so"(stage, page) {
    await open(stage, page, "?range=2020-01-01..2020-01-31");
    await page.getByText("No reports in this range.").first().waitFor();
    await open(stage, page, "?range=2099-01-01..2099-01-31");
    await page.getByText("This range lies in the future").first().waitFor();
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
    assert.ok((await cardValue(page, "arrivals")) > 0);
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
    assert.ok((await cardValue(page, "conversionRate")) > 0);
    await open(stage, page, "?page=analytics&filter=channel:whatsapp");
    await figure(page, "analytics").getByText("A ratio that the filter alone decides is left out").waitFor();
    assert.equal(await page.getByRole("region", { name: "Inside “Direct”" }).count(), 0);
    // It comes back with the filter gone.
    await open(stage, page, "?filter=channel:whatsapp");
    await page.getByRole("button", { name: "Remove the filter Channel is WhatsApp" }).click();
    await card(page, "darkShare").locator(".card-value").waitFor();
  },
};
