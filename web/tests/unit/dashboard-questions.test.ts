import assert from "node:assert/strict";
import { test } from "node:test";
import { create, toJson } from "@bufbuild/protobuf";
import { planOf, planQuestion } from "../../dashboard/src/forms/plan.js";
import { START, type View } from "../../dashboard/src/state/address.js";
import { filterable, measureFor } from "../../dashboard/src/state/measures.js";
import { byChannel, byKind, overTime, ratio, topContents, totalOf } from "../../dashboard/src/state/questions.js";
import { grpcurl } from "../../dashboard/src/wire/grpcurl.js";
import { Event } from "../../dashboard/src/wire/tacita/v1/manifest_pb.js";
import {
  CampaignSummarySchema,
  PlanMeasureRequestSchema,
  QueryRequestSchema,
  RatioKind,
} from "../../dashboard/src/wire/tacita/v1/reporting_pb.js";

const CHANNELS = ["whatsapp", "facebook", "inferred", "other"];
const campaign = create(CampaignSummarySchema, {
  name: "acme/spring",
  measures: [
    {
      name: "wide",
      event: Event.ARRIVAL,
      windowSeconds: 3_600,
      dimensions: [
        { name: "channel", labels: CHANNELS },
        { name: "cohort", labels: ["1", "2"] },
      ],
    },
    {
      name: "arrivals",
      event: Event.ARRIVAL,
      windowSeconds: 86_400,
      dimensions: [{ name: "channel", labels: CHANNELS }],
    },
    {
      name: "articles",
      event: Event.CONTENT_SHARE,
      windowSeconds: 86_400,
      dimensions: [{ name: "content", catalogue: { contents: 100, tail: 10 } }],
    },
  ],
});
const NOW = Date.UTC(2026, 0, 10, 12) / 1000;
const scope = (view: Partial<View> = {}) => ({ campaign, view: { ...START, ...view }, now: NOW });
const json = (request: unknown) => toJson(QueryRequestSchema, request as never) as { query: Record<string, unknown> };

test("a question takes the measure with the fewest cells that can answer it", () => {
  assert.equal(byChannel(scope())?.measure.name, "arrivals");
  assert.equal(measureFor(campaign.measures, Event.ARRIVAL, ["cohort"])?.name, "wide");
  assert.equal(measureFor(campaign.measures, Event.SHARE, []), undefined);
  // A filter that only the wider one can apply makes it the one.
  assert.equal(
    byChannel(scope({ filters: [{ dimension: "cohort", values: ["1"], exclude: false }] }))?.measure.name,
    "wide",
  );
});

test("the question about channels says range, groups, filters and comparison", () => {
  const { question } = byChannel(
    scope({
      range: { kind: "last", days: 1 },
      compare: "previous",
      filters: [{ dimension: "channel", values: ["whatsapp", "unheard-of"], exclude: false }],
    }),
  )!;
  assert.deepEqual(json(question.request).query, {
    campaign: "acme/spring",
    measures: ["arrivals"],
    range: { from: "1767916800", to: "1768003200" },
    granularity: "GRANULARITY_TOTAL",
    groupBy: ["kind", "channel"],
    filters: [{ dimension: "channel", values: ["whatsapp"] }],
    compare: { previousPeriod: true },
  });
});

test("a filter that a measure cannot apply is left out, and said", () => {
  const asked = topContents(
    scope({ filters: [{ dimension: "channel", values: ["whatsapp"], exclude: false }] }),
    10,
    "content",
  )!;
  assert.deepEqual(asked.left, [{ dimension: "channel", labels: [], narrowed: false }]);
  assert.equal(json(asked.question.request).query.filters, undefined);
});

test("labels that a measure does not have are said, and the others are filtered by", () => {
  const { question, left } = byChannel(
    scope({ filters: [{ dimension: "channel", values: ["whatsapp", "search"], exclude: false }] }),
  )!;
  assert.deepEqual(left, [{ dimension: "channel", labels: ["search"], narrowed: true }]);
  assert.deepEqual(json(question.request).query.filters, [{ dimension: "channel", values: ["whatsapp"] }]);
  // What it does not have is left out by itself.
  const without = byChannel(scope({ filters: [{ dimension: "channel", values: ["search"], exclude: true }] }))!;
  assert.deepEqual(without.left, []);
});

