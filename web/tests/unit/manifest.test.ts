// What is taken for a manifest, and what may follow it (spec/manifest.md, spec/device.md §2).

import assert from "node:assert/strict";
import { test } from "node:test";
import { ascii, type Bytes, concat, digest, u32 } from "../../sdk/src/bytes.js";
import type { Context } from "../../sdk/src/device/context.js";
import { refreshManifest, rememberManifest } from "../../sdk/src/device/refresh.js";
import { newState } from "../../sdk/src/device/state.js";
import type { Storage } from "../../sdk/src/device/storage.js";
import {
  cataloguesOf,
  follows,
  type SignedManifest,
  verifyDirectory,
  verifyManifest,
} from "../../sdk/src/protocol/manifest.js";
import { numbersOf, readFields, writeField } from "../../sdk/src/protocol/protobuf.js";

const { privateKey, publicKey } = (await crypto.subtle.generateKey("Ed25519", true, [
  "sign",
  "verify",
])) as CryptoKeyPair;
const key = new Uint8Array(await crypto.subtle.exportKey("raw", publicKey));

const message = (...fields: [number, number | string | Bytes][]): Bytes =>
  concat(...fields.map(([at, value]) => writeField(at, value)));

const publicKeyOf = (epoch: number): Bytes => new Uint8Array(32).fill(epoch);
const chainAfter = (chain: Bytes, epoch: number): Promise<Bytes> =>
  digest("SHA-256", ascii("tacita/directory/v1"), chain, u32(epoch), publicKeyOf(epoch));

/** The chain values of epochs 1 to 9. */
const CHAIN: Bytes[] = [new Uint8Array(32)];
for (let epoch = 1; epoch < 10; epoch++) CHAIN.push(await chainAfter(CHAIN[epoch - 1]!, epoch));

const epochEntry = (epoch: number): Bytes =>
  message(
    [1, epoch],
    [2, publicKeyOf(epoch)],
    [3, CHAIN[epoch]!],
    [4, 100 * epoch],
    [5, 100 * epoch + 100],
    [6, 100 * epoch + 150],
  );

const labelled = (name: string, ...labels: string[]): Bytes =>
  message([1, name], ...labels.map((label): [number, string] => [2, label]));
const catalogue = (contents: number, tail: number, length = 32): Bytes =>
  message([1, new Uint8Array(length)], [2, contents], [3, tail]);

const measure = (event: number, ...dimensions: Bytes[]): Bytes =>
  message(
    [1, 1],
    [2, 5],
    [3, "a-measure"],
    [4, event],
    [5, 1],
    ...dimensions.map((one): [number, Bytes] => [6, one]),
    [7, 1_000_000],
    [8, 86_400],
  );

interface Parts {
  version?: number;
  publisher?: number;
  revision?: number;
  epochs?: Bytes[];
  measures?: Bytes[];
  campaignPolicy?: [number, Bytes][];
  bound?: number;
}

function manifest({
  version = 1,
  publisher = 7,
  revision = 3,
  epochs = [1, 2].map(epochEntry),
  measures = [],
  campaignPolicy = [[30, message([1, 6_000_000], [2, 8_000_000])]],
  bound = 8_000_000,
}: Parts = {}): Bytes {
  const campaign = message([1, 5], [2, 9], [3, "spring"], [4, 604_800], ...campaignPolicy);
  const many = (at: number, values: Bytes[]) => values.map((value): [number, Bytes] => [at, value]);
  const policy = message([1, 32], [2, bound]);
  return message(
    [1, version],
    [2, publisher],
    [3, revision],
    ...many(4, epochs),
    ...many(5, measures),
    [6, campaign],
    [7, policy],
  );
}

async function sign(bytes: Bytes, by = privateKey): Promise<SignedManifest> {
  const signed = concat(ascii("tacita/manifest/v1"), bytes);
  return { manifest: bytes, signature: new Uint8Array(await crypto.subtle.sign("Ed25519", by, signed)) };
}

