// Reads crates/protocol/channels.toml: the small part of TOML that the table is written in.
import { readFileSync } from "node:fs";

export const TABLE_PATH = new URL("../../crates/protocol/channels.toml", import.meta.url);

/** The table as `{channel: [...], declared: {...}, site: {...}, robots: {...}}`. */
export function readChannelTable(text = readFileSync(TABLE_PATH, "utf8")) {
  const table = { channel: [] };
  let section = table;
  for (const statement of statements(text)) {
    const header = /^\[(\[?)([\w-]+)\]?\]$/.exec(statement);
    if (header) {
      section = {};
      if (header[1]) table[header[2]].push(section);
      else table[header[2]] = section;
      continue;
    }
    const at = statement.indexOf("=");
    section[statement.slice(0, at).trim()] = value(statement.slice(at + 1).trim());
  }
  return table;
}

/** One statement a string, lists joined to one line, comments gone. */
function* statements(text) {
  let pending = "";
  for (const line of text.split("\n")) {
    pending += withoutComment(line).trim() + " ";
    const statement = pending.trim();
    if (statement === "" || (/=\s*\[/.test(statement) && !statement.endsWith("]"))) continue;
    yield statement;
    pending = "";
  }
}

function withoutComment(line) {
  const found = /^((?:[^"#]|"(?:[^"\\]|\\.)*")*)#/.exec(line);
  return found ? found[1] : line;
}

/** Strings, numbers, booleans and lists of them are JSON, but for a comma at the end of a list. */
function value(text) {
  return JSON.parse(text.replace(/,\s*\]$/, "]"));
}
