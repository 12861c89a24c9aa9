// How a visit came about: the evidence that a page has, read on the device and sent nowhere (spec/channels.md §2).

import { readAgent } from "./agent.js";
import { type Channel, channelByName } from "./channel.js";
import { channelOfClick, channelOfParameters } from "./declared.js";
import { channelOfHost, channelOfPackage, isSameSite } from "./host.js";
import { type LinkTag, tagOfAddress } from "./tag.js";

/** What a page knows about how it was opened. */
export interface Evidence {
  readonly url: string;
  /** `document.referrer`; empty when there is none. */
  readonly referrer: string;
  readonly userAgent: string;
  /** `PerformanceNavigationTiming.type`; `prerender` counts as `navigate`. */
  readonly navigation: string;
  /** Pages that people open by themselves: paths, addresses or routes (`#/news`). `/` always is one. */
  readonly landingPages: readonly string[];
}

/** The strength of evidence, the strongest first. */
export type Grade = "confirmed" | "declared" | "app" | "referrer" | "inferred" | "direct";

/** How a person came: by which channel, on what evidence. */
export interface Arrival {
  readonly channel: Channel;
  readonly grade: Grade;
  readonly tag?: LinkTag;
}

export type Visitor =
  | { is: "person"; arrival: Arrival }
  | { is: "internal" }
  | { is: "preview"; channel?: Channel }
  | { is: "robot" };

/** Tells who opened a page, and how a person came to it. Total: every input has an answer, none fails. */
export function classify(evidence: Evidence): Visitor {
  const agent = readAgent(evidence.userAgent);
  if (agent.is === "preview" || agent.is === "robot") return agent;
  const page = webAddress(evidence.url);
  const from = webAddress(evidence.referrer);
  if (page && from && isSameSite(page.hostname, from.hostname)) return { is: "internal" };
  return { is: "person", arrival: arrivalOf(evidence, page, from, agent.is === "app" ? agent.channel : undefined) };
}

function arrivalOf(
  evidence: Evidence,
  page: URL | undefined,
  from: URL | undefined,
  app: Channel | undefined,
): Arrival {
  const tag = tagOfAddress(evidence.url);
  if (tag) return { channel: tag.channel, grade: "confirmed", tag };
  const declared = page && channelOfParameters(page.searchParams);
  if (declared) return { channel: declared, grade: "declared" };
  if (app) return { channel: app, grade: "app" };
  const id = /^android-app:\/\/([^/?#]+)/i.exec(evidence.referrer)?.[1];
  const known =
    (id ? channelOfPackage(id) : from && channelOfHost(from.hostname)) ?? (page && channelOfClick(page.searchParams));
  if (known || id || from) return { channel: known ?? named("referral"), grade: "referrer" };
  const isShared =
    evidence.navigation !== "reload" &&
    evidence.navigation !== "back_forward" &&
    page &&
    !isLandingPage(page, evidence.landingPages);
  return isShared ? { channel: named("inferred"), grade: "inferred" } : { channel: named("direct"), grade: "direct" };
}

const named = (name: string): Channel => channelByName(name)!;

/** An `http` or `https` address, as every browser parses it. */
export function webAddress(address: string, base?: URL): URL | undefined {
  try {
    const url = new URL(address, base);
    return /^https?:$/.test(url.protocol) ? url : undefined;
  } catch {
    return undefined;
  }
}

/** Whether people open this page by themselves: `/`, or one that the publisher lists. */
function isLandingPage(page: URL, landingPages: readonly string[]): boolean {
  const path = routeOf(page);
  return path === "" || landingPages.some((entry) => listed(page, entry) === path);
}

/** The path that an entry of the list stands for; any other entry stands for nothing. */
function listed(page: URL, entry: string): string | undefined {
  if (entry.startsWith("#")) return trimmed(entry.slice(1).replace(/^!/, ""));
  const address = webAddress(entry, entry.startsWith("/") ? page : undefined);
  return address && trimmed(address.pathname);
}

/** The page's path without slashes at its end; where a hash router (`#/a/b`, `#!/a/b`) has a route, that. */
export function routeOf(page: URL): string {
  const found = /^#!?(\/[^?&]*)/.exec(page.hash);
  return (found && trimmed(found[1]!)) || trimmed(page.pathname);
}

const trimmed = (path: string) => path.replace(/\/+$/, "");
