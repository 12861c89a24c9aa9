// Which days a page is about, and how finely they are told apart. Days are of UTC, as the service counts them.

import { Granularity } from "../wire/tacita/v1/reporting_pb.js";

/** The last so many days up to and with today; everything; or two days, both meant. */
export type Range =
  | { readonly kind: "last"; readonly days: number }
  | { readonly kind: "all" }
  | { readonly kind: "days"; readonly first: string; readonly last: string };

/** In Unix seconds, up to and without `to`; `to` 0 means no end. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export const DAY = 86_400;
export const PRESETS: readonly number[] = [1, 7, 30, 90, 365];
export const DEFAULT_RANGE: Range = { kind: "last", days: 30 };

/** `30d`, `all`, or `2026-01-01..2026-01-31`; undefined for any other text. */
export function parseRange(text: string): Range | undefined {
  if (text === "all") return { kind: "all" };
  const days = /^(\d{1,4})d$/.exec(text);
  if (days && Number(days[1]) > 0) return { kind: "last", days: Number(days[1]) };
  const [, first = "", last = ""] = /^(\d{4}-\d\d-\d\d)\.\.(\d{4}-\d\d-\d\d)$/.exec(text) ?? [];
  if (dayStart(first) === undefined || dayStart(last) === undefined || first > last) return undefined;
  return { kind: "days", first, last };
}

export function formatRange(range: Range): string {
  if (range.kind === "all") return "all";
  return range.kind === "last" ? `${range.days}d` : `${range.first}..${range.last}`;
}

/**
 * The range in seconds, `now` being the present. The last days of a `whole` one are over: they end with yesterday, because a day that is
 * not over cannot be compared with one that is.
 */
export function spanOf(range: Range, now: number, whole = false): Span {
  if (range.kind === "all") return { from: 0, to: 0 };
  if (range.kind === "days") return { from: dayStart(range.first) ?? 0, to: (dayStart(range.last) ?? 0) + DAY };
  const to = (Math.floor(now / DAY) + (whole ? 0 : 1)) * DAY;
  return { from: to - range.days * DAY, to };
}

/** The day of a moment, as in a date input. */
export const dayOf = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(0, 10);

function dayStart(day: string): number | undefined {
  const milliseconds = Date.parse(`${day}T00:00:00Z`);
  return Number.isNaN(milliseconds) || !day ? undefined : milliseconds / 1000;
}

export const GRAINS = ["auto", "hour", "day", "week", "month"] as const;
export type Grain = (typeof GRAINS)[number];

const STEPS: readonly { grain: Exclude<Grain, "auto">; seconds: number; wire: Granularity }[] = [
  { grain: "hour", seconds: 3_600, wire: Granularity.HOUR },
  { grain: "day", seconds: DAY, wire: Granularity.DAY },
  { grain: "week", seconds: 7 * DAY, wire: Granularity.WEEK },
  { grain: "month", seconds: 31 * DAY, wire: Granularity.MONTH },
];

/** More points than this are not told apart on a page. */
const MOST_POINTS = 100;

/** The grain asked for, or the finest that the windows allow and a page can show; never finer than the windows. */
export function grainFor(asked: Grain, span: Span, windowSeconds: number): (typeof STEPS)[number] {
  const possible = STEPS.filter((step) => step.seconds >= windowSeconds);
  const coarsest = STEPS.at(-1)!;
  const wanted = possible.find((step) => step.grain === asked);
  if (wanted) return wanted;
  if (span.to === 0) return possible.find((step) => step.seconds >= DAY) ?? coarsest;
  return possible.find((step) => (span.to - span.from) / step.seconds <= MOST_POINTS) ?? coarsest;
}
