// The link builder's form, and the link that it makes: by the tag writer of the web SDK, so that it is the same byte for byte.

import { CHANNELS, type Channel, channelByName } from "../../../sdk/src/protocol/channel.js";
import { type LinkTag, type TagStyle, tagAddress, utmAddress } from "../../../sdk/src/protocol/tag.js";

export interface LinkForm {
  readonly address: string;
  readonly channel: Channel;
  readonly cohort: number;
  readonly style: TagStyle;
  readonly utm: boolean;
  /** Of the short link. */
  readonly code: string;
}

/** Channels that a person can share to. */
export const TARGETS: readonly Channel[] = CHANNELS.filter((channel) => channel.isShareTarget);

/** The form out of an address. */
export function linkFormOf(form: Readonly<Record<string, string>>): LinkForm {
  const whole = (text: string | undefined, most: number) => Math.max(0, Math.min(most, Math.floor(Number(text)) || 0));
  return {
    address: form.address ?? "",
    channel: TARGETS.find(({ name }) => name === form.channel) ?? channelByName("whatsapp")!,
    cohort: whole(form.cohort, 0xffff),
    style: form.style === "query" ? "query" : "fragment",
    utm: form.utm === "yes",
    code: form.code ?? "",
  };
}

/** A link that a brand gives out has not been passed on yet. */
export const tagOf = (form: LinkForm, campaign: number): LinkTag => ({
  campaign,
  channel: form.channel,
  cohort: form.cohort,
  generation: 0,
});

/** The link; undefined if the address is no absolute web address. `name` is the campaign's, for UTM. */
export function linkOf(form: LinkForm, campaign: number, name: string): string | undefined {
  const tag = tagOf(form, campaign);
  const address = form.utm ? utmAddress(tag, form.address, name) : form.address;
  return address === undefined ? undefined : tagAddress(tag, address, form.style);
}
