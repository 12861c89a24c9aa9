// Who pays for a slot, and when a budget begins anew (spec/device.md §3).

import assert from "node:assert/strict";
import { test } from "node:test";
import { answer } from "../../sdk/src/device/slots.js";
import { type DeviceState, newState } from "../../sdk/src/device/state.js";
import { chooseMechanism } from "../../sdk/src/dp/mechanism.js";
import type { Campaign, Manifest, Measure } from "../../sdk/src/protocol/manifest.js";

const DAY = 86_400;
const START = 20_000 * DAY;

const share: Measure = {
  id: 1,
  campaign: 5,
  name: "shares",
  event: "share",
  bySession: false,
  dimensions: [{ name: "channel", labels: ["whatsapp", "other"], catalogue: undefined }],
  epsilonMicro: 1_000_000,
  windowSeconds: DAY,
  mechanism: chooseMechanism(3, 1_000_000),
};

const campaign = (deviceMicro: number): Campaign => ({
  id: 5,
  brand: 9,
  name: "spring",
  attributionSeconds: DAY,
  reportMicro: 6_000_000,
  deviceMicro,
});

/** Opens a slot in an epoch of a day; says whether its budget was spent. */
function exhausted(state: DeviceState, day: number, { bound = 2_500_000, own = 8_000_000 } = {}): boolean {
  const bytes = new Uint8Array(32);
  const startsAt = START + day * DAY;
  const epoch = {
    epoch: day + 1,
    publicKey: bytes,
    chain: bytes,
    startsAt,
    endsAt: startsAt + DAY,
    closesAt: startsAt + DAY,
  };
  const manifest: Manifest = {
    bytes,
    revision: 1,
    epochs: [epoch],
    measures: [share],
    campaigns: [campaign(own)],
    tokenBatch: 8,
    ledgerBoundMicro: bound,
  };
  const [slot] = answer(state, { manifest, epoch, now: startsAt + 60 }, () => ({ labels: { channel: "whatsapp" } }));
  return slot!.exhausted;
}

test("many short epochs bring no new budgets", () => {
  const state = newState();
  const day = (number: number) => [1, 2, 3].map(() => exhausted(state, number));
  assert.deepEqual(day(0), [false, false, true]);
  for (let number = 1; number < 6; number++) assert.deepEqual(day(number), [true, true, true], `day ${number}`);
  assert.deepEqual(day(6), [false, false, true], "six days after it last began anew");
});

test("a campaign has a budget within its brand's, and a slot is paid out of both or of none", () => {
  const state = newState();
  assert.deepEqual(
    [1, 2].map(() => exhausted(state, 0, { bound: 9_000_000, own: 1_000_000 })),
    [false, true],
  );
  assert.deepEqual(
    state.ledger.map(({ querier, micro }) => [querier, micro]),
    [
      [9, 1_000_000],
      ["c5", 1_000_000],
    ],
  );
});
