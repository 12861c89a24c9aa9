// ristretto255 (RFC 9496): the group that tokens live in.
//
// Written out for this one curve after the formulas of the RFC and of @noble/curves (MIT, Paul Miller), which is seven
// times as large because it serves every curve. noble is what the tests hold this against, beside the vectors. BigInt
// arithmetic is not constant-time, here as there: what that means is in spec/web.md §8.

import type { Bytes } from "../bytes.js";

const P = 2n ** 255n - 19n;
const D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n;
const SQRT_M1 = 19681161376707505956807079304988542015446066515923890162744021073123829784752n;
const SQRT_AD_MINUS_ONE = 25063068953384623474111414158702152701244531502492656460079210482610430750235n;
const INVSQRT_A_MINUS_D = 54469307008909316920995813868745141605393597292927456921205312896311721017578n;
const ONE_MINUS_D_SQ = 1159843021668779879193775521855586647937357759715417654439879720876111806838n;
const D_MINUS_ONE_SQ = 40440834346308536858101042469323190826248399146238708352240133220865137265952n;

/** The order of the group. */
export const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

/** A number modulo the order of the group, or of the field. */
export const modulo = (number: bigint, by = ORDER): bigint => ((number % by) + by) % by;

/** The inverse of a scalar that is not zero. */
export function invertScalar(scalar: bigint): bigint {
  let [a, b, x, y] = [scalar, ORDER, 1n, 0n];
  while (b) {
    const quotient = a / b;
    [a, b, x, y] = [b, a - quotient * b, y, x - quotient * y];
  }
  return modulo(x);
}

/** A number from little-endian bytes. */
export const littleEndian = (bytes: Uint8Array): bigint =>
  bytes.reduceRight((number, byte) => (number << 8n) | BigInt(byte), 0n);

const field = (number: bigint): bigint => modulo(number, P);
const isNegative = (number: bigint): boolean => (number & 1n) === 1n;
const absolute = (number: bigint): bigint => (isNegative(number) ? P - number : number);

/** An element: a point of the twisted Edwards curve in extended coordinates, standing for its class. */
export class Element {
  static readonly ZERO = new Element(0n, 1n, 1n, 0n);

  private constructor(
    private readonly x: bigint,
    private readonly y: bigint,
    private readonly z: bigint,
    private readonly t: bigint,
  ) {}

  /** Decodes 32 bytes (§4.3.1); undefined unless they are the canonical encoding of an element. */
  static decode(bytes: Uint8Array): Element | undefined {
    const s = littleEndian(bytes);
    if (bytes.length !== 32 || s >= P || isNegative(s)) return undefined;
    const ss = field(s * s);
    const [u1, u2] = [1n - ss, 1n + ss];
    const u2Square = field(u2 * u2);
    const v = field(-D * field(u1 * u1) - u2Square);
    const [isSquare, root] = sqrtRatio(1n, field(v * u2Square));
    const denominator = field(root * u2);
    const x = absolute(field(2n * s * denominator));
    const y = field(u1 * field(root * field(denominator * v)));
    const t = field(x * y);
    return isSquare && !isNegative(t) && y ? new Element(x, y, 1n, t) : undefined;
  }

  /** 64 uniform bytes to an element (§4.3.4). */
  static derive(bytes: Uint8Array): Element {
    return Element.#map(bytes.subarray(0, 32)).add(Element.#map(bytes.subarray(32)));
  }

