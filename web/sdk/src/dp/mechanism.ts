// The mechanisms, and the rule that chooses one for a domain and an ε (crates/dp/src/{rule,subset,projective}.rs).
//
// The rule adds, multiplies, divides and compares doubles in the same order as Rust: the choice is the same everywhere.

import { exp, hitThreshold } from "./epsilon.js";
import { primePower } from "./field.js";
import {
  type Geometry,
  geometryCovering,
  isSupported,
  MAX_POINTS,
  opposingReport,
  subspace,
  supportingReport,
} from "./geometry.js";
import type { Words } from "./memo.js";
import { uniformBelow, uniformSubset } from "./sampling.js";

/** A mask of ω of at most 64 cells, or a list of ω cells. */
interface SubsetMechanism {
  readonly family: "subset-selection" | "subset-list";
  readonly cells: number;
  readonly omega: number;
  readonly threshold: bigint;
}

/** A subset, or a point of a projective space. */
export type Mechanism =
  | SubsetMechanism
  | { readonly family: "projective"; readonly cells: number; readonly space: Geometry; readonly threshold: bigint };

/** The most cells that a mask holds. */
const MASK_CELLS = 64;

/** A field whose variance exceeds the least one by no more than this share may be taken for its speed. */
const TOLERANCE = 1.005;

/** Bits of a cell's index. */
const indexBits = (cells: number): number => 32 - Math.clz32(cells - 1);

/** The mechanism of least variance whose report fits 64 bits. */
export function chooseMechanism(cells: number, micro: number): Mechanism {
  const omega = bestOmega(cells, exp(micro));
  if (cells <= MASK_CELLS) return subset("subset-selection", cells, omega, micro);
  const longest = Math.floor(64 / indexBits(cells));
  if (omega <= longest) return subset("subset-list", cells, omega, micro);
  const order = bestField(cells, exp(micro), longest);
  return order ? projective(cells, order, micro) : subset("subset-list", cells, longest, micro);
}

/** A random report of a cell: a function of the arguments and the words alone. */
export function randomize(mechanism: Mechanism, cell: number, words: Words): bigint {
  const isHit = words() < mechanism.threshold;
  if (mechanism.family === "projective") {
    const { space } = mechanism;
    const { order } = space.field;
    if (isHit) return BigInt(supportingReport(space, cell, uniformBelow(subspace(order, space.dimension - 1), words)));
    return BigInt(opposingReport(space, cell, uniformBelow(order ** (space.dimension - 1), words)));
  }
  const { cells, omega } = mechanism;
  // The other cells are numbered with the true one left out: a miss must never hold it.
  const others = uniformSubset(cells - 1, omega - +isHit, words);
  const chosen = [...(isHit ? [cell] : []), ...[...others].map((number) => number + +(number >= cell))];
  return pack(mechanism, chosen);
}

/** Whether a report supports a cell. */
export function supports(mechanism: Mechanism, report: bigint, cell: number): boolean {
  if (mechanism.family === "projective") return isSupported(mechanism.space, Number(report), cell);
  if (mechanism.family === "subset-selection") return ((report >> BigInt(cell)) & 1n) === 1n;
  return listedCells(mechanism, report).includes(cell);
}

/** All cells that a report supports; undefined for a point of a large space, which supports very many. */
export function supportedCells(mechanism: Mechanism, report: bigint): number[] | undefined {
  const { family, cells } = mechanism;
  if (family === "subset-list") return listedCells(mechanism, report);
  if (cells > 256) return undefined;
  return Array.from({ length: cells }, (_, cell) => cell).filter((cell) => supports(mechanism, report, cell));
}

function listedCells({ cells, omega }: SubsetMechanism, report: bigint): number[] {
  const bits = BigInt(indexBits(cells));
  return Array.from({ length: omega }, (_, at) => Number((report >> (bits * BigInt(at))) & ((1n << bits) - 1n)));
}

function subset(family: "subset-selection" | "subset-list", cells: number, omega: number, micro: number): Mechanism {
  return { family, cells, omega, threshold: hitThreshold(micro, omega, cells - omega) };
}

function projective(cells: number, order: number, micro: number): Mechanism {
  const space = geometryCovering(cells, order);
  const supporting = subspace(order, space.dimension - 1);
  const threshold = hitThreshold(micro, supporting, subspace(order, space.dimension) - supporting);
  return { family: "projective", cells, space, threshold };
}

/** The mask, or the list in ascending order with the first cell in the low bits. */
function pack({ family, cells }: Mechanism, chosen: number[]): bigint {
  if (family === "subset-selection") return chosen.reduce((mask, cell) => mask | (1n << BigInt(cell)), 0n);
  const bits = BigInt(indexBits(cells));
  return chosen.sort((a, b) => b - a).reduce((packed, cell) => (packed << bits) | BigInt(cell), 0n);
}

/** The ω of least variance, the smaller of two equal ones: one of the two integers around k/(E + 1). */
function bestOmega(k: number, e: number): number {
  const loss = (w: number) => {
    const weight = w * e + (k - w);
    return (weight * weight) / (w * (k - w));
  };
  const below = Math.min(Math.max(Math.floor(k / (e + 1)), 1), k - 1);
  const above = Math.min(below + 1, k - 1);
  return loss(above) < loss(below) ? above : below;
}

/** The order of the best field; undefined where a list of the longest length is better than the fields that fit. */
function bestField(cells: number, e: number, longest: number): number | undefined {
  const fields: { order: number; variance: number; work: number }[] = [];
  let isTruncated = false;
  for (let order = 2; order <= 2 * cells && order <= 2.5 * (e + 1); order++) {
    if (!primePower(order)) continue;
    let [points, supporting, shared, dimension] = [order + 1, 1, 0, 2];
    for (; points < cells; dimension++) [points, supporting, shared] = [points * order + 1, points, supporting];
    if (points > MAX_POINTS) {
      isTruncated = true;
      continue;
    }
    const weight = points + (e - 1) * supporting;
    const variance = pureVariance((e * supporting) / weight, ((e - 1) * shared + supporting) / weight, 1 / cells);
    fields.push({ order, variance, work: points * order * dimension });
  }
  const least = Math.min(...fields.map((field) => field.variance));
  const close = fields.filter((field) => field.variance <= TOLERANCE * least);
  const best = close.reduce((best, field) => (field.work < best.work ? field : best), close[0]!);
  if (best && isTruncated) {
    const weight = longest * e + (cells - longest);
    const p = (longest * e) / weight;
    if (best.variance > pureVariance(p, (longest - p) / (cells - 1), 1 / cells)) return undefined;
  }
  return best?.order;
}

/** n·Var of one cell's estimated share, for a pure protocol. */
const pureVariance = (p: number, q: number, share: number): number =>
  (share * p * (1 - p) + (1 - share) * q * (1 - q)) / ((p - q) * (p - q));
