import assert from "node:assert/strict";
import { test } from "node:test";
import { fromHex, toHex } from "../../sdk/src/bytes.js";
import { seal } from "../../sdk/src/tokens/envelope.js";
import { hashToGroup } from "../../sdk/src/tokens/group.js";
import { blind, draw, finish } from "../../sdk/src/tokens/pending.js";
import { littleEndian } from "../../sdk/src/tokens/ristretto.js";
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
