// Byte strings, as the protocol writes them: big-endian integers, ASCII text, concatenation.

export type Bytes = Uint8Array<ArrayBuffer>;

export const ascii = (text: string): Bytes => new TextEncoder().encode(text) as Bytes;

export function concat(...parts: ArrayLike<number>[]): Bytes {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

export const u16 = (value: number): number[] => [value >> 8, value & 255];

export const u32 = (value: number): number[] => [value >>> 24, (value >> 16) & 255, (value >> 8) & 255, value & 255];

/** A 64-bit integer. */
export function u64(value: bigint): number[] {
  return [...u32(Number(value >> 32n)), ...u32(Number(value & 0xffffffffn))];
}

export const equal = (one: ArrayLike<number>, other: ArrayLike<number>): boolean =>
  one.length === other.length && Array.prototype.every.call(one, (byte, at) => byte === other[at]);

/** Bytes from an even number of hexadecimal digits; undefined for any other text. */
export function fromHex(text: string): Bytes | undefined {
  if (!/^([0-9a-f]{2})*$/i.test(text)) return undefined;
  return Uint8Array.from(text.match(/../g) ?? [], (digits) => parseInt(digits, 16));
}

export const toHex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

export const digest = async (hash: "SHA-256" | "SHA-512", ...parts: ArrayLike<number>[]): Promise<Bytes> =>
  new Uint8Array(await crypto.subtle.digest(hash, concat(...parts)));

export async function hmac(hash: "SHA-256" | "SHA-512", key: Bytes, ...parts: ArrayLike<number>[]): Promise<Bytes> {
  const imported = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash }, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, concat(...parts)));
}
