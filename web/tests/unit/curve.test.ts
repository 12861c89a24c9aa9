// The group held against @noble/curves, an audited implementation that the SDK is too small to carry (spec/web.md §1).

import assert from "node:assert/strict";
import { test } from "node:test";
import { ristretto255, ristretto255_hasher, ristretto255_oprf } from "@noble/curves/ed25519.js";
import { ascii, concat, fromHex, toHex, u32 } from "../../sdk/src/bytes.js";
import { readElement, readScalar } from "../../sdk/src/tokens/group.js";
import { blind, draw, finish } from "../../sdk/src/tokens/pending.js";
import {
  Element,
  generator,
  invertScalar,
  littleEndian,
  modulo,
  ORDER,
  weightedSum,
} from "../../sdk/src/tokens/ristretto.js";

const { Point } = ristretto255;
const noPause = async () => {};
const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));
const randomScalar = () => modulo(littleEndian(random(64)));
const pair = (uniform: Uint8Array) => [Element.derive(uniform), ristretto255_hasher.deriveToCurve!(uniform)] as const;

/** 32 bytes, little-endian. */
const encoded = (number: bigint) =>
  Uint8Array.from({ length: 32 }, (_, at) => Number((number >> BigInt(8 * at)) & 255n));

const nobleDecodes = (bytes: Uint8Array): string | undefined => {
  try {
    return Point.fromBytes(bytes).toHex();
  } catch {
    return undefined;
  }
};

test("2,000 random elements: derivation, encoding, decoding, addition and doubling are noble's", () => {
  const edges = [0, 255, 1, 127].map((byte) => new Uint8Array(64).fill(byte));
  let [sum, theirSum] = [Element.ZERO, Point.ZERO];
  for (let round = 0; round < 2_000; round++) {
    const [ours, theirs] = pair(edges[round] ?? random(64));
    const text = theirs.toHex();
    assert.equal(toHex(ours.encode()), text);
    assert.equal(toHex(Element.decode(theirs.toBytes())!.encode()), text);
    assert.equal(toHex(ours.add(ours).encode()), theirs.double().toHex());
    [sum, theirSum] = [sum.add(ours), theirSum.add(theirs)];
    assert.equal(toHex(sum.encode()), theirSum.toHex());
  }
  assert.equal(toHex(generator().encode()), Point.BASE.toHex());
});

test("400 products, those of scalars at the edges among them, are noble's; so are weighted sums and inverses", async () => {
  const edges = [1n, 2n, 15n, 16n, ORDER - 1n, ORDER - 2n, (1n << 252n) - 1n, 1n << 252n, 1n << 251n];
  for (let round = 0; round < 400; round++) {
    const [ours, theirs] = pair(random(64));
    const scalar = edges[round] ?? randomScalar();
    const product = theirs.multiplyUnsafe(scalar);
    assert.equal(toHex(ours.multiply(scalar).encode()), product.toHex());
    assert.equal(modulo(invertScalar(scalar) * scalar), 1n);
    assert.equal(invertScalar(scalar), Point.Fn.inv(scalar));
  }
  for (let round = 0; round < 20; round++) {
    const terms = Array.from({ length: 1 + (round % 5) }, () => ({ pair: pair(random(64)), scalar: randomScalar() }));
    const sum = await weightedSum(
      terms.map(({ pair }) => pair[0]),
      terms.map(({ scalar }) => scalar),
      noPause,
    );
    const theirs = terms.reduce((sum, { pair, scalar }) => sum.add(pair[1].multiplyUnsafe(scalar)), Point.ZERO);
    assert.equal(toHex(sum.encode()), theirs.toHex());
  }
  assert.ok(Element.ZERO.isZero() && generator().multiply(ORDER).isZero() && generator().multiply(0n).isZero());
  assert.ok(!generator().isZero());
});

test("6,000 encodings, most of them of nothing: what noble refuses is refused, and nothing else", () => {
  const P = 2n ** 255n - 19n;
  const cases: Uint8Array[] = [];
  // Small numbers, and those around p, 2p and 2²⁵⁵, are where an encoding is not the canonical one.
  for (let n = 0n; n < 500n; n++) cases.push(...[n, P - n, P + n, 2n ** 255n - n, 2n ** 255n + n].map(encoded));
  for (let n = 0; n < 1_000; n++) {
    const valid = pair(random(64))[1].toBytes();
    const flipped = valid.slice();
    flipped[n % 32]! ^= 1 << (n % 8);
    const negated = encoded(P - littleEndian(valid));
    const high = valid.slice();
    high[31]! |= 128;
    cases.push(random(32), flipped, negated, high);
  }
  let refused = 0;
  for (const bytes of cases) {
    const theirs = nobleDecodes(bytes);
    const ours = Element.decode(bytes);
    assert.equal(ours && toHex(ours.encode()), theirs, toHex(bytes));
    refused += Number(theirs === undefined);
  }
  assert.ok(cases.length >= 6_000 && refused > 4_000 && refused < cases.length - 300, `${refused} of ${cases.length}`);
  for (const length of [0, 31, 33]) assert.equal(Element.decode(new Uint8Array(length)), undefined);
  assert.equal(readElement(new Uint8Array(32)), undefined, "the identity");
});

test("scalars are read only if they are reduced", () => {
  for (const number of [0n, 1n, ORDER - 1n]) assert.equal(readScalar(encoded(number)), number);
  for (const number of [ORDER, ORDER + 1n, 2n ** 256n - 1n]) assert.equal(readScalar(encoded(number)), undefined);
});

test("noble's POPRF issues tokens that are accepted here, and makes the same of this request and answer", async () => {
  const secretKey = encoded(randomScalar());
  const publicKey = fromHex(Point.BASE.multiply(littleEndian(secretKey)).toHex())!;
  const issuance = { publisher: 7, epoch: 3, publicKey, chain: new Uint8Array(32).fill(9) };
  const pending = await blind(issuance, Array.from({ length: 32 }, draw), noPause);
  const poprf = ristretto255_oprf.poprf(concat(ascii("tacita/publisher/v1"), u32(issuance.publisher)));
  const blinded = pending.inputs.map((_, at) => pending.request.slice(32 * at, 32 * at + 32));
  const { evaluated, proof } = poprf.blindEvaluateBatch(secretKey, blinded);
  const tokens = await finish(pending, concat(...evaluated, proof), noPause);

  const { tweakedKey } = poprf.blind(pending.inputs[0]!, publicKey);
  const items = pending.inputs.map((input, at) => ({
    input,
    blind: encoded(pending.draws[at]!.blind),
    evaluated: evaluated[at]!,
    blinded: blinded[at]!,
  }));
  const outputs = poprf.finalizeBatch(items, proof, tweakedKey);
  assert.deepEqual(
    tokens.map((token) => toHex(token.slice(42))),
    outputs.map(toHex),
  );
  await assert.rejects(finish(pending, concat(...[...evaluated].reverse(), proof), noPause));
});
