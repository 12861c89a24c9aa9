// How it went: estimates over time with their band, and the surges that were found.

import { toneOfKind } from "../charts/estimate.js";
import { type Line, type Mark, Series } from "../charts/series.js";
import { dimensionText, format, labelColumn, labelText, messages } from "../i18n/index.js";
import { Figure } from "../parts/figure.js";
import { hiddenShort } from "../parts/notices.js";
import { Select } from "../parts/select.js";
import { isCompared } from "../state/address.js";
import { useAnswer } from "../state/answer.js";
import { beforeOf, changeCells, changeColumns, isHidden, rowCells, rowColumns, sourceText } from "../state/figures.js";
import { EVENTS, measureFor } from "../state/measures.js";
import { alerts, overTime, type Scope } from "../state/questions.js";
import { GRAINS } from "../state/range.js";
import { show } from "../state/view.js";
import type { Row } from "../wire/tacita/v1/reporting_pb.js";

/** What a time series can be split by and still be read. */
const SPLITS = ["kind", "channel", "cohort", "publisher"];
/** More lines than this cannot be told apart. */
const MOST_LINES = 6;

export function OverTime({ scope }: { scope: Scope }) {
  const [m, f] = [messages.value, format.value];
  const { view, campaign } = scope;
  const asked = overTime(scope);
  const answer = useAnswer(asked?.question);
  const surges = useAnswer(alerts(scope));
  const rows = answer.value?.rows ?? [];
  const seconds = asked?.seconds ?? 0;
  const able = SPLITS.filter(
    (name) =>
      (name !== "publisher" || campaign.publishers.length > 1) &&
      measureFor(campaign.measures, EVENTS[view.subject], [name]),
  );
  const marks = (surges.value?.alerts ?? [])
    .filter((alert) =>
      campaign.measures.some((measure) => measure.name === alert.measure && measure.event === EVENTS[view.subject]),
    )
    .map((alert): Mark => {
      const at = Number(alert.period?.from ?? 0n);
      return {
        key: String(alert.id),
        at,
        text: m.series.alert(labelText(alert.dimension, alert.label), f.period(at, seconds), f.ratio(alert.score)),
      };
    });
  const measure = answer.value?.measures[0];
  const compared = isCompared(view) && !view.split;
  return (
    <Figure
      title={m.series.title}
      about={m.series.about}
      name="over-time"
      answer={answer}
      left={asked?.left ?? []}
      alone={isCompared(view) && !compared}
      wide
      missing={asked ? undefined : m.figure.missing(m.series.needs)}
      tools={
        <>
          <Select
            label={m.series.split}
            options={[["", m.series.splitNone], ...able.map((name) => [name, dimensionText(name)] as const)]}
            chosen={view.split}
            onChoose={(split) => show({ split })}
          />
          <Select
            label={m.series.by}
            options={GRAINS.map((grain) => [grain, m.series.grain[grain]])}
            chosen={view.grain}
            onChoose={(grain) => show({ grain })}
          />
        </>
      }
      sheet={
        answer.value && {
          columns: [
            { key: "from", title: m.column.period, kind: "time" },
            ...(view.split ? [labelColumn(view.split)] : []),
            ...rowColumns(m, rows),
            ...changeColumns(m, compared),
            { key: "reports", title: m.column.reports, kind: "count" },
          ],
          rows: rows.map((row) => [
            Number(row.period?.from ?? 0n),
            ...(view.split ? [row.labels[0]] : []),
            ...rowCells(row, rows),
            ...changeCells(row, compared),
            Number(row.reports),
          ]),
        }
      }
      draw={drawn}
      foot={measure && sourceText(measure, m, f)}
    />
  );

  function drawn(width: number) {
    const lines = linesOf(rows, view.split);
    return (
      <>
        {lines.length > 1 && (
          <ul class="legend">
            {lines.map((line) => (
              <li key={line.key}>
                <span class={`swatch tone-${line.tone}`} />
                {line.label}
              </li>
            ))}
          </ul>
        )}
        <Series
          lines={lines}
          marks={marks}
          seconds={seconds}
          width={width}
          format={f}
          label={m.series.title}
          keys={m.series.keys}
          beforeText={m.series.before}
        />
      </>
    );
  }
}

/** The rows as lines: the largest, if there are too many. */
function linesOf(rows: readonly Row[], split: string): Line[] {
  const byLabel = new Map<string, Row[]>();
  for (const row of rows) {
    const label = split ? (row.labels[0] ?? "") : "";
    byLabel.set(label, [...(byLabel.get(label) ?? []), row]);
  }
  const total = (group: readonly Row[]) => group.reduce((sum, row) => sum + (row.estimate?.value ?? 0), 0);
  const largest = [...byLabel].sort(([, one], [, other]) => total(other) - total(one)).slice(0, MOST_LINES);
  return largest.map(([label, group], place) => ({
    key: label,
    label: labelText(split, label),
    tone: split === "kind" ? toneOfKind(label) : split ? place : "private",
    points: group.flatMap((row) => {
      const { period, estimate, compared, settled, hidden } = row;
      if (!period || !estimate) return [];
      return [
        {
          at: Number(period.from),
          value: estimate.value,
          low: estimate.low,
          high: estimate.high,
          before: beforeOf(compared),
          settled,
          hidden: hidden && isHidden(row) ? hiddenShort(hidden) : undefined,
        },
      ];
    }),
  }));
}
