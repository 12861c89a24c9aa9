// Whose a host is: the channel of a referrer, and whether two hosts are one site (spec/channels.md §5).

import { CHANNELS, type Channel, list } from "./channel.js";
import { lowerAscii } from "./pattern.js";
import { SITE_LABELS } from "./table.generated.js";

const SITE = list(SITE_LABELS);

/** The channel that a host belongs to; the host is as a URL parser gives it. The name nearest to the host wins. */
export function channelOfHost(written: string): Channel | undefined {
  const host = written.replace(/\.$/, "");
  const bare = bareHost(host);
  return owner("=" + host) ?? owner("=" + bare) ?? covering(host) ?? bySuffix(bare) ?? owner(firstLabel(host) + ".");
}

export const channelOfPackage = (id: string): Channel | undefined =>
  CHANNELS.find((channel) => channel.packages.includes(lowerAscii(id)));

/** Whether two hosts are one site: the same but for `www.` and its like, or one below the other. */
export function isSameSite(one: string, other: string): boolean {
  const [a, b] = [one, other].map((host) => bareHost(host.replace(/\.+$/, ""))) as [string, string];
  return a === b || isBelow(a, b) || isBelow(b, a);
}

/** Who holds an entry of the table's hosts, in exactly these words. */
const owner = (entry: string) => CHANNELS.find((channel) => channel.hosts.includes(entry));

/** The channel of the nearest name above the host, or of itself. */
function covering(host: string): Channel | undefined {
  for (let name = host; ; name = name.slice(name.indexOf(".") + 1)) {
    const channel = owner(name);
    if (channel || !name.includes(".")) return channel;
  }
}

/** `google.de`, `google.co.uk`: one label of two or three letters, or one before a country's two. */
function bySuffix(host: string): Channel | undefined {
  const suffix = host.slice(firstLabel(host).length);
  return /^\.[^.]{2,3}(\.[^.]{2})?$/.test(suffix) ? owner(`=${firstLabel(host)}.*`) : undefined;
}

const firstLabel = (host: string) => host.split(".", 1)[0]!;

/** A name without a dot, such as `com`, is no one's parent; nor is an address by number. */
const isBelow = (host: string, parent: string) => /\..*\D$|\.$/.test(parent) && host.endsWith("." + parent);

/** The host without the labels in front that do not make it another site. */
function bareHost(host: string): string {
  const labels = host.split(".");
  while (labels.length > 2 && SITE.includes(labels[0]!)) labels.shift();
  return labels.join(".");
}
