// The questions behind the figures. Pure: the same view, campaign and hour give the same request.

import { Event, type Measure } from "../wire/tacita/v1/manifest_pb.js";
import type { CampaignSummary } from "../wire/tacita/v1/reporting_pb.js";
import { Granularity, RatioKind } from "../wire/tacita/v1/reporting_pb.js";
import { type Filter, isCompared, type View } from "./address.js";
import { applicable, EVENTS, type Left, measureFor, measureWith } from "./measures.js";
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
  readonly left: readonly Left[];
}

/** The days that figures are about: compared with others, they are over. */
export const shownSpan = ({ view, now }: Scope): Span => spanOf(view.range, now, isCompared(view));

const wireSpan = ({ from, to }: Span) => ({ from: BigInt(from), to: BigInt(to) });

function wireCompare(view: View) {
  if (!isCompared(view)) return undefined;
  return {
    period:
      view.compare === "previous"
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
  const { applied, left } = applicable(measure, scope.view.filters);
  const query = {
    campaign: scope.campaign.name,
    measures: [measure.name],
    range: wireSpan(shownSpan(scope)),
    granularity: shape.granularity ?? Granularity.TOTAL,
    groupBy: [...(shape.groupBy ?? [])],
    filters: wireFilters(applied),
    top: shape.top ?? 0,
    ...(shape.compare === false ? {} : { compare: wireCompare(scope.view) }),
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

/** The sums of what `byChannel` tells apart. */
export function byKind(scope: Scope): Asked | undefined {
  const asked = byChannel(scope);
  return asked && ofMeasure(scope, asked.measure, { groupBy: ["kind"], compare: false });
}

/** Over time, in all or split by a dimension. */
export function overTime(scope: Scope): (Asked & { seconds: number }) | undefined {
  const { view, campaign } = scope;
  const groupBy = view.split ? [view.split] : [];
  const measure = measureWith(campaign.measures, EVENTS[view.subject], groupBy, view.filters);
  if (!measure) return undefined;
  const { wire, seconds } = grainFor(view.grain, shownSpan(scope), measure.windowSeconds);
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
        range: wireSpan(shownSpan(scope)),
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
  return question("query", {
    query: {
      campaign: scope.campaign.name,
      ratios: [{ kind }],
      range: wireSpan(shownSpan(scope)),
      granularity: Granularity.TOTAL,
      filters: wireFilters(scope.view.filters),
      compare: wireCompare(scope.view),
    },
  });
}

export function funnel(scope: Scope): Question<"getFunnel"> {
  return question("getFunnel", {
    campaign: scope.campaign.name,
    range: wireSpan(shownSpan(scope)),
    filters: wireFilters(scope.view.filters),
  });
}

export function reconciliation(scope: Scope): Question<"getReconciliation"> {
  return question("getReconciliation", {
    campaign: scope.campaign.name,
    range: wireSpan(shownSpan(scope)),
    filters: wireFilters(scope.view.filters),
  });
}

/** These measures in total: what is hidden of them, whether their reports can be honest, how many had nothing to say. None: all. */
export function evidence(scope: Scope, measures: readonly string[]): Question<"query"> {
  return question("query", {
    query: {
      campaign: scope.campaign.name,
      measures: [...measures],
      range: wireSpan(shownSpan(scope)),
      granularity: Granularity.TOTAL,
    },
  });
}

/** What is guaranteed to visitors, and what is not. */
export function guarantees(scope: Scope): Question<"getPrivacy"> {
  return question("getPrivacy", { campaign: scope.campaign.name, range: wireSpan(shownSpan(scope)) });
}

/** Surges are of the days up to now, whatever is compared: none is told late for it. */
export function alerts(scope: Scope): Question<"listAlerts"> {
  return question("listAlerts", {
    campaign: scope.campaign.name,
    since: BigInt(spanOf(scope.view.range, scope.now).from),
  });
}
