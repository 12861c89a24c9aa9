// Which cell of a measure a value falls in (spec/measures.md). Cell 0 is `none`.

/** A labelled axis of a measure. */
export interface Dimension {
  readonly name: string;
  readonly labels: readonly string[];
}

/** The cell for nothing to report. */
export const NONE = 0;
const OTHER = "other";

export const cellCount = (dimensions: readonly Dimension[]): number =>
  1 + (dimensions.length && dimensions.reduce((cells, { labels }) => cells * labels.length, 1));

/** The cell of a value by its labels: the last dimension varies fastest; what is not listed is `other`, or the whole `none`. */
export function cellOf(dimensions: readonly Dimension[], labelOf: (dimension: Dimension) => string | undefined): number {
  let cell = 0;
  for (const dimension of dimensions) {
    const { labels } = dimension;
    const listed = labels.indexOf(labelOf(dimension) ?? OTHER);
    const position = listed < 0 ? labels.indexOf(OTHER) : listed;
    if (position < 0) return NONE;
    cell = cell * labels.length + position;
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

/** The labels of a cell, one for each dimension; `none` for cell 0. */
export function labelsOf(dimensions: readonly Dimension[], cell: number): string {
  if (cell === NONE) return "none";
  let rest = cell - 1;
  const labels = [...dimensions].reverse().map(({ labels }) => {
    const label = labels[rest % labels.length]!;
    rest = Math.floor(rest / labels.length);
    return label;
  });
  return labels.reverse().join(" · ");
}
