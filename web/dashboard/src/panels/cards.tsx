// The key figures, each with its interval and its change.

import { IntervalLine } from "../charts/interval.js";
import { format, messages } from "../i18n/index.js";
import { Disclosure } from "../parts/disclosure.js";
import { Icon } from "../parts/icon.js";
import { useAnswer } from "../state/answer.js";
import { type Moved, moved } from "../state/figures.js";
import type { Question } from "../state/question.js";
import { ratio, type Scope, totalOf } from "../state/questions.js";
import type { Failure } from "../wire/failure.js";
import { Event } from "../wire/tacita/v1/manifest_pb.js";
import { RatioKind, type RatioRow, type Row } from "../wire/tacita/v1/reporting_pb.js";

interface Figures {
  readonly value: number | undefined;
  readonly low: number;
  readonly high: number;
  readonly before: number | undefined;
  readonly needed: bigint | undefined;
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

export function Cards({ scope }: { scope: Scope }) {
  const m = messages.value;
  const money = scope.campaign.declaration?.costs.length
    ? RATIOS
    : RATIOS.filter(({ name }) => name !== "costPerConversion" && name !== "roi");
  const [lead, rest] = [money.slice(0, 3), money.slice(3)];
  const counts = COUNTS.flatMap(({ event, name }) => {
    const asked = totalOf(scope, event);
    return asked ? [{ name, question: asked.question }] : [];
  });
  return (
    <section class="cards" aria-label={m.cards.label}>
      <div class="cards-lead">
        {lead.map((card) => (
          <Card
            key={card.name}
            scope={scope}
            name={card.name}
            unit={card.unit}
            question={ratio(scope, card.kind)}
            lead
          />
        ))}
      </div>
      <div class="cards-rest">
        {counts.map((card) => (
          <Card key={card.name} scope={scope} name={card.name} unit="count" question={card.question} />
        ))}
        {rest.map((card) => (
          <Card key={card.name} scope={scope} name={card.name} unit={card.unit} question={ratio(scope, card.kind)} />
        ))}
      </div>
    </section>
  );
}

function Card({
  scope,
  name,
  unit,
  question,
  lead = false,
}: {
  scope: Scope;
  name: Name;
  unit: Unit;
  question: Question<"query">;
  lead?: boolean;
}) {
  const [m, f] = [messages.value, format.value];
  const { value: answer, failure, waiting } = useAnswer(question);
  const than = m.bar.compareShort[scope.view.compare];
  const currency = scope.campaign.declaration?.currency ?? "";
  const figures = answer && figuresOf(answer.ratios[0], answer.rows[0], than);
  const write = (value: number) =>
    ({ count: f.count, percent: f.percent, ratio: f.ratio, money: (amount: number) => f.money(amount, currency) })[
      unit
    ](value);
  const bound = name === "directInferred";
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
          {() => <p class="about">{m.cards[`${name}About`]}</p>}
        </Disclosure>
      </header>
      {!answer && waiting && (
        <div class="skeleton skeleton-card">
          <span class="unseen">{m.loading}</span>
        </div>
      )}
      {failure && !answer && (
        <>
          <p class="card-value card-unknown">{m.unknown}</p>
          <p class="card-why" title={failure.message}>
            {why(failure)}
          </p>
        </>
      )}
      {answer && figures?.value === undefined && (
        <>
          <p class="card-value card-unknown">{m.unknown}</p>
          <p class="card-why">
            {figures?.needed === undefined ? m.sure.ratioNo : m.sure.ratioNeeds(f.compact(Number(figures.needed)))}
          </p>
        </>
      )}
      {figures?.value !== undefined && (
        <>
          <p class="card-value">
            {bound && <span class="card-bound">{m.cards.atMost}</span>} {write(figures.value)}
          </p>
          <IntervalLine
            value={figures.value}
            low={figures.low}
            high={figures.high}
            before={figures.before}
            {...ends(unit, figures)}
          />
          <p class="card-range">
            <span class="unseen">{m.sure.ninetyFive}: </span>
            {m.sure.interval(write(figures.low), write(figures.high))}
          </p>
          {figures.moved && (
            <p class={`card-moved moved-${merit(figures.moved)}`} title={figures.moved.text}>
              {lead ? figures.moved.text : figures.moved.short}
            </p>
          )}
        </>
      )}
    </article>
  );

  function why({ kind, reason }: Failure): string {
    if (kind === "away") return m.signIn.away;
    return reason === "MEASURE_MISSING" ? m.figure.missingShort : m.figure.failed;
  }

  /** Whether a change is welcome. More proof of dark traffic is neither. */
  function merit({ direction }: Moved): "flat" | "good" | "bad" | "plain" {
    if (direction === "flat" || lead) return direction === "flat" ? "flat" : "plain";
    return (direction === "up") === (name !== "costPerConversion") ? "good" : "bad";
  }

  function figuresOf(ratioRow: RatioRow | undefined, row: Row | undefined, than: string): Figures | undefined {
    if (ratioRow) {
      const { estimate, compared } = ratioRow;
      const change = moved(compared?.difference, compared?.estimate?.value, f, m, than);
      return {
        value: estimate?.value,
        low: estimate?.low ?? 0,
        high: estimate?.high ?? 0,
        before: compared?.estimate?.value,
        needed: estimate?.reportsNeeded,
        moved: change,
      };
    }
    if (!row?.estimate) return undefined;
    const { estimate, compared } = row;
    return {
      value: estimate.value,
      low: estimate.low,
      high: estimate.high,
      before: compared?.estimate?.value,
      needed: undefined,
      moved: moved(compared?.difference, compared?.estimate?.value, f, m, than),
    };
  }
}

/** A share is measured on 0 to 100 %, anything else on a line that holds what there is, with room on both sides. */
function ends(unit: Unit, { value = 0, low, high, before = value }: Figures): { from: number; to: number } {
  if (unit === "percent" && low >= 0 && high <= 1) return { from: 0, to: high < 0.2 ? 0.2 : 1 };
  const [least, most] = [Math.min(low, before, 0), Math.max(high, before, 0)];
  return { from: least, to: most + (most - least) * 0.25 };
}
