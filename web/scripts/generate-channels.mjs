// Writes sdk/src/protocol/table.generated.ts from crates/protocol/channels.toml; with --check it only compares.
import { readFileSync, writeFileSync } from "node:fs";
import { readChannelTable } from "./channel-table.mjs";

const OUTPUT = new URL("../sdk/src/protocol/table.generated.ts", import.meta.url);
const LISTS = ["agents", "previews", "hosts", "packages", "sources", "mediums", "params", "clicks"];

/** Items joined by `|`, which no item may hold. */
function list(items = []) {
  if (items.some((item) => /[|\t\n]/.test(item))) throw new Error(`a separator in ${JSON.stringify(items)}`);
  return items.join("|");
}

/**
 * `p` and `u` are private and public channels that one can share to, in capitals ones that one cannot, `o` all others.
 */
function kind({ kind, target }) {
  const letter = { private: "p", public: "u", other: "o" }[kind];
  return target === false ? letter.toUpperCase() : letter;
}

const row = (channel) =>
  [channel.code, channel.name, kind(channel), channel.share ?? "", ...LISTS.map((name) => list(channel[name]))].join(
    "\t",
  );

function generate({ channel, declared, site, robots }) {
  const lines = (rows) => `\`${rows.join("\n")}\``;
  return `// Generated from crates/protocol/channels.toml by scripts/generate-channels.mjs. Do not edit.
// Text rather than objects: it is smaller, and read once, in the device chunk.

/** A channel a line: code, name, kind, share, then lists: ${LISTS.join(", ")}. */
export const ROWS = ${lines(channel.map(row)).replaceAll("\t", "\\t")};

/** Keys of utm_source, utm_medium and utm_campaign; endings that say nothing of a source's channel. */
export const DECLARED = ${lines([declared.source, declared.medium, declared.campaign, declared.suffixes].map(list))};

/** First labels of a host that do not make it another site. */
export const SITE_LABELS = \`${list(site.labels)}\`;

/** Robots of no channel: those that make previews, and all others. */
export const ROBOTS = ${lines([robots.previews, robots.agents].map(list))};
`;
}

const generated = generate(readChannelTable());
if (process.argv.includes("--check")) {
  if (readFileSync(OUTPUT, "utf8") !== generated) {
    console.error("table.generated.ts is not what channels.toml says: run `npm run generate`");
    process.exit(1);
  }
} else {
  writeFileSync(OUTPUT, generated);
}
