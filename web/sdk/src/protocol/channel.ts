// The channel table: by what app, site or means a link was passed on (spec/channels.md §1, §7).

import { ROWS } from "./table.generated.js";

export interface Channel {
  /** The number that stands for it in link tags. */
  readonly code: number;
  /** Its name in the protocol: `whatsapp`, `instagram-direct`. */
  readonly name: string;
  /** Whether it counts as dark social. */
  readonly isPrivate: boolean;
  /** Whether a person can share to it. */
  readonly isShareTarget: boolean;
  /** The template of the address that opens its share sheet; empty where it has none. */
  readonly share: string;
  readonly agents: readonly string[];
  readonly previews: readonly string[];
  readonly hosts: readonly string[];
  readonly packages: readonly string[];
  readonly sources: readonly string[];
  readonly mediums: readonly string[];
  readonly params: readonly string[];
  readonly clicks: readonly string[];
}

/** A list of the table: its items are joined by `|`. */
export const list = (text: string): string[] => (text ? text.split("|") : []);

/** Every channel, in the order in which user agents are tried. */
export const CHANNELS: readonly Channel[] = /* @__PURE__ */ ROWS.split("\n").map((row) => {
  const [code, name, kind, share, ...lists] = row.split("\t") as [string, string, string, string, ...string[]];
  const [agents, previews, hosts, packages, sources, mediums, params, clicks] = lists.map(list) as [
    string[],
    string[],
    string[],
    string[],
    string[],
    string[],
    string[],
    string[],
  ];
  const isPrivate = /p/i.test(kind);
  const isShareTarget = /[pu]/.test(kind);
  return {
    code: +code,
    name,
    isPrivate,
    isShareTarget,
    share,
    agents,
    previews,
    hosts,
    packages,
    sources,
    mediums,
    params,
    clicks,
  };
});

export const channelByName = (name: string): Channel | undefined => CHANNELS.find((channel) => channel.name === name);

export const channelByCode = (code: number): Channel | undefined => CHANNELS.find((channel) => channel.code === code);

/** The address that opens the channel's share sheet with a link and a text; undefined where it has none. */
export function shareUrl(channel: Channel, link: string, text: string): string | undefined {
  if (!channel.share) return undefined;
  const values: Record<string, string> = { url: link, text, both: text ? `${text} ${link}` : link };
  // One pass, so that what is put in is never taken for a place to put something.
  return channel.share.replace(/{(\w+)}/g, (_, slot: string) => encodeURIComponent(values[slot]!));
}
