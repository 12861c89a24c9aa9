// An issuer for the bench, so that a batch of the default size can be measured without a server. The key is the
// vectors'.

import { ascii, type Bytes, concat, digest, u16, u32 } from "../sdk/src/bytes.js";
import { hashToScalar, separator } from "../sdk/src/tokens/group.js";
import type { Pending } from "../sdk/src/tokens/pending.js";
import { type Element, generator, invertScalar, modulo, weightedSum } from "../sdk/src/tokens/ristretto.js";

const framed = (bytes: Uint8Array): Bytes => concat(u16(bytes.length), bytes);
const noPause = async () => {};

/**
 * BlindEvaluate and GenerateProof (RFC 9497 §3.3.3, §2.2.1). The proof's one-time scalar is fixed: this key guards
 * nothing.
 */
export async function issue(epochKey: bigint, { blinded, issuance }: Pending): Promise<Bytes> {
  const info = concat(ascii("tacita/publisher/v1"), u32(issuance.publisher));
  const key = modulo(epochKey + (await hashToScalar(ascii("Info"), framed(info))));
  const evaluated = blinded.map((element) => element.multiply(invertScalar(key)));
  const keyBytes = framed(generator().multiply(key).encode());
  const seed = framed(await digest("SHA-512", keyBytes, framed(separator("Seed-"))));
  const weights = await Promise.all(
    evaluated.map((element, at) =>
      hashToScalar(seed, u16(at), framed(element.encode()), framed(blinded[at]!.encode()), ascii("Composite")),
    ),
  );
  const m = await weightedSum(evaluated, weights, noPause);
  const z = await weightedSum(blinded, weights, noPause);
  const once = 12345n;
  const transcript = [m, z, generator().multiply(once), m.multiply(once)].map((element: Element) =>
    framed(element.encode()),
  );
  const c = await hashToScalar(keyBytes, ...transcript, ascii("Challenge"));
  return concat(...evaluated.map((element) => element.encode()), scalar(c), scalar(modulo(once - c * key)));
}

const scalar = (number: bigint): Bytes =>
  Uint8Array.from({ length: 32 }, (_, at) => Number((number >> BigInt(8 * at)) & 255n));
