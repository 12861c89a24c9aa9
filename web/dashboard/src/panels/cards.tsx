// The key figures, each with its interval and its change.

import { useEffect, useState } from "preact/hooks";
import { IntervalLine } from "../charts/interval.js";
import { format, leftText, messages } from "../i18n/index.js";
import { Disclosure } from "../parts/disclosure.js";
import { Icon } from "../parts/icon.js";
import { hiddenAll, hiddenShort, noticeText } from "../parts/notices.js";
import { refusalText, Words } from "../parts/refusal.js";
import { isCompared } from "../state/address.js";
import { useAnswer } from "../state/answer.js";
import { useEvidence } from "../state/evidence.js";
import { arrow, beforeOf, isHidden, type Moved, moved, movedCount, type Writer } from "../state/figures.js";
import type { Left } from "../state/measures.js";
import type { Question } from "../state/question.js";
import { ratio, type Scope, shownSpan, totalOf } from "../state/questions.js";
import { Event } from "../wire/tacita/v1/manifest_pb.js";
import {
  type MeasureAnswer,
  type QueryResponse,
  RatioKind,
  type RatioRow,
  type Row,
} from "../wire/tacita/v1/reporting_pb.js";

interface Figures {
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly before: number | undefined;
  readonly moved: Moved | undefined;
}

/** Which ratios, in which order; money and pure ratios have no 100 % to be measured on. */
const RATIOS = [
  { kind: RatioKind.DARK_SHARE, name: "darkShare", unit: "percent" },
  { kind: RatioKind.DIRECT_CONFIRMED, name: "directConfirmed", unit: "percent" },
  { kind: RatioKind.DIRECT_INFERRED, name: "directInferred", unit: "percent" },
  { kind: RatioKind.CONVERSION_RATE, name: "conversionRate", unit: "percent" },
  { kind: RatioKind.ARRIVALS_PER_SHARE, name: "arrivalsPerShare", unit: "ratio" },
  { kind: RatioKind.COST_PER_CONVERSION, name: "costPerConversion", unit: "money" },
  { kind: RatioKind.ROI, name: "roi", unit: "percent" },
] as const;

const COUNTS = [
  { event: Event.ARRIVAL, name: "arrivals" },
  { event: Event.SHARE, name: "shares" },
  { event: Event.CONVERSION, name: "conversions" },
] as const;

type Name = (typeof RATIOS)[number]["name"] | (typeof COUNTS)[number]["name"];
type Unit = (typeof RATIOS)[number]["unit"] | "count";

/** What is said in the card itself; the other notices stand with its explanation. */
const LOUD = ["SUSPICIOUS_REPORTS", "DELETED"];

/** Why there may be no figure at all. */
const UNTOLD = ["COST_MISSING", "NO_COMMON_GROUP"];

export function Cards({ scope }: { scope: Scope }) {
  const [m, f] = [messages.value, format.value];
  const [fixed, setFixed] = useState<ReadonlySet<Name>>(new Set());
  const onFixed = (name: Name, isFixed: boolean) =>
    setFixed((before) => new Set([...before].filter((other) => other !== name).concat(isFixed ? name : [])));
  const ratios = scope.campaign.declaration?.costs.length
    ? RATIOS
    : RATIOS.filter(({ name }) => name !== "costPerConversion" && name !== "roi");
  const [lead, rest] = [ratios.slice(0, 3), ratios.slice(3)];
  const counts = COUNTS.flatMap(({ event, name }) => {
    const asked = totalOf(scope, event);
    return asked ? [{ name, ...asked }] : [];
  });
  const card = ({ kind, name, unit }: (typeof RATIOS)[number], isLead: boolean) => (
    <Card key={name} {...{ scope, name, unit, onFixed }} question={ratio(scope, kind)} lead={isLead} />
  );
  const unshown = ratios.filter(({ name }) => fixed.has(name)).map(({ name }) => m.cards[name]);
  return (
    <section class="cards" aria-label={m.cards.label}>
      <div class="cards-lead">{lead.map((one) => card(one, true))}</div>
      <div class="cards-rest">
        {counts.map(({ name, question, left }) => (
          <Card key={name} {...{ scope, name, question, left, onFixed }} unit="count" />
        ))}
        {rest.map((one) => card(one, false))}
      </div>
      {unshown.length > 0 && <p class="remark remark-quiet">{m.cards.fixed(f.list(unshown))}</p>}
      {isCompared(scope.view) && shownSpan(scope).to > scope.now && <p class="remark">{m.bar.partial}</p>}
    </section>
  );
}

