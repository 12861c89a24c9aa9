// What the bench measures, in whatever runtime it is loaded: the SDK's own functions on a batch of the default size, beside
// @noble/curves' POPRF doing the same, and beside the browser's own primitives where nothing else is needed.

import { ristretto255_oprf } from "@noble/curves/ed25519.js";
import { ascii, type Bytes, concat, fromHex, toHex, u32 } from "../sdk/src/bytes.js";
import { idlePause } from "../sdk/src/device/idle.js";
import { seal } from "../sdk/src/tokens/envelope.js";
import { blind, draw, finish, type Issuance, type Pending } from "../sdk/src/tokens/pending.js";

export interface Vector {
  publisher: number;
  epoch: number;
  epoch_key: string;
  public_key: string;
  chain: string;
  payloads: string[];
}

/** µs for each token: ours, the peers', and what the runtime's primitives need at the least. */
export interface Figure {
  value: number;
  peers: Record<string, number>;
  floor: number | null;
}

/** The default `token-batch`. */
const BATCH = 32;
/** What a page that fetches half a batch ahead is said to need. */
const SLICED = 16;
const ROUNDS = 7;
const noPause = async () => {};
const bytes = (text: string): Bytes => fromHex(text)!;

export async function measure(vector: Vector) {
  const { publisher, epoch, epoch_key, public_key, chain } = vector;
  const issuance = { publisher, epoch, publicKey: bytes(public_key), chain: bytes(chain) };
  const poprf = ristretto255_oprf.poprf(concat(ascii("tacita/publisher/v1"), u32(publisher)));
  const draws = Array.from({ length: BATCH }, draw);
  let pending = await blind(issuance, draws, noPause);
  const elements = (of: Bytes) => Array.from({ length: BATCH }, (_, at) => of.slice(32 * at, 32 * at + 32));
  const { evaluated, proof } = poprf.blindEvaluateBatch(bytes(epoch_key), elements(pending.request));
  const response = concat(...evaluated, proof);
  let tokens: Bytes[] = [];
  const ours = {
    blind: await median(async () => void (pending = await blind(issuance, draws, noPause))),
    finalize: await median(async () => void (tokens = await finish(pending, response, noPause))),
    seal: await median(async () => {
      for (const token of tokens) await seal(token, bytes(vector.payloads[0]!));
    }),
  };

  // Like for like: the tweaked key, which noble works out for each element, is had once; the same request, the same answer.
  const { tweakedKey } = poprf.blind(pending.inputs[0]!, issuance.publicKey);
  const blinded = elements(pending.request);
  const items = pending.inputs.map((input, at) => ({
    input,
    blind: scalar(draws[at]!.blind),
    evaluated: evaluated[at]!,
    blinded: blinded[at]!,
  }));
  let outputs: Uint8Array[] = [];
  const noble = {
    blind: await median(async () => pending.inputs.forEach((input) => void ristretto255_oprf.voprf.blind(input))),
    finalize: await median(async () => void (outputs = poprf.finalizeBatch(items, proof, tweakedKey))),
  };
  if (tokens.some((token, at) => toHex(token.slice(42)) !== toHex(outputs[at]!)))
    throw new Error("noble's outputs differ");
  const figures: Record<"blind" | "finalize" | "seal", Figure> = {
    blind: { value: ours.blind, peers: { "noble-curves": noble.blind }, floor: null },
    finalize: { value: ours.finalize, peers: { "noble-curves": noble.finalize }, floor: null },
    seal: { value: ours.seal, peers: {}, floor: await median(primitives) },
  };
  return { figures, page: await onPage(issuance, bytes(epoch_key)) };
}

const scalar = (number: bigint): Uint8Array =>
  Uint8Array.from({ length: 32 }, (_, at) => Number((number >> BigInt(8 * at)) & 255n));

/** µs for each token of a batch. */
async function median(work: () => Promise<void>): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const begun = performance.now();
    await work();
    times.push((1000 * (performance.now() - begun)) / BATCH);
  }
  return times.sort((a, b) => a - b)[ROUNDS >> 1]!;
}

/** The calls of WebCrypto that sealing consists of: one hash, two MACs, one encryption, three keys. */
async function primitives(): Promise<void> {
  const { subtle } = crypto;
  const data = new Uint8Array(64);
  for (let n = 0; n < BATCH; n++) {
    await subtle.digest("SHA-256", data);
    for (const hash of ["SHA-512", "SHA-256"]) {
      const key = await subtle.importKey("raw", data, { name: "HMAC", hash }, false, ["sign"]);
      await subtle.sign("HMAC", key, data);
    }
    const key = await subtle.importKey("raw", data.slice(32), "AES-GCM", false, ["encrypt"]);
    await subtle.encrypt({ name: "AES-GCM", iv: data.slice(52), additionalData: data }, key, data.slice(48));
  }
}

/** What 16 tokens cost a page's thread, as it gets them: busy ms in all, and the longest slice between two pauses. */
async function onPage(issuance: Issuance, epochKey: Bytes) {
  const poprf = ristretto255_oprf.poprf(concat(ascii("tacita/publisher/v1"), u32(issuance.publisher)));
  const idle = idlePause();
  let [busy, longest, begun] = [0, 0, performance.now()];
  // Between two pauses the thread is ours, but for the time in which WebCrypto's threads hash.
  const pause = async () => {
    const slice = performance.now() - begun;
    [busy, longest] = [busy + slice, Math.max(longest, slice)];
    await idle();
    begun = performance.now();
  };
  const pending: Pending = await blind(issuance, Array.from({ length: SLICED }, draw), pause);
  await pause();
  const blinded = Array.from({ length: SLICED }, (_, at) => pending.request.slice(32 * at, 32 * at + 32));
  const { evaluated, proof } = poprf.blindEvaluateBatch(epochKey, blinded);
  begun = performance.now();
  await finish(pending, concat(...evaluated, proof), pause);
  await pause();
  return { tokens: SLICED, busy, longest };
}
