// Link tags: what a shared link carries, and all that it carries (spec/links.md). No field is wider than 32 bits.

import { type Channel, channelByCode } from "./channel.js";

/** What a tagged link says of how it was passed on. */
export interface LinkTag {
  readonly campaign: number;
  readonly channel: Channel;
  readonly cohort: number;
  /** Times it was shared on since the first share: 0 to 7, and 7 means seven or more. */
  readonly generation: number;
}

/** Where a tag goes in an address: the fragment, if it is free, or always the query. */
export type TagStyle = "fragment" | "query";

/** Why a text is not a tag. */
export type TagError = "length" | "character" | "version" | "check" | "reserved" | "channel";

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const LAST_GENERATION = 7;

/** The tag's one string. A generation past 7 is written as 7. */
export function encodeTag({ campaign, channel, cohort, generation }: LinkTag): string {
  const low = ((campaign & 3) << 28) | (channel.code << 20) | (cohort << 4) | Math.min(generation, LAST_GENERATION);
  const body = "1" + digits(campaign >>> 2, 6) + digits(low, 6);
  return body + digits(check(body), 2);
}

/** Reads a tag, strictly: what is accepted is exactly what is written. */
export function parseTag(text: string): LinkTag | TagError {
  if (new TextEncoder().encode(text).length !== 15) return "length";
  if (![...text].every((character) => ALPHABET.includes(character))) return "character";
  if (text[0] !== "1") return "version";
  if (number(text.slice(13)) !== check(text.slice(0, 13))) return "check";
  const [high, low] = [number(text.slice(1, 7)), number(text.slice(7, 13))];
  if (low & 8) return "reserved";
  const channel = channelByCode((low >> 20) & 255);
  if (!channel) return "channel";
  return { campaign: ((high << 2) | (low >>> 28)) >>> 0, channel, cohort: (low >> 4) & 0xffff, generation: low & 7 };
}

/** The tag in an address: the first in its fragment, or else the first in its query. */
export function tagOfAddress(address: string): LinkTag | undefined {
  const [, query, fragment] = cut(address);
  for (const part of `${(fragment ?? "").split(":~:", 1)[0]}&${query ?? ""}`.split(/[&?]/)) {
    const tag = part.startsWith("tct=") ? parseTag(part.slice(4)) : "length";
    if (typeof tag === "object") return tag;
  }
  return undefined;
}

/** The address with this tag, in place of any it had; undefined if it is no absolute web address. */
export function tagAddress(tag: LinkTag, written: string, style: TagStyle = "fragment"): string | undefined {
  const address = absolute(written);
  if (address === undefined) return undefined;
  const [path, query, fragment = ""] = cut(address);
  const text = "tct=" + encodeTag(tag);
  const rest = query && withoutTags(query);
  // A text directive is taken off by the browser before anyone sees the fragment: it can stay behind.
  const at = fragment.indexOf(":~:");
  const directive = at < 0 ? "" : fragment.slice(at);
  const anchor = withoutTags(at < 0 ? fragment : fragment.slice(0, at));
  if (style === "fragment" && !anchor) return joined(path, rest, text + directive);
  return joined(path, rest ? `${rest}&${text}` : text, anchor + directive);
}

/** The address with UTM parameters, unless it has any; undefined if it is no absolute web address. */
export function utmAddress(tag: LinkTag, written: string, campaign: string): string | undefined {
  const address = absolute(written);
  if (address === undefined) return undefined;
  const [path, query, fragment = ""] = cut(address);
  if (/(^|&)utm_/i.test(query ?? "")) return address;
  const named = campaign && `&utm_campaign=${encodeURIComponent(campaign)}`;
  return joined(path, `${query ? query + "&" : ""}utm_source=${tag.channel.name}&utm_medium=share${named}`, fragment);
}

/** The tag for sharing the link on: one generation more, up to 7. */
export const reshare = (tag: LinkTag, channel: Channel): LinkTag => ({
  ...tag,
  channel,
  generation: Math.min(tag.generation + 1, LAST_GENERATION),
});

function digits(value: number, count: number): string {
  let text = "";
  for (let rest = value; text.length < count; rest >>>= 5) text = ALPHABET[rest & 31] + text;
  return text;
}

const number = (text: string): number => [...text].reduce((value, digit) => (value << 5) | ALPHABET.indexOf(digit), 0);

/**
 * The digits as a polynomial in 33 modulo 1021: it catches each wrong character and any two exchanged. No signature.
 */
const check = (text: string): number =>
  [...text].reduce((sum, digit) => (sum * 33 + ALPHABET.indexOf(digit)) % 1021, 0);

/** An address cut at its first `#`, and before that at its first `?`. */
function cut(address: string): [path: string, query: string | undefined, fragment: string | undefined] {
  const [, path, , query, , fragment] = /^([^?#]*)(\?([^#]*))?(#([\s\S]*))?$/.exec(address)!;
  return [path!, query, fragment];
}

const joined = (path: string, query: string | undefined, fragment: string): string =>
  path + (query ? "?" + query : "") + (fragment ? "#" + fragment : "");

function absolute(written: string): string | undefined {
  const address = written.replace(/^[\0- ]+|[\0- ]+$/g, "");
  try {
    return /^https?:$/.test(new URL(address).protocol) ? address : undefined;
  } catch {
    return undefined;
  }
}

/** A query or fragment without its `tct=` parts; the others keep their places and their separators. */
function withoutTags(text: string): string {
  let kept = "";
  // What a removed part leaves to the next: a leading part has no separator, and `?` must stay the first one.
  let inherited: string | undefined;
  let separator = "";
  for (const [, body, next] of text.matchAll(/([^&?]*)([&?]|$)/g)) {
    if (!body && !next) break;
    if (body!.startsWith("tct=")) {
      if (separator !== "&") inherited ??= separator;
    } else {
      kept += (inherited ?? separator) + body;
      inherited = undefined;
    }
    separator = next!;
  }
  return inherited === undefined && /[&?]$/.test(text) ? kept + separator : kept;
}
