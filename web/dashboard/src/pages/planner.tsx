// The planner: what a measure will be able to tell, before there is one.

import { type Bar, Bars, unsectioned } from "../charts/bars.js";
import { keysOf, PLAN_AXES, PLAN_EVENTS, PLAN_WINDOWS, type Plan, planOf, planQuestion } from "../forms/plan.js";
import { format, labelText, messages } from "../i18n/index.js";
import { Field } from "../parts/field.js";
import { Figure } from "../parts/figure.js";
import { Options } from "../parts/select.js";
import { useAnswer } from "../state/answer.js";
import { drawn } from "../state/figures.js";
import type { Scope } from "../state/questions.js";
import { show } from "../state/view.js";

export default function Planner({ scope }: { scope: Scope }) {
  const [m, f] = [messages.value, format.value];
  const plan = planOf(scope.view.form);
  const answer = useAnswer(planQuestion(plan));
  const set = (field: keyof Plan) => (event: { currentTarget: { value: string } }) =>
    show({ form: { ...plan, [field]: event.currentTarget.value } }, "same");
  const planned = answer.value?.planned ?? [];
  const name = (labels: readonly string[]) =>
    labels.map((label) => labelText(plan.apart, label)).join(" · ") || m.planner.others;
  const bars = planned.flatMap(({ labels, expected, share }): Bar[] =>
    expected
      ? [{ ...drawn(labels.join() || "*", name(labels), expected, f), note: f.percent(share), tone: "private" }]
      : [],
  );
  return (
    <>
      <section class="figure form" aria-labelledby="planner">
        <header>
          <h2 id="planner">{m.planner.title}</h2>
        </header>
        <p class="about">{m.planner.about}</p>
        <div class="fields">
          <Field label={m.planner.event}>
            {(aria) => (
              <select {...aria} value={plan.event} onChange={set("event")}>
                <Options of={keysOf(PLAN_EVENTS).map((event) => [event, m.subject[event]])} />
              </select>
            )}
          </Field>
          <Field label={m.planner.window}>
            {(aria) => (
              <select {...aria} value={plan.window} onChange={set("window")}>
                <Options of={keysOf(PLAN_WINDOWS).map((window) => [window, m.planner.windowNames[window]])} />
              </select>
            )}
          </Field>
          <Field label={m.planner.traffic}>
            {(aria) => <input {...aria} inputMode="numeric" value={plan.traffic} onInput={set("traffic")} />}
          </Field>
          <Field label={m.planner.windows}>
            {(aria) => <input {...aria} inputMode="numeric" value={plan.windows} onInput={set("windows")} />}
          </Field>
          <Field label={m.planner.epsilon} hint={m.planner.epsilonHint}>
            {(aria) => <input {...aria} inputMode="decimal" value={plan.epsilon} onInput={set("epsilon")} />}
          </Field>
          <Field label={m.planner.apart}>
            {(aria) => (
              <select {...aria} value={plan.apart} onChange={set("apart")}>
                <Options of={PLAN_AXES.map((axis) => [axis, m.dimensions[axis]!])} />
              </select>
            )}
          </Field>
          <Field key={plan.apart} label={m.planner.labels[plan.apart]} hint={m.planner.labelsHint[plan.apart]} wide>
            {(aria) => (
              <textarea
                {...aria}
                rows={10}
                value={plan.apart === "cohort" ? plan.cohorts : plan.labels}
                onInput={set(plan.apart === "cohort" ? "cohorts" : "labels")}
                spellcheck={false}
              />
            )}
          </Field>
        </div>
      </section>
      <Figure
        title={m.planner.resultTitle}
        about={m.planner.about}
        name="plan"
        answer={answer}
        sheet={
          answer.value && {
            columns: [
              {
                key: plan.apart,
                title: m.dimensions[plan.apart]!,
                kind: "text",
                say: (label) => name(label ? [label] : []),
              },
              { key: "share", title: m.planner.share, kind: "percent" },
              { key: "expected", title: m.planner.expected, kind: "count" },
              { key: "low", title: m.column.low, kind: "count" },
              { key: "high", title: m.column.high, kind: "count" },
              { key: "relative_half_width", title: m.planner.relative, kind: "percent" },
              { key: "above_zero", title: m.column.sure, kind: "truth" },
              { key: "epsilon_needed", title: m.planner.epsilonNeeded, kind: "ratio" },
              { key: "windows_needed", title: m.planner.windowsNeeded, kind: "count" },
            ],
            rows: planned.map((cell) => [
              cell.labels.join(" "),
              cell.share,
              cell.expected?.value,
              cell.expected?.low,
              cell.expected?.high,
              cell.relativeHalfWidth,
              cell.expected?.aboveZero,
              cell.epsilonNeeded,
              cell.windowsNeeded === undefined ? undefined : Number(cell.windowsNeeded),
            ]),
          }
        }
        draw={(width) => <Bars sections={unsectioned(bars)} width={width} tick={f.axis} />}
        foot={
          answer.value &&
          (answer.value.smallestShare === undefined ? (
            m.planner.smallestNone
          ) : (
            <>
              {m.planner.smallest + m.colon}
              <strong>{f.percent(answer.value.smallestShare, 1)}</strong>
            </>
          ))
        }
      />
    </>
  );
}
