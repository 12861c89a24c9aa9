// The dashboard's browser tests: real Chromium, a real collector that serves the page, reports that it counted. `screens` are taken if
// one asks for them alone; part of a scenario's name runs those that have it.
import { attempt, failed } from "../attempt.mjs";
import { newAnalyst } from "./analyst.mjs";
import { photograph } from "./photographs.mjs";
import { scenarios } from "./scenarios.mjs";
import { SCREENS, setStage } from "./stage.mjs";

const only = process.argv[2];
const stage = await setStage();

if (only === "screens") await attempt(`screenshots in ${SCREENS}`, () => photograph(stage, SCREENS));
for (const [name, run] of Object.entries(scenarios)) {
  if (only && !name.includes(only)) continue;
  await attempt(name, async () => {
    const { page, leave } = await newAnalyst(stage);
    await run(stage, page);
    await leave();
  });
}
await stage.strike();
console.log(failed ? `dashboard tests: FAILED (${failed})` : "dashboard tests: all passed");
process.exit(failed ? 1 : 0);
