// What one report reveals, and to whom, in plain words; and what is not guaranteed. The numbers are the service's statement.

import { type ComponentChildren, Fragment } from "preact";
import { useId } from "preact/hooks";
import { format, messages } from "../i18n/index.js";
import { Figure } from "../parts/figure.js";
import { useAnswer } from "../state/answer.js";
import { withHalf } from "../state/figures.js";
import { evidence, guarantees, type Scope } from "../state/questions.js";
import { DAY } from "../state/range.js";
import { Participation } from "../wire/tacita/v1/manifest_pb.js";
import type { Estimate, GetPrivacyResponse, MeasurePrivacy } from "../wire/tacita/v1/reporting_pb.js";

/** What is explained of each measure, in this order. */
const TERMS = ["local", "amplified", "device", "none"] as const;
type Term = (typeof TERMS)[number];

export function Privacy({ scope }: { scope: Scope }) {
  const m = messages.value;
  const answer = useAnswer(guarantees(scope));
  const told = useAnswer(evidence(scope, []));
  const measures = answer.value?.measures ?? [];
  const noneOf = (name: string) => told.value?.measures.find(({ measure }) => measure?.name === name)?.none;
  return (
    <>
      {answer.value && <PlainWords statement={answer.value} />}
      <Figure
        title={m.privacy.title}
        about={m.privacy.about}
        name="privacy"
        answer={answer}
        measures={told.value?.measures ?? []}
        wide
        sheet={
          answer.value && {
            columns: [
              { key: "measure", title: m.privacy.measure, kind: "text" },
              { key: "epsilon", title: `ε · ${m.privacy.local}`, kind: "ratio" },
              { key: "amplified_epsilon", title: `ε · ${m.privacy.amplified}`, kind: "ratio" },
              { key: "amplified_over", title: m.privacy.crowdTitle, kind: "count" },
              { key: "device_epsilon", title: `ε · ${m.privacy.device}`, kind: "ratio" },
              { key: "none", title: m.privacy.none, kind: "count" },
              { key: "none_low", title: m.column.low, kind: "count" },
              { key: "none_high", title: m.column.high, kind: "count" },
              { key: "mechanism", title: m.privacy.mechanism, kind: "text" },
            ],
            rows: measures.map(({ measure, privacy, deviceEpsilon }) => {
              const none = noneOf(measure);
              return [
                measure,
                privacy?.epsilon,
                privacy?.amplifiedEpsilon,
                Number(privacy?.amplifiedOver ?? 0n),
                deviceEpsilon,
                none?.value,
                none?.low,
                none?.high,
                privacy?.mechanism,
              ];
            }),
          }
        }
        draw={() => (
          <ul class="facts">
            {measures.map((one) => (
              <Facts key={one.measure} of={one} none={noneOf(one.measure)} />
            ))}
          </ul>
        )}
        foot={
          <dl class="glossary">
            {TERMS.map((term) => (
              <Fragment key={term}>
                <dt>{m.privacy[term]}</dt>
                <dd>{m.privacy[`${term}About`]}</dd>
              </Fragment>
            ))}
          </dl>
        }
      />
      {answer.value && <NotGuaranteed statement={answer.value} />}
    </>
  );
}

/** What the reports of one measure reveal. */
function Facts({ of: told, none }: { of: MeasurePrivacy; none: Estimate | undefined }) {
  const [m, f] = [messages.value, format.value];
  const { measure, privacy, deviceEpsilon } = told;
  if (!privacy) return null;
  const { epsilon, amplifiedEpsilon, amplifiedOver } = privacy;
  const fact = (term: Term, value: string, note = "") => (
    <div>
      <dt>{m.privacy[term]}</dt>
      <dd>
        <strong>{value}</strong> {note && <span>{note}</span>}
      </dd>
    </div>
  );
  const written = (value: number) => m.privacy.epsilon(f.ratio(value));
  const crowd = m.privacy.crowd(f.count(Number(amplifiedOver)));
  return (
    <li>
      <h3>{measure}</h3>
      <dl>
        {fact("local", m.privacy.factor(factorOf(epsilon)), written(epsilon))}
        {fact("amplified", m.privacy.factor(factorOf(amplifiedEpsilon)), `${written(amplifiedEpsilon)}, ${crowd}`)}
        {fact("device", written(deviceEpsilon))}
        {none && fact("none", withHalf(none, f))}
      </dl>
      <small>{privacy.mechanism}</small>
    </li>
  );
}

