// Estimates in words and as columns of a sheet.

import type { Drawn } from "../charts/estimate.js";
import type { Cell, Column } from "../export/sheet.js";
import type { Messages } from "../i18n/en.js";
import type { Formats } from "../i18n/formats.js";
import type {
  Change,
  ComparedRow,
  Estimate,
  MeasureAnswer,
  RatioEstimate,
  Row,
} from "../wire/tacita/v1/reporting_pb.js";

/** An estimate with half its interval: 12,340 ± 410. */
export const withHalf = (estimate: Estimate, f: Formats): string =>
  `${f.count(estimate.value)} ± ${f.count((estimate.high - estimate.low) / 2)}`;

/** How a figure changed; nothing is claimed that noise would explain. */
export interface Moved {
  readonly direction: "up" | "down" | "flat";
  /** By how much, without a sign; empty where it is flat. */
  readonly amount: string;
  /** The interval of the change, with signs. */
  readonly range: string;
}

/** How a number and its distance from another are written. A share's distance is in points: a per cent of per cents misleads. */
export interface Writer {
  readonly value: (value: number) => string;
  readonly distance: (value: number) => string;
  /** Puts the unit of a distance, if it has one of its own, after one or two of them. */
  readonly unit?: (distances: string) => string;
}

export function moved(change: Change | undefined, writer: Writer, m: Messages): Moved | undefined {
  if (!change) return undefined;
  const { distance, unit = (distances: string) => distances } = writer;
  const range = unit(m.sure.interval(signed(change.low, distance), signed(change.high, distance)));
  if (!change.significant) return { direction: "flat", amount: "", range };
  return { direction: change.value > 0 ? "up" : "down", amount: unit(distance(Math.abs(change.value))), range };
}

/** How a count changed: in per cent of what it was, where that can be told from zero. */
export function movedCount(compared: ComparedRow | undefined, f: Formats, m: Messages): Moved | undefined {
  // What is hidden, or was not counted at all, is nothing to compare with.
  if (!compared?.reports) return undefined;
  const { difference, ratio } = compared;
  const absolute = moved(difference, { value: f.count, distance: f.count }, m);
  if (!absolute || ratio?.value === undefined || ratio.value > 10) return absolute;
  const percent = (value: number) => f.percent(value, 0);
  const [low, high] = [ratio.low ?? 0, ratio.high ?? 0].map((end) => signed(end - 1, percent));
  return {
    ...absolute,
    amount: absolute.amount && percent(Math.abs(ratio.value - 1)),
    range: m.sure.interval(low!, high!),
  };
}

const signed = (value: number, write: (value: number) => string): string => (value > 0 ? "+" : "") + write(value);

/** ▲ 18 %, or that nothing is clear. */
export const arrow = ({ direction, amount }: Moved, m: Messages): string =>
  direction === "flat" ? m.change.flatShort : `${direction === "up" ? "▲" : "▼"} ${amount}`;

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

/** A row of which everything is hidden has no estimate: 0 would be a claim. */
export const isHidden = ({ reports, hidden }: Row): boolean => reports === 0n && hidden !== undefined;

/** The columns of a row's estimate, and of how many more reports would show it where it is hidden. */
export const rowColumns = (m: Messages, rows: readonly Row[]): Column[] => [
  ...estimateColumns(m),
  ...(rows.some(({ hidden }) => hidden)
    ? [{ key: "hidden_more_reports", title: m.hidden.column, kind: "count" as const }]
    : []),
];

export const rowCells = (row: Row, rows: readonly Row[]): Cell[] => [
  ...estimateCells(isHidden(row) ? undefined : row.estimate),
  ...(rows.some(({ hidden }) => hidden) ? [row.hidden && Number(row.hidden.moreReports)] : []),
];

/** The columns of a comparison; none where nothing is compared. */
export const changeColumns = (m: Messages, compared: boolean): Column[] =>
  compared
    ? [
        { key: "compared_estimate", title: m.column.before, kind: "count" },
        { key: "change", title: m.column.change, kind: "count" },
        { key: "change_low", title: m.column.changeLow, kind: "count" },
        { key: "change_high", title: m.column.changeHigh, kind: "count" },
      ]
    : [];

export const changeCells = ({ compared: other }: Row, compared: boolean): Cell[] =>
  compared ? [beforeOf(other), other?.difference?.value, other?.difference?.low, other?.difference?.high] : [];

/** What the row was; unknown where nothing was counted or shown. */
export const beforeOf = (compared: ComparedRow | undefined): number | undefined =>
  compared?.reports ? compared.estimate?.value : undefined;

/** The columns of a ratio of counts. */
export const ratioColumns = (key: string, title: string, m: Messages): Column[] => [
  { key, title, kind: "ratio", least: 0 },
  { key: `${key}_low`, title: m.column.low, kind: "ratio" },
  { key: `${key}_high`, title: m.column.high, kind: "ratio" },
];

export const ratioCells = (ratio: RatioEstimate | undefined): Cell[] => [ratio?.value, ratio?.low, ratio?.high];

/** A ratio of counts with its interval, after a sign. Below zero there is no such ratio: what is there is noise, and is not written as a figure. */
export function ratioText(
  ratio: RatioEstimate | undefined,
  write: (value: number) => string,
  m: Messages,
  f: Formats,
  sign = "",
): string {
  const { value, low = 0, high = 0, reportsNeeded } = ratio ?? {};
  if (value === undefined || high <= 0)
    return reportsNeeded === undefined ? m.sure.ratioNo : m.sure.ratioNeeds(f.compact(Number(reportsNeeded)));
  if (low < 0) return m.sure.atMost(sign + write(high));
  return `${sign}${write(value)} (${m.sure.interval(write(low), write(high))})`;
}

/** An estimate as drawings take it. */
export const drawn = (key: string, label: string, estimate: Estimate, f: Formats): Drawn => ({
  key,
  label,
  text: withHalf(estimate, f),
  value: estimate.value,
  low: estimate.low,
  high: estimate.high,
  aboveZero: estimate.aboveZero,
});

/** How a row changed, where it is compared; else its share. */
export function sureNote({ share, compared }: Row, m: Messages, f: Formats): string {
  const change = movedCount(compared, f, m);
  return !change ? f.percent(share) : change.direction === "flat" ? "≈" : arrow(change, m);
}

/** What stands beside an estimate: `sure` if it can be told from zero, else what it would take. */
export function noteOf(estimate: Estimate, sure: string, m: Messages, f: Formats): string {
  if (estimate.aboveZero) return sure;
  const needed = estimate.reportsNeeded;
  return needed === undefined ? m.sure.no : m.sure.needsShort(f.compact(Number(needed)));
}

/** Where a figure's numbers come from. */
export const sourceText = ({ measure, reports }: MeasureAnswer, m: Messages, f: Formats): string =>
  m.figure.from(measure?.name ?? "", f.count(Number(reports)));

/** For sorting. */
export const largestFirst = (one: Row, other: Row): number => (other.estimate?.value ?? 0) - (one.estimate?.value ?? 0);
