// ristretto255-SHA512 in POPRF mode (RFC 9497 §3.1, §4.1): hashes to the group and to scalars, by WebCrypto.

import { ascii, type Bytes, concat, digest } from "../bytes.js";
import { Element, littleEndian, modulo, ORDER } from "./ristretto.js";

const CONTEXT = [...ascii("OPRFV1-"), 2, ...ascii("-ristretto255-SHA512")];

export const hashToGroup = async (...input: ArrayLike<number>[]): Promise<Element> =>
  Element.derive(await expand("HashToGroup-", input));

export const hashToScalar = async (...input: ArrayLike<number>[]): Promise<bigint> =>
  modulo(littleEndian(await expand("HashToScalar-", input)));

/** Domain separation of one use: `name ‖ contextString`. */
export const separator = (name: string): Bytes => concat(ascii(name), CONTEXT);

/** expand_message_xmd with SHA-512 to 64 bytes: one block (RFC 9380 §5.3.1). */
async function expand(name: string, input: ArrayLike<number>[]): Promise<Bytes> {
  const dst = separator(name);
  const suffix = [...dst, dst.length];
  const first = await digest("SHA-512", new Uint8Array(128), ...input, [0, 64, 0], suffix);
  return digest("SHA-512", first, [1], suffix);
}

/** Decodes an element; undefined unless it is canonical and not the identity. */
export function readElement(bytes: Uint8Array): Element | undefined {
  const element = Element.decode(bytes);
  return element?.isZero() ? undefined : element;
}

/** Decodes a scalar; undefined unless it is canonical. */
export function readScalar(bytes: Uint8Array): bigint | undefined {
  const number = littleEndian(bytes);
  return number < ORDER ? number : undefined;
}
