// Which of a campaign's measures answers which question.

import { Event, type Measure } from "../wire/tacita/v1/manifest_pb.js";
import type { Filter, Subject } from "./address.js";

export const EVENTS: Record<Subject, Event> = {
  arrival: Event.ARRIVAL,
  share: Event.SHARE,
  conversion: Event.CONVERSION,
  reach: Event.REACH,
};

/** Dimensions that follow from one of the measure's own. */
const DERIVED: Record<string, string> = { kind: "channel", category: "content" };

/** Whether a measure can tell this dimension apart. */
function hasDimension(measure: Measure, name: string): boolean {
  const own = DERIVED[name] ?? name;
  return name === "publisher" || measure.dimensions.some((dimension) => dimension.name === own);
}

/** Cells without `none`: the fewer, the narrower the intervals. */
const cellsOf = (measure: Measure): number =>
  measure.dimensions.reduce(
    (cells, { labels, catalogue }) => cells * (catalogue ? catalogue.contents + catalogue.tail : labels.length),
    1,
  );

/** The measure of an event that tells these dimensions apart and has the fewest cells; undefined without one. */
export function measureFor(
  measures: readonly Measure[],
  event: Event,
  dimensions: readonly string[],
): Measure | undefined {
  const able = measures.filter(
    (measure) => measure.event === event && dimensions.every((name) => hasDimension(measure, name)),
  );
  return able.sort((one, other) => cellsOf(one) - cellsOf(other) || (one.name < other.name ? -1 : 1))[0];
}

/** As `measureFor`, preferring one that can be filtered as asked. */
export function measureWith(
  measures: readonly Measure[],
  event: Event,
  dimensions: readonly string[],
  filters: readonly Filter[],
): Measure | undefined {
  return (
    measureFor(measures, event, [...dimensions, ...filters.map((filter) => filter.dimension)]) ??
    measureFor(measures, event, dimensions)
  );
}

/** What of a filter a measure could not take: these labels, or the whole dimension where none is named. */
export interface Left {
  readonly dimension: string;
  readonly labels: readonly string[];
  /** The other labels of the filter are kept to. */
  readonly narrowed: boolean;
}

/** The filters that a measure can apply, and what of them it cannot. */
export function applicable(measure: Measure, filters: readonly Filter[]): { applied: Filter[]; left: Left[] } {
  const applied: Filter[] = [];
  const left: Left[] = [];
  for (const filter of filters) {
    const labels = measure.dimensions.find(
      (dimension) => dimension.name === filter.dimension && !dimension.catalogue,
    )?.labels;
    const { dimension, exclude } = filter;
    if (!hasDimension(measure, dimension)) {
      left.push({ dimension, labels: [], narrowed: false });
      continue;
    }
    const values = labels ? filter.values.filter((value) => labels.includes(value)) : filter.values;
    if (values.length) applied.push({ ...filter, values });
    // Nothing is left out by leaving out what the measure does not know.
    if (values.length < filter.values.length && !exclude)
      left.push({
        dimension,
        labels: filter.values.filter((value) => !values.includes(value)),
        narrowed: values.length > 0,
      });
  }
  return { applied, left };
}

/** What can be filtered by, with the labels that the campaign's measures have of it. Contents are too many to choose from. */
export function filterable(
  measures: readonly Measure[],
  publishers: readonly string[],
  categories: readonly string[],
): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const add = (name: string, labels: readonly string[]) =>
    labels.length && found.set(name, [...new Set([...(found.get(name) ?? []), ...labels])]);
  const dimensions = measures.flatMap((measure) => measure.dimensions);
  const channels = dimensions.filter(({ name }) => name === "channel");
  if (channels.length) add("kind", ["private", "public", "other"]);
  if (channels.some(({ labels }) => labels.includes("inferred"))) add("kind", ["inferred"]);
  for (const { name, labels, catalogue } of dimensions) if (!catalogue && name !== "content") add(name, labels);
  if (publishers.length > 1) add("publisher", publishers);
  if (categories.length) add("category", categories);
  return found;
}
