// What is said beside figures, or in place of them.
import assert from "node:assert/strict";
import { card, cardValue, download, figure, lastDays, open } from "../analyst.mjs";

export const words = {
  async "what the policy hides is told as hidden, with the reports that would show it"(stage, page) {
    const campaign = "acme/quiet";
    await open(stage, page, `?campaign=${campaign}&range=60d`);
    const range = lastDays(60);
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

  async "a publisher whose reports can hardly be honest is named beside the figures, in the service's words too"(
    stage,
    page,
  ) {
    const campaign = "acme/doubtful";
    const { measures, notices } = await stage.client.service.query({ query: { campaign, measures: ["visits"] } });
    const [{ publisher, suspicious, finding }, ...others] = measures[0].fits;
    assert.deepEqual([publisher, suspicious, others], ["weekly-post", true, []]);
    assert.ok(notices.some(({ code }) => code === "SUSPICIOUS_REPORTS"));
    await open(stage, page, `?campaign=${campaign}`);
    for (const name of ["over-time", "channels"]) {
      const notice = figure(page, name).locator('[data-notice="SUSPICIOUS_REPORTS"]');
      await notice.getByText("weekly-post: these reports of visits can hardly be honest.").waitFor();
      assert.equal(await notice.locator('[lang="en"]').textContent(), finding);
    }
    await card(page, "arrivals").getByText("Some of these reports can hardly be honest.").waitFor();
    assert.ok((await cardValue(page, "arrivals")) > 1_000, "nothing is left out");
    await open(stage, page, `?campaign=${campaign}&lang=fr`);
    await figure(page, "channels").getByText("ne peuvent guère être honnêtes").waitFor();
    await open(stage, page);
    assert.equal(
      await page.locator('[data-notice="SUSPICIOUS_REPORTS"]').count(),
      0,
      "of honest reports it is not said",
    );
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

  async "what no measure of the campaign tells apart is said, and what it would take"(stage, page) {
    await open(stage, page, "?split=planet");
    await figure(page, "over-time").getByText("No measure answers this: it takes a measure of this event.").waitFor();
    await open(stage, page, "?page=cohorts&campaign=acme/autumn");
    await page.getByText("No measure answers this: it takes a measure with the dimension cohort.").waitFor();
  },
};
