// Which channels: private ones, public ones, and all other ways, apart.

import { Bars, type Section } from "../charts/bars.js";
import { TONES, type Tone, toneOfKind } from "../charts/estimate.js";
import { format, labelColumn, messages } from "../i18n/index.js";
import { Figure } from "../parts/figure.js";
import { SubjectChoice } from "../parts/subject-choice.js";
import { isCompared, toggled } from "../state/address.js";
import { useAnswer } from "../state/answer.js";
import { largestFirst, sourceText, withHalf } from "../state/figures.js";
import { byChannel, byKind, type Scope } from "../state/questions.js";
import { show } from "../state/view.js";
import type { Row } from "../wire/tacita/v1/reporting_pb.js";
import { barOf, sheetOf } from "./rows.js";

export function Channels({ scope }: { scope: Scope }) {
  const [m, f] = [messages.value, format.value];
  const asked = byChannel(scope);
  const answer = useAnswer(asked?.question);
  const totals = useAnswer(byKind(scope)?.question);
  const rows = [...(answer.value?.rows ?? [])].sort(
    (one, other) => TONES.indexOf(kindOf(one)) - TONES.indexOf(kindOf(other)) || largestFirst(one, other),
  );
  const picked = scope.view.filters.find((filter) => filter.dimension === "channel" && !filter.exclude)?.values ?? [];
  const pick = (channel: string) => () => show({ filters: toggled(scope.view.filters, "channel", channel) });
  const sections = TONES.map(section).filter(({ bars }) => bars.length);
  const measure = asked && answer.value?.measures[0];
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
        answer.value &&
        sheetOf(
          rows,
          [labelColumn("channel"), labelColumn("kind")],
          (row) => [channelOf(row), row.labels[0]],
          isCompared(scope.view),
        )
      }
      pick={(place) => pick(channelOf(rows[place]!))}
      draw={(width) => <Bars sections={sections} width={width} tick={f.axis} />}
      foot={
        measure && (
          <>
            {sourceText(measure, m, f)} · {m.channels.click}
          </>
        )
      }
    />
  );

  function section(kind: Tone): Section {
    const bars = rows
      .filter((row) => kindOf(row) === kind)
      .flatMap((row) => {
        const channel = channelOf(row);
        const look = { tone: kind, onPick: pick(channel), picked: picked.includes(channel) };
        return barOf(row, "channel", channel, look);
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
