// All that a device keeps (spec/device.md §1): one value, changed by one atomic update at a time.

import type { Bytes } from "../bytes.js";
import type { Spent } from "../dp/ledger.js";
import type { SignedManifest } from "../protocol/manifest.js";
import type { SharedIn } from "./sharing.js";

/** The most reports that a device keeps for sending: open slots, waiting reports and sealed ones together. */
export const MAX_PENDING = 1024;

export interface DeviceState {
  optedOut: boolean;
  /** No budget is left in this epoch and those before: what was spent there has been erased. */
  spentThrough: number;
  manifest?: SignedManifest;
  /** When the manifest was fetched, in Unix seconds. */
  fetchedAt: number;
  /** The secret behind an epoch's memoized answers. */
  secret?: { epoch: number; bytes: Bytes };
  /** Unspent tokens, each of 106 bytes. */
  wallet: { epoch: number; bytes: Bytes }[];
  ledger: Spent[];
  /** When the epoch began with which the budgets last began anew, in Unix seconds. */
  budgetSince: number;
  counts: SlotCount[];
  sessions: OpenSession[];
  /** Slots whose value is final, to be randomized. */
  closing: OpenSlot[];
  /** Randomized reports that have no token yet. */
  waiting: { payload: Bytes; expiresAt: number }[];
  outbox: OutboxEntry[];
  touches: Touch[];
  sharing: SharedIn[];
}

/** How many slots of a measure were opened in a window. */
export interface SlotCount {
  measure: number;
  window: number;
  opened: number;
  forgetAt: number;
}

/** A page session whose session slots are open. */
export interface OpenSession {
  /** The name of the lock that the tab holds while it lives. */
  tab: string;
  slots: OpenSlot[];
}

/** A slot that is paid for and has its ordinal, with the true value so far. */
export interface OpenSlot {
  measure: number;
  window: number;
  ordinal: number;
  exhausted: boolean;
  cell: number;
  expiresAt: number;
  /** A session slot is sealed ahead, so that it can leave at `pagehide`, when nothing can be computed any more. */
  draft?: OutboxEntry;
}

/**
 * A report with the token that was taken out for it, or the envelope that the two make. Sealing the same two again
 * gives the same bytes, so a crash in between changes nothing.
 */
export type OutboxEntry = { expiresAt: number } & ({ token: Bytes; payload: Bytes } | { envelope: Bytes });

/** The arrival that a conversion would be credited to: the campaign and the channel, nothing else. */
export interface Touch {
  campaign: number;
  channel: number;
  until: number;
}

export const newState = (): DeviceState => ({
  optedOut: false,
  spentThrough: 0,
  fetchedAt: 0,
  wallet: [],
  ledger: [],
  budgetSince: 0,
  counts: [],
  sessions: [],
  closing: [],
  waiting: [],
  outbox: [],
  touches: [],
  sharing: [],
});

/** Whether `more` reports fit. The expired go first; nothing that can still be sent is dropped. */
export function hasRoom(state: DeviceState, more: number, now: number): boolean {
  const pending = () =>
    state.sessions.reduce((sum, { slots }) => sum + slots.length, 0) +
    state.closing.length +
    state.waiting.length +
    state.outbox.length;
  if (pending() + more > MAX_PENDING) dropExpired(state, now);
  return pending() + more <= MAX_PENDING;
}

/** Drops the reports that no collector would count any more. */
export function dropExpired(state: DeviceState, now: number): void {
  const lives = ({ expiresAt }: { expiresAt: number }) => expiresAt > now;
  state.waiting = state.waiting.filter(lives);
  state.outbox = state.outbox.filter(lives);
}
