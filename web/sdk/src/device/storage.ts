// Where a device keeps its state: one record in IndexedDB, so that an update is one transaction, across tabs too.
// Catalogues are kept apart: they are large and public, and the state is written often.

import type { Bytes } from "../bytes.js";
import { type DeviceState, newState } from "./state.js";

const STORE = "device";
const CATALOGUES = "catalogues";

export interface Storage {
  /** Looks at the state, which must not be changed. */
  look<T>(view: (state: DeviceState) => T): Promise<T>;
  /**
   * Runs a synchronous change in one transaction; resolves when it is durable. A change that throws changes nothing.
   */
  update<T>(change: (state: DeviceState) => T): Promise<T>;
  /** The bytes of a catalogue that is kept. */
  catalogue(key: string): Promise<Bytes | undefined>;
  /** The keys of all that are kept. */
  keptCatalogues(): Promise<string[]>;
  keepCatalogue(key: string, bytes: Bytes): Promise<void>;
  /** Keeps these and no others. */
  dropCatalogues(but: readonly string[]): Promise<void>;
}

/** Rejects where the browser offers no durable storage: without it there is no ledger, so nothing is measured. */
export async function openStorage(publisher: number): Promise<Storage> {
  const opening = indexedDB.open(`tacita-${publisher}`, 1);
  opening.onupgradeneeded = () => {
    for (const name of [STORE, CATALOGUES]) opening.result.createObjectStore(name);
  };
  const database = await settled(opening);
  // Another version of the SDK wants to change the format: do not stand in its way.
  database.onversionchange = () => database.close();
  const catalogues = (mode?: IDBTransactionMode) => database.transaction(CATALOGUES, mode).objectStore(CATALOGUES);
  const keptCatalogues = () => settled(catalogues().getAllKeys()) as Promise<string[]>;
  return {
    look: async (view) => view(stateOf(await settled(database.transaction(STORE).objectStore(STORE).get(0)))),
    update: (change) => update(database, change),
    catalogue: (key) => settled(catalogues().get(key)),
    keptCatalogues,
    keepCatalogue: async (key, bytes) => void (await settled(catalogues("readwrite").put(bytes, key))),
    async dropCatalogues(but) {
      const dropped = (await keptCatalogues()).filter((key) => !but.includes(key));
      await Promise.all(dropped.map((key) => settled(catalogues("readwrite").delete(key))));
    },
  };
}

function update<T>(database: IDBDatabase, change: (state: DeviceState) => T): Promise<T> {
  return new Promise((resolve, reject) => {
    // Strict: written to the disk before anything that follows from it leaves.
    const transaction = database.transaction(STORE, "readwrite", { durability: "strict" });
    const store = transaction.objectStore(STORE);
    let result: T;
    const reading = store.get(0);
    reading.onsuccess = () => {
      const state = stateOf(reading.result);
      try {
        result = change(state);
        store.put(state, 0);
      } catch (error) {
        reject(error);
        transaction.abort();
      }
    };
    transaction.oncomplete = () => resolve(result);
    transaction.onabort = transaction.onerror = () => reject(transaction.error);
  });
}

/** What is stored; parts that an earlier SDK did not have are empty. */
const stateOf = (stored: Partial<DeviceState> | undefined): DeviceState => ({ ...newState(), ...stored });

const settled = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
