// Issuance from the client's side (spec/tokens.md §2.3), in slices: `pause` is awaited between any two elements.

import { ascii, type Bytes, concat, digest, u16, u32 } from "../bytes.js";
import { hashToGroup, hashToScalar, readElement, readScalar, separator } from "./group.js";
import { type Element, generator, invertScalar, littleEndian, modulo, weightedSum } from "./ristretto.js";

/** What a batch is issued for. */
export interface Issuance {
  readonly publisher: number;
  readonly epoch: number;
  readonly publicKey: Bytes;
  /** The directory's chain value at this epoch. */
  readonly chain: Bytes;
}

/** The random part of one token. */
export interface Draw {
  readonly nonce: Bytes;
  readonly blind: bigint;
}

/** A batch that was asked for. Its secrets stay; only `request` travels. */
export interface Pending {
  readonly request: Bytes;
  readonly issuance: Issuance;
  readonly draws: readonly Draw[];
  readonly inputs: readonly Bytes[];
  readonly blinded: readonly Element[];
}

/** Lets the page breathe between two slices of work. */
export type Pause = () => Promise<unknown>;

const VERSION_AND_SUITE = [1, 1];
const TOKEN_TYPE = 0x5441;
const ELEMENT_LENGTH = 32;
const PROOF_LENGTH = 64;

export function draw(): Draw {
  const random = crypto.getRandomValues(new Uint8Array(96));
  const blind = modulo(littleEndian(random.subarray(32)));
  return blind ? { nonce: random.slice(0, 32), blind } : draw();
}

/** Blind: B = r·HashToGroup(input) for each draw. */
export async function blind(issuance: Issuance, draws: readonly Draw[], pause: Pause): Promise<Pending> {
  const { publisher, epoch, publicKey, chain } = issuance;
  const context = await digest("SHA-256", ascii("tacita/context/v1"), u32(publisher), u32(epoch), chain);
  const keyId = await digest("SHA-256", publicKey);
  const inputs = draws.map(({ nonce }) => concat(u16(TOKEN_TYPE), nonce, context, keyId));
  const blinded: Element[] = [];
  for (const [at, input] of inputs.entries()) {
    await pause();
    blinded.push((await hashToGroup(input)).multiply(draws[at]!.blind));
  }
  return { request: concat(...blinded.map((element) => element.encode())), issuance, draws, inputs, blinded };
}

/** Verifies the proof, then finalizes: all tokens, or a rejection. A token is 106 bytes: header ‖ PRF output. */
export async function finish(pending: Pending, response: Bytes, pause: Pause): Promise<Bytes[]> {
  const { issuance, draws, inputs } = pending;
  const count = draws.length;
  if (response.length !== count * ELEMENT_LENGTH + PROOF_LENGTH) throw new Error("length");
  const info = concat(ascii("tacita/publisher/v1"), u32(issuance.publisher));
  const evaluated: Element[] = [];
  for (let at = 0; at < count; at++) {
    await pause();
    evaluated.push(readElement(elementAt(response, at)) ?? refuse());
  }
  const tweaked = await tweakedKey(issuance.publicKey, info);
  await verify(tweaked, evaluated, response, pending, pause);

  const tokens: Bytes[] = [];
  for (const [at, input] of inputs.entries()) {
    await pause();
    const { nonce, blind } = draws[at]!;
    const unblinded = evaluated[at]!.multiply(invertScalar(blind)).encode();
    const output = await digest("SHA-512", framed(input), framed(info), framed(unblinded), ascii("Finalize"));
    tokens.push(concat(VERSION_AND_SUITE, u32(issuance.publisher), u32(issuance.epoch), nonce, output));
  }
  return tokens;
}

/** pk + m·G, the key that this publisher's tokens are evaluated under. */
async function tweakedKey(publicKey: Bytes, info: Bytes): Promise<Element> {
  const m = await hashToScalar(ascii("Info"), framed(info));
  const tweaked = (readElement(publicKey) ?? refuse()).add(generator().multiply(m));
  return tweaked.isZero() ? refuse() : tweaked;
}

/** VerifyProof (RFC 9497 §2.2.2), for the one key of all elements. Elements are hashed as they came. */
async function verify(
  key: Element,
  evaluated: readonly Element[],
  response: Bytes,
  { blinded, request }: Pending,
  pause: Pause,
): Promise<void> {
  const proof = response.subarray(request.length);
  const [c, s] = [proof.subarray(0, 32), proof.subarray(32)].map((bytes) => readScalar(bytes) ?? refuse()) as [
    bigint,
    bigint,
  ];
  const keyBytes = framed(key.encode());
  const seed = framed(await digest("SHA-512", keyBytes, framed(separator("Seed-"))));
  const weights = await Promise.all(
    evaluated.map((_, at) =>
      hashToScalar(seed, u16(at), framed(elementAt(response, at)), framed(elementAt(request, at)), ascii("Composite")),
    ),
  );
  const m = await weightedSum(evaluated, weights, pause);
  const z = await weightedSum(blinded, weights, pause);
  await pause();
  const t2 = await weightedSum([generator(), key], [s, c], pause);
  const t3 = await weightedSum([m, z], [s, c], pause);
  const transcript = [m, z, t2, t3].map((element) => framed(element.encode()));
  if ((await hashToScalar(keyBytes, ...transcript, ascii("Challenge"))) !== c) refuse();
}

const elementAt = (bytes: Bytes, at: number): Bytes => bytes.slice(at * ELEMENT_LENGTH, (at + 1) * ELEMENT_LENGTH);

/** `u16(length) ‖ bytes`. */
const framed = (bytes: Uint8Array): Bytes => concat(u16(bytes.length), bytes);

function refuse(): never {
  throw new Error("refused");
}
