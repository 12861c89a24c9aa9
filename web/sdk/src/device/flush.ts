// Sealing, sending, forgetting: how reports leave (spec/device.md §5).
//
// The order makes it safe to be closed at any instant. A token is taken out of the wallet in one transaction, before it
// seals; only bytes that are durable leave, the same ones at each attempt; they are deleted after the relay's answer.

import { type Bytes, equal, toHex } from "../bytes.js";
import { supportedCells } from "../dp/mechanism.js";
import { labelsOf } from "../protocol/domain.js";
import type { Manifest } from "../protocol/manifest.js";
import { seal } from "../tokens/envelope.js";
import { type Context, clock } from "./context.js";
import { fillWallet, getBatch, refreshManifest, takeToken } from "./refresh.js";
import { isSameSlot, report } from "./slots.js";
import { type DeviceState, dropExpired, type OpenSlot, type OutboxEntry } from "./state.js";

/** The most envelopes of one request. */
const MAX_SUBMITTED = 64;

/** Goes through all steps even when one fails: what was sealed before can be sent without a new token. */
export async function flush(context: Context): Promise<void> {
  const troubles: unknown[] = [];
  for (const step of [
    refreshManifest,
    closeLeftovers,
    randomizeClosing,
    fillWallet,
    sealWaiting,
    sealAhead,
    sendOutbox,
  ]) {
    await step(context).catch((error) => troubles.push(error));
  }
  if (troubles.length) throw troubles[0];
}

/** Answers what is closing, and has the reports wait for tokens. */
export async function randomizeClosing({ settings, storage, manifest }: Context): Promise<void> {
  const { closing, secret } = await storage.look(({ closing, secret }) => ({ closing, secret }));
  if (!manifest || !secret || !closing.length) return;
  const reports = await Promise.all(closing.map((slot) => report(slot, manifest, secret.bytes)));
  await storage.update((state) => {
    closing.forEach((slot, at) => {
      const payload = reports[at];
      const here = state.closing.findIndex((other) => isSameSlot(slot, other));
      // Another tab may have been here: the same slot is answered once.
      if (here < 0) return;
      state.closing.splice(here, 1);
      if (payload) state.waiting.push({ payload, expiresAt: slot.expiresAt });
    });
  });
  closing.forEach((slot, at) => {
    const bytes = reports[at];
    if (bytes)
      settings.trace?.({
        what: "randomized",
        slot: slotKey(slot),
        bytes: toHex(bytes),
        cells: supportedValues(manifest, slot, bytes),
      });
  });
}

export const slotKey = ({ measure, window, ordinal }: OpenSlot): string => `${measure}/${window}/${ordinal}`;

/** The values that a report supports, for the debug panel; none is listed where they are very many. */
function supportedValues({ measures }: Manifest, slot: OpenSlot, payload: Bytes): string[] {
  const { mechanism, dimensions } = measures.find(({ id }) => id === slot.measure)!;
  const cells = supportedCells(mechanism, BigInt("0x" + toHex(payload.slice(8))));
  return (cells ?? []).map((cell) => labelsOf(dimensions, cell));
}

/** Closes the sessions of tabs that are gone, with what their slots hold. */
async function closeLeftovers({ storage }: Context): Promise<void> {
  const { held } = await navigator.locks.query();
  const alive = new Set(held?.map(({ name }) => name));
  if (!(await storage.look(({ sessions }) => sessions.some(({ tab }) => !alive.has(tab))))) return;
  await storage.update((state) => {
    for (const { tab } of state.sessions.filter(({ tab }) => !alive.has(tab))) closeSession(state, tab);
  });
}

/**
 * What was sealed ahead goes to the outbox as it is: it may have left already, and must never leave as anything else.
 */
export function closeSession(state: DeviceState, tab: string): void {
  for (const slot of state.sessions.filter((session) => session.tab === tab).flatMap(({ slots }) => slots)) {
    if (slot.draft) state.outbox.push(slot.draft);
    else state.closing.push(slot);
  }
  state.sessions = state.sessions.filter((session) => session.tab !== tab);
}