interface CardProps {
  readonly scope: Scope;
  readonly name: Name;
  readonly unit: Unit;
  readonly question: Question<"query">;
  /** What of the filters the count could not take: the whole campaign's number would be another figure. */
  readonly left?: readonly Left[];
  readonly lead?: boolean;
  /** Tells whether the filter alone decides the ratio: then it is left out. */
  readonly onFixed: (name: Name, isFixed: boolean) => void;
}

function Card({ scope, name, unit, question, left = [], lead = false, onFixed }: CardProps) {
  const m = messages.value;
  const { value: answer, failure, waiting } = useAnswer(left.length ? undefined : question);
  const row = answer?.ratios[0];
  const evidence = useEvidence(scope, row ? [row.numeratorMeasure, row.denominatorMeasure] : [], answer?.notices);
  const hidden = [...evidence, ...(answer?.measures ?? [])].flatMap((one) => (one.hidden ? [one] : []));
  const about = (answer?.notices ?? []).filter(
    ({ code }) => code === "BUCKET_VALUES" || code === "INFERRED_IS_A_BOUND",
  );
  const isFixed = answer?.ratios.length === 0 && answer.notices.some(({ code }) => code === "FIXED_RATIO");
  useEffect(() => onFixed(name, isFixed), [isFixed]);
  if (isFixed) return null;
  return (
    <article
      class={`card${lead ? " card-lead" : ""}${waiting && answer ? " figure-waiting" : ""}`}
      aria-busy={waiting}
      data-card={name}
      data-ready={!waiting}
    >
      <header>
        <h2>{m.cards[name]}</h2>
        <Disclosure label={m.figure.about(m.cards[name])} face={<Icon name="help" />} class="quiet" align="end">
          {() => (
            <>
              <p class="about">{m.cards[`${name}About`]}</p>
              {about.map((notice) => (
                <p key={notice.code} class="about">
                  {noticeText(notice)}
                </p>
              ))}
            </>
          )}
        </Disclosure>
      </header>
      {body()}
    </article>
  );

  function body() {
    if (left.length) return <Unknown why={left.map(leftText).join(" ")} />;
    if (!answer && waiting)
      return (
        <div class="skeleton skeleton-card">
          <span class="unseen">{m.loading}</span>
        </div>
      );
    if (!answer) return failure && <Unknown why={refusalText(failure)} said={failure.message} />;
    return <Known {...{ scope, name, unit, answer, lead, hidden }} />;
  }
}

/** There is no figure, and why. */
function Unknown({ why, said = "" }: { why: string; said?: string }) {
  return (
    <>
      <p class="card-value card-unknown">{messages.value.unknown}</p>
      <p class="card-why">{why}</p>
      <Words said={said} />
    </>
  );
}

type KnownProps = Pick<CardProps, "scope" | "name" | "unit" | "lead"> & {
  answer: QueryResponse;
  /** Measures of which windows are hidden. */
  hidden: readonly MeasureAnswer[];
};

