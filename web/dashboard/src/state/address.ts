// What a page shows, as its address says it: a link to a page shows the same page to a colleague.

import { DEFAULT_RANGE, formatRange, GRAINS, type Grain, parseRange, type Range } from "./range.js";

export const PAGES = [
  "overview",
  "contents",
  "cohorts",
  "analytics",
  "planner",
  "links",
  "campaign",
  "privacy",
] as const;
export type Page = (typeof PAGES)[number];

const COMPARISONS = ["none", "previous", "year"] as const;
export type Compare = (typeof COMPARISONS)[number];

export const SUBJECTS = ["arrival", "share", "conversion", "reach"] as const;
/** What the channels and the time series count. */
export type Subject = (typeof SUBJECTS)[number];

export const LANGUAGES = ["en", "fr"] as const;
export type Language = (typeof LANGUAGES)[number];

/** Labels of a dimension that are kept, or left out. */
export interface Filter {
  readonly dimension: string;
  readonly values: readonly string[];
  readonly exclude: boolean;
}

export interface View {
  readonly page: Page;
  /** `brand/campaign`; empty for the first there is. */
  readonly campaign: string;
  readonly range: Range;
  readonly compare: Compare;
  readonly grain: Grain;
  readonly subject: Subject;
  /** The dimension that the time series is split by; empty for none. */
  readonly split: string;
  readonly filters: readonly Filter[];
  /** Undefined: as the browser says. */
  readonly language: Language | undefined;
  /** What is written in the page's own form: planner and links. */
  readonly form: Readonly<Record<string, string>>;
}

export const START: View = {
  page: "overview",
  campaign: "",
  range: DEFAULT_RANGE,
  compare: "none",
  grain: "auto",
  subject: "arrival",
  split: "",
  filters: [],
  language: undefined,
  form: {},
};

/** Whether figures stand beside those of another period. All of time has no other. */
export const isCompared = ({ compare, range }: View): boolean => compare !== "none" && range.kind !== "all";

/** Fields of forms are told from the others by this. */
const FORM = "f.";

/** Reads the query of an address; what cannot be read is as if it were not there. */
export function parseView(query: string): View {
  const params = new URLSearchParams(query);
  const one = <T extends string>(name: string, known: readonly T[], otherwise: T): T =>
    known.find((value) => value === params.get(name)) ?? otherwise;
  const fields = [...params].filter(([name]) => name.startsWith(FORM));
  return {
    page: one("page", PAGES, START.page),
    campaign: params.get("campaign") ?? "",
    range: parseRange(params.get("range") ?? "") ?? START.range,
    compare: one("compare", COMPARISONS, START.compare),
    grain: one("by", GRAINS, START.grain),
    subject: one("count", SUBJECTS, START.subject),
    split: params.get("split") ?? "",
    filters: params
      .getAll("filter")
      .map(parseFilter)
      .filter((filter) => filter !== undefined),
    language: LANGUAGES.find((language) => language === params.get("lang")),
    form: Object.fromEntries(fields.map(([name, value]) => [name.slice(FORM.length), value])),
  };
}

/** The query of the address that shows this; what is as at the start is left out. */
export function formatView(view: View): string {
  const params = new URLSearchParams();
  const put = (name: string, value: string, usual: string) => value !== usual && params.set(name, value);
  put("page", view.page, START.page);
  put("campaign", view.campaign, "");
  put("range", formatRange(view.range), formatRange(START.range));
  put("compare", view.compare, START.compare);
  put("by", view.grain, START.grain);
  put("count", view.subject, START.subject);
  put("split", view.split, START.split);
  for (const filter of view.filters) params.append("filter", formatFilter(filter));
  put("lang", view.language ?? "", "");
  for (const [name, value] of Object.entries(view.form)) put(FORM + name, value, "");
  // Slashes, colons, commas and exclamation marks are no separators in a query, and an address is easier to read with them.
  const text = params
    .toString()
    .replaceAll("%2F", "/")
    .replaceAll("%3A", ":")
    .replaceAll("%2C", ",")
    .replaceAll("%21", "!");
  return text && `?${text}`;
}

/** `channel:whatsapp,telegram`, or `channel!:search`. Commas and backslashes in a label stand after a backslash. */
function parseFilter(text: string): Filter | undefined {
  const [, dimension, not, rest] = /^([a-z][a-z0-9-]*)(!?):(.+)$/s.exec(text) ?? [];
  if (!dimension || !rest) return undefined;
  const values = [...rest.matchAll(/((?:\\.|[^,\\])+)/gs)].map(([value]) => value.replace(/\\(.)/gs, "$1"));
  return { dimension, values, exclude: not === "!" };
}

const formatFilter = ({ dimension, values, exclude }: Filter): string =>
  `${dimension}${exclude ? "!" : ""}:${values.map((value) => value.replace(/[\\,]/g, "\\$&")).join(",")}`;

/** The filters with a label added to, or taken from, those of its dimension. */
export function toggled(filters: readonly Filter[], dimension: string, value: string): Filter[] {
  const present = filters.find((filter) => filter.dimension === dimension);
  if (!present) return [...filters, { dimension, values: [value], exclude: false }];
  const values = present.values.includes(value)
    ? present.values.filter((other) => other !== value)
    : [...present.values, value];
  const others = filters.filter((filter) => filter !== present);
  return values.length ? [...others, { ...present, values }] : others;
}
