// Sharers' profiles: whether a device has shared in private, in public, or both (spec/measures.md).

import type { Channel } from "./channel.js";

/** Two bits: 1 for a share to a private channel, 2 for one to a public one. */
export type Profile = number;

/** The label of each profile. */
export const PROFILES: readonly string[] = ["neither", "private-only", "public-only", "both"];

/** What one more share makes of a profile. The share sheet and a copied link do not tell where the link went. */
export const withShareTo = (profile: Profile, { name, isPrivate }: Channel): Profile =>
  name === "native" || name === "copy" ? profile : profile | (isPrivate ? 1 : 2);
