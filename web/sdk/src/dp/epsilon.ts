// ε as an integer of micro-units, and e^ε as a certified integer lower bound (crates/dp/src/epsilon.rs).

const MICRO = 1_000_000n;

/** Fractional bits of {@link expFloor}. */
export const EXP_BITS = 40n;

/** A lower bound of e^ε in units of 2⁻⁴⁰: the Taylor series with every term rounded down. */
export function expFloor(micro: number): bigint {
  let sum = 0n;
  let order = 1n;
  for (let term = 1n << 72n; term > 0n; order++) {
    sum += term;
    term = (term * BigInt(micro)) / (MICRO * order);
  }
  return sum >> (72n - EXP_BITS);
}

/** {@link expFloor} as a real number: the e^ε from which mechanisms derive their shape. */
export const exp = (micro: number): number => Number(expFloor(micro)) / 2 ** 40;

/**
 * T: a report supports its true cell if the first word drawn is below T. The miss side is rounded up: never less
 * privacy.
 */
export function hitThreshold(micro: number, supporting: number, opposing: number): bigint {
  const hit = BigInt(supporting) * expFloor(micro);
  const miss = BigInt(opposing) << EXP_BITS;
  const weight = hit + miss;
  return (1n << 64n) - ((miss << 64n) + weight - 1n) / weight;
}
