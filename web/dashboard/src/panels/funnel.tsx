// Share → visit → conversion.

import { scaleLinear } from "d3-scale";
import { format, messages } from "../i18n/index.js";
import { Figure } from "../parts/figure.js";
import { useAnswer } from "../state/answer.js";
import { estimateCells, estimateColumns, ratioCells, withHalf } from "../state/figures.js";
import { funnel, type Scope } from "../state/questions.js";
import type { Estimate, RatioEstimate } from "../wire/tacita/v1/reporting_pb.js";

interface Step {
  readonly key: string;
  readonly label: string;
  readonly estimate: Estimate | undefined;
  /** Per one of the step before. */
  readonly ratio: RatioEstimate | undefined;
  readonly per: string;
}

export function Funnel({ scope }: { scope: Scope }) {
  const [m, f] = [messages.value, format.value];
  const answer = useAnswer(funnel(scope));
  const group = answer.value?.groups[0];
  const steps: Step[] = group
    ? [
        { key: "shares", label: m.funnel.shares, estimate: group.shares, ratio: undefined, per: "" },
        {
          key: "arrivals",
          label: m.funnel.arrivals,
          estimate: group.arrivals,
          ratio: group.arrivalsPerShare,
          per: m.funnel.perWhat.share,
        },
        {
          key: "conversions",
          label: m.funnel.conversions,
          estimate: group.conversions,
          ratio: group.conversionsPerArrival,
          per: m.funnel.perWhat.arrival,
        },
      ]
    : [];
  const known = answer.value;
  return (
    <Figure
      title={m.funnel.title}
      about={m.funnel.about}
      name="funnel"
      answer={answer}
      sheet={
        known && {
          columns: [
            {
              key: "step",
              title: m.column.step,
              kind: "text",
              say: (step) => steps.find(({ key }) => key === step)?.label ?? step,
            },
            ...estimateColumns(m),
            { key: "ratio", title: m.column.perStep, kind: "ratio" },
            { key: "ratio_low", title: m.column.low, kind: "ratio" },
            { key: "ratio_high", title: m.column.high, kind: "ratio" },
          ],
          rows: steps.map(({ key, estimate, ratio }) => [key, ...estimateCells(estimate), ...ratioCells(ratio)]),
        }
      }
      draw={(width) => <Steps steps={steps} width={width} />}
      foot={
        known &&
        m.funnel.measures(f.list([known.shareMeasure, known.arrivalMeasure, known.conversionMeasure].filter(Boolean)))
      }
    />
  );
}

const HEAD = 22;
const BAR = 24;
const JOINT = 42;

function Steps({ steps, width }: { steps: readonly Step[]; width: number }) {
  const [m, f] = [messages.value, format.value];
  const x = scaleLinear()
    .domain([0, Math.max(1, ...steps.map(({ estimate }) => estimate?.high ?? 0))])
    .range([0, width])
    .clamp(true);
  const height = steps.length * (HEAD + BAR + JOINT) - JOINT + 4;
  const rate = (value: number) => (value < 1 ? f.percent(value) : f.ratio(value));
  return (
    <svg class="chart funnel" viewBox={`0 0 ${width} ${height}`} width={width} height={height} aria-hidden="true">
      {steps.map(
        ({ key, label, estimate, ratio, per }, place) =>
          estimate && (
            <g key={key} transform={`translate(0 ${place * (HEAD + BAR + JOINT)})`}>
              {per && (
                <text class="funnel-ratio" y={-16}>
                  {ratio?.value === undefined
                    ? `↓ ${m.sure.ratioNo}`
                    : `↓ ${m.funnel.per(rate(ratio.value), per)} (${m.sure.interval(rate(ratio.low ?? 0), rate(ratio.high ?? 0))})`}
                </text>
              )}
              <text class="bar-label" y={14}>
                {label}
              </text>
              <text class="bar-value" x={width} y={14} text-anchor="end">
                {withHalf(estimate, f)}
              </text>
              <rect class="funnel-room" y={HEAD} width={width} height={BAR} rx={4} />
              <rect class="funnel-fill" y={HEAD} width={Math.max(2, x(estimate.value))} height={BAR} rx={4} />
              <path class="whisker" d={`M${x(estimate.low)} ${HEAD + 7}v10m0 -5H${x(estimate.high)}m0 -5v10`} />
            </g>
          ),
      )}
    </svg>
  );
}
