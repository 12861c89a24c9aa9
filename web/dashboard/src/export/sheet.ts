// A figure as a table: one source for what a screen reader reads and what a CSV file holds.

/** How a column's numbers are written on the page. A file has them in full. */
export type Kind = "text" | "truth" | "count" | "percent" | "ratio" | "time";

export interface Column {
  /** In files: stable, English, as in the service's messages. */
  readonly key: string;
  /** On the page. */
  readonly title: string;
  readonly kind: Kind;
  /** What the page writes no figure below, as such numbers can only be noise; a file has them all. */
  readonly least?: number;
  /** What the page calls a text of this column; a file has the text itself. */
  readonly say?: (text: string) => string;
}

export type Cell = string | number | boolean | undefined;

export interface Sheet {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[])[];
}

/** RFC 4180: a head line, CRLF, quotes where needed. Times are ISO 8601; a number is the service's own, in full. */
export function csvOf({ columns, rows }: Sheet): string {
  const lines = [
    columns.map(({ key }) => key),
    ...rows.map((row) => row.map((cell, place) => plain(cell, columns[place]!.kind))),
  ];
  return lines.map((line) => line.map(quoted).join(",") + "\r\n").join("");
}

function plain(cell: Cell, kind: Kind): string {
  if (cell === undefined) return "";
  return kind === "time" && typeof cell === "number"
    ? new Date(cell * 1000).toISOString().replace(".000Z", "Z")
    : String(cell);
}

/**
 * A text that begins like a formula gets an apostrophe, so that a spreadsheet shows it and does not run it: contents' ids are
 * the publisher's.
 */
function quoted(text: string): string {
  const safe = /^[=+@\t\r]|^-(?![\d.])/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
