// Exact sampling. The order and number of words drawn are part of the protocol (crates/dp/src/sampling.rs).

import type { Words } from "./memo.js";

const WORD = (1n << 64n) - 1n;

/** The largest product of bounds that one word serves. */
const BATCH_LIMIT = 2 ** 48;

/** Uniform in `0 .. bound`, exactly: the high half of word · bound (Lemire 2019). */
export const uniformBelow = (bound: number, words: Words): number =>
  Number((acceptedWord(BigInt(bound), words) * BigInt(bound)) >> 64n);

/** A uniform word among those whose product with `bound` has a low half of at least 2⁶⁴ mod `bound`. */
function acceptedWord(bound: bigint, words: Words): bigint {
  const rejected = (1n << 64n) % bound;
  let word = words();
  while (((word * bound) & WORD) < rejected) word = words();
  return word;
}

/** Independent uniform numbers below `first`, `first + 1`, …, `last`, with the largest value that each may have. */
function* uniformsBelow(first: number, last: number, words: Words): Generator<[value: number, largest: number]> {
  for (let bound = first; bound <= last; ) {
    let product = bound;
    let end = bound + 1;
    while (end <= last && product * end <= BATCH_LIMIT) product *= end++;
    let fraction = acceptedWord(BigInt(product), words);
    for (; bound < end; bound++) {
      const scaled = fraction * BigInt(bound);
      fraction = scaled & WORD;
      yield [Number(scaled >> 64n), bound - 1];
    }
  }
}

/** A uniform subset of `size` of the numbers `0 .. from` (Bentley and Floyd 1987). */
export function uniformSubset(from: number, size: number, words: Words): Set<number> {
  const chosen = new Set<number>();
  for (const [candidate, largest] of uniformsBelow(from - size + 1, from, words)) {
    chosen.add(chosen.has(candidate) ? largest : candidate);
  }
  return chosen;
}
