// What a publisher decides: by attributes of the script element, or by options of `init`.

import { type Bytes, fromHex } from "../bytes.js";
import type { TagStyle } from "../protocol/tag.js";

/** Whether the visitor may be measured: told by the page, or asked of its consent platform (`tcf`). */
export type ConsentSetting = "required" | "granted" | "denied" | "tcf";

export interface Options {
  /** The publisher's number. */
  publisher: number;
  /** The relay's origin; the publisher's own, if it can be. */
  relay: string;
  /** The collector's signing key, 64 hexadecimal digits. */
  key: string;
  /** Without one, nothing happens before `tacita.consent("granted")`. */
  consent?: ConsentSetting | undefined;
  /** Pages that people open by themselves: paths (`/news`), addresses or routes (`#/news`). `/` always is one. */
  landingPages?: readonly string[] | undefined;
  /** Paths that are not measured; one that ends in `*` stands for all that begin so. */
  excludedPages?: readonly string[] | undefined;
  /** The campaign whose tag shared links carry, if not the publisher's first. */
  campaign?: number | undefined;
  /** Where shared links carry their tag: in the fragment if it is free (the default), or always in the query. */
  linkStyle?: TagStyle | undefined;
  /** Puts `utm_` parameters beside the tag of shared links, unless they have some. */
  utm?: boolean | undefined;
  /** Puts a tag for copies in the address bar, but on the home page and where the fragment is in use. */
  addressBar?: boolean | undefined;
  /** Shows what leaves the device, before and after noise. */
  debug?: boolean | undefined;
}

export interface Settings {
  publisher: number;
  relay: string;
  key: Bytes;
  consent: ConsentSetting;
  landingPages: readonly string[];
  excludedPages: readonly string[];
  campaign: number | undefined;
  linkStyle: TagStyle;
  utm: boolean;
  addressBar: boolean;
  debug: boolean;
}

/** The settings; undefined if one that is needed is missing or is no such thing. */
export function readSettings(options: Options): Settings | undefined {
  const {
    publisher,
    relay,
    consent = "required",
    landingPages = [],
    excludedPages = [],
    campaign,
    linkStyle = "fragment",
    utm = false,
    addressBar = false,
    debug = false,
  } = options;
  const key = fromHex(options.key ?? "");
  if (!(Number.isInteger(publisher) && publisher >= 0) || !/^https?:\/\/[^/]+/.test(relay) || key?.length !== 32)
    return undefined;
  return {
    publisher,
    relay: relay.replace(/\/+$/, ""),
    key,
    consent,
    landingPages,
    excludedPages,
    campaign,
    linkStyle,
    utm,
    addressBar,
    debug,
  };
}

/** Options from `data-…` attributes. The relay is the script's own origin unless it is named. */
export function optionsOf({ dataset, src }: HTMLScriptElement): Options {
  const words = (text = "") => text.split(/[\s,]+/).filter(Boolean);
  return {
    publisher: parseInt(dataset.publisher ?? "", 10),
    relay: dataset.relay || new URL(src, location.href).origin,
    key: dataset.key ?? "",
    consent: (dataset.consent || undefined) as ConsentSetting | undefined,
    landingPages: words(dataset.landingPages),
    excludedPages: words(dataset.excludedPages),
    campaign: dataset.campaign ? +dataset.campaign : undefined,
    linkStyle: dataset.linkStyle === "query" ? "query" : "fragment",
    utm: dataset.utm !== undefined,
    addressBar: dataset.addressBar !== undefined,
    debug: dataset.debug !== undefined,
  };
}

export const isExcluded = ({ excludedPages }: Settings, path: string): boolean =>
  excludedPages.some((page) => (page.endsWith("*") ? path.startsWith(page.slice(0, -1)) : path === page));