/** By how much ε changes the odds at most, rounded up: it is a bound. */
function factorOf(epsilon: number): string {
  const factor = Math.exp(epsilon);
  const step = 10 ** Math.max(-2, Math.floor(Math.log10(factor)) - 2);
  return format.value.ratio(Math.ceil(factor / step) * step);
}

/** Up to such a factor an answer says almost nothing, up to the other one little. */
const [LITTLE, SOME] = [3, 20];

function PlainWords({
  statement: { measures, policy, ledgerBoundMicro, budgetSeconds },
}: {
  statement: GetPrivacyResponse;
}) {
  const [m, f] = [messages.value, format.value];
  const epsilon = Math.max(0, ...measures.map(({ privacy }) => privacy?.epsilon ?? 0));
  const factor = Math.exp(epsilon);
  const says = factor <= LITTLE ? m.privacy.little : factor <= SOME ? m.privacy.some : m.privacy.much;
  const campaign = Math.min(policy?.deviceEpsilonMicro ?? ledgerBoundMicro, ledgerBoundMicro) / 1e6;
  const lines = [
    m.privacy.noise,
    ...(measures.length ? [says(factorOf(epsilon))] : []),
    m.privacy.many,
    m.privacy.apart,
    m.privacy.budget(f.ratio(ledgerBoundMicro / 1e6), f.ratio(campaign), f.count(Number(budgetSeconds) / DAY)),
  ];
  return <Sentences title={m.privacy.plainTitle} list="ol" lines={lines} />;
}

/** In the page's words, with the service's numbers; the service's own statement stands behind, so that nothing of it is lost. */
function NotGuaranteed({ statement }: { statement: GetPrivacyResponse }) {
  const [m, f] = [messages.value, format.value];
  const { measures, policy, guarantees, notGuaranteed } = statement;
  const byEvent = measures.filter(({ participation }) => participation === Participation.EVENT);
  const [least, people] = [policy?.reportsPerWindow ?? 0, f.count(policy?.peoplePerCohort ?? 0)];
  const lines = [
    ...(byEvent.length ? [m.privacy.not.event(f.list(byEvent.map(({ measure }) => measure)))] : []),
    m.privacy.not.epochs,
    m.privacy.not.often,
    least > 1 ? m.privacy.not.courtesy(f.count(least), people) : m.privacy.not.people(people),
    m.privacy.not.truth,
    m.privacy.not.quantum,
  ];
  return (
    <Sentences title={m.privacy.notTitle} list="ul" lines={lines}>
      <details class="statement">
        <summary>{m.privacy.full}</summary>
        <div lang="en">
          {guarantees.map(({ what, against, restsOn }) => (
            <p key={what}>
              {what}
              <small>
                {m.privacy.against + m.colon + against}. {m.privacy.restsOn + m.colon + restsOn}.
              </small>
            </p>
          ))}
          <h3>{m.privacy.notTitle}</h3>
          {notGuaranteed.map((line) => (
            <p key={line}>{line}</p>
          ))}
        </div>
      </details>
    </Sentences>
  );
}

/** Sentences under a title, and what stands behind them. */
function Sentences({
  title,
  list: List,
  lines,
  children,
}: {
  title: string;
  list: "ol" | "ul";
  lines: readonly string[];
  children?: ComponentChildren;
}) {
  const id = useId();
  return (
    <section class="plain-words" aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      <List>
        {lines.map((line) => (
          <li key={line}>{line}</li>
        ))}
      </List>
      {children}
    </section>
  );
}
