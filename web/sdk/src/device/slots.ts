// Slots: opened before their value is known, paid for, closed with exactly one report (spec/device.md §3–4).

import { type Bytes, concat, u32, u64 } from "../bytes.js";
import { charge, type Spent } from "../dp/ledger.js";
import { randomize } from "../dp/mechanism.js";
import { memoWords } from "../dp/memo.js";
import { NONE } from "../protocol/domain.js";
import { type Epoch, isOncePerWindow, type Manifest, type Measure } from "../protocol/manifest.js";
import { cellFor, type OccurrenceOf } from "./occurrence.js";
import { type DeviceState, hasRoom, type OpenSlot } from "./state.js";

/** How long after its window's end a report is still worth sending. */
const MAX_AGE_SECONDS = 2 * 86_400;

/** How long a slot count outlives its window: a clock that is set back a day repeats no ordinal. */
const COUNT_KEPT_SECONDS = 86_400;

/** At most so often a budget begins anew, however short the epochs are. */
const BUDGET_SECONDS = 6 * 86_400;

/** The circumstances in which a slot opens. */
export interface Moment {
  readonly manifest: Manifest;
  readonly epoch: Epoch;
  /** Unix seconds. */
  readonly now: number;
}

/** Answers, now, the measures that hear of what happened, in the manifest's order. */
export function answer(state: DeviceState, moment: Moment, occurrenceOf: OccurrenceOf): OpenSlot[] {
  const opened: OpenSlot[] = [];
  for (const measure of moment.manifest.measures) {
    const occurrence = measure.bySession && isClosedWithSession(measure) ? undefined : occurrenceOf(measure);
    if (!occurrence || isCountedAlready(state, measure, moment.now)) continue;
    const slot = openSlot(state, moment, measure);
    if (!slot.exhausted) slot.cell = cellFor(occurrence, measure);
    opened.push(slot);
  }
  state.closing.push(...opened);
  return opened;
}

/** Opens the session slots, with the value `none`. */
export const openSessionSlots = (state: DeviceState, moment: Moment): OpenSlot[] =>
  moment.manifest.measures.filter(isClosedWithSession).map((measure) => openSlot(state, moment, measure));

/**
 * Puts what happened into open session slots; the last one stands. What was sealed ahead for another value is void,
 * with its token.
 */
export function note(slots: OpenSlot[], { measures }: Manifest, occurrenceOf: OccurrenceOf): void {
  for (const slot of slots) {
    const measure = measures.find(({ id }) => id === slot.measure);
    const occurrence = measure && occurrenceOf(measure);
    const cell = occurrence && !slot.exhausted ? cellFor(occurrence, measure!) : slot.cell;
    if (cell !== slot.cell) delete slot.draft;
    slot.cell = cell;
  }
}

/**
 * The report of a slot, 16 bytes; undefined if its measure was withdrawn. The same slot and cell give the same report.
 */
export async function report(slot: OpenSlot, manifest: Manifest, secret: Bytes): Promise<Bytes | undefined> {
  const measure = manifest.measures.find(({ id }) => id === slot.measure);
  if (!measure) return undefined;
  const words = await memoWords(secret, slot.measure, slot.window, slot.ordinal, slot.cell);
  return concat(u32(slot.measure), u32(slot.window), u64(randomize(measure.mechanism, slot.cell, words)));
}

export const isSameSlot = (one: OpenSlot, other: OpenSlot): boolean =>
  one.measure === other.measure && one.window === other.window && one.ordinal === other.ordinal;

const isClosedWithSession = ({ bySession, event }: Measure) => bySession && event !== "arrival";

function openSlot(state: DeviceState, { manifest, epoch, now }: Moment, measure: Measure): OpenSlot {
  if (!hasRoom(state, 1, now)) throw new Error("full");
  const chargedEpoch = beginEpoch(state, epoch);
  const window = Math.floor(now / measure.windowSeconds);
  const ordinal = nextOrdinal(state, measure, window, now);
  const exhausted = !pay(state, manifest, measure, chargedEpoch);
  return {
    measure: measure.id,
    window,
    ordinal,
    exhausted,
    cell: NONE,
    expiresAt: endOf(measure, window) + MAX_AGE_SECONDS,
  };
}

const endOf = ({ windowSeconds }: Measure, window: number) => (window + 1) * windowSeconds;

/** Measures of devices are answered once per window. */
const isCountedAlready = ({ counts }: DeviceState, { event, id, windowSeconds }: Measure, now: number) =>
  isOncePerWindow(event) &&
  counts.some(({ measure, window }) => measure === id && window === Math.floor(now / windowSeconds));

function nextOrdinal(state: DeviceState, measure: Measure, window: number, now: number): number {
  state.counts = state.counts.filter(({ forgetAt }) => forgetAt > now);
  const counted = state.counts.find((count) => count.measure === measure.id && count.window === window);
  if (counted) return counted.opened++;
  state.counts.push({ measure: measure.id, window, opened: 1, forgetAt: endOf(measure, window) + COUNT_KEPT_SECONDS });
  return 0;
}

/**
 * The epoch to charge: with the first slot of a new one, the secret is drawn anew and older expenses are forgotten. It
 * never goes back, so that a clock that does cannot spend a forgotten budget again; and what was spent goes on into an
 * epoch that begins too soon, so that many short epochs mint no budgets.
 */
function beginEpoch(state: DeviceState, { epoch, startsAt }: Epoch): number {
  if (state.secret && state.secret.epoch >= epoch) return state.secret.epoch;
  state.secret = { epoch, bytes: crypto.getRandomValues(new Uint8Array(32)) };
  if (startsAt < state.budgetSince + BUDGET_SECONDS) {
    state.ledger = state.ledger.map((spent) => ({ ...spent, epoch }));
    state.spentThrough &&= epoch;
  } else Object.assign(state, { ledger: [], budgetSince: startsAt });
  return epoch;
}

/** Charges a slot to its brand's budget and to its campaign's; false, and nothing is charged, if one is exhausted. */
function pay(state: DeviceState, { campaigns, ledgerBoundMicro }: Manifest, measure: Measure, epoch: number): boolean {
  const campaign = campaigns.find(({ id }) => id === measure.campaign);
  if (!campaign || epoch <= state.spentThrough) return false;
  const micro = measure.epsilonMicro;
  const pays = (ledger: Spent[]) =>
    charge(ledger, ledgerBoundMicro, [{ querier: campaign.brand, epoch, micro }]) &&
    charge(ledger, campaign.deviceMicro, [{ querier: `c${campaign.id}`, epoch, micro }]);
  return pays(state.ledger.map((spent) => ({ ...spent }))) && pays(state.ledger);
}
