// What Google Analytics 4 would have called each visit, next to what it was.

import { scaleLinear } from "d3-scale";
import { shortened, type Tone } from "../charts/bars.js";
import { format, labelColumn, labelText, messages } from "../i18n/index.js";
import { Figure } from "../parts/figure.js";
import { useAnswer } from "../state/answer.js";
import { estimateCells, estimateColumns, withHalf } from "../state/figures.js";
import { reconciliation, type Scope } from "../state/questions.js";
import type { AnalyticsGroup, AnalyticsPart, RatioEstimate } from "../wire/tacita/v1/reporting_pb.js";

const GROUP = 62;

export function Analytics({ scope }: { scope: Scope }) {
  const [m, f] = [messages.value, format.value];
  const answer = useAnswer(reconciliation(scope));
  const groups = answer.value?.groups ?? [];
  return (
    <>
      {answer.value && <Direct confirmed={answer.value.directConfirmed} inferred={answer.value.directInferred} />}
      <Figure
        title={m.analytics.title}
        about={m.analytics.about}
        name="analytics"
        answer={answer}
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
              {ORDER.map((tone) => (
                <li key={tone}>
                  <span class={`swatch swatch-wash tone-${tone}`} />
                  {m.analytics.legend[tone]}
                </li>
              ))}
            </ul>
            <Groups groups={groups} width={width} />
          </>
        )}
        foot={answer.value && m.figure.from(answer.value.measure, f.count(Number(answer.value.reports)))}
      />
    </>
  );
}

function Direct({
  confirmed,
  inferred,
}: {
  confirmed: RatioEstimate | undefined;
  inferred: RatioEstimate | undefined;
}) {
  const [m, f] = [messages.value, format.value];
  const text = (ratio: RatioEstimate | undefined) => (ratio?.value === undefined ? m.unknown : f.percent(ratio.value));
  const range = (ratio: RatioEstimate | undefined) =>
    ratio?.value === undefined
      ? m.sure.ratioNo
      : m.sure.interval(f.percent(ratio.low ?? 0), f.percent(ratio.high ?? 0));
  return (
    <section class="direct" aria-label={m.analytics.direct}>
      <h2>{m.analytics.direct}</h2>
      <p>
        <strong>{text(confirmed)}</strong> {m.analytics.confirmed} <span class="quiet-text">({range(confirmed)})</span>
      </p>
      <p>
        <strong>{text(inferred)}</strong> {m.analytics.inferred} <span class="quiet-text">({range(inferred)})</span>
      </p>
      <p class="quiet-text">{m.analytics.rest}</p>
    </section>
  );
}

/** Each group as a bar that is cut into what it was. */
function Groups({ groups, width }: { groups: readonly AnalyticsGroup[]; width: number }) {
  const f = format.value;
  const x = scaleLinear()
    .domain([0, Math.max(1, ...groups.map(({ arrivals }) => arrivals?.high ?? 0))])
    .range([0, width]);
  const height = groups.length * GROUP;
  return (
    <svg class="chart" viewBox={`0 0 ${width} ${height}`} width={width} height={height} aria-hidden="true">
      {groups.map(({ name, arrivals, parts }, row) => {
        const seen = parts
          .filter((part) => part.arrivals?.aboveZero)
          .sort((one, other) => ORDER.indexOf(toneOf(one)) - ORDER.indexOf(toneOf(other)));
        let at = 0;
        return (
          <g key={name} class={arrivals?.aboveZero ? "" : "bar-unsure"} transform={`translate(0 ${row * GROUP})`}>
            <text class="bar-label" y={15}>
              {name}
            </text>
            {arrivals && (
              <text class="bar-value" x={width} y={15} text-anchor="end">
                {withHalf(arrivals, f)}
              </text>
            )}
            {seen.map((part) => {
              const [from, wide] = [x(at), x(part.arrivals!.value)];
              at += part.arrivals!.value;
              const text = `${labelText("channel", part.channel)} · ${labelText("grade", part.grade)}`;
              return (
                <g key={text} transform={`translate(${from} 23)`} class={`tone-${toneOf(part)}`}>
                  <title>{`${text}: ${withHalf(part.arrivals!, f)}`}</title>
                  <rect class="part" width={Math.max(1, wide - 1.5)} height={20} rx={3} />
                  {wide > 84 && (
                    <text class="part-label" x={7} y={14}>
                      {shortened(labelText("channel", part.channel), Math.floor(wide / 7.5))}
                    </text>
                  )}
                </g>
              );
            })}
            {arrivals && (
              <path
                class="whisker"
                d={`M${x(Math.max(0, arrivals.low))} 46V52M${x(Math.max(0, arrivals.low))} 49H${x(arrivals.high)}M${x(arrivals.high)} 46V52`}
              />
            )}
          </g>
        );
      })}
    </svg>
  );
}

/** Evidence of a private channel stands out; what has none is pale. */
function toneOf({ grade, channel, kind }: AnalyticsPart): Tone {
  if (grade === "inferred" || channel === "inferred") return "maybe";
  return kind === "private" || kind === "public" ? kind : "other";
}

const ORDER: readonly Tone[] = ["private", "maybe", "public", "other"];
