// What a device remembers of its own sharing: two bits for each length of windows, of the present window and the one
// before (spec/device.md §6). Kept for the measures of sharers' profiles; where the manifest has none, not at all.

import type { Channel } from "../protocol/channel.js";
import type { Manifest, Measure } from "../protocol/manifest.js";
import { PROFILES, type Profile, withShareTo } from "../protocol/profile.js";
import type { DeviceState } from "./state.js";

/** Where the device shared in one window. One in which it shared nowhere that can be told is not kept. */
export interface SharedIn {
  /** The window's length. */
  seconds: number;
  window: number;
  profile: Profile;
}

/** Where this device remembers to have shared from one time to another, in Unix seconds. */
export interface SharingLine {
  readonly from: number;
  readonly to: number;
  /** `private-only`, `public-only` or `both`. */
  readonly profile: string;
}

/** Remembers a share, once for each length of windows that the manifest has profiles of. */
export function rememberShare(state: DeviceState, channel: Channel, manifest: Manifest, now: number): void {
  forgetSharing(state, manifest, now);
  for (const seconds of profileLengths(manifest)) {
    const window = Math.floor(now / seconds);
    const profile = withShareTo(profileIn(state, seconds, window), channel);
    state.sharing = state.sharing.filter((one) => one.seconds !== seconds || one.window !== window);
    if (profile) state.sharing.push({ seconds, window, profile });
  }
}

/** Forgets all but the present window and the one before, and lengths that no measure has any more. */
export function forgetSharing(state: DeviceState, manifest: Manifest, now: number): void {
  const lengths = profileLengths(manifest);
  state.sharing = state.sharing.filter((one) => lengths.has(one.seconds) && isFresh(one, now));
}

/** The profile over the window before the present one of a measure. */
export const profileBefore = (state: DeviceState, { windowSeconds }: Measure, now: number): string =>
  PROFILES[profileIn(state, windowSeconds, Math.floor(now / windowSeconds) - 1)]!;

export const sharingLines = ({ sharing }: DeviceState, now: number): SharingLine[] =>
  sharing
    .filter((one) => isFresh(one, now))
    .map(({ seconds, window, profile }) => ({
      from: window * seconds,
      to: (window + 1) * seconds,
      profile: PROFILES[profile]!,
    }));

const profileIn = ({ sharing }: DeviceState, seconds: number, window: number): Profile =>
  sharing.find((one) => one.seconds === seconds && one.window === window)?.profile ?? 0;

const isFresh = ({ seconds, window }: SharedIn, now: number): boolean =>
  [0, 1].includes(Math.floor(now / seconds) - window);

const profileLengths = ({ measures }: Manifest): Set<number> =>
  new Set(measures.filter(({ event }) => event === "sharer-profile").map(({ windowSeconds }) => windowSeconds));
