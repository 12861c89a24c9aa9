// Which cell of a measure a value falls in (spec/measures.md). Cell 0 is `none`.

import type { CatalogueRef, PlaceOf } from "./catalogue.js";

/** An axis of a measure: labelled, or over a catalogue. */
export interface Dimension {
  readonly name: string;
  /** Its values in order; none of one over a catalogue. */
  readonly labels: readonly string[];
  readonly catalogue?: CatalogueRef | undefined;
}

/** The cell for nothing to report. */
export const NONE = 0;
const OTHER = "other";

/** How many values a dimension tells apart. */
export const sizeOf = ({ labels, catalogue }: Dimension): number =>
  catalogue ? catalogue.contents + catalogue.tail : labels.length;

export const cellCount = (dimensions: readonly Dimension[]): number =>
  1 + (dimensions.length && dimensions.reduce((cells, dimension) => cells * sizeOf(dimension), 1));

/**
 * The cell of a value by its labels and its place in catalogues: the last dimension varies fastest; what is not listed
 * is `other`, or the whole `none`.
 */
export function cellOf(
  dimensions: readonly Dimension[],
  labelOf: (dimension: Dimension) => string | undefined,
  placeOf?: PlaceOf,
): number {
  let cell = 0;
  for (const dimension of dimensions) {
    const { labels, catalogue } = dimension;
    const find = (label: string) => (labels.includes(label) ? labels.indexOf(label) : undefined);
    const position = catalogue ? placeOf?.(catalogue) : (find(labelOf(dimension) ?? OTHER) ?? find(OTHER));
    if (position === undefined) return NONE;
    cell = cell * sizeOf(dimension) + position;
  }
  return cell + 1;
}

/** The bucket `LOW..HIGH` or `LOW..` of a `value` dimension that holds a number. */
export function bucketOf({ labels }: Dimension, value: number): string | undefined {
  return labels.find((label) => {
    const [low, high] = label.split("..") as [string, string?];
    return high !== undefined && +low <= value && value < (high === "" ? Infinity : +high);
  });
}

/** The labels of a cell, one for each dimension; a content by its place in the catalogue; `none` for cell 0. */
export function labelsOf(dimensions: readonly Dimension[], cell: number): string {
  if (cell === NONE) return "none";
  let rest = cell - 1;
  const labels = [...dimensions].reverse().map((dimension) => {
    const position = rest % sizeOf(dimension);
    rest = Math.floor(rest / sizeOf(dimension));
    return dimension.labels[position] ?? `#${position}`;
  });
  return labels.reverse().join(" · ");
}
