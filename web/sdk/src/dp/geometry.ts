// The points of PG(t−1, q), numbered as reports and as cells; the numberings are those of crates/dp/src/geometry.rs.

import { type Field, field } from "./field.js";

type Vector = number[];

/** The most points a geometry may have. */
export const MAX_POINTS = 2 ** 22;

export interface Geometry {
  readonly field: Field;
  /** t, the coordinates of a point. */
  readonly dimension: number;
}

/** Points of a subspace: (q^dimension − 1)/(q − 1). */
export function subspace(order: number, dimension: number): number {
  let points = 0;
  for (let i = 0; i < dimension; i++) points = points * order + 1;
  return points;
}

/** The geometry of least dimension t ≥ 2 with at least `cells` points. */
export function geometryCovering(cells: number, order: number): Geometry {
  let dimension = 2;
  while (subspace(order, dimension) < cells) dimension++;
  return { field: field(order), dimension };
}

/** The `number`-th report on the hyperplane of a cell: the pivot is solved for, the rest runs over PG(t−2, q). */
export function supportingReport(space: Geometry, cell: number, number: number): number {
  const { field, dimension } = space;
  const [v, pivot] = cellVector(space, cell);
  const u = reportVector(space, number, dimension - 1);
  u.splice(pivot, 0, 0);
  u[pivot] = field.negate(product(field, u, v));
  return reportIndex(space, u);
}

/** The `number`-th report outside that hyperplane: the representative with ⟨u, v⟩ = 1. */
export function opposingReport(space: Geometry, cell: number, number: number): number {
  const { field, dimension } = space;
  const [v, pivot] = cellVector(space, cell);
  const u = digits(number, dimension - 1, field.order);
  u.splice(pivot, 0, 0);
  u[pivot] = field.add(1, field.negate(product(field, u, v)));
  return reportIndex(space, u);
}

/** Whether a report's point lies on a cell's hyperplane. */
export const isSupported = (space: Geometry, report: number, cell: number): boolean =>
  product(space.field, reportVector(space, report, space.dimension), cellVector(space, cell)[0]) === 0;

/** The canonical vector of a report index: its first non-zero coordinate is 1. */
function reportVector({ field }: Geometry, index: number, dimension: number): Vector {
  let first = 0;
  let rest = index;
  for (; rest >= field.order ** (dimension - 1 - first); first++) rest -= field.order ** (dimension - 1 - first);
  return [...Array(first).fill(0), 1, ...digits(rest, dimension - 1 - first, field.order)];
}

/** The report of any non-zero vector. */
function reportIndex({ field, dimension }: Geometry, vector: Vector): number {
  const first = vector.findIndex((coordinate) => coordinate !== 0);
  const scale = field.invert(vector[first]!);
  let offset = 0;
  for (let i = 0; i < first; i++) offset += field.order ** (dimension - 1 - i);
  return offset + vector.slice(first + 1).reduce((n, c) => n * field.order + field.multiply(c, scale), 0);
}

/** The canonical vector of a cell, and the coordinate that is 1 in it; v₀ is its least significant digit. */
function cellVector({ field, dimension }: Geometry, index: number): [Vector, pivot: number] {
  let rest = index;
  for (let pivot = 1; pivot < dimension; pivot++) {
    const chart = field.order ** (dimension - pivot);
    if (rest < chart) {
      const tail = digits(rest, dimension - pivot, field.order);
      return [[tail.pop()!, ...Array(pivot - 1).fill(0), 1, ...tail], pivot];
    }
    rest -= chart;
  }
  return [[1, ...Array(dimension - 1).fill(0)], 0];
}

/** A number in base q, most significant digit first. */
function digits(number: number, count: number, base: number): Vector {
  const written: Vector = [];
  for (let rest = number; written.length < count; rest = Math.floor(rest / base)) written.unshift(rest % base);
  return written;
}

const product = (field: Field, u: Vector, v: Vector): number =>
  u.reduce((sum, a, at) => field.add(sum, field.multiply(a, v[at]!)), 0);
