// What is counted while one looks: a single stream per page tells when an answer would be another, and the figures ask again.
//
// One stream and not one per figure: a browser opens six connections to an origin without TLS, and a stream holds one.

import { effect, signal } from "@preact/signals";
import type { Reporting } from "../wire/client.js";
import { failureOf } from "../wire/failure.js";
import { expel } from "./session.js";

/** Changes when the figures on the page may have changed. */
export const revision = signal(0);

export type Link = "opening" | "live" | "away";
/** How the stream fares. */
export const link = signal<Link>("opening");
/** When the last answer was computed, in Unix seconds; 0 before the first. */
export const asOf = signal(0);

const visible = signal(!document.hidden);
document.addEventListener("visibilitychange", () => (visible.value = !document.hidden));

/** Seconds between two answers, and before a lost stream is opened again. */
const PACE = 5;
const AGAIN = 3;

/** Follows a campaign while the page can be seen. Gives what ends it. */
export const follow = (client: Reporting, campaign: string): (() => void) =>
  effect(() => {
    if (!visible.value) return undefined;
    const end = new AbortController();
    void keepFollowing(client, campaign, end.signal);
    return () => end.abort();
  });

async function keepFollowing(client: Reporting, campaign: string, signal: AbortSignal): Promise<void> {
  let known: string | undefined;
  link.value = "opening";
  while (!signal.aborted) {
    try {
      for await (const { answer, at } of client.watchQuery(
        { query: { campaign }, minSeconds: PACE, pageSize: 1 },
        { signal },
      )) {
        link.value = "live";
        asOf.value = Number(at);
        if (known !== undefined && known !== answer?.state) revision.value++;
        known = answer?.state;
      }
    } catch (error) {
      const failure = failureOf(error);
      if (failure?.kind === "key") return expel(failure);
    }
    if (signal.aborted) return;
    link.value = "away";
    await new Promise((resolve) => setTimeout(resolve, AGAIN * 1000));
  }
}