function Known({ scope, name, unit, answer, lead = false, hidden }: KnownProps) {
  const m = messages.value;
  const writer = writerOf(unit, scope.campaign.declaration?.currency ?? "");
  const [ratioRow, row] = [answer.ratios[0], answer.rows[0]];
  if (row && isHidden(row)) return <Unknown why={hiddenAll(row.hidden!)} />;
  const figures = ratioRow ? ofRatio(ratioRow, writer) : row && ofRow(row);
  if (!figures) return <Unknown why={untold(answer, hidden)} />;
  const parts = hidden.reduce((sum, one) => sum + (one.hidden?.windows ?? 0), 0);
  const than = m.bar.compareShort[scope.view.compare];
  return (
    <>
      <p class="card-value">
        {name === "directInferred" && <span class="card-bound">{m.cards.atMost}</span>} {writer.value(figures.value)}
      </p>
      <IntervalLine
        value={figures.value}
        low={figures.low}
        high={figures.high}
        before={figures.before}
        {...ends(unit, figures)}
      />
      <p class="card-range">
        <span class="unseen">{m.sure.ninetyFive + m.colon}</span>
        {m.sure.interval(writer.value(figures.low), writer.value(figures.high))}
      </p>
      {figures.moved && (
        <p class={`card-moved moved-${merit(figures.moved)}`}>
          {arrow(figures.moved, m)} {lead && figures.moved.direction !== "flat" && <span>{than}</span>}
          <small>
            <span class="unseen">{m.sure.ninetyFive + m.colon}</span>
            {figures.moved.range}
          </small>
        </p>
      )}
      {isCompared(scope.view) && !figures.moved && <p class="card-why">{m.change.nothing}</p>}
      {parts > 0 && <p class="card-why">{m.hidden.apart(parts)}</p>}
      {answer.notices
        .filter(({ code }) => LOUD.includes(code))
        .map((notice) => (
          <p key={notice.code} class="card-why">
            {noticeText(notice)}
          </p>
        ))}
    </>
  );

  /** Whether a change is welcome. More proof of dark traffic is neither. */
  function merit({ direction }: Moved): "flat" | "good" | "bad" | "plain" {
    if (direction === "flat" || lead) return direction === "flat" ? "flat" : "plain";
    return (direction === "up") === (name !== "costPerConversion") ? "good" : "bad";
  }
}

/** Why a ratio is not told: what is hidden, what is missing, or too much noise. */
function untold({ ratios, notices }: QueryResponse, hidden: readonly MeasureAnswer[]): string {
  const [m, f] = [messages.value, format.value];
  const whole = hidden.find(({ reports }) => reports === 0n)?.hidden;
  if (whole) return hiddenShort(whole);
  const reason = notices.find(({ code }) => UNTOLD.includes(code));
  if (reason) return noticeText(reason);
  const needed = ratios[0]?.estimate?.reportsNeeded;
  return needed === undefined ? m.sure.ratioNo : m.sure.ratioNeeds(f.compact(Number(needed)));
}

function ofRatio({ estimate, compared }: RatioRow, writer: Writer): Figures | undefined {
  if (estimate?.value === undefined) return undefined;
  const { value, low = value, high = value } = estimate;
  const before = compared?.estimate?.value;
  return { value, low, high, before, moved: moved(compared?.difference, writer, messages.value) };
}

function ofRow({ estimate, compared }: Row): Figures | undefined {
  if (!estimate) return undefined;
  const { value, low, high } = estimate;
  return {
    value,
    low,
    high,
    before: beforeOf(compared),
    moved: movedCount(compared, format.value, messages.value),
  };
}

function writerOf(unit: Unit, currency: string): Writer {
  const [m, f] = [messages.value, format.value];
  const money = (amount: number) => f.money(amount, currency);
  return {
    count: { value: f.count, distance: f.count },
    percent: { value: (value: number) => f.percent(value), distance: f.points, unit: m.change.points },
    ratio: { value: f.ratio, distance: f.ratio },
    money: { value: money, distance: money },
  }[unit];
}

/** A share is measured on 0 to 100 %, anything else on a line that holds what there is, with room on both sides. */
function ends(unit: Unit, { value, low, high, before = value }: Figures): { from: number; to: number } {
  if (unit === "percent" && low >= 0 && high <= 1) return { from: 0, to: high < 0.2 ? 0.2 : 1 };
  const [least, most] = [Math.min(low, before, 0), Math.max(high, before, 0)];
  return { from: least, to: most + (most - least) * 0.25 };
}