/** Seals all waiting reports, getting tokens a batch at a time while they last out. */
async function sealWaiting(context: Context): Promise<void> {
  for (;;) {
    const left = await pairWaiting(context);
    await sealPairs(context);
    if (!left || !context.manifest) return;
    await getBatch(context);
  }
}

/** Takes a token out for each waiting report; gives how many still wait. */
async function pairWaiting({ storage, manifest }: Context): Promise<number> {
  if (!(await storage.look(({ waiting }) => waiting.length))) return 0;
  return storage.update((state) => {
    const now = clock();
    dropExpired(state, now);
    while (manifest && state.waiting.length) {
      const token = takeToken(state, manifest, now);
      if (!token) break;
      const { payload, expiresAt } = state.waiting.shift()!;
      state.outbox.push({ token: token.bytes, payload, expiresAt: Math.min(expiresAt, token.diesAt) });
    }
    return state.waiting.length;
  });
}

async function sealPairs({ settings, storage }: Context): Promise<void> {
  const sealed = await sealEntries(await storage.look(({ outbox }) => outbox));
  if (!sealed.length) return;
  await storage.update(({ outbox }) => {
    for (const [at, entry] of outbox.entries()) outbox[at] = sealedOf(sealed, entry);
  });
  settings.trace?.({ what: "sealed", count: sealed.length });
}

/** Seals what the open session slots of this tab hold, so that it can leave when the page does. */
async function sealAhead({ storage, manifest, tab }: Context): Promise<void> {
  if (!manifest) return;
  const own = ({ sessions }: DeviceState) => sessions.find((session) => session.tab === tab)?.slots ?? [];
  const { open, secret } = await storage.look((state) => ({ open: own(state), secret: state.secret }));
  const undrafted = open.filter(({ draft }) => !draft);
  const reports = await Promise.all(undrafted.map((slot) => secret && report(slot, manifest, secret.bytes)));
  if (!open.length) return;
  await storage.update((state) => {
    undrafted.forEach((slot, at) => {
      const here = own(state).find((other) => isSameSlot(slot, other) && other.cell === slot.cell && !other.draft);
      const token = here && reports[at] && takeToken(state, manifest, clock());
      if (token)
        here.draft = { token: token.bytes, payload: reports[at]!, expiresAt: Math.min(slot.expiresAt, token.diesAt) };
    });
  });
  const drafts = (await storage.look(own)).flatMap(({ draft }) => draft ?? []);
  const sealed = await sealEntries(drafts);
  if (!sealed.length) return;
  await storage.update((state) => {
    for (const slot of own(state)) if (slot.draft) slot.draft = sealedOf(sealed, slot.draft);
  });
}

type Sealed = readonly { readonly from: Bytes; readonly entry: OutboxEntry }[];

const sealEntries = (entries: readonly OutboxEntry[]): Promise<Sealed> =>
  Promise.all(
    entries.flatMap((entry) =>
      "token" in entry
        ? [
            seal(entry.token, entry.payload).then((envelope) => ({
              from: entry.token,
              entry: { envelope, expiresAt: entry.expiresAt },
            })),
          ]
        : [],
    ),
  );

const sealedOf = (sealed: Sealed, entry: OutboxEntry): OutboxEntry =>
  "token" in entry ? (sealed.find(({ from }) => equal(from, entry.token))?.entry ?? entry) : entry;

async function sendOutbox({ settings, storage, transport }: Context): Promise<void> {
  for (;;) {
    const sent = await storage.look((state) => envelopesOf(state.outbox).slice(0, MAX_SUBMITTED));
    if (!sent.length) return;
    const outcomes = await transport.submit(sent);
    if (outcomes.length !== sent.length) throw new Error("outcomes");
    // Every outcome is final for the device, refusals too.
    await storage.update((state) => {
      state.outbox = state.outbox.filter(
        (entry) => !("envelope" in entry && sent.some((envelope) => equal(envelope, entry.envelope))),
      );
    });
    settings.trace?.({ what: "answer", outcomes });
  }
}

export const envelopesOf = (entries: readonly OutboxEntry[]): Bytes[] =>
  entries.flatMap((entry) => ("envelope" in entry ? [entry.envelope] : []));
