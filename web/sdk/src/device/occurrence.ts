// One thing that happened, with its true value, and its cell in a measure. Stays on the device.

import type { Arrival } from "../protocol/arrival.js";
import type { PlaceOf } from "../protocol/catalogue.js";
import { channelByCode } from "../protocol/channel.js";
import { bucketOf, cellOf, type Dimension, NONE } from "../protocol/domain.js";
import { type Campaign, isOncePerWindow, type Manifest, type Measure } from "../protocol/manifest.js";
import type { LinkTag } from "../protocol/tag.js";
import { profileBefore } from "./sharing.js";
import type { DeviceState } from "./state.js";

/** The labels of what happened, by dimension; one that is missing counts as `other`. */
export interface Occurrence {
  readonly labels: Readonly<Record<string, string>>;
  readonly value?: number | undefined;
  /** The place of the content that was shared, in the catalogues that the manifest names. */
  readonly placeOf?: PlaceOf;
}

/** What happened, as each measure is to hear of it; undefined where it is none of the measure's business. */
export type OccurrenceOf = (measure: Measure) => Occurrence | undefined;

export function cellFor(occurrence: Occurrence | undefined, { dimensions }: Measure): number {
  if (!occurrence) return NONE;
  const { labels, value, placeOf } = occurrence;
  const bucket = (dimension: Dimension) =>
    dimension.name === "value" && value !== undefined ? bucketOf(dimension, value) : undefined;
  return cellOf(dimensions, (dimension) => labels[dimension.name] ?? bucket(dimension), placeOf);
}

/**
 * An arrival, as measures of arrivals and of devices hear of it. Generation and cohort are those of a tag of the
 * measure's own campaign: others' measures do not hear of them.
 */
export const arrived =
  ({ channel, grade, tag }: Arrival, state: DeviceState, now: number): OccurrenceOf =>
  (measure) => {
    if (measure.event !== "arrival" && !isOncePerWindow(measure.event)) return undefined;
    const own = tag?.campaign === measure.campaign ? tagLabels(tag) : {};
    const isProfile = measure.event === "sharer-profile";
    const value = isProfile ? { profile: profileBefore(state, measure, now) } : { channel: channel.name, grade };
    return { labels: { ...value, ...own } };
  };

/** A share, of a content if it is known which. Measures of shares and of shared contents hear of it alike. */
export const shared =
  (tagOf: (campaign: number) => LinkTag, content: string | undefined, placeOf: PlaceOf): OccurrenceOf =>
  ({ event, campaign }) => {
    if (event !== "share" && event !== "content-share") return undefined;
    return { labels: { ...tagLabels(tagOf(campaign)), ...(content === undefined ? {} : { content }) }, placeOf };
  };

export const converted =
  (state: DeviceState, value: number | undefined, now: number): OccurrenceOf =>
  ({ event, campaign }) =>
    event === "conversion" ? { labels: { channel: attributed(state, campaign, now) }, value } : undefined;

const tagLabels = ({ channel, cohort, generation }: LinkTag) => ({
  channel: channel.name,
  generation: String(generation),
  cohort: String(cohort),
});

/** Remembers an arrival for the campaigns that it may be credited to (spec/device.md §6). */
export function rememberArrival(state: DeviceState, arrival: Arrival, { campaigns }: Manifest, now: number): void {
  const { tag, grade, channel } = arrival;
  const concerns = ({ id }: Campaign) => (tag ? tag.campaign === id : grade !== "direct");
  state.touches = state.touches.filter(({ until }) => until > now);
  for (const { id, attributionSeconds } of campaigns.filter(concerns)) {
    const known = state.touches.some(({ campaign }) => campaign === id);
    // An inference explains a conversion only where nothing better does.
    if (known && grade === "inferred") continue;
    state.touches = state.touches.filter(({ campaign }) => campaign !== id);
    state.touches.push({ campaign: id, channel: channel.code, until: now + attributionSeconds });
  }
}

function attributed({ touches }: DeviceState, wanted: number, now: number): string {
  const touch = touches.find(({ campaign, until }) => campaign === wanted && until > now);
  return (touch && channelByCode(touch.channel)?.name) ?? "unattributed";
}
