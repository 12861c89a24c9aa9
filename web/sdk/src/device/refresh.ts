// The manifest and the token wallet: fetched before, and independently of, anything that is measured (spec/device.md
// §2).

import {
  activeEpoch,
  type Directory,
  follows,
  type Manifest,
  spendableUntil,
  verifyDirectory,
  verifyManifest,
} from "../protocol/manifest.js";
import { areKept, dropOthers, gatherCatalogues } from "./catalogues.js";
import { type Context, clock } from "./context.js";
import { idlePause } from "./idle.js";
import type { DeviceState } from "./state.js";
import { CallError, FAILED_PRECONDITION } from "./transport.js";

/** A manifest is fetched again after an hour. */
const MANIFEST_FRESH_SECONDS = 3600;

/**
 * Puts the manifest in force that the device held last, if the pinned key still signs for it and its catalogues are
 * kept.
 */
export async function rememberManifest(context: Context): Promise<void> {
  const { settings, storage } = context;
  const signed = await storage.look(({ manifest }) => manifest);
  const last = signed && (await verifyManifest(signed, settings.key, settings.publisher).catch(() => undefined));
  context.manifest = last && (await areKept(context, last)) ? last : undefined;
}

/**
 * What the next manifest is held to, by the one that is kept: the newest that any tab has taken, whether or not it can be in
 * force here. Of one that this version does not take whole its directory; nothing, if it is not by the pinned key or
 * is another publisher's.
 */
async function lastSeen({ settings, storage }: Context): Promise<Directory | undefined> {
  const { key, publisher } = settings;
  const signed = await storage.look(({ manifest }) => manifest);
  return signed && verifyManifest(signed, key, publisher).catch(() => verifyDirectory(signed, key, publisher));
}

export async function refreshManifest(context: Context): Promise<void> {
  const now = clock();
  const fetchedAt = await context.storage.look((state) => state.fetchedAt);
  const isFresh = fetchedAt <= now && now < fetchedAt + MANIFEST_FRESH_SECONDS;
  if (!(isFresh && context.manifest && activeEpoch(context.manifest, now))) await fetchManifest(context);
}

/**
 * Takes a manifest if it verifies, may follow the last one seen and its catalogues can be had; one that is refused changes
 * nothing.
 */
async function fetchManifest(context: Context): Promise<void> {
  const { settings, storage, transport } = context;
  const signed = await transport.manifest(settings.publisher);
  const offered = await verifyManifest(signed, settings.key, settings.publisher);
  const last = await lastSeen(context);
  if (last && !(await follows(offered, last))) throw new Error("directory");
  // Kept before the manifest is, so that one that is in force has its catalogues.
  await gatherCatalogues(context, offered);
  await storage.update((state) => {
    if (state.optedOut) return;
    Object.assign(state, { manifest: signed, fetchedAt: clock() });
    context.manifest = offered;
  });
  await dropOthers(context);
}

/**
 * Gets one batch if the active epoch's tokens are fewer than half of one, or if reports wait for which there is none.
 */
export async function fillWallet(context: Context): Promise<void> {
  const epoch = context.manifest && activeEpoch(context.manifest, clock());
  if (!epoch) return;
  const held = await context.storage.look(({ wallet }) => wallet.filter((token) => token.epoch === epoch.epoch).length);
  if (held * 2 < context.manifest!.tokenBatch) await getBatch(context);
}

/** Gets one batch of tokens; if the epoch has just ended, by a newer manifest. */
export async function getBatch(context: Context): Promise<void> {
  try {
    await tryGetBatch(context);
  } catch (error) {
    if (!(error instanceof CallError && error.status === FAILED_PRECONDITION)) throw error;
    await fetchManifest(context);
    await tryGetBatch(context);
  }
}

/** Always exactly one batch of the policy's size; all tokens are kept, or none if the proof does not hold. */
async function tryGetBatch({ settings, storage, transport, manifest }: Context): Promise<void> {
  const epoch = manifest && activeEpoch(manifest, clock());
  if (!manifest || !epoch) throw new Error("no active epoch");
  const tokens = await settings.loadTokens();
  const pause = idlePause();
  const draws = Array.from({ length: manifest.tokenBatch }, tokens.draw);
  const pending = await tokens.blind({ ...epoch, publisher: settings.publisher }, draws, pause);
  const response = await transport.issue(settings.publisher, epoch.epoch, pending.request);
  const batch = await tokens.finish(pending, response, pause);
  await storage.update((state) => {
    if (state.optedOut) return;
    discardDeadTokens(state, manifest, clock());
    state.wallet.push(...batch.map((bytes) => ({ epoch: epoch.epoch, bytes })));
  });
  settings.trace?.({ what: "tokens", count: batch.length });
}

/** Takes a token out for good, one of the newest epoch first. Gives also the time at which it dies. */
export function takeToken(state: DeviceState, manifest: Manifest, now: number) {
  discardDeadTokens(state, manifest, now);
  const newest = state.wallet.reduce(
    (best, { epoch }, at) => (epoch > (state.wallet[best]?.epoch ?? -1) ? at : best),
    0,
  );
  const [token] = state.wallet.splice(newest, 1);
  return token && { bytes: token.bytes, diesAt: spendableUntil(manifest, token.epoch, now)! };
}

function discardDeadTokens(state: DeviceState, manifest: Manifest, now: number): void {
  state.wallet = state.wallet.filter(({ epoch }) => spendableUntil(manifest, epoch, now));
}
