// The sealed envelope (spec/tokens.md §3): the token is the key. No curve is needed to seal, so it lives in the device
// chunk.

import { ascii, type Bytes, concat, digest, hmac } from "../bytes.js";

export const TOKEN_LENGTH = 106;
const HEADER_LENGTH = 42;
const SUITE = 1;

/** The one envelope of a payload under a token: 86 bytes. The same two give the same bytes. */
export async function seal(token: Bytes, payload: Bytes): Promise<Bytes> {
  const header = token.slice(0, HEADER_LENGTH);
  const label = concat(ascii("tacita/report/v1"), [SUITE], await digest("SHA-256", header), [1]);
  const okm = await hmac("SHA-512", token.slice(HEADER_LENGTH), label);
  // The iv comes from the payload: a token that seals two, after a restored backup, does not repeat one.
  const iv = (await hmac("SHA-256", okm.slice(32), payload)).slice(0, 12);
  const key = await crypto.subtle.importKey("raw", okm.slice(0, 32), "AES-GCM", false, ["encrypt"]);
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: header }, key, payload);
  return concat(header, iv, new Uint8Array(sealed));
}