const verified = async (bytes: Bytes) => verifyManifest(await sign(bytes), key, 7);

const CHANNEL = labelled("channel", "whatsapp", "other");
const SHARE = 3;
const CONTENT_SHARE = 5;
const SHARER_PROFILE = 6;

test("a signed manifest is taken, and one with any byte of it or of its signature changed is not", async () => {
  const { manifest: bytes, signature } = await sign(manifest({ measures: [measure(SHARE, CHANNEL)] }));
  assert.equal((await verifyManifest({ manifest: bytes, signature }, key, 7)).measures[0]!.mechanism.cells, 3);
  for (let at = 0; at < bytes.length; at += 7) {
    const changed = bytes.slice();
    changed[at]! ^= 1;
    await assert.rejects(verifyManifest({ manifest: changed, signature }, key, 7), `byte ${at}`);
  }
  await assert.rejects(verifyManifest({ manifest: bytes, signature: signature.map((byte) => byte ^ 1) }, key, 7));
  await assert.rejects(verifyManifest({ manifest: bytes, signature: signature.slice(1) }, key, 7));
  await assert.rejects(verifyManifest({ manifest: bytes, signature }, new Uint8Array(32).fill(1), 7));
});

test("another version, another publisher, a broken chain, a measure of nothing are refused", async () => {
  const refused = {
    version: manifest({ version: 2 }),
    publisher: manifest({ publisher: 8 }),
    "an epoch left out": manifest({ epochs: [1, 3].map(epochEntry) }),
    "an epoch twice": manifest({ epochs: [1, 1].map(epochEntry) }),
    "no event": manifest({ measures: [measure(0, CHANNEL)] }),
    "no dimension": manifest({ measures: [measure(SHARE)] }),
    "no label": manifest({ measures: [measure(SHARE, labelled("channel"))] }),
    "cut short": manifest().slice(0, -1),
  };
  for (const [why, bytes] of Object.entries(refused)) await assert.rejects(verified(bytes), why);
});

test("what a later version adds is passed over, and the rest holds", async () => {
  const bytesOfNew = concat([0x9a, 0x06, 3], ascii("new"));
  const ofLater = concat(measure(SHARE, CHANNEL), writeField(5, 9));
  const taken = await verified(
    concat(
      manifest({ measures: [measure(7, labelled("place")), ofLater, concat(measure(SHARE, CHANNEL), bytesOfNew)] }),
      bytesOfNew,
    ),
  );
  assert.deepEqual(
    taken.measures.map(({ event, bySession }) => [event, bySession]),
    [["share", false]],
  );
});

test("outcomes are read packed or not, whatever their numbers", () => {
  const packed = readFields(message([1, new Uint8Array([1, 99, 0xac, 0x02])]));
  const single = readFields(message([1, 1], [1, 99], [1, 300]));
  for (const fields of [packed, single]) assert.deepEqual(numbersOf(fields, 1), [1, 99, 300]);
  assert.throws(() => numbersOf(readFields(message([1, new Uint8Array([0xac])])), 1));
});

test("a measure that breaks its campaign's policy is left out, and a manifest without one or with an absurd bound is refused", async () => {
  const measures = [measure(SHARE, CHANNEL)];
  const policy = (report: number, device: number): [number, Bytes][] => [[30, message([1, report], [2, device])]];
  const left = async (report: number, device: number) =>
    (await verified(manifest({ measures, campaignPolicy: policy(report, device) }))).measures.length;
  assert.deepEqual(
    [await left(1_000_000, 1_000_000), await left(999_999, 8_000_000), await left(6_000_000, 999_999)],
    [1, 0, 0],
  );
  await assert.rejects(verified(manifest({ campaignPolicy: [] })), "no policy");
  assert.equal((await verified(manifest({ bound: 1e9 }))).ledgerBoundMicro, 1e9);
  await assert.rejects(verified(manifest({ bound: 1e9 + 1 })), "nobody's privacy");
});

