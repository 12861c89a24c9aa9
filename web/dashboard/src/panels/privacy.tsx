// What one report reveals, and to whom, in plain words.

import { format, messages } from "../i18n/index.js";
import { Figure } from "../parts/figure.js";
import { useAnswer } from "../state/answer.js";
import { everything, type Scope } from "../state/questions.js";

export function Privacy({ scope }: { scope: Scope }) {
  const [m, f] = [messages.value, format.value];
  const answer = useAnswer(everything(scope));
  const measures = answer.value?.measures ?? [];
  return (
    <>
      <section class="plain-words" aria-labelledby="plain-words">
        <h2 id="plain-words">{m.privacy.plainTitle}</h2>
        <ol>
          {m.privacy.plain.map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ol>
      </section>
      <Figure
        title={m.privacy.title}
        about={m.privacy.about}
        name="privacy"
        answer={answer}
        wide
        sheet={
          answer.value && {
            columns: [
              { key: "measure", title: m.privacy.measure, kind: "text" },
              { key: "epsilon", title: `ε · ${m.privacy.local}`, kind: "ratio" },
              { key: "odds", title: m.privacy.local, kind: "text" },
              { key: "amplified_epsilon", title: `ε · ${m.privacy.amplified}`, kind: "ratio" },
              { key: "amplified_odds", title: m.privacy.amplified, kind: "text" },
              { key: "amplified_over", title: m.column.reports, kind: "count" },
              { key: "none", title: m.privacy.none, kind: "count" },
              { key: "mechanism", title: m.privacy.mechanism, kind: "text" },
            ],
            rows: measures.map(({ measure, privacy, none }) => [
              measure?.name,
              privacy?.epsilon,
              privacy && m.privacy.factor(f.ratio(Math.exp(privacy.epsilon))),
              privacy?.amplifiedEpsilon,
              privacy && m.privacy.factor(f.ratio(Math.exp(privacy.amplifiedEpsilon))),
              Number(privacy?.amplifiedOver ?? 0n),
              none?.value,
              privacy?.mechanism,
            ]),
          }
        }
        foot={
          <dl class="glossary">
            <dt>{m.privacy.local}</dt>
            <dd>{m.privacy.localAbout}</dd>
            <dt>{m.privacy.amplified}</dt>
            <dd>{m.privacy.amplifiedAbout}</dd>
            <dt>{m.privacy.none}</dt>
            <dd>{m.privacy.noneAbout}</dd>
          </dl>
        }
      />
    </>
  );
}
