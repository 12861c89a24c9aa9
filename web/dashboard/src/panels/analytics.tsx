// What Google Analytics 4 would have called each visit, next to what it was.

import { TONES, type Tone, toneOfKind } from "../charts/estimate.js";
import { type Group, type Piece, Pieces } from "../charts/pieces.js";
import { format, labelColumn, labelText, messages } from "../i18n/index.js";
import { Figure } from "../parts/figure.js";
import { isCompared } from "../state/address.js";
import { useAnswer } from "../state/answer.js";
import { useEvidence } from "../state/evidence.js";
import { drawn, estimateCells, estimateColumns, withHalf } from "../state/figures.js";
import { reconciliation, type Scope } from "../state/questions.js";
import type {
  AnalyticsGroup,
  AnalyticsPart,
  GetReconciliationResponse,
  RatioEstimate,
} from "../wire/tacita/v1/reporting_pb.js";

export function Analytics({ scope }: { scope: Scope }) {
  const [m, f] = [messages.value, format.value];
  const answer = useAnswer(reconciliation(scope));
  const groups = answer.value?.groups ?? [];
  const measures = useEvidence(scope, [answer.value?.measure ?? ""], answer.value?.notices);
  return (
    <>
      {answer.value && <Direct answer={answer.value} />}
      <Figure
        title={m.analytics.title}
        about={m.analytics.about}
        name="analytics"
        answer={answer}
        measures={measures}
        alone={isCompared(scope.view)}
        wide
        sheet={
          answer.value && {
            columns: [
              { key: "ga4_group", title: m.analytics.groups, kind: "text" },
              labelColumn("channel"),
              labelColumn("grade"),
              ...estimateColumns(m),
            ],
            rows: groups.flatMap(({ name, arrivals, parts }) => [
              [name, undefined, undefined, ...estimateCells(arrivals)],
              ...parts.map((part) => [name, part.channel, part.grade, ...estimateCells(part.arrivals)]),
            ]),
          }
        }
        draw={(width) => (
          <>
            <ul class="legend">
              {TONES.map((tone) => (
                <li key={tone}>
                  <span class={`swatch swatch-wash tone-${tone}`} />
                  {m.analytics.legend[tone]}
                </li>
              ))}
            </ul>
            <Pieces groups={groups.flatMap(group)} width={width} />
          </>
        )}
        foot={answer.value && m.figure.from(answer.value.measure, f.count(Number(answer.value.reports)))}
      />
    </>
  );

  function piece(part: AnalyticsPart): Piece {
    const { channel, grade, arrivals } = part;
    return {
      key: `${channel} ${grade}`,
      label: labelText("channel", channel),
      note: channel === grade ? "" : labelText("grade", grade),
      text: arrivals ? withHalf(arrivals, f) : "",
      value: arrivals?.value ?? 0,
      tone: toneOf(part),
    };
  }

  /** A group with its parts that can be told from zero, and the rest of it: together they are the group. */
  function group({ name, arrivals, parts }: AnalyticsGroup): Group[] {
    if (!arrivals) return [];
    const seen = parts
      .filter((part) => part.arrivals?.aboveZero)
      .sort((one, other) => TONES.indexOf(toneOf(one)) - TONES.indexOf(toneOf(other)));
    const pieces: Piece[] = seen.map(piece);
    const rest = arrivals.value - pieces.reduce((sum, { value }) => sum + value, 0);
    const others = parts.filter((part) => !seen.includes(part));
    const [only] = others;
    if (others.length === 1) pieces.push({ ...piece(only!), tone: undefined });
    else if (others.length)
      pieces.push({
        key: "",
        label: m.analytics.others(others.length),
        note: "",
        text: f.count(rest),
        value: rest,
        tone: undefined,
      });
    return [{ ...drawn(name, name, arrivals, f), pieces }];
  }
}

/** What GA4's Direct holds. A filter may decide it by itself: then there is nothing to tell, and a notice says so. */
function Direct({ answer: { directConfirmed, directInferred, notices } }: { answer: GetReconciliationResponse }) {
  const [m, f] = [messages.value, format.value];
  const isFixed = notices.some(({ code }) => code === "FIXED_RATIO");
  if (isFixed && !directConfirmed && !directInferred) return null;
  const line = (ratio: RatioEstimate | undefined, what: string) =>
    ratio?.value === undefined ? (
      !isFixed && (
        <p>
          <strong>{m.unknown}</strong> {what} <span class="quiet-text">({m.sure.ratioNo})</span>
        </p>
      )
    ) : (
      <p>
        <strong>{f.percent(ratio.value)}</strong> {what}{" "}
        <span class="quiet-text">({m.sure.interval(f.percent(ratio.low ?? 0), f.percent(ratio.high ?? 0))})</span>
      </p>
    );
  return (
    <section class="direct" aria-label={m.analytics.direct}>
      <h2>{m.analytics.direct}</h2>
      {line(directConfirmed, m.analytics.confirmed)}
      {line(directInferred, m.analytics.inferred)}
      <p class="quiet-text">{m.analytics.rest}</p>
    </section>
  );
}

/** Evidence of a private channel stands out; what has none is pale. */
function toneOf({ grade, channel, kind }: AnalyticsPart): Tone {
  return toneOfKind(grade === "inferred" || channel === "inferred" ? "inferred" : kind);
}
