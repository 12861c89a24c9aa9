// What a brand says of its campaign, as a form has it: texts, until they are checked.

import type { MessageInitShape } from "@bufbuild/protobuf";
import { DAY, dayOf } from "../state/range.js";
import type { Declaration, DeclarationSchema } from "../wire/tacita/v1/reporting_pb.js";
import { numberOf } from "./number.js";

export interface CostDraft {
  /** Days, as in a date input; the last one is part of it. */
  readonly first: string;
  readonly last: string;
  readonly amount: string;
  /** Empty: the campaign as a whole. */
  readonly channel: string;
  /** As it was declared: a cost may begin within a day. */
  readonly declared?: { readonly from: bigint; readonly to: bigint };
}

export interface CategoryDraft {
  readonly name: string;
  /** One on each line. */
  readonly contents: string;
}

export interface Draft {
  readonly market: string;
  readonly currency: string;
  readonly costs: readonly CostDraft[];
  /** What a conversion is worth, by bucket; empty: the bucket's middle. */
  readonly values: Readonly<Record<string, string>>;
  readonly categories: readonly CategoryDraft[];
  readonly webhooks: readonly string[];
}

/** What is wrong with a field. */
export type Problem = "currency" | "day" | "order" | "amount" | "value" | "name" | "taken" | "address" | "repeated";

/** Problems by field: `currency`, `costs.0.amount`, `values.20..40`, `categories.1.contents`, `webhooks.0`. */
export type Problems = ReadonlyMap<string, Problem>;

export const NO_COST: CostDraft = { first: "", last: "", amount: "", channel: "" };
export const NO_CATEGORY: CategoryDraft = { name: "", contents: "" };

export function draftOf(declaration: Declaration | undefined): Draft {
  const last = (to: bigint) => dayOf(Number(to) - 1);
  return {
    market: declaration?.market ?? "",
    currency: declaration?.currency ?? "",
    costs: (declaration?.costs ?? []).map(({ range, amount, channel }) => {
      const declared = { from: range?.from ?? 0n, to: range?.to ?? 0n };
      return {
        first: dayOf(Number(declared.from)),
        last: last(declared.to),
        amount: String(amount),
        channel,
        declared,
      };
    }),
    values: Object.fromEntries((declaration?.bucketValues ?? []).map(({ bucket, value }) => [bucket, String(value)])),
    categories: (declaration?.categories ?? []).map(({ name, contents }) => ({ name, contents: contents.join("\n") })),
    webhooks: (declaration?.webhooks ?? []).map(({ url }) => url),
  };
}

/** The declaration that a draft says, or what is to be put right first. The rules are the service's (spec/reporting.md §9). */
export function read(draft: Draft): { said: MessageInitShape<typeof DeclarationSchema> } | { problems: Problems } {
  const problems = new Map<string, Problem>();
  const currency = draft.currency.trim().toUpperCase();
  if (!/^[A-Z]{3}$/.test(currency) && (currency || draft.costs.length)) problems.set("currency", "currency");
  const said = {
    market: draft.market.trim(),
    currency,
    costs: draft.costs.map((cost, place) => readCost(cost, `costs.${place}`, problems)),
    bucketValues: readValues(draft.values, problems),
    categories: readCategories(draft.categories, problems),
    webhooks: draft.webhooks.map((url) => ({ url: url.trim() })),
  };
  draft.webhooks.forEach((url, place) => {
    if (!isAddress(url.trim())) problems.set(`webhooks.${place}`, "address");
  });
  return problems.size ? { problems } : { said };
}

function readCost(cost: CostDraft, field: string, problems: Map<string, Problem>) {
  const [first, last] = [cost.first, cost.last].map((day) => Date.parse(`${day}T00:00:00Z`) / 1000) as [number, number];
  const amount = numberOf(cost.amount);
  if (Number.isNaN(first)) problems.set(`${field}.first`, "day");
  if (Number.isNaN(last)) problems.set(`${field}.last`, "day");
  else if (last < first) problems.set(`${field}.last`, "order");
  if (amount === undefined || amount < 0) problems.set(`${field}.amount`, "amount");
  const whole = (seconds: number) => BigInt(Number.isNaN(seconds) ? 0 : seconds);
  const { declared } = cost;
  // A day that nobody changed keeps the time that was declared.
  const range = {
    from: declared && dayOf(Number(declared.from)) === cost.first ? declared.from : whole(first),
    to: declared && dayOf(Number(declared.to) - 1) === cost.last ? declared.to : whole(last + DAY),
  };
  return { range, amount: amount ?? 0, channel: cost.channel };
}

function readValues(values: Draft["values"], problems: Map<string, Problem>) {
  return Object.entries(values).flatMap(([bucket, text]) => {
    if (!text.trim()) return [];
    const value = numberOf(text);
    if (value === undefined) problems.set(`values.${bucket}`, "value");
    return [{ bucket, value: value ?? 0 }];
  });
}

function readCategories(categories: Draft["categories"], problems: Map<string, Problem>) {
  const [names, contents] = [new Set<string>(), new Set<string>()];
  return categories.map((category, place) => {
    const name = category.name.trim();
    if (!name) problems.set(`categories.${place}.name`, "name");
    else if (names.has(name)) problems.set(`categories.${place}.name`, "taken");
    names.add(name);
    const own = category.contents
      .split("\n")
      .map((line) => line.trim())
      .filter(Boolean);
    if (own.some((content) => contents.has(content)) || new Set(own).size < own.length)
      problems.set(`categories.${place}.contents`, "repeated");
    for (const content of own) contents.add(content);
    return { name, contents: own };
  });
}

/** https, or http to this machine. */
function isAddress(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isLoopback = /^(localhost|127\.0\.0\.1|\[::1\])$/.test(url?.hostname ?? "");
  return url?.protocol === "https:" || (url?.protocol === "http:" && isLoopback);
}
