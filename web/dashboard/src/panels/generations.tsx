// How far links travel: visits by generation, and whether each brings more than the one before.

import { Steps } from "../charts/steps.js";
import { afterColon, format, messages } from "../i18n/index.js";
import { Figure } from "../parts/figure.js";
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
import { measureFor } from "../state/measures.js";
import { funnel, type Scope } from "../state/questions.js";
import { Event } from "../wire/tacita/v1/manifest_pb.js";
import type { Generation } from "../wire/tacita/v1/reporting_pb.js";

export function Generations({ scope }: { scope: Scope }) {
  const [m, f] = [messages.value, format.value];
  const answer = useAnswer(funnel(scope));
  const generations = answer.value?.generations ?? [];
  const measure = measureFor(scope.campaign.measures, Event.ARRIVAL, ["generation"]);
  const measures = useEvidence(scope, [measure?.name ?? ""], answer.value?.notices);
  const name = (generation: number) => (generation === 0 ? m.generations.zero : m.generations.nth(generation));
  return (
    <Figure
      title={m.generations.title}
      about={m.generations.about}
      name="generations"
      answer={answer}
      measures={measures}
      unsaid={["STEP_MISSING"]}
      alone={isCompared(scope.view)}
      missing={answer.value && !generations.length ? m.generations.none : undefined}
      sheet={
        answer.value &&
        (generations.length
          ? {
              columns: [
                {
                  key: "generation",
                  title: m.column.generation,
                  kind: "text",
                  say: (generation) => name(Number(generation)),
                },
                ...estimateColumns(m),
                ...ratioColumns("growth", m.generations.growth, m),
                ...ratioColumns("reshares_per_arrival", m.generations.reshares, m),
              ],
              rows: generations.map((one) => [
                String(one.generation),
                ...estimateCells(one.arrivals),
                ...ratioCells(one.growth),
                ...ratioCells(one.resharesPerArrival),
              ]),
            }
          : undefined)
      }
      draw={(width) => (
        <Steps
          width={width}
          steps={generations.flatMap(({ generation, arrivals }, place) =>
            arrivals
              ? [
                  {
                    ...drawn(String(generation), name(generation), arrivals, f),
                    text: noteOf(arrivals, withHalf(arrivals, f), m, f),
                    joint: place > 0 ? joint(generations[place - 1]!) : "",
                  },
                ]
              : [],
          )}
        />
      )}
      foot={generations.length > 0 && m.generations.foot}
    />
  );

  function joint({ growth }: Generation): string {
    const text = ratioText(growth, f.ratio, m, f, "× ");
    return growth?.value !== undefined && (growth.high ?? 0) > 0
      ? m.generations.grows(text)
      : m.generations.growsNot(afterColon(text));
  }
}