test("a kind is the service's word: no filter of the page's own is in its sums", () => {
  const query = json(byKind(scope())!.question.request).query;
  assert.deepEqual([query.groupBy, query.filters], [["kind"], undefined]);
  assert.deepEqual(filterable(campaign.measures, [], []).get("kind"), ["private", "public", "other", "inferred"]);
});

test("compared with a day that is over, the last day is over too", () => {
  const day = (view: Partial<View>) => json(totalOf(scope(view), Event.ARRIVAL)!.question.request).query.range;
  const last: View["range"] = { kind: "last", days: 1 };
  assert.deepEqual(day({ range: last }), { from: "1768003200", to: "1768089600" });
  assert.deepEqual(day({ range: last, compare: "previous" }), { from: "1767916800", to: "1768003200" });
  const days: View["range"] = { kind: "days", first: "2026-01-10", last: "2026-01-10" };
  assert.deepEqual(day({ range: days, compare: "previous" }), { from: "1768003200", to: "1768089600" });
});

test("all of time is compared with nothing", () => {
  assert.equal(
    json(ratio(scope({ range: { kind: "all" }, compare: "year" }), RatioKind.DARK_SHARE).request).query.compare,
    undefined,
  );
});

test("a time series is as fine as its windows allow", () => {
  assert.equal(json(overTime(scope({ grain: "hour" }))!.question.request).query.granularity, "GRANULARITY_DAY");
});

test("the line for a terminal carries the question and no key, and survives quotes", () => {
  const { question } = byChannel(scope({ filters: [{ dimension: "cohort", values: ["it's"], exclude: false }] }))!;
  const line = grpcurl("https://collector.example", "query", QueryRequestSchema, question.request);
  assert.match(line, /^grpcurl -H "authorization: Bearer \$TACITA_KEY" -d '\{"query":/);
  assert.match(line, / collector\.example:443 tacita\.v1\.ReportingService\/Query$/);
  assert.match(
    grpcurl("http://127.0.0.1:7601", "query", QueryRequestSchema, question.request),
    /^grpcurl -plaintext .* 127\.0\.0\.1:7601 /,
  );
});

test("the planner's form becomes a measure with shares", () => {
  const { request } = planQuestion(
    planOf({
      labels: "whatsapp 12,5\nsearch 25 %\nother",
      epsilon: "1,5",
      traffic: "10 000",
      windows: "x",
      window: "hour",
    }),
  );
  assert.deepEqual(toJson(PlanMeasureRequestSchema, request), {
    measure: {
      name: "planned",
      event: "EVENT_ARRIVAL",
      participation: "PARTICIPATION_EVENT",
      dimensions: [{ name: "channel", labels: ["whatsapp", "search", "other"] }],
      epsilonMicro: 1_500_000,
      windowSeconds: 3_600,
    },
    reportsPerWindow: "10000",
    shares: [
      { labels: ["whatsapp"], share: 0.125 },
      { labels: ["search"], share: 0.25 },
    ],
  });
});

test("cohorts are planned by their numbers, many at once", () => {
  const { request } = planQuestion(planOf({ apart: "cohort", cohorts: "0 70\n1..1400" }));
  const [dimension] = request.measure!.dimensions;
  assert.equal(dimension!.name, "cohort");
  assert.deepEqual([dimension!.labels.length, dimension!.labels[0], dimension!.labels.at(-1)], [1_401, "0", "1400"]);
  assert.deepEqual(
    request.shares.map(({ labels, share }) => [...labels, share]),
    [["0", 0.7]],
  );
  assert.equal(
    planQuestion(planOf({ apart: "cohort", cohorts: "9..3" })).request.measure!.dimensions[0]!.labels.length,
    0,
  );
});
