// What all drawings of estimates share: an estimate with its words, its whisker, the room that several take, and what a colour stands for.

import { scaleLinear } from "d3-scale";

/** An estimate to be drawn. */
export interface Drawn {
  readonly key: string;
  readonly label: string;
  /** Its numbers, as they stand beside it. */
  readonly text: string;
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly aboveZero: boolean;
}

/** What a colour stands for, in the order in which drawings have them. */
export const TONES = ["private", "maybe", "public", "other"] as const;
export type Tone = (typeof TONES)[number];

/** The tone of a kind of channels: what may be private for lack of evidence has its own. */
export const toneOfKind = (kind: string): Tone =>
  kind === "inferred" ? "maybe" : kind === "private" || kind === "public" ? kind : "other";

/** An interval from `low` to `high`, around the height `y`; its ends reach `cap` to both sides. */
export function Whisker({ low, high, y, cap }: { low: number; high: number; y: number; cap: number }) {
  return <path class="whisker" d={`M${low} ${y - cap}v${2 * cap}m0 ${-cap}H${high}m0 ${-cap}v${2 * cap}`} />;
}

/** From the lowest end of an interval, or 0, to a round number above the highest. */
export function extent(
  all: readonly { low: number; high: number; before?: number | undefined }[],
  ticks: number,
): [number, number] {
  const low = Math.min(0, ...all.map((one) => one.low));
  const high = Math.max(1, ...all.map((one) => Math.max(one.high, one.before ?? 0)));
  return [low, scaleLinear().domain([0, high]).nice(ticks).domain()[1]!];
}
