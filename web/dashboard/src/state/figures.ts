// Estimates in words and as columns of a sheet.

import type { Cell, Column } from "../export/sheet.js";
import type { Messages } from "../i18n/en.js";
import type { Formats } from "../i18n/formats.js";
import type { Change, Estimate, RatioEstimate, Row } from "../wire/tacita/v1/reporting_pb.js";

/** An estimate with half its interval: 12,340 ± 410. */
export const withHalf = (estimate: Estimate, f: Formats): string =>
  `${f.count(estimate.value)} ± ${f.count((estimate.high - estimate.low) / 2)}`;

/** How a figure changed, as a sign and words; nothing is claimed that noise would explain. */
export interface Moved {
  readonly direction: "up" | "down" | "flat";
  readonly text: string;
  /** Where there is little room. */
  readonly short: string;
}

export function moved(
  change: Change | undefined,
  before: number | undefined,
  f: Formats,
  m: Messages,
  than: string,
): Moved | undefined {
  if (!change) return undefined;
  if (!change.significant) return { direction: "flat", text: m.change.flat, short: m.change.flatShort };
  const up = change.value > 0;
  const amount =
    before && Math.abs(change.value / before) < 10
      ? f.percent(Math.abs(change.value / before), 0)
      : f.count(Math.abs(change.value));
  return {
    direction: up ? "up" : "down",
    text: `${(up ? m.change.up : m.change.down)(amount)} ${than}`,
    short: `${up ? "▲" : "▼"} ${amount}`,
  };
}

/**
 * The columns of an estimate in a sheet; their keys are those of the service's messages, but that an estimate's value is called
 * `estimate`: `value` is a dimension.
 */
export const estimateColumns = (m: Messages): Column[] => [
  { key: "estimate", title: m.column.value, kind: "count" },
  { key: "low", title: m.column.low, kind: "count" },
  { key: "high", title: m.column.high, kind: "count" },
  { key: "above_zero", title: m.column.sure, kind: "truth" },
  { key: "reports_needed", title: m.column.needed, kind: "count" },
];

export const estimateCells = (estimate: Estimate | undefined): Cell[] =>
  estimate
    ? [
        estimate.value,
        estimate.low,
        estimate.high,
        estimate.aboveZero,
        estimate.reportsNeeded === undefined ? undefined : Number(estimate.reportsNeeded),
      ]
    : [undefined, undefined, undefined, undefined, undefined];

export const ratioColumns = (m: Messages, kind: "percent" | "ratio"): Column[] => [
  { key: "estimate", title: m.column.value, kind },
  { key: "low", title: m.column.low, kind },
  { key: "high", title: m.column.high, kind },
];

export const ratioCells = (ratio: RatioEstimate | undefined): Cell[] => [ratio?.value, ratio?.low, ratio?.high];

/** An estimate as a bar: its numbers are written only where it can be told from zero. */
export const drawn = (estimate: Estimate, before: number | undefined, f: Formats) => ({
  value: estimate.value,
  low: estimate.low,
  high: estimate.high,
  aboveZero: estimate.aboveZero,
  before,
  text: estimate.aboveZero ? withHalf(estimate, f) : "",
});

/** How a row changed, where it is compared; else its share. */
export function sureNote({ share, compared }: Row, m: Messages, f: Formats): string {
  const change = moved(compared?.difference, compared?.estimate?.value, f, m, "");
  return !change ? f.percent(share) : change.direction === "flat" ? "≈" : change.short;
}

/** What stands beside an estimate: `sure` if it can be told from zero, else what it would take. */
export function noteOf(estimate: Estimate, sure: string, m: Messages, f: Formats): string {
  if (estimate.aboveZero) return sure;
  const needed = estimate.reportsNeeded;
  return needed === undefined ? m.sure.no : m.sure.needsShort(f.compact(Number(needed)));
}
