// The signed manifest, epochs, the hash-chained directory (spec/manifest.md).

import { ascii, type Bytes, concat, digest, equal, u32 } from "../bytes.js";
import { chooseMechanism, type Mechanism } from "../dp/mechanism.js";
import type { CatalogueRef } from "./catalogue.js";
import { cellCount, type Dimension, sizeOf } from "./domain.js";
import { PROFILES } from "./profile.js";
import { bytesOf, type Fields, numberOf, oneOf, readFields, textOf } from "./protobuf.js";

export type Event = "arrival" | "reach" | "share" | "conversion" | "content-share" | "sharer-profile";

const EVENTS: readonly Event[] = ["arrival", "reach", "share", "conversion", "content-share", "sharer-profile"];

/** Whether a device opens one slot in a window, with its first session, and no more. */
export const isOncePerWindow = (event: Event): boolean => event === "reach" || event === "sharer-profile";

/** The name of the dimension that holds contents, the one that may be over a catalogue. */
const CONTENT = "content";

/** The most cells of a measure, `none` included. */
const MAX_CELLS = 131_072;

/** The largest bound of a ledger that anybody takes for one: ε = 1,000. */
const MAX_LEDGER_BOUND_MICRO = 1e9;

/** One epoch of the key directory. Times are Unix seconds. */
export interface Epoch {
  readonly epoch: number;
  readonly publicKey: Bytes;
  readonly chain: Bytes;
  readonly startsAt: number;
  readonly endsAt: number;
  readonly closesAt: number;
}

export interface Measure {
  readonly id: number;
  readonly campaign: number;
  readonly name: string;
  readonly event: Event;
  /** Whether every page session opens a slot, so that presence is private too. */
  readonly bySession: boolean;
  readonly dimensions: readonly Dimension[];
  readonly epsilonMicro: number;
  readonly windowSeconds: number;
  readonly mechanism: Mechanism;
}

export interface Campaign {
  readonly id: number;
  readonly brand: number;
  readonly name: string;
  readonly attributionSeconds: number;
  /** The largest ε of one report. */
  readonly reportMicro: number;
  /** What a device may spend on the campaign in an epoch. */
  readonly deviceMicro: number;
}

/** What a manifest holds those after it to. */
export interface Directory {
  /** The manifest as it travelled; not there if this version does not take all of it. */
  readonly bytes?: Bytes;
  readonly revision: number;
  readonly epochs: readonly Epoch[];
}

export interface Manifest extends Directory {
  readonly bytes: Bytes;
  /** Those that keep to the policy of their campaign; the others are not answered. */
  readonly measures: readonly Measure[];
  readonly campaigns: readonly Campaign[];
  readonly tokenBatch: number;
  readonly ledgerBoundMicro: number;
}

/** A manifest's bytes as they travel, with the signature over them. */
export interface SignedManifest {
  readonly manifest: Bytes;
  readonly signature: Bytes;
}

/** Checks the signature by the pinned key, and then all that the manifest says. Throws if anything does not hold. */
export async function verifyManifest(signed: SignedManifest, key: Bytes, publisher: number): Promise<Manifest> {
  const fields = await signedFields(signed, key);
  check(fields && numberOf(fields, 1) === 1 && numberOf(fields, 2) === publisher);
  return read(signed.manifest, fields);
}

/**
 * The directory of a manifest that was taken before, also where `verifyManifest` refuses it by now: an earlier version may
 * have taken it. Undefined if it is not signed by the pinned key, or is another publisher's.
 */
export async function verifyDirectory(
  signed: SignedManifest,
  key: Bytes,
  publisher: number,
): Promise<Directory | undefined> {
  const fields = await signedFields(signed, key);
  return fields && numberOf(fields, 2) === publisher ? readDirectory(fields) : undefined;
}

/** The fields of a manifest; undefined if it is not signed by the pinned key. */
async function signedFields({ manifest, signature }: SignedManifest, key: Bytes): Promise<Fields | undefined> {
  const pinned = await crypto.subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]);
  const signed = concat(ascii("tacita/manifest/v1"), manifest);
  return (await crypto.subtle.verify({ name: "Ed25519" }, pinned, signature, signed))
    ? readFields(manifest)
    : undefined;
}

/**
 * Whether `offered` may come after `last`: a larger revision or that very manifest, and its directory goes on where the
 * other's stands.
 */
export async function follows(offered: Manifest, last: Directory): Promise<boolean> {
  if (offered.revision < last.revision) return false;
  if (offered.revision === last.revision && last.bytes && !equal(offered.bytes, last.bytes)) return false;
  const end = last.epochs.at(-1);
  for (const entry of offered.epochs) {
    const known = last.epochs.find(({ epoch }) => epoch === entry.epoch);
    if (
      known
        ? !equal(known.publicKey, entry.publicKey) || !equal(known.chain, entry.chain)
        : !(await continues(entry, end))
    )
      return false;
  }
  return true;
}

/** A gap, after a long absence, cannot be checked and is accepted. */
async function continues(entry: Epoch, end: Epoch | undefined): Promise<boolean> {
  if (end && entry.epoch === end.epoch + 1) return equal(entry.chain, await chainAfter(end, entry));
  return !end || entry.epoch > end.epoch;
}

export const activeEpoch = ({ epochs }: Manifest, now: number): Epoch | undefined =>
  epochs.find(({ startsAt, endsAt }) => startsAt <= now && now < endsAt);

/** Until when a token of an epoch can be spent; undefined if it cannot be now. */
export const spendableUntil = ({ epochs }: Manifest, epoch: number, now: number): number | undefined =>
  epochs.find((entry) => entry.epoch === epoch && entry.startsAt <= now && now < entry.closesAt)?.closesAt;

