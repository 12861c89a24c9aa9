// Share → visit → conversion.

import { Steps } from "../charts/steps.js";
import { afterColon, format, messages } from "../i18n/index.js";
import { Figure } from "../parts/figure.js";
import { hiddenShort } from "../parts/notices.js";
import { isCompared } from "../state/address.js";
import { useAnswer } from "../state/answer.js";
import { useEvidence } from "../state/evidence.js";
import {
  drawn,
  estimateCells,
  estimateColumns,
  noteOf,
  ratioCells,
  ratioColumns,
  ratioText,
  withHalf,
} from "../state/figures.js";
import { funnel, type Scope } from "../state/questions.js";
import type { Estimate, RatioEstimate } from "../wire/tacita/v1/reporting_pb.js";

interface Step {
  readonly key: string;
  readonly label: string;
  readonly measure: string;
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
        {
          key: "shares",
          label: m.funnel.shares,
          measure: answer.value?.shareMeasure ?? "",
          estimate: group.shares,
          ratio: undefined,
          per: "",
        },
        {
          key: "arrivals",
          label: m.funnel.arrivals,
          measure: answer.value?.arrivalMeasure ?? "",
          estimate: group.arrivals,
          ratio: group.arrivalsPerShare,
          per: m.funnel.perWhat.share,
        },
        {
          key: "conversions",
          label: m.funnel.conversions,
          measure: answer.value?.conversionMeasure ?? "",
          estimate: group.conversions,
          ratio: group.conversionsPerArrival,
          per: m.funnel.perWhat.arrival,
        },
      ]
    : [];
  const known = answer.value;
  const names = known ? [known.shareMeasure, known.arrivalMeasure, known.conversionMeasure].filter(Boolean) : [];
  const measures = useEvidence(scope, names, known?.notices);
  const hiddenOf = (name: string) =>
    measures.find(({ measure, reports }) => measure?.name === name && reports === 0n)?.hidden;
  const rate = (value: number) => (value < 1 ? f.percent(value) : f.ratio(value));
  return (
    <Figure
      title={m.funnel.title}
      about={m.funnel.about}
      name="funnel"
      answer={answer}
      measures={measures}
      alone={isCompared(scope.view)}
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
            ...ratioColumns("ratio", m.column.perStep, m),
          ],
          rows: steps.map(({ key, measure, estimate, ratio }) => [
            key,
            ...estimateCells(hiddenOf(measure) ? undefined : estimate),
            ...ratioCells(ratio),
          ]),
        }
      }
      draw={(width) => (
        <Steps
          width={width}
          steps={steps.flatMap(({ key, label, measure, estimate, ratio, per }) => {
            if (!estimate) return [];
            const hidden = hiddenOf(measure);
            const text = hidden ? hiddenShort(hidden) : noteOf(estimate, withHalf(estimate, f), m, f);
            return [{ ...drawn(key, label, estimate, f), text, joint: ratio ? joint(ratio, per) : "" }];
          })}
        />
      )}
      foot={known && m.funnel.measures(f.list(names))}
    />
  );

  function joint(ratio: RatioEstimate, per: string): string {
    const text = ratioText(ratio, rate, m, f);
    return ratio.value === undefined ? m.funnel.perUnknown(afterColon(text), per) : m.funnel.per(text, per);
  }
}
