// Which channels: private ones, public ones, and all other ways, apart.

import { type Bar, Bars, type Section, type Tone, toneOfKind } from "../charts/bars.js";
import { format, labelColumn, labelText, messages } from "../i18n/index.js";
import { Figure } from "../parts/figure.js";
import { SubjectChoice } from "../parts/subject-choice.js";
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
  withHalf,
} from "../state/figures.js";
import { byChannel, byKind, type Scope } from "../state/questions.js";
import { show } from "../state/view.js";
import type { Row } from "../wire/tacita/v1/reporting_pb.js";

const KINDS: readonly Tone[] = ["private", "maybe", "public", "other"];

export function Channels({ scope }: { scope: Scope }) {
  const [m, f] = [messages.value, format.value];
  const asked = byChannel(scope);
  const answer = useAnswer(asked?.question);
  const totals = useAnswer(byKind(scope)?.question);
  const rows = [...(answer.value?.rows ?? [])].sort(
    (one, other) =>
      KINDS.indexOf(kindOf(one)) - KINDS.indexOf(kindOf(other)) ||
      (other.estimate?.value ?? 0) - (one.estimate?.value ?? 0),
  );
  const picked = scope.view.filters.find((filter) => filter.dimension === "channel" && !filter.exclude)?.values ?? [];
  const pick = (channel: string) => () => show({ filters: toggled(scope.view.filters, "channel", channel) });
  const sections = KINDS.map((kind) => section(kind)).filter(({ bars }) => bars.length);
  const has = asked && answer.value?.measures[0];
  const compared = isCompared(scope.view);
  return (
    <Figure
      title={m.channels.title}
      about={m.channels.about}
      name="channels"
      answer={answer}
      left={asked?.left ?? []}
      wide
      missing={asked ? undefined : m.figure.missing(m.channels.needs)}
      tools={<SubjectChoice scope={scope} />}
      sheet={
        answer.value && {
          columns: [
            labelColumn("channel"),
            { key: "kind", title: m.column.kind, kind: "text", say: (kind) => labelText("kind", kind) },
            ...rowColumns(m, rows),
            { key: "share", title: m.column.share, kind: "percent" },
            ...changeColumns(m, compared),
          ],
          rows: rows.map((row) => [
            channelOf(row),
            row.labels[0],
            ...rowCells(row, rows),
            isHidden(row) ? undefined : row.share,
            ...changeCells(row, compared),
          ]),
        }
      }
      pick={(place) => pick(channelOf(rows[place]!))}
      draw={(width) => <Bars sections={sections} width={width} tick={f.axis} />}
      foot={
        has && (
          <>
            {m.figure.from(has.measure?.name ?? "", f.count(Number(has.reports)))} · {m.channels.click}
          </>
        )
      }
    />
  );

  function section(kind: Tone): Section {
    const bars = rows
      .filter((row) => kindOf(row) === kind)
      .flatMap((row): Bar[] => {
        const { estimate } = row;
        if (!estimate) return [];
        const channel = channelOf(row);
        const note = noteOf(estimate, sureNote(row, m, f), m, f);
        const label = labelText("channel", channel);
        const about = {
          key: channel,
          label,
          note,
          tone: kind,
          onPick: pick(channel),
          picked: picked.includes(channel),
        };
        return [{ ...about, ...drawn(estimate, beforeOf(row.compared), f) }];
      });
    const total = totals.value?.rows.find((row) => row.labels[0] === (kind === "maybe" ? "inferred" : kind));
    return {
      title: m.channels[kind],
      text: total?.estimate && bars.length > 1 ? withHalf(total.estimate, f) : "",
      note: total && bars.length > 1 ? f.percent(total.share) : "",
      bars,
    };
  }
}

const channelOf = (row: Row): string => row.labels[1] ?? "";

/** What has evidence of a private channel, and what may be private for lack of evidence, are never put together. */
const kindOf = (row: Row): Tone => toneOfKind(row.labels[0] ?? "");
