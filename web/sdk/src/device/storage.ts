// Where a device keeps its state: one record in IndexedDB, so that an update is one transaction, across tabs too.

import { newState, type DeviceState } from "./state.js";

const STORE = "device";

export interface Storage {
  /** Looks at the state, which must not be changed. */
  look<T>(view: (state: DeviceState) => T): Promise<T>;
  /** Runs a synchronous change in one transaction; resolves when it is durable. A change that throws changes nothing. */
  update<T>(change: (state: DeviceState) => T): Promise<T>;
}

/** Rejects where the browser offers no durable storage: without it there is no ledger, so nothing is measured. */
export async function openStorage(publisher: number): Promise<Storage> {
  const opening = indexedDB.open(`tacita-${publisher}`, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  const database = await settled(opening);
  // Another version of the SDK wants to change the format: do not stand in its way.
  database.onversionchange = () => database.close();
  return {
    look: async (view) => view((await settled(database.transaction(STORE).objectStore(STORE).get(0))) ?? newState()),
    update: (change) => update(database, change),
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
      const state: DeviceState = reading.result ?? newState();
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

const settled = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
