// A list of estimates by one dimension: contents, categories, cohorts.

import type { ComponentChildren } from "preact";
import { Bars } from "../charts/bars.js";
import { format, labelColumn, labelText, messages } from "../i18n/index.js";
import { Figure } from "../parts/figure.js";
import { useAnswer } from "../state/answer.js";
import { estimateCells, estimateColumns, moved, withHalf } from "../state/figures.js";
import type { Asked } from "../state/questions.js";
import { toggled } from "../state/address.js";
import { show, view } from "../state/view.js";

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
  const notice = answer.value?.notices.find(({ code }) => code === "LARGEST_OF_MANY");
  return (
    <Figure
      title={title} about={about} name={name} answer={answer} left={asked?.left ?? []} tools={tools} wide
      missing={asked ? undefined : m.figure.missing(needs)}
      sheet={answer.value && {
        columns: [labelColumn(dimension), ...estimateColumns(m), { key: "share", title: m.column.share, kind: "percent" }, { key: "before", title: m.column.before, kind: "count" }],
        rows: rows.map((row) => [row.labels[0], ...estimateCells(row.estimate), row.share, row.compared?.estimate?.value]),
      }}
      pick={dimension === "content" ? () => undefined : (place) => pick(rows[place]?.labels[0] ?? "")}
      draw={(width) => (
        <Bars
          width={width} tick={f.compact}
          sections={[{ title: "", note: "", bars: rows.flatMap(({ labels: [label = ""], estimate, share, compared }) => {
            if (!estimate) return [];
            const change = moved(compared?.difference, compared?.estimate?.value, f, m, "");
            const sure = estimate.aboveZero ? f.percent(share) : estimate.reportsNeeded === undefined ? m.sure.no : m.sure.needsShort(f.compact(Number(estimate.reportsNeeded)));
            return [{
              key: label, label: labelText(dimension, label), text: estimate.aboveZero ? withHalf(estimate, f) : "", tone: "private" as const,
              note: change && change.direction !== "flat" && estimate.aboveZero ? `${change.direction === "up" ? "▲" : "▼"} ${sure}` : sure,
              value: estimate.value, low: estimate.low, high: estimate.high, aboveZero: estimate.aboveZero, before: compared?.estimate?.value,
              onPick: dimension === "content" ? undefined : pick(label),
            }];
          }) }]}
        />
      )}
      foot={measure && <>{m.figure.from(measure.measure?.name ?? "", f.count(Number(measure.reports)))}{notice && <> · {about}</>}</>}
    />
  );
}
