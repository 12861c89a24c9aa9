// What the relay's file of short links says of a link (spec/relay.md, examples/links.toml).

import type { LinkForm } from "./link.js";

/** A code that the relay takes. */
export const isCode = (text: string): boolean => /^[A-Za-z0-9_-]{1,64}$/.test(text);

/** The entry for `/s/CODE`. `name` is the campaign's, for UTM. */
export function shortLinkEntry(form: LinkForm, campaign: number, name: string): string {
  const entry = {
    code: form.code,
    to: form.address.trim(),
    campaign,
    channel: form.channel.name,
    ...(form.cohort ? { cohort: form.cohort } : {}),
    ...(form.utm ? { "utm-campaign": name } : {}),
    ...(form.style === "query" ? { style: "query" } : {}),
  };
  // Texts and numbers are written in TOML as in JSON.
  return ["[[link]]", ...Object.entries(entry).map(([field, value]) => `${field} = ${JSON.stringify(value)}`), ""].join(
    "\n",
  );
}
