// How far links travel: visits by generation, and whether each brings more than the one before.

import { type Bar, Bars, unsectioned } from "../charts/bars.js";
import { format, messages } from "../i18n/index.js";
import { Figure } from "../parts/figure.js";
import { useAnswer } from "../state/answer.js";
import { drawn, estimateCells, estimateColumns, noteOf, ratioCells } from "../state/figures.js";
import { funnel, type Scope } from "../state/questions.js";
import type { Generation } from "../wire/tacita/v1/reporting_pb.js";

export function Generations({ scope }: { scope: Scope }) {
  const [m, f] = [messages.value, format.value];
  const answer = useAnswer(funnel(scope));
  const generations = answer.value?.generations ?? [];
  const name = (generation: number) => (generation === 0 ? m.generations.zero : m.generations.nth(generation));
  return (
    <Figure
      title={m.generations.title}
      about={m.generations.about}
      name="generations"
      answer={answer}
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
                { key: "growth", title: m.generations.growth, kind: "ratio" },
                { key: "growth_low", title: m.column.low, kind: "ratio" },
                { key: "growth_high", title: m.column.high, kind: "ratio" },
                { key: "reshares_per_arrival", title: m.generations.reshares, kind: "ratio" },
              ],
              rows: generations.map((one) => [
                String(one.generation),
                ...estimateCells(one.arrivals),
                ...ratioCells(one.growth),
                one.resharesPerArrival?.value,
              ]),
            }
          : undefined)
      }
      draw={(width) => <Bars width={width} tick={f.compact} sections={unsectioned(generations.flatMap(bar))} />}
      foot={generations.length > 0 && `× : ${m.generations.growth}`}
    />
  );

  function bar({ generation, arrivals, growth }: Generation): Bar[] {
    if (!arrivals) return [];
    const grows = growth?.value === undefined ? "" : `× ${f.ratio(growth.value)}`;
    const note = noteOf(arrivals, grows, m, f);
    return [
      { key: String(generation), label: name(generation), tone: "private", note, ...drawn(arrivals, undefined, f) },
    ];
  }
}
