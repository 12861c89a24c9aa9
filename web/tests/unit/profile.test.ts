// What a device remembers of its own sharing, and what of it is told (spec/device.md §6).

import assert from "node:assert/strict";
import { test } from "node:test";
import { arrived, cellFor } from "../../sdk/src/device/occurrence.js";
import { forgetSharing, profileBefore, rememberShare, sharingLines } from "../../sdk/src/device/sharing.js";
import { answer } from "../../sdk/src/device/slots.js";
import { newState } from "../../sdk/src/device/state.js";
import { chooseMechanism } from "../../sdk/src/dp/mechanism.js";
import { CHANNELS, channelByName } from "../../sdk/src/protocol/channel.js";
import type { Event, Manifest, Measure } from "../../sdk/src/protocol/manifest.js";
import { PROFILES, withShareTo } from "../../sdk/src/protocol/profile.js";
import { vectors } from "./vectors.js";

const measure = (id: number, event: Event, windowSeconds: number): Measure => ({
  id,
  campaign: 5,
  name: `measure-${id}`,
  event,
  bySession: false,
  dimensions: [{ name: "profile", labels: PROFILES }],
  epsilonMicro: 1_000_000,
  windowSeconds,
  mechanism: chooseMechanism(5, 1_000_000),
});

const manifest = (...measures: Measure[]): Manifest => ({
  bytes: new Uint8Array(),
  revision: 1,
  epochs: [],
  measures,
  campaigns: [
    { id: 5, brand: 9, name: "spring", attributionSeconds: 60, reportMicro: 20_000_000, deviceMicro: 2_500_000 },
  ],
  tokenBatch: 8,
  ledgerBoundMicro: 2_500_000,
});

const DAY = 86_400;
const NOON = 20_000 * DAY + DAY / 2;
const whatsapp = channelByName("whatsapp")!;

test("profiles are those of the vectors", () => {
  for (const { name, window_seconds, steps } of vectors("profile").vectors) {
    const asking = manifest(...window_seconds.map((seconds, at) => measure(at, "sharer-profile", seconds)));
    const state = newState();
    for (const { at, share, profiles, remembered } of steps) {
      if (share) rememberShare(state, channelByName(share)!, asking, at);
      if (profiles)
        assert.deepEqual(
          asking.measures.map((one) => profileBefore(state, one, at)),
          profiles,
          `${name}, at ${at}`,
        );
      if (remembered) {
        const lines = sharingLines(state, at).map(({ from, to, profile }) => [from, to, profile] as const);
        const inOrder = lines.sort((one, other) => one[0] - other[0] || one[1] - other[1]);
        assert.deepEqual(inOrder, remembered, `${name}, at ${at}`);
      }
    }
  }
});

test("every channel that one shares to sets one bit, but the share sheet and a copied link", () => {
  const silent = CHANNELS.filter((channel) => channel.isShareTarget && !withShareTo(0, channel));
  assert.deepEqual(
    silent.map(({ name }) => name),
    ["native", "copy"],
  );
  assert.equal(PROFILES[withShareTo(withShareTo(0, whatsapp), channelByName("facebook")!)], "both");
});

test("nothing is kept that no measure asks for, or longer than the window after", () => {
  const state = newState();
  rememberShare(state, whatsapp, manifest(measure(1, "share", DAY)), NOON);
  assert.deepEqual(state.sharing, []);
  const asking = manifest(measure(1, "sharer-profile", DAY));
  rememberShare(state, whatsapp, asking, NOON);
  forgetSharing(state, asking, NOON + DAY);
  assert.equal(state.sharing.length, 1);
  forgetSharing(state, asking, NOON + 2 * DAY);
  assert.deepEqual(state.sharing, []);
  rememberShare(state, whatsapp, asking, NOON);
  forgetSharing(state, manifest(measure(1, "sharer-profile", 3_600)), NOON);
  assert.deepEqual(state.sharing, []);
});

test("the first session of a window tells the window before; a spent ledger tells none, all the same", () => {
  const asking = manifest(measure(1, "sharer-profile", DAY));
  const state = newState();
  const epoch = { epoch: 1, publicKey: new Uint8Array(), chain: new Uint8Array(), startsAt: 0, endsAt: 0, closesAt: 0 };
  const sessionAt = (now: number) => {
    const arrival = { channel: channelByName("direct")!, grade: "direct" as const };
    return answer(state, { manifest: asking, epoch, now }, arrived(arrival, state, now)).map(({ cell, exhausted }) => [
      cell,
      exhausted,
    ]);
  };
  const cellOfLabel = (profile: string) => cellFor({ labels: { profile } }, asking.measures[0]!);
  assert.deepEqual(sessionAt(NOON), [[cellOfLabel("neither"), false]]);
  rememberShare(state, whatsapp, asking, NOON);
  assert.deepEqual(sessionAt(NOON + 60), [], "once per window");
  assert.deepEqual(sessionAt(NOON + DAY), [[cellOfLabel("private-only"), false]]);
  rememberShare(state, whatsapp, asking, NOON + DAY);
  assert.deepEqual(sessionAt(NOON + 2 * DAY), [[0, true]]);
  assert.deepEqual(
    state.closing.map(({ ordinal }) => ordinal),
    [0, 0, 0],
  );
});
