// A list of estimates by one dimension: contents, categories, cohorts.

import type { ComponentChildren } from "preact";
import { Bars, unsectioned } from "../charts/bars.js";
import { format, labelColumn, messages } from "../i18n/index.js";
import { Figure } from "../parts/figure.js";
import { isCompared, toggled } from "../state/address.js";
import { useAnswer } from "../state/answer.js";
import { largestFirst, sourceText } from "../state/figures.js";
import type { Asked } from "../state/questions.js";
import { show, view } from "../state/view.js";
import type { Row } from "../wire/tacita/v1/reporting_pb.js";
import { barOf, sheetOf } from "./rows.js";

interface Props {
  readonly title: string;
  readonly about: string;
  readonly name: string;
  readonly dimension: string;
  readonly asked: Asked | undefined;
  readonly needs: string;
  readonly tools?: ComponentChildren;
  /** Largest first; else in the service's order. */
  readonly sorted?: boolean;
}

export function Ranking({ title, about, name, dimension, asked, needs, tools, sorted = false }: Props) {
  const [m, f] = [messages.value, format.value];
  const answer = useAnswer(asked?.question);
  const rows = [...(answer.value?.rows ?? [])];
  if (sorted) rows.sort(largestFirst);
  const measure = answer.value?.measures[0];
  // Contents are too many to filter by.
  const pick =
    dimension === "content"
      ? undefined
      : (row: Row) => () => show({ filters: toggled(view.value.filters, dimension, labelOf(row)) });
  const bars = rows.flatMap((row) => barOf(row, dimension, labelOf(row), { tone: "private", onPick: pick?.(row) }));
  return (
    <Figure
      title={title}
      about={about}
      name={name}
      answer={answer}
      left={asked?.left ?? []}
      tools={tools}
      wide
      missing={asked ? undefined : m.figure.missing(needs)}
      sheet={answer.value && sheetOf(rows, [labelColumn(dimension)], (row) => [row.labels[0]], isCompared(view.value))}
      pick={pick && ((place) => pick(rows[place]!))}
      draw={(width) => <Bars width={width} tick={f.axis} sections={unsectioned(bars)} />}
      foot={measure && sourceText(measure, m, f)}
    />
  );
}

const labelOf = (row: Row): string => row.labels[0] ?? "";
