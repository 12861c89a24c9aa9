// What truly happened in the tests, and the comparison with the brand's reports.
import assert from "node:assert/strict";

/** How long a condition may take to come true: the machine may be slow and busy. */
const PATIENCE_MS = 60_000;

export class Truth {
  #counts = {};
  #readReports;
  #labelOf;

  /** `readReports` gives the measures and rows of all reports; `labelOf` the label of a content there. */
  constructor(readReports, labelOf) {
    this.#readReports = readReports;
    this.#labelOf = labelOf;
  }

  /** One report of this cell is to be counted. */
  expect(measure, label, times = 1) {
    const cells = (this.#counts[measure] ??= {});
    cells[label] = (cells[label] ?? 0) + times;
  }

  /** An arrival: the measures that hear of it. With its first one of the day a device is counted, and tells its profile of the day before. */
  arrival(channel, grade, { first = true, profile = "neither" } = {}) {
    this.expect("arrivals", channel);
    this.expect("grades", grade);
    this.#session("none", "none", 1);
    if (!first) return;
    this.expect("devices", channel);
    this.expect("sharers", profile);
  }

  /** A share of a content in the session that is open, if one is. */
  share(channel, { generation = "0", content = "/articles/night-ferry", times = 1 } = {}) {
    this.expect("shares", channel, times);
    this.expect("generations", generation, times);
    this.expect("contents", this.#labelOf(content), times);
  }

  /** A session that would have said `none` says this instead: the last share's channel, and its content. */
  session(channel, content = "/articles/night-ferry") {
    this.lostSession();
    this.#session(channel, content, 1);
  }

  /** A session whose own reports are lost with its browser. */
  lostSession() {
    this.#session("none", "none", -1);
  }

  #session(channel, content, times) {
    this.expect("visits", channel, times);
    this.expect("last-content", content, times);
  }

  #total(measure) {
    return Object.values(this.#counts[measure] ?? {}).reduce((sum, count) => sum + count, 0);
  }

  /** Waits until the collector has counted exactly as many reports of each measure as happened; gives the reports. */
  async arrive() {
    for (const begun = Date.now(); ; ) {
      const told = this.#readReports();
      const counted = Object.fromEntries(told.measures.map(({ measure, reports }) => [measure.name, Number(reports)]));
      const wanted = Object.fromEntries(Object.keys(counted).map((name) => [name, this.#total(name)]));
      if (Object.keys(wanted).every((name) => counted[name] === wanted[name])) return told;
      if (Date.now() - begun > PATIENCE_MS) assert.deepEqual(counted, wanted, "reports counted");
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }

  /** Compares the estimates with what happened, cell by cell. */
  async compare() {
    const { measures, rows } = await this.arrive();
    const lines = [];
    for (const [measure, counts] of Object.entries(this.#counts)) {
      const { none } = measures.find((one) => one.measure.name === measure);
      const own = rows.filter((row) => row.measure === measure);
      const seen = [
        { label: "none", ...none },
        ...own.map(({ labels, estimate }) => ({ label: labels.join(" · "), ...estimate })),
      ];
      // Where a report lists the largest cells alone, any other is at most as large as they are, and 0 at best.
      const unseen = Object.keys(counts).filter((label) => !seen.some((cell) => cell.label === label));
      const unlisted = unseen.map((label) => ({ label, value: 0, variance: seen.at(-1).variance }));
      for (const { label, value, variance } of [...seen, ...unlisted]) {
        const [truth, error] = [counts[label] ?? 0, Math.sqrt(Number(variance))];
        // Five standard errors, and one report for the discreteness of small counts.
        assert.ok(Math.abs(value - truth) <= 5 * error + 1, `${measure} ${label}: ${value} ± ${error}, truly ${truth}`);
        if (truth)
          lines.push({ measure, cell: label, truth, estimate: +Number(value).toFixed(2), error: +error.toFixed(2) });
      }
    }
    return lines;
  }
}
