// The browser tests: real Chromium against a real collector and relay. Each scenario says what it proves.
import { writeFileSync } from "node:fs";
import { attempt, failed } from "../attempt.mjs";
import { Truth } from "./ledger-of-truth.mjs";
import { scenarios } from "./scenarios.mjs";
import { contentLabel, EPSILON, OUTPUT, readReports, setStage } from "./stage.mjs";

const only = process.argv[2];
const stage = await setStage();
const truth = new Truth(() => readReports(stage), contentLabel);

for (const [name, run] of Object.entries(scenarios)) {
  if (!only || name.includes(only)) {
    await attempt(name, async () => {
      await run(stage, truth);
      await truth.arrive();
    });
  }
}
await attempt("the brand's report agrees with what happened, cell by cell", async () => {
  const compared = await truth.compare();
  writeFileSync(`${OUTPUT}/tallies.json`, `${JSON.stringify(compared, null, 2)}\n`);
  console.log(
    `      ${compared.length} cells of ${new Set(compared.map(({ measure }) => measure)).size} measures, local ε = ${EPSILON}`,
  );
});
await attempt("the collector saw no token spent twice and nothing unauthentic", () => {
  const status = stage.deployment.status();
  const isCounted = only || /[1-9]\d* counted/.test(status);
  const isRefused = /[1-9]\d* (spent|unauthentic|invalid-value|unknown-measure|window-ahead)/.test(status);
  if (!isCounted || isRefused) throw new Error(status);
});
await stage.strike();
console.log(failed ? `browser tests: FAILED (${failed})` : "browser tests: all passed");
process.exit(failed ? 1 : 0);
