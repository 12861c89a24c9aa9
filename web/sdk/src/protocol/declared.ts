// What an address declares: the parameters of its campaign, and those that apps and networks add (spec/channels.md §4).

import { CHANNELS, type Channel, channelByName, list } from "./channel.js";
import { channelOfHost } from "./host.js";
import { lowerAscii } from "./pattern.js";
import { DECLARED } from "./table.generated.js";

const [SOURCES, MEDIUMS, CAMPAIGNS, SUFFIXES] = /* @__PURE__ */ DECLARED.split("\n").map(list) as [
  string[],
  string[],
  string[],
  string[],
];

/** A parameter that an app adds comes after the campaign's own, so it is asked first. */
export const channelOfParameters = (query: URLSearchParams): Channel | undefined => byApp(query) ?? byCampaign(query);

/** The channel, or family of channels, whose click identifier the address carries. */
export function channelOfClick(query: URLSearchParams): Channel | undefined {
  const keys = [...query.keys()].map(lowerAscii);
  return CHANNELS.find((channel) => channel.clicks.some((click) => keys.includes(click)));
}

function byApp(query: URLSearchParams): Channel | undefined {
  const carries = (param: string) => {
    const [key, wanted] = param.split("=") as [string, string?];
    return wanted === undefined ? query.has(key) : query.getAll(key).includes(wanted);
  };
  return CHANNELS.find((channel) => channel.params.some(carries));
}

function byCampaign(query: URLSearchParams): Channel | undefined {
  const [source, medium, campaign] = [SOURCES, MEDIUMS, CAMPAIGNS].map((keys) => firstValue(query, keys));
  const named = (source && bySource(source)) || CHANNELS.find((channel) => medium && channel.mediums.includes(medium));
  return named || (source || campaign ? channelByName("campaign") : undefined);
}

/** The first value that is not blank, as names are compared: trimmed, in ASCII lower case, with hyphens. */
function firstValue(query: URLSearchParams, keys: readonly string[]): string | undefined {
  for (const [key, value] of query) {
    const name = lowerAscii(value.replace(/^ +| +$/g, "")).replace(/[ _]/g, "-");
    if (name && keys.includes(lowerAscii(key))) return name;
  }
  return undefined;
}

function bySource(source: string): Channel | undefined {
  const suffix = SUFFIXES.find((suffix) => source.endsWith(suffix));
  const host = source.includes(".") ? channelOfHost(source) : undefined;
  return bySourceName(source) ?? host ?? (suffix ? bySourceName(source.slice(0, -suffix.length)) : undefined);
}

const bySourceName = (name: string): Channel | undefined =>
  CHANNELS.find((channel) => channel.sources.includes(name) || (channel.isShareTarget && channel.name === name));