test("a measure of contents names them by labels or by a catalogue, of up to 131,071", async () => {
  const over = (named: Bytes, name = "content") => message([1, name], [3, named]);
  const taken = await verified(
    manifest({
      measures: [
        measure(CONTENT_SHARE, CHANNEL, over(catalogue(3, 2))),
        measure(CONTENT_SHARE, labelled("content", "/a")),
      ],
    }),
  );
  assert.deepEqual(
    taken.measures.map(({ event, mechanism }) => [event, mechanism.cells]),
    [
      ["content-share", 11],
      ["content-share", 2],
    ],
  );
  assert.deepEqual(
    cataloguesOf(taken).map(({ contents, tail }) => [contents, tail]),
    [[3, 2]],
  );
  assert.equal(
    (await verified(manifest({ measures: [measure(CONTENT_SHARE, over(catalogue(100_000, 31_071)))] }))).measures[0]!
      .mechanism.cells,
    131_072,
  );
  const refused = {
    "a cell too many": measure(CONTENT_SHARE, over(catalogue(100_000, 31_072))),
    "no content": measure(CONTENT_SHARE, CHANNEL),
    "another name": measure(CONTENT_SHARE, labelled("content", "/a"), over(catalogue(3, 0), "page")),
    "labels too": measure(CONTENT_SHARE, message([1, "content"], [2, "/a"], [3, catalogue(3, 0)])),
    "no digest": measure(CONTENT_SHARE, over(catalogue(3, 0, 31))),
    "an empty catalogue": measure(CONTENT_SHARE, over(catalogue(0, 9))),
  };
  for (const [why, one] of Object.entries(refused)) await assert.rejects(verified(manifest({ measures: [one] })), why);
});

test("a measure of sharers' profiles tells all four apart, and nothing of a visit or a share", async () => {
  const profile = labelled("profile", "neither", "private-only", "public-only", "both");
  const cohort = labelled("cohort", "0", "1");
  const taken = await verified(
    manifest({ measures: [measure(SHARER_PROFILE, profile), measure(SHARER_PROFILE, profile, cohort)] }),
  );
  assert.deepEqual(
    taken.measures.map(({ event, mechanism }) => [event, mechanism.cells]),
    [
      ["sharer-profile", 5],
      ["sharer-profile", 9],
    ],
  );
  const refused = {
    "no profile": measure(SHARER_PROFILE, CHANNEL),
    "one missing": measure(SHARER_PROFILE, labelled("profile", "neither", "private-only", "public-only")),
    "another order": measure(SHARER_PROFILE, labelled("profile", "both", "neither", "private-only", "public-only")),
    "a channel too": measure(SHARER_PROFILE, profile, CHANNEL),
    "by session": concat(measure(SHARER_PROFILE, profile), message([5, 2])),
  };
  for (const [why, one] of Object.entries(refused)) await assert.rejects(verified(manifest({ measures: [one] })), why);
});

test("a manifest is followed by itself or by a larger revision whose directory goes on, and by nothing else", async () => {
  const last = await verified(manifest());
  const offer = async (parts: Parts) => follows(await verified(manifest(parts)), last);
  assert.ok(await offer({}), "itself");
  assert.ok(await offer({ revision: 4, measures: [measure(SHARE, CHANNEL)] }));
  assert.ok(await offer({ revision: 4, epochs: [2, 3].map(epochEntry) }), "the next epoch");
  assert.ok(await offer({ revision: 4, epochs: [8, 9].map(epochEntry) }), "a gap cannot be checked");
  assert.ok(!(await offer({ revision: 2 })), "a smaller revision");
  assert.ok(!(await offer({ measures: [measure(SHARE, CHANNEL)] })), "another manifest of the same revision");
  const forged = message([1, 3], [2, publicKeyOf(3)], [3, publicKeyOf(99)], [4, 300], [5, 400], [6, 450]);
  assert.ok(!(await offer({ revision: 4, epochs: [forged] })), "a chain that does not go on");
  const later = await verified(manifest({ revision: 3, epochs: [3, 4].map(epochEntry) }));
  assert.ok(
    !(await follows(await verified(manifest({ revision: 4, epochs: [epochEntry(2)] })), later)),
    "epochs before all",
  );
});

