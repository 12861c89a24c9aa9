// The catalogues that a manifest names: had, all of them, before it is put in force.
//
// What is fetched, and when, follows from the manifest and from what was fetched before: never from anything that is
// shared (spec/device.md §2).

import { toHex } from "../bytes.js";
import { type CatalogueRef, type PlaceOf, positionOf, verifyCatalogue } from "../protocol/catalogue.js";
import { cataloguesOf, type Manifest } from "../protocol/manifest.js";
import type { Context } from "./context.js";

/** What a catalogue is kept under. */
const keyOf = ({ digest }: CatalogueRef): string => toHex(digest);

const keysOf = (manifest: Manifest): string[] => cataloguesOf(manifest).map(keyOf);

/** Gets and keeps every catalogue that is not kept yet, in the manifest's order. Rejects if one cannot be had. */
export async function gatherCatalogues({ settings, storage, transport }: Context, manifest: Manifest): Promise<void> {
  for (const named of cataloguesOf(manifest)) {
    // What is kept was verified.
    if ((await storage.keptCatalogues()).includes(keyOf(named))) continue;
    const bytes = await transport.catalogue(settings.publisher, named.digest);
    await verifyCatalogue(named, bytes);
    await storage.keepCatalogue(keyOf(named), bytes);
  }
}

/** Whether every catalogue is kept that a manifest names. */
export async function areKept({ storage }: Context, manifest: Manifest): Promise<boolean> {
  const wanted = keysOf(manifest);
  const kept = wanted.length ? await storage.keptCatalogues() : [];
  return wanted.every((key) => kept.includes(key));
}

/** Drops the catalogues that the manifest in force does not name. */
export const dropOthers = ({ storage, manifest }: Context): Promise<void> =>
  storage.dropCatalogues(manifest ? keysOf(manifest) : []);

/** Where a content stands in each catalogue of the manifest. */
export async function placesIn(
  { storage }: Context,
  manifest: Manifest,
  content: string | undefined,
): Promise<PlaceOf> {
  const places = new Map<CatalogueRef, number | undefined>();
  for (const named of cataloguesOf(manifest)) {
    const catalogue = await storage.catalogue(keyOf(named));
    places.set(named, catalogue && (await positionOf(named, catalogue, content)));
  }
  return (named) => places.get(named);
}
