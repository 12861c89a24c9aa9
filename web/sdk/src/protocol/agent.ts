// What a user agent says: a preview robot, another robot, an app's own browser, or nothing (spec/channels.md §2).

import { CHANNELS, type Channel, list } from "./channel.js";
import { fits, lowerAscii } from "./pattern.js";
import { ROBOTS } from "./table.generated.js";

export type Agent =
  | { is: "preview"; channel?: Channel }
  | { is: "robot" }
  | { is: "app"; channel: Channel }
  | { is: "browser" };

/** Previews are told first, then apps, so that a reader in an app never passes for a robot. */
export function readAgent(userAgent: string): Agent {
  const agent = lowerAscii(userAgent);
  const fitsOne = (patterns: readonly string[]) => patterns.some((pattern) => fits(pattern, agent));
  const [previews, robots] = ROBOTS.split("\n").map(list) as [string[], string[]];

  const previewed = CHANNELS.find((channel) => fitsOne(channel.previews));
  if (previewed) return { is: "preview", channel: previewed };
  if (fitsOne(previews)) return { is: "preview" };
  const channel = CHANNELS.find((channel) => fitsOne(channel.agents));
  // What an app sends that does not name itself as every browser does is no page being read in it.
  if (channel) return agent.includes("mozilla/") ? { is: "app", channel } : { is: "browser" };
  return agent && fitsOne(robots) ? { is: "robot" } : { is: "browser" };
}
