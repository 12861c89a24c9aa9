// What happens while one looks: a stream per page tells when an answer would be another, and the figures ask again; a second one tells
// what surges.
//
// Two streams and not one per figure: a browser opens six connections to an origin without TLS, and a stream holds one.

import { effect, signal } from "@preact/signals";
import type { Reporting } from "../wire/client.js";
import { failureOf } from "../wire/failure.js";
import type { Alert } from "../wire/tacita/v1/reporting_pb.js";
import { expel } from "./session.js";

/** Changes when the figures on the page may have changed. */
export const revision = signal(0);

export type Link = "opening" | "live" | "away";
/** How the stream fares. */
export const link = signal<Link>("opening");
/** When the last answer was computed, in Unix seconds; 0 before the first. */
export const asOf = signal(0);
/** The last surge that was found while one looked, until it was seen. */
export const news = signal<Alert | undefined>(undefined);

const visible = signal(!document.hidden);
document.addEventListener("visibilitychange", () => (visible.value = !document.hidden));

/** Seconds between two answers, and before a lost stream is opened again. */
const PACE = 5;
const AGAIN = 3;

/** Follows a campaign while the page can be seen. Gives what ends it. */
export const follow = (client: Reporting, campaign: string): (() => void) => {
  // Kept while the page is hidden: what changed meanwhile is told when it is seen again.
  const [counts, surges] = [countsOf(client, campaign), surgesOf(client, campaign)];
  news.value = undefined;
  return effect(() => {
    if (!visible.value) return undefined;
    const end = new AbortController();
    link.value = "opening";
    void keepOpen(counts, end.signal, () => (link.value = "away"));
    void keepOpen(surges, end.signal, () => undefined);
    return () => end.abort();
  });
};

/** Reads a stream; opens it again when it ends. */
async function keepOpen(read: (signal: AbortSignal) => Promise<void>, signal: AbortSignal, lost: () => void) {
  while (!signal.aborted) {
    try {
      await read(signal);
    } catch (error) {
      const failure = failureOf(error);
      if (failure?.kind === "key") return expel(failure);
    }
    if (signal.aborted) return;
    lost();
    await new Promise((resolve) => setTimeout(resolve, AGAIN * 1000));
  }
}

function countsOf(client: Reporting, campaign: string) {
  let known: string | undefined;
  return async (signal: AbortSignal) => {
    const request = { query: { campaign }, minSeconds: PACE, pageSize: 1 };
    for await (const { answer, at } of client.watchQuery(request, { signal })) {
      link.value = "live";
      asOf.value = Number(at);
      if (known !== undefined && known !== answer?.state) revision.value++;
      known = answer?.state;
    }
  };
}

function surgesOf(client: Reporting, campaign: string) {
  let last: Alert | undefined;
  return async (signal: AbortSignal) => {
    // The first time from now on; later on from where the stream was lost, by the collector's clock.
    const since = last?.foundAt ?? BigInt(asOf.value);
    for await (const { alert } of client.watchAlerts({ campaign, since }, { signal })) {
      if (!alert || (last && alert.id <= last.id)) continue;
      last = alert;
      news.value = alert;
      revision.value++;
    }
  };
}
