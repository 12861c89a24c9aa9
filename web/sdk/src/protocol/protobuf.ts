// The part of protobuf that three small messages need: varints and length-delimited fields.

import { ascii, type Bytes, concat } from "../bytes.js";

/** A message as its fields, each with all its values in order. Unknown fields are kept and not looked at. */
export type Fields = Map<number, (number | Bytes)[]>;

/** Gives one varint after the other. */
function varintsOf(bytes: Bytes, from: { at: number }): () => number {
  return () => {
    // Doubles: exact up to 2⁵³, and no field of these messages is larger.
    for (let value = 0, scale = 1; ; scale *= 128) {
      const byte = bytes[from.at++];
      if (byte === undefined || scale > 2 ** 63) throw new Error("protobuf");
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
}

/** Reads a message. Throws on bytes that are none. */
export function readFields(bytes: Bytes): Fields {
  const fields: Fields = new Map();
  const place = { at: 0 };
  const varint = varintsOf(bytes, place);
  const take = (length: number) => {
    if (place.at + length > bytes.length) throw new Error("protobuf");
    return bytes.slice(place.at, (place.at += length));
  };
  while (place.at < bytes.length) {
    const key = varint();
    const number = Math.floor(key / 8);
    const value = [varint, () => take(8), () => take(varint()), undefined, undefined, () => take(4)][key % 8]?.();
    if (value === undefined) throw new Error("protobuf");
    fields.set(number, [...(fields.get(number) ?? []), value]);
  }
  return fields;
}

/** A number, 0 if it is not there; the last one stands. */
export const numberOf = (fields: Fields, field: number): number => {
  const value = fields.get(field)?.at(-1);
  return typeof value === "number" ? value : 0;
};

/** Byte strings of a repeated field. */
export const bytesOf = (fields: Fields, field: number): Bytes[] =>
  (fields.get(field) ?? []).filter((value): value is Bytes => typeof value !== "number");

/** The byte string of a field, empty if it is not there. */
export const oneOf = (fields: Fields, field: number): Bytes => bytesOf(fields, field).at(-1) ?? new Uint8Array();

export const textOf = (fields: Fields, field: number): string => new TextDecoder().decode(oneOf(fields, field));

/** A repeated field of enumeration numbers, packed or not. */
export function numbersOf(fields: Fields, field: number): number[] {
  return (fields.get(field) ?? []).flatMap((value) => {
    if (typeof value === "number") return value;
    const [numbers, place]: [number[], { at: number }] = [[], { at: 0 }];
    for (const next = varintsOf(value, place); place.at < value.length; ) numbers.push(next());
    return numbers;
  });
}

/** Writes one field: a number as a varint, text and bytes with their length. */
export function writeField(number: number, value: number | string | Bytes): Bytes {
  if (typeof value === "number") return concat(varintBytes(number * 8), varintBytes(value));
  const bytes = typeof value === "string" ? ascii(value) : value;
  return concat(varintBytes(number * 8 + 2), varintBytes(bytes.length), bytes);
}

function varintBytes(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) | 128);
  }
}
