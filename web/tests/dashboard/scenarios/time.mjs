// What time brings: new reports, surges, a collector that is away, counts that are deleted.
import assert from "node:assert/strict";
import { card, cardValue, download, figure, number, open } from "../analyst.mjs";
import { PATIENCE } from "../stage.mjs";

export const time = {
  async "what is counted meanwhile arrives by itself, and is said"(stage, page) {
    await open(stage, page, "?range=all");
    await page.getByText("Live", { exact: true }).waitFor();
    const before = await cardValue(page, "arrivals");
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

  async "a collector that went away is told, and found again"(stage, page) {
    await open(stage, page);
    await page.getByText("Live", { exact: true }).waitFor();
    await stage.collector.stop();
    await page.getByText("Connection lost, trying again").waitFor();
    await stage.collector.start();
    await page.getByText("Live", { exact: true }).waitFor();
  },

  // Last, since what is deleted does not come back.
  async "a range that begins before what is kept says so, and from which day on there are counts"(stage, page) {
    const campaign = "acme/spring";
    const visits = () => cardValue(page, "arrivals");
    await open(stage, page, "?range=90d");
    const before = await visits();
    assert.equal(await page.getByText("The range begins before the time for which counts are kept").count(), 0);
    await stage.collector.stop();
    await stage.collector.start({ tallies: "40days" });
    const ask = () => stage.client.service.query({ query: { campaign, measures: ["arrivals"] } });
    const said = ({ notices }) => notices.find(({ code }) => code === "DELETED")?.message;
    let answer = await ask();
    for (const end = Date.now() + PATIENCE; !said(answer); answer = await ask()) {
      assert.ok(Date.now() < end, "the collector deletes what is past its time");
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    await open(stage, page, "?range=90d");
    const left = await visits();
    assert.ok(left > 0 && left < 0.9 * before, `${left} of ${before}`);
    const notice = figure(page, "over-time").locator('[data-notice="DELETED"]');
    await notice.getByText("what was deleted is in no number here").waitFor();
    assert.match(
      await notice.locator('[lang="en"]').textContent(),
      /^what was counted before \d{4}-\d\d-\d\d is deleted/,
    );
    await card(page, "arrivals").getByText("what was deleted is in no number here").waitFor();
    await open(stage, page, "?range=90d&lang=fr");
    await card(page, "arrivals").getByText("ce qui a été effacé n’est dans aucun nombre ici").waitFor();
    // Where nothing is left, that is said beside it; where all is kept, nothing is.
    await open(stage, page, "?range=2020-01-01..2020-01-31");
    await figure(page, "over-time").getByText("No reports in this range.").waitFor();
    await figure(page, "over-time").locator('[data-notice="DELETED"]').waitFor();
    await open(stage, page);
    assert.ok((await visits()) > 0);
    assert.equal(await page.locator('[data-notice="DELETED"]').count(), 0);
  },
};