/** The catalogues that a manifest names, each as often as it names it. */
export const cataloguesOf = ({ measures }: Manifest): CatalogueRef[] =>
  measures.flatMap(({ dimensions }) => dimensions.flatMap(({ catalogue }) => catalogue ?? []));

/** SHA-256("tacita/directory/v1" ‖ previous ‖ u32(epoch) ‖ public key). */
const chainAfter = (previous: Epoch, { epoch, publicKey }: Epoch): Promise<Bytes> =>
  digest("SHA-256", ascii("tacita/directory/v1"), previous.chain, u32(epoch), publicKey);

async function read(bytes: Bytes, fields: Fields): Promise<Manifest> {
  const { revision, epochs } = readDirectory(fields);
  for (const [at, entry] of epochs.entries()) {
    const previous = epochs[at - 1];
    check(!previous || (entry.epoch === previous.epoch + 1 && equal(entry.chain, await chainAfter(previous, entry))));
  }
  const campaigns = bytesOf(fields, 6).map(readFields).map(readCampaign);
  const known = bytesOf(fields, 5).map(readFields).filter(isKnown);
  const measures = known.map(readMeasure).filter(({ campaign, epsilonMicro }) => {
    const its = campaigns.find(({ id }) => id === campaign);
    check(its);
    return epsilonMicro <= Math.min(its.reportMicro, its.deviceMicro);
  });
  const policy = readFields(oneOf(fields, 7));
  const tokenBatch = numberOf(policy, 1);
  const ledgerBoundMicro = numberOf(policy, 2);
  check(tokenBatch >= 1 && tokenBatch <= 128 && ledgerBoundMicro <= MAX_LEDGER_BOUND_MICRO);
  return {
    bytes,
    revision,
    epochs,
    measures,
    campaigns,
    tokenBatch,
    ledgerBoundMicro,
  };
}

/** Where these stand is the same in every version of a manifest. */
const readDirectory = (fields: Fields): Directory => ({
  revision: numberOf(fields, 3),
  epochs: bytesOf(fields, 4).map(readFields).map(readEpoch),
});

function readEpoch(fields: Fields): Epoch {
  const [publicKey, chain] = [oneOf(fields, 2), oneOf(fields, 3)];
  const [startsAt, endsAt, closesAt] = [4, 5, 6].map((field) => numberOf(fields, field)) as [number, number, number];
  check(publicKey.length === 32 && chain.length === 32 && startsAt <= endsAt && endsAt <= closesAt);
  return { epoch: numberOf(fields, 1), publicKey, chain, startsAt, endsAt, closesAt };
}

/** Whether this version can answer a measure: what a later one adds has an event or a participation of its own. */
const isKnown = (fields: Fields): boolean => numberOf(fields, 4) <= EVENTS.length && numberOf(fields, 5) <= 2;

function readMeasure(fields: Fields): Measure {
  const event = EVENTS[numberOf(fields, 4) - 1];
  const bySession = numberOf(fields, 5) === 2;
  const epsilonMicro = numberOf(fields, 7);
  const windowSeconds = numberOf(fields, 8);
  const dimensions = bytesOf(fields, 6).map(readDimension);
  const cells = cellCount(dimensions);
  check(event && !(bySession && isOncePerWindow(event)) && epsilonMicro >= 1 && epsilonMicro <= 20_000_000);
  check(windowSeconds >= 60 && windowSeconds <= 31 * 86_400 && cells >= 2 && cells <= MAX_CELLS);
  check(event !== "content-share" || dimensions.some(({ name }) => name === CONTENT));
  check(event !== "sharer-profile" || tellsProfiles(dimensions));
  return {
    id: numberOf(fields, 1),
    campaign: numberOf(fields, 2),
    name: textOf(fields, 3),
    event: event!,
    bySession,
    dimensions,
    epsilonMicro,
    windowSeconds,
    mechanism: chooseMechanism(cells, epsilonMicro),
  };
}

/** Whether all four profiles of devices are told apart, and nothing of one visit or one share. */
const tellsProfiles = (dimensions: readonly Dimension[]): boolean =>
  dimensions.some(({ name, labels }) => name === "profile" && `${labels}` === `${PROFILES}`) &&
  !dimensions.some(({ name }) => ["channel", "grade", "generation", "value", CONTENT].includes(name));

function readDimension(bytes: Bytes): Dimension {
  const fields = readFields(bytes);
  const [named] = bytesOf(fields, 3);
  const labels = bytesOf(fields, 2).map((label) => new TextDecoder().decode(label));
  const dimension = { name: textOf(fields, 1), labels, catalogue: named && readCatalogueRef(readFields(named)) };
  check(sizeOf(dimension) && !(named && (labels.length || dimension.name !== CONTENT)));
  return dimension;
}

function readCatalogueRef(fields: Fields): CatalogueRef {
  const named = { digest: oneOf(fields, 1), contents: numberOf(fields, 2), tail: numberOf(fields, 3) };
  check(named.digest.length === 32 && named.contents >= 1);
  return named;
}

function readCampaign(fields: Fields): Campaign {
  check(bytesOf(fields, 30).length);
  const policy = readFields(oneOf(fields, 30));
  return {
    id: numberOf(fields, 1),
    brand: numberOf(fields, 2),
    name: textOf(fields, 3),
    attributionSeconds: numberOf(fields, 4),
    reportMicro: numberOf(policy, 1),
    deviceMicro: numberOf(policy, 2),
  };
}

function check(holds: unknown): asserts holds {
  if (!holds) throw new Error("manifest");
}
