import assert from "node:assert/strict";
import { test } from "node:test";
import { ristretto255, ristretto255_hasher } from "@noble/curves/ed25519.js";
import { fromHex, toHex } from "../../sdk/src/bytes.js";
import { seal } from "../../sdk/src/tokens/envelope.js";
import { hashToGroup } from "../../sdk/src/tokens/group.js";
import { blind, draw, finish } from "../../sdk/src/tokens/pending.js";
import { Element, generator, invertScalar, littleEndian, modulo, ORDER } from "../../sdk/src/tokens/ristretto.js";
import { vectors } from "./vectors.js";

const bytes = (text: string) => fromHex(text)!;
const noPause = async () => {};

for (const [at, wanted] of vectors("tokens").vectors.entries()) {
  const issuance = {
    publisher: wanted.publisher,
    epoch: wanted.epoch,
    publicKey: bytes(wanted.public_key),
    chain: bytes(wanted.chain),
  };
  const draws = wanted.nonces.map((nonce, at) => ({
    nonce: bytes(nonce),
    blind: littleEndian(bytes(wanted.blinds[at]!)),
  }));

  test(`issuance ${at}: request, tokens and envelopes are Rust's to the byte`, async () => {
    const pending = await blind(issuance, draws, noPause);
    assert.deepEqual(pending.inputs.map(toHex), wanted.inputs);
    assert.equal(toHex(pending.request), wanted.request);
    const tokens = await finish(pending, bytes(wanted.response), noPause);
    assert.deepEqual(tokens.map(toHex), wanted.tokens);
    const sealed = await Promise.all(tokens.map((token, at) => seal(token, bytes(wanted.payloads[at]!))));
    assert.deepEqual(sealed.map(toHex), wanted.envelopes);
  });

  test(`issuance ${at}: a response with any bit changed is refused whole`, async () => {
    const pending = await blind(issuance, draws, noPause);
    const response = bytes(wanted.response);
    const step = Math.max(1, Math.floor(response.length / 16));
    for (let byte = 0; byte < response.length; byte += step) {
      const changed = response.slice();
      changed[byte]! ^= 1 << (byte % 8);
      await assert.rejects(finish(pending, changed, noPause), `byte ${byte}`);
    }
    await assert.rejects(finish(pending, response.slice(0, -1), noPause));
    await assert.rejects(
      finish({ ...pending, issuance: { ...issuance, publisher: issuance.publisher + 1 } }, response, noPause),
    );
  });
}

const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));
const { Point } = ristretto255;

test("the group is noble's: derivation, addition, multiplication, encoding", () => {
  for (let round = 0; round < 60; round++) {
    const [a, b] = [random(64), random(64)];
    // Scalars at the edges too.
    const scalar = [0n, 1n, ORDER - 1n, 15n, 1n << 252n][round] ?? modulo(littleEndian(random(64)));
    const ours = [Element.derive(a), Element.derive(b)] as const;
    const theirs = [ristretto255_hasher.deriveToCurve!(a), ristretto255_hasher.deriveToCurve!(b)] as const;
    assert.equal(toHex(ours[0].encode()), theirs[0].toHex());
    assert.equal(toHex(ours[0].add(ours[1]).encode()), theirs[0].add(theirs[1]).toHex());
    assert.equal(toHex(ours[0].add(ours[0]).encode()), theirs[0].double().toHex());
    const product = scalar === 0n ? Point.ZERO : theirs[0].multiplyUnsafe(modulo(scalar));
    assert.equal(toHex(ours[0].multiply(scalar).encode()), product.toHex());
    if (scalar) assert.equal(modulo(invertScalar(modulo(scalar)) * scalar), 1n);
    assert.equal(toHex(Element.decode(theirs[1].toBytes())!.encode()), theirs[1].toHex());
  }
  for (const edge of [new Uint8Array(64), new Uint8Array(64).fill(255), new Uint8Array(64).fill(1)]) {
    assert.equal(toHex(Element.derive(edge).encode()), ristretto255_hasher.deriveToCurve!(edge).toHex());
  }
  assert.equal(toHex(generator().encode()), Point.BASE.toHex());
  assert.ok(Element.ZERO.isZero() && generator().multiply(ORDER).isZero() && !generator().isZero());
});

test("decoding refuses what noble refuses", () => {
  let refused = 0;
  // Small numbers and those just below 2²⁵⁵ are where encodings are not canonical.
  const edges = Array.from({ length: 300 }, (_, n) => {
    const bytes = new Uint8Array(32).fill(n < 150 ? 0 : 255);
    if (n >= 150) bytes[31] = 127;
    bytes[0] = n < 150 ? n : 255 - (n - 150);
    return bytes;
  });
  for (const bytes of [...edges, ...Array.from({ length: 300 }, () => random(32))]) {
    const theirs = (() => {
      try {
        return Point.fromBytes(bytes).toHex();
      } catch {
        return undefined;
      }
    })();
    const ours = Element.decode(bytes);
    assert.equal(ours && toHex(ours.encode()), theirs, toHex(bytes));
    refused += +(theirs === undefined);
  }
  assert.ok(refused > 300);
  assert.equal(Element.decode(new Uint8Array(31)), undefined);
});

test("the published POPRF vectors hold for the hashes", async () => {
  // RFC 9497, appendix A.1.3: blinded = blind · HashToGroup(input), whatever the info.
  for (const { input, blind, blindedElement } of vectors("tokens-rfc9497-poprf").vectors) {
    for (const at of input.keys()) {
      const blinded = (await hashToGroup(bytes(input[at]!))).multiply(littleEndian(bytes(blind[at]!)));
      assert.equal(toHex(blinded.encode()), blindedElement[at]);
    }
  }
});

test("draws are all different", () => {
  const nonces = new Set(Array.from({ length: 100 }, () => toHex(draw().nonce)));
  assert.equal(nonces.size, 100);
});
