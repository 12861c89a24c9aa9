// The questions behind the figures. Pure: the same view, campaign and hour give the same request.

import { Event, type Measure } from "../wire/tacita/v1/manifest_pb.js";
import type { CampaignSummary } from "../wire/tacita/v1/reporting_pb.js";
import { Granularity, RatioKind } from "../wire/tacita/v1/reporting_pb.js";
import type { Compare, Filter, View } from "./address.js";
import { applicable, EVENTS, measureFor, measureWith } from "./measures.js";
import { type Question, question } from "./question.js";
import { grainFor, type Span, spanOf } from "./range.js";

/** What every figure of a page shares. */
export interface Scope {
  readonly campaign: CampaignSummary;
  readonly view: View;
  /** Unix seconds. */
  readonly now: number;
}

/** A question about one measure, and what of the filters it could not take. */
export interface Asked {
  readonly question: Question<"query">;
  readonly measure: Measure;
  readonly left: readonly string[];
}

export const wireSpan = ({ from, to }: Span) => ({ from: BigInt(from), to: BigInt(to) });

/** A comparison needs a range with two ends. */
function wireCompare(compare: Compare, span: Span) {
  if (compare === "none" || span.to === 0) return undefined;
  return {
    period:
      compare === "previous"
        ? { case: "previousPeriod" as const, value: true }
        : { case: "previousYear" as const, value: true },
  };
}

const wireFilters = (filters: readonly Filter[]) =>
  filters.map(({ dimension, values, exclude }) => ({ dimension, values: [...values], exclude }));

interface Shape {
  readonly groupBy?: readonly string[];
  readonly granularity?: Granularity;
  readonly top?: number;
  readonly compare?: boolean;
}

function ofMeasure(scope: Scope, measure: Measure, shape: Shape): Asked {
  const span = spanOf(scope.view.range, scope.now);
  const { applied, left } = applicable(measure, scope.view.filters);
  const query = {
    campaign: scope.campaign.name,
    measures: [measure.name],
    range: wireSpan(span),
    granularity: shape.granularity ?? Granularity.TOTAL,
    groupBy: [...(shape.groupBy ?? [])],
    filters: wireFilters(applied),
    top: shape.top ?? 0,
    ...(shape.compare === false ? {} : { compare: wireCompare(scope.view.compare, span) }),
  };
  return { question: question("query", { query, pageSize: 10_000 }), measure, left };
}

/** The total of what happened. */
export function totalOf(scope: Scope, event: Event): Asked | undefined {
  const measure = measureWith(scope.campaign.measures, event, [], scope.view.filters);
  return measure && ofMeasure(scope, measure, {});
}

/** By channel, private and public told apart. */
export function byChannel(scope: Scope): Asked | undefined {
  const measure = measureWith(scope.campaign.measures, EVENTS[scope.view.subject], ["channel"], scope.view.filters);
  return measure && ofMeasure(scope, measure, { groupBy: ["kind", "channel"] });
}

/** The sums of what `byChannel` tells apart; of the private channels, those with evidence alone. */
export function byKind(scope: Scope): Asked | undefined {
  const asked = byChannel(scope);
  if (!asked?.measure.dimensions.some(({ name, labels }) => name === "channel" && labels.includes("inferred")))
    return asked && ofMeasure(scope, asked.measure, { groupBy: ["kind"], compare: false });
  const evident: Filter = { dimension: "channel", values: ["inferred"], exclude: true };
  return ofMeasure({ ...scope, view: { ...scope.view, filters: [...scope.view.filters, evident] } }, asked.measure, {
    groupBy: ["kind"],
    compare: false,
  });
}

/** Over time, in all or split by a dimension. */
export function overTime(scope: Scope): (Asked & { seconds: number }) | undefined {
  const { view, campaign, now } = scope;
  const groupBy = view.split ? [view.split] : [];
  const measure = measureWith(campaign.measures, EVENTS[view.subject], groupBy, view.filters);
  if (!measure) return undefined;
  const { wire, seconds } = grainFor(view.grain, spanOf(view.range, now), measure.windowSeconds);
  return { ...ofMeasure(scope, measure, { groupBy, granularity: wire, compare: !view.split }), seconds };
}

/** The most shared contents, or what the brand called groups of them. */
export function topContents(scope: Scope, top: number, by: "content" | "category"): Asked | undefined {
  const measure = measureFor(scope.campaign.measures, Event.CONTENT_SHARE, [by]);
  return measure && ofMeasure(scope, measure, { groupBy: [by], top });
}

/** How often one content was shared for each time that another was. */
export function contentsRatio(scope: Scope, one: string, other: string): Question<"query"> | undefined {
  const measure = measureFor(scope.campaign.measures, Event.CONTENT_SHARE, ["content"]);
  const selection = (content: string) => ({
    measure: measure?.name ?? "",
    filters: wireFilters([{ dimension: "content", values: [content], exclude: false }]),
  });
  const custom = { name: "contents", numerator: selection(one), denominator: selection(other) };
  return (
    measure &&
    question("query", {
      query: {
        campaign: scope.campaign.name,
        ratios: [{ kind: RatioKind.CUSTOM, custom }],
        range: wireSpan(spanOf(scope.view.range, scope.now)),
        granularity: Granularity.TOTAL,
      },
    })
  );
}

/** By squad, newsletter or referral programme. */
export function byCohort(scope: Scope): Asked | undefined {
  const measure = measureWith(scope.campaign.measures, EVENTS[scope.view.subject], ["cohort"], scope.view.filters);
  return measure && ofMeasure(scope, measure, { groupBy: ["cohort"] });
}

/** Devices by how they share, where a measure tells it. */
export function byProfile(scope: Scope): Asked | undefined {
  const measure = scope.campaign.measures.find(({ dimensions }) => dimensions.some(({ name }) => name === "profile"));
  return measure && ofMeasure(scope, measure, { groupBy: ["profile"] });
}

/** One ratio. The service chooses the measures and says which is missing. */
export function ratio(scope: Scope, kind: RatioKind): Question<"query"> {
  const span = spanOf(scope.view.range, scope.now);
  return question("query", {
    query: {
      campaign: scope.campaign.name,
      ratios: [{ kind }],
      range: wireSpan(span),
      granularity: Granularity.TOTAL,
      filters: wireFilters(scope.view.filters),
      compare: wireCompare(scope.view.compare, span),
    },
  });
}

export function funnel(scope: Scope): Question<"getFunnel"> {
  return question("getFunnel", {
    campaign: scope.campaign.name,
    range: wireSpan(spanOf(scope.view.range, scope.now)),
    filters: wireFilters(scope.view.filters),
  });
}

export function reconciliation(scope: Scope): Question<"getReconciliation"> {
  return question("getReconciliation", {
    campaign: scope.campaign.name,
    range: wireSpan(spanOf(scope.view.range, scope.now)),
    filters: wireFilters(scope.view.filters),
  });
}

/** All measures in total: what each report of them reveals. */
export function everything(scope: Scope): Question<"query"> {
  return question("query", {
    query: {
      campaign: scope.campaign.name,
      range: wireSpan(spanOf(scope.view.range, scope.now)),
      granularity: Granularity.TOTAL,
    },
  });
}

export function alerts(scope: Scope): Question<"listAlerts"> {
  return question("listAlerts", {
    campaign: scope.campaign.name,
    since: BigInt(spanOf(scope.view.range, scope.now).from),
  });
}
