// `npm run dashboard`: the dashboard with a season of made-up reports, to look at and to work on. Until Ctrl-C.
import { setStage } from "./stage.mjs";

const stage = await setStage({ days: 60, sessions: Number(process.argv[2] ?? 1_000) });
console.log(`\n${stage.url}\nkey: ${stage.key}\n\nstop with Ctrl-C`);
process.once("SIGINT", () => void stage.strike().then(() => process.exit(0)));