/** A manifest as collectors made it before campaigns had policies: it no longer verifies. */
const earlier = (parts: Parts = {}) => manifest({ campaignPolicy: [], ...parts });

/** A device that keeps `kept`, in a program that has just been started. */
async function deviceWith(kept: SignedManifest) {
  const state = { ...newState(), manifest: kept };
  const storage: Partial<Storage> = {
    look: async (view) => view(state),
    update: async (change) => change(state),
    keptCatalogues: async () => [],
    dropCatalogues: async () => {},
  };
  let served = kept;
  const transport = { manifest: async () => served };
  const context = { settings: { key, publisher: 7 }, storage, transport } as unknown as Context;
  await rememberManifest(context);
  return {
    context,
    state,
    offer: async (bytes: Bytes) => {
      served = await sign(bytes);
      state.fetchedAt = 0;
      await refreshManifest(context);
      assert.deepEqual(state.manifest, served);
    },
  };
}

test("a manifest that no longer verifies still holds the next one to its revision and its keys", async () => {
  await assert.rejects(verified(earlier()));
  const { context, state, offer } = await deviceWith(await sign(earlier()));
  const kept = state.manifest;
  const inForce = () => context.manifest?.revision;
  assert.equal(inForce(), undefined);
  const forged = (epoch: number) => concat(epochEntry(epoch), message([2, publicKeyOf(99)]));
  const unchained = concat(epochEntry(3), message([3, publicKeyOf(99)]));
  const refused = {
    "an older revision": manifest({ revision: 2 }),
    "another key": manifest({ revision: 4, epochs: [forged(2)] }),
    "another history": manifest({ revision: 4, epochs: [unchained] }),
  };
  for (const [why, bytes] of Object.entries(refused)) {
    await assert.rejects(offer(bytes), /directory/, why);
    assert.deepEqual([state.manifest, inForce()], [kept, undefined], why);
  }
  await offer(manifest());
  assert.equal(inForce(), 3);
  await assert.rejects(offer(manifest({ bound: 1 })), /directory/, "from here on to all of it");
});

test("a manifest whose catalogues are lost, or that another tab has taken, holds the next one to all of it", async () => {
  const content = message([1, "content"], [3, catalogue(3, 0)]);
  const lost = await deviceWith(await sign(manifest({ measures: [measure(CONTENT_SHARE, content)] })));
  assert.equal(lost.context.manifest, undefined);
  await assert.rejects(lost.offer(manifest()), /directory/);

  const tab = await deviceWith(await sign(manifest()));
  tab.state.manifest = await sign(manifest({ revision: 9 }));
  await assert.rejects(tab.offer(manifest({ revision: 8 })), /directory/);
});

test("a directory is read from the publisher's manifest of any version, by who pins the key", async () => {
  const bytes = concat(manifest({ version: 2, campaignPolicy: [] }), message([5, 1], [6, 1]));
  const signed = await sign(bytes);
  const directory = await verifyDirectory(signed, key, 7);
  assert.deepEqual([directory?.bytes, directory?.revision], [undefined, 3]);
  assert.deepEqual(directory?.epochs, (await verified(manifest())).epochs);
  const other = (await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"])) as CryptoKeyPair;
  assert.equal(await verifyDirectory(await sign(bytes, other.privateKey), key, 7), undefined);
  assert.equal(await verifyDirectory(signed, key, 8), undefined);
});