  /** MAP. The top bit is ignored, and the number reduced. */
  static #map(bytes: Uint8Array): Element {
    const number = field(littleEndian(bytes) & (2n ** 255n - 1n));
    const r = field(SQRT_M1 * field(number * number));
    const u = field((r + 1n) * ONE_MINUS_D_SQ);
    const v = field((-1n - r * D) * field(r + D));
    const [isSquare, root] = sqrtRatio(u, v);
    const s = isSquare ? root : P - absolute(field(root * number));
    const n = field((isSquare ? -1n : r) * (r - 1n) * D_MINUS_ONE_SQ - v);
    const ss = field(s * s);
    const w0 = field(2n * s * v);
    const w1 = field(n * SQRT_AD_MINUS_ONE);
    const [w2, w3] = [1n - ss, 1n + ss];
    return new Element(field(w0 * w3), field(w2 * w1), field(w1 * w3), field(w0 * w2));
  }

  /** The canonical 32 bytes (§4.3.2). */
  encode(): Bytes {
    const { x, y, z, t } = this;
    const u1 = field((z + y) * (z - y));
    const u2 = field(x * y);
    const [, root] = sqrtRatio(1n, field(u1 * field(u2 * u2)));
    const [d1, d2] = [field(root * u1), field(root * u2)];
    const inverse = field(d1 * field(d2 * t));
    const isRotated = isNegative(field(t * inverse));
    const x1 = isRotated ? field(y * SQRT_M1) : x;
    const y1 = isRotated ? field(x * SQRT_M1) : y;
    const d = isRotated ? field(d1 * INVSQRT_A_MINUS_D) : d2;
    const y2 = isNegative(field(x1 * inverse)) ? -y1 : y1;
    let rest = absolute(field(d * (z - y2)));
    return Uint8Array.from({ length: 32 }, () => {
      const byte = Number(rest & 255n);
      rest >>= 8n;
      return byte;
    });
  }

  /** Whether it is the identity: X or Y of the class is zero (§4.3.3). */
  isZero(): boolean {
    return this.x === 0n || this.y === 0n;
  }

  /** The complete addition of Hisil, Wong, Carter and Dawson for a = −1. */
  add(other: Element): Element {
    const a = field((this.y - this.x) * (other.y - other.x));
    const b = field((this.y + this.x) * (other.y + other.x));
    const c = field(2n * D * field(this.t * other.t));
    const d = field(2n * this.z * other.z);
    return Element.#from(b - a, d - c, d + c, b + a);
  }

  #double(): Element {
    const { x, y, z } = this;
    const [a, b] = [field(x * x), field(y * y)];
    const e = field((x + y) * (x + y)) - a - b;
    return Element.#from(e, b - a - 2n * field(z * z), b - a, -a - b);
  }

  static #from(e: bigint, f: bigint, g: bigint, h: bigint): Element {
    return new Element(field(e * f), field(g * h), field(f * g), field(e * h));
  }

  /** scalar · element, four bits at a time: the same steps for every scalar. */
  multiply(scalar: bigint): Element {
    const multiples = this.multiples();
    let product = Element.ZERO;
    for (let shift = 252n; shift >= 0n; shift -= 4n)
      product = product.sixteenfold().add(multiples[digitOf(scalar, shift)]!);
    return product;
  }

  /** 0 to 15 times the element. */
  multiples(): Element[] {
    const multiples: Element[] = [Element.ZERO];
    for (let digit = 1; digit < 16; digit++) multiples.push(multiples[digit - 1]!.add(this));
    return multiples;
  }

  sixteenfold(): Element {
    return this.#double().#double().#double().#double();
  }
}

const digitOf = (scalar: bigint, shift: bigint): number => Number((scalar >> shift) & 15n);

/**
 * Σ scalar · element in variable time, for public data: Straus's method, by which all terms share their doublings.
 * `pause` is awaited between slices of it.
 */
export async function weightedSum(
  elements: readonly Element[],
  scalars: readonly bigint[],
  pause: () => Promise<unknown>,
): Promise<Element> {
  const tables: Element[][] = [];
  for (const element of elements) {
    await pause();
    tables.push(element.multiples());
  }
  let sum = Element.ZERO;
  for (let shift = 252n; shift >= 0n; shift -= 4n) {
    await pause();
    sum = sum.sixteenfold();
    for (const [at, multiples] of tables.entries()) {
      const digit = digitOf(scalars[at]!, shift);
      if (digit) sum = sum.add(multiples[digit]!);
    }
  }
  return sum;
}

/** The generator. */
export const generator = (): Element =>
  Element.decode(
    Uint8Array.from("e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76".match(/../g)!, (digits) =>
      parseInt(digits, 16),
    ),
  )!;

/** SQRT_RATIO_M1 (§4.2): whether u/v is a square, and the non-negative root of u/v or of √−1·u/v. */
function sqrtRatio(u: bigint, v: bigint): [isSquare: boolean, root: bigint] {
  const v3 = field(v * field(v * v));
  const root = field(field(u * v3) * power252(field(field(u * v3) * field(v3 * v))));
  const check = field(v * field(root * root));
  const flipped = field(-u);
  const isFlipped = check === flipped || check === field(flipped * SQRT_M1);
  return [check === u || check === flipped, absolute(isFlipped ? field(root * SQRT_M1) : root)];
}

/** x to the power of 2²⁵² − 3. */
function power252(x: bigint): bigint {
  const squared = (number: bigint, times: number) => {
    let result = number;
    for (let i = 0; i < times; i++) result = field(result * result);
    return result;
  };
  const twice = (number: bigint, bits: number) => field(squared(number, bits) * number);
  // Named by how many bits of ones the exponent has.
  const ones5 = field(squared(twice(twice(x, 1), 2), 1) * x);
  const ones10 = twice(ones5, 5);
  const ones40 = twice(twice(ones10, 10), 20);
  const ones80 = twice(ones40, 40);
  const ones240 = field(squared(twice(ones80, 80), 80) * ones80);
  return field(squared(field(squared(ones240, 10) * ones10), 2) * x);
}
