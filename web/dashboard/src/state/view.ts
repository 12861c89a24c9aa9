// The view as a signal, kept the same as the page's address.

import { computed, signal } from "@preact/signals";
import { formatView, parseView, type View } from "./address.js";

const current = signal<View>(parseView(location.search));

/** What the page shows. */
export const view = computed(() => current.value);

/** Changes the view. A change of what is typed replaces the entry in the history; any other is a step back away. */
export function show(change: Partial<View>, step: "new" | "same" = "new"): void {
  current.value = { ...current.value, ...change };
  const address = location.pathname + formatView(current.value);
  if (address === location.pathname + location.search) return;
  if (step === "new") history.pushState(null, "", address);
  else history.replaceState(null, "", address);
}

/** The address of the page with a change, for links. */
export const addressOf = (change: Partial<View>): string =>
  location.pathname + formatView({ ...current.value, ...change });

addEventListener("popstate", () => (current.value = parseView(location.search)));
