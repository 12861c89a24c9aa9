// `npm run corpus`: how the classifier reads the labelled user agents of a corpus (JSON lines), as a table by class.
// Fails where one is read wrongly in a way that gives somebody a channel that is not theirs, or counts a preview as a
// visit.
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const beside = fileURLToPath(new URL("../../../shared/data/ua/ua_corpus.jsonl", import.meta.url));
const path = process.argv[2] ?? process.env.UA_CORPUS ?? beside;
if (!existsSync(path)) {
  console.log(`corpus: skipped, there is none at ${path}: name one`);
  process.exit(0);
}
const classifier = fileURLToPath(new URL("../sdk/src/protocol/agent.ts", import.meta.url));
const { outputFiles } = await build({ entryPoints: [classifier], bundle: true, format: "esm", write: false });
const { readAgent } = await import(
  `data:text/javascript;base64,${Buffer.from(outputFiles[0].text).toString("base64")}`
);

/** The table's names for the corpus's labels, where they differ; a preview of no app's own has none. */
const CHANNELS = {
  twitter: ["x"],
  "google app": ["search"],
  "whatsapp/signal": ["whatsapp", "signal"],
  "teams/skype": ["teams"],
  embedly: [],
  iframely: [],
  mattermost: [],
};

function judge({ kind, label, ua }) {
  const seen = readAgent(ua);
  const wanted = CHANNELS[label?.toLowerCase()] ?? (label ? [label.toLowerCase()] : []);
  const isTheirs = seen.channel ? wanted.includes(seen.channel.name) : wanted.length === 0;
  const said = [seen.is, seen.channel?.name].filter(Boolean).join(" ");
  if (kind === "inapp")
    return { said, isRight: seen.is === "app" && isTheirs, isWrong: seen.is !== "app" || !isTheirs };
  if (kind === "preview")
    return { said, isRight: seen.is === "preview" && isTheirs, isWrong: seen.is !== "preview" || !isTheirs };
  if (kind === "browser") return { said, isRight: seen.is === "browser", isWrong: seen.is === "app" };
  // A robot that hides has no word in its agent to tell it by: it is a browser's. None is a reader in an app.
  return { said, isRight: seen.is === "robot" || seen.is === "preview", isWrong: seen.is === "app" };
}

const classes = new Map();
const wrong = [];
for (const line of readFileSync(path, "utf8").split("\n").filter(Boolean)) {
  const entry = JSON.parse(line);
  const { said, isRight, isWrong } = judge(entry);
  for (const name of [entry.kind, ...(entry.label ? [`${entry.kind} ${entry.label}`] : [])]) {
    if (!classes.has(name)) classes.set(name, { all: 0, right: 0, said: new Map() });
    const row = classes.get(name);
    row.all++;
    row.right += Number(isRight);
    row.said.set(said, (row.said.get(said) ?? 0) + 1);
  }
  if (isWrong) wrong.push(`${entry.kind} ${entry.label ?? ""} read as ${said}: ${entry.ua}`);
}

console.log(`${"class".padEnd(26)} right of  all   read as`);
for (const [name, { all, right, said }] of [...classes].sort(([a], [b]) => a.localeCompare(b))) {
  const most = [...said]
    .sort(([, a], [, b]) => b - a)
    .slice(0, 4)
    .map(([what, count]) => `${what} ${count}`);
  console.log(
    `${name.padEnd(26)} ${String(right).padStart(5)} of ${String(all).padStart(4)}   ${most.join(", ")}${said.size > 4 ? ", …" : ""}`,
  );
}
for (const line of wrong) console.log(`WRONG: ${line}`);
const of = (name) => classes.get(name) ?? { all: 0, right: 0 };
const sum = (name) => `${of(name).right} of ${of(name).all}`;
console.log(
  `corpus: previews ${sum("preview")}, in-app readers ${sum("inapp")}; ${wrong.length} given a channel that is not theirs`,
);
process.exitCode = wrong.length ? 1 : 0;
