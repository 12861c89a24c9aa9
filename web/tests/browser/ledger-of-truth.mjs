// What truly happened in the tests, and the comparison with the brand's report.
import assert from "node:assert/strict";

export class Truth {
  #counts = {};

  /** One report of this cell is to be counted. */
  expect(measure, label, times = 1) {
    const cells = (this.#counts[measure] ??= {});
    cells[label] = (cells[label] ?? 0) + times;
  }

  /** An arrival: the measures that hear of it. A device's first one of the day is its reach too. */
  arrival(channel, grade, { first = true } = {}) {
    this.expect("arrivals", channel);
    this.expect("grades", grade);
    this.expect("visits", "none");
    if (first) this.expect("devices", channel);
  }

  /** A share in the session that is open, if one is. */
  share(channel, generation = "0") {
    this.expect("shares", channel);
    this.expect("generations", generation);
  }

  /** A session that would have said `none` says this instead. */
  session(label) {
    this.expect("visits", "none", -1);
    this.expect("visits", label);
  }

  total(measure) {
    return Object.values(this.#counts[measure] ?? {}).reduce((sum, count) => sum + count, 0);
  }

  /** Waits until the collector has counted exactly as many reports of each measure as happened; gives the report. */
  async arrive(readReport) {
    for (let waited = 0; ; waited++) {
      const report = readReport();
      const counted = Object.fromEntries(report.measures.map(({ measure, reports }) => [measure, Number(reports)]));
      const wanted = Object.fromEntries(report.measures.map(({ measure }) => [measure, this.total(measure)]));
      if (Object.keys(wanted).every((name) => counted[name] === wanted[name])) return report;
      if (waited === 30) assert.deepEqual(counted, wanted, "reports counted");
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }

  /** Compares the estimates with what happened, cell by cell. */
  async compare(readReport) {
    const report = await this.arrive(readReport);
    const names = Object.keys(this.#counts);
    const lines = [];
    for (const name of names) {
      for (const { labels, estimate, variance } of report.measures.find(({ measure }) => measure === name).cells) {
        const truth = this.#counts[name][labels.join(" · ") || "none"] ?? 0;
        const error = Math.sqrt(Number(variance));
        // Five standard errors, and one report for the discreteness of small counts.
        assert.ok(Math.abs(estimate - truth) <= 5 * error + 1, `${name} ${labels}: ${estimate} ± ${error}, truly ${truth}`);
        if (truth) lines.push({ measure: name, cell: labels.join(" · ") || "none", truth, estimate: +Number(estimate).toFixed(2), error: +error.toFixed(2) });
      }
    }
    return lines;
  }
}
