// A list of estimates by one dimension: contents, categories, cohorts.

import type { ComponentChildren } from "preact";
import { type Bar, Bars, unsectioned } from "../charts/bars.js";
import { format, labelColumn, labelText, messages } from "../i18n/index.js";
import { Figure } from "../parts/figure.js";
import { isCompared, toggled } from "../state/address.js";
import { useAnswer } from "../state/answer.js";
import {
  beforeOf,
  changeCells,
  changeColumns,
  drawn,
  isHidden,
  noteOf,
  rowCells,
  rowColumns,
  sureNote,
} from "../state/figures.js";
import type { Asked } from "../state/questions.js";
import { show, view } from "../state/view.js";
import type { Row } from "../wire/tacita/v1/reporting_pb.js";

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
  if (sorted) rows.sort((one, other) => (other.estimate?.value ?? 0) - (one.estimate?.value ?? 0));
  const measure = answer.value?.measures[0];
  const pick = (label: string) => () => show({ filters: toggled(view.value.filters, dimension, label) });
  const compared = isCompared(view.value);
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
      sheet={
        answer.value && {
          columns: [
            labelColumn(dimension),
            ...rowColumns(m, rows),
            { key: "share", title: m.column.share, kind: "percent" },
            ...changeColumns(m, compared),
          ],
          rows: rows.map((row) => [
            row.labels[0],
            ...rowCells(row, rows),
            isHidden(row) ? undefined : row.share,
            ...changeCells(row, compared),
          ]),
        }
      }
      pick={dimension === "content" ? () => undefined : (place) => pick(rows[place]?.labels[0] ?? "")}
      draw={(width) => <Bars width={width} tick={f.axis} sections={unsectioned(rows.flatMap(bar))} />}
      foot={measure && m.figure.from(measure.measure?.name ?? "", f.count(Number(measure.reports)))}
    />
  );

  function bar(row: Row): Bar[] {
    const [{ estimate }, label = ""] = [row, row.labels[0]];
    if (!estimate) return [];
    const before = beforeOf(row.compared);
    const note = noteOf(estimate, sureNote(row, m, f), m, f);
    const onPick = dimension === "content" ? undefined : pick(label);
    return [
      { key: label, label: labelText(dimension, label), tone: "private", note, onPick, ...drawn(estimate, before, f) },
    ];
  }
}
