// What the rooms of the device share: where it keeps things, how it reaches the relay, which manifest is in force.

import type { Bytes } from "../bytes.js";
import { activeEpoch, type Manifest } from "../protocol/manifest.js";
import type { TagStyle } from "../protocol/tag.js";
import type { Draw, Issuance, Pause, Pending } from "../tokens/pending.js";
import type { Moment } from "./slots.js";
import type { Storage } from "./storage.js";
import type { Transport } from "./transport.js";

/** The lazily loaded chunk that holds the curve. */
export interface TokensChunk {
  draw(): Draw;
  blind(issuance: Issuance, draws: readonly Draw[], pause: Pause): Promise<Pending>;
  finish(pending: Pending, response: Bytes, pause: Pause): Promise<Bytes[]>;
}

/** What a debug panel is told; never anything else than what this device itself did. */
export type Trace =
  | { what: "arrived"; channel: string; grade: string }
  | { what: "answered"; slot: string; measure: string; value: string; exhausted: boolean }
  | { what: "randomized"; slot: string; bytes: string; cells: readonly string[] }
  | { what: "sealed" | "left" | "tokens"; count: number }
  | { what: "answer"; outcomes: readonly number[] }
  | { what: "trouble"; error: unknown };

export interface DeviceSettings {
  readonly publisher: number;
  /** The relay's origin, without a slash at its end. */
  readonly relay: string;
  /** The collector's signing key, 32 bytes, as pinned in the embed code. */
  readonly key: Bytes;
  readonly landingPages: readonly string[];
  /** The campaign whose tag shared links carry, if not the first of the manifest. */
  readonly campaign: number | undefined;
  /** Where shared links carry their tag. */
  readonly linkStyle: TagStyle;
  /** Whether shared links carry UTM parameters beside it. */
  readonly utm: boolean;
  readonly loadTokens: () => Promise<TokensChunk>;
  readonly trace: ((trace: Trace) => void) | undefined;
}

export interface Context {
  readonly settings: DeviceSettings;
  readonly storage: Storage;
  readonly transport: Transport;
  /** The name of the lock that this tab holds while it has session slots open. */
  readonly tab: string;
  manifest: Manifest | undefined;
}

/** Unix seconds. */
export const clock = (): number => Math.floor(Date.now() / 1000);

/** The circumstances for a slot; undefined without a manifest that has an active epoch. */
export function momentOf({ manifest }: Context): Moment | undefined {
  const now = clock();
  const epoch = manifest && activeEpoch(manifest, now);
  return epoch && { manifest, epoch, now };
}
