// `npm run corpus`: how the classifier reads the labelled user agents of a corpus (JSON lines), as a table by class.
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const beside = fileURLToPath(new URL("../../../shared/data/ua/ua_corpus.jsonl", import.meta.url));
const path = process.argv[2] ?? process.env.UA_CORPUS ?? beside;
if (!existsSync(path)) {
  console.log(`no corpus at ${path}: name one`);
  process.exit(0);
}
const classifier = fileURLToPath(new URL("../sdk/src/protocol/agent.ts", import.meta.url));
const { outputFiles } = await build({ entryPoints: [classifier], bundle: true, format: "esm", write: false });
const { readAgent } = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].text).toString("base64")}`);
const table = {};
for (const line of readFileSync(path, "utf8").split("\n").filter(Boolean)) {
  const entry = JSON.parse(line);
  const key = `${entry.kind} ${entry.label ?? ""}`.trim();
  const seen = readAgent(entry.ua);
  const said = [seen.is, seen.channel?.name].filter(Boolean).join(" ");
  ((table[key] ??= {})[said] ??= 0), table[key][said]++;
}
for (const [key, seen] of Object.entries(table).sort()) console.log(key.padEnd(34), Object.entries(seen).sort((a, b) => b[1] - a[1]).map(([said, count]) => `${said} ${count}`).join(", "));
