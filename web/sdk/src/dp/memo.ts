// Memoized answers: the same question gets the same randomized answer, without storing it (crates/dp/src/memo.rs).

import { ascii, type Bytes, hmac, u32 } from "../bytes.js";

/** Separates this use of the device's secret from every other; the last byte is the version. */
const LABEL = [...ascii("tacita-dp-memo"), 0, 1];

/** A source of 64-bit words. */
export type Words = () => bigint;

/** The generator for one answer: ChaCha20 under HMAC-SHA256(device secret, label ‖ measure ‖ window ‖ slot ‖ value). */
export async function memoWords(
  secret: Bytes,
  measure: number,
  window: number,
  slot: number,
  value: number,
): Promise<Words> {
  return chachaWords(await hmac("SHA-256", secret, LABEL, u32(measure), u32(window), u32(slot), u32(value)));
}

/** The keystream of ChaCha20 (20 rounds, 64-bit counter from 0, nonce 0) as little-endian 64-bit words. */
export function chachaWords(key: Bytes): Words {
  const view = new DataView(key.buffer, key.byteOffset, 32);
  const state = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574];
  for (let at = 0; at < 32; at += 4) state.push(view.getUint32(at, true));
  let counter = 0;
  let block = new Uint32Array();
  let next = 16;
  return () => {
    if (next === 16) {
      // One answer never reaches the counter's high word.
      block = chachaBlock([...state, counter++, 0, 0, 0]);
      next = 0;
    }
    const [low, high] = [block[next]!, block[next + 1]!];
    next += 2;
    return (BigInt(high) << 32n) | BigInt(low);
  };
}

/** RFC 8439 §2.3, with the counter and nonce of the original cipher. */
function chachaBlock(input: number[]): Uint32Array<ArrayBuffer> {
  const x = Uint32Array.from(input);
  const rotate = (at: number, by: number, bits: number) => {
    const mixed = x[at]! ^ x[by]!;
    x[at] = (mixed << bits) | (mixed >>> (32 - bits));
  };
  const quarter = (a: number, b: number, c: number, d: number) => {
    x[a]! += x[b]!;
    rotate(d, a, 16);
    x[c]! += x[d]!;
    rotate(b, c, 12);
    x[a]! += x[b]!;
    rotate(d, a, 8);
    x[c]! += x[d]!;
    rotate(b, c, 7);
  };
  for (let round = 0; round < 10; round++) {
    for (let i = 0; i < 4; i++) quarter(i, i + 4, i + 8, i + 12);
    for (let i = 0; i < 4; i++) quarter(i, 4 + ((i + 1) & 3), 8 + ((i + 2) & 3), 12 + ((i + 3) & 3));
  }
  return x.map((word, at) => word + input[at]!);
}
