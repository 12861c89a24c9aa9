// Rows of an answer as bars and as a sheet: what channels and rankings have in common.

import type { Bar } from "../charts/bars.js";
import type { Cell, Column, Sheet } from "../export/sheet.js";
import { format, labelText, messages } from "../i18n/index.js";
import {
  beforeOf,
  changeCells,
  changeColumns,
  drawn,
  isHidden,
  noteOf,
  rowCells,
  rowColumns,
  sureNote,
} from "../state/figures.js";
import type { Row } from "../wire/tacita/v1/reporting_pb.js";

/** The bar of a row with this label: its numbers are written only where it can be told from zero. No bar without an estimate. */
export function barOf(
  row: Row,
  dimension: string,
  label: string,
  look: Pick<Bar, "tone" | "onPick" | "picked">,
): Bar[] {
  const { estimate, compared } = row;
  if (!estimate) return [];
  const [m, f] = [messages.value, format.value];
  const bar = drawn(label, labelText(dimension, label), estimate, f);
  const text = estimate.aboveZero ? bar.text : "";
  return [{ ...bar, text, note: noteOf(estimate, sureNote(row, m, f), m, f), before: beforeOf(compared), ...look }];
}

/** Rows as a sheet that begins with these columns of labels. */
export function sheetOf(
  rows: readonly Row[],
  columns: readonly Column[],
  labels: (row: Row) => readonly Cell[],
  compared: boolean,
): Sheet {
  const m = messages.value;
  return {
    columns: [
      ...columns,
      ...rowColumns(m, rows),
      { key: "share", title: m.column.share, kind: "percent" },
      ...changeColumns(m, compared),
    ],
    rows: rows.map((row) => [
      ...labels(row),
      ...rowCells(row, rows),
      isHidden(row) ? undefined : row.share,
      ...changeCells(row, compared),
    ]),
  };
}
