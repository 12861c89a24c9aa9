// The planner: what a measure will be able to tell, before there is one.

import { type Bar, Bars, unsectioned } from "../charts/bars.js";
import { PLAN_AXES, PLAN_EVENTS, PLAN_WINDOWS, type Plan, planOf, planQuestion } from "../forms/plan.js";
import { format, labelText, messages } from "../i18n/index.js";
import { Figure } from "../parts/figure.js";
import { useAnswer } from "../state/answer.js";
import { withHalf } from "../state/figures.js";
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
      ? [
          {
            key: labels.join() || "*",
            label: name(labels),
            text: withHalf(expected, f),
            note: f.percent(share),
            tone: "private",
            value: expected.value,
            low: expected.low,
            high: expected.high,
            aboveZero: expected.aboveZero,
          },
        ]
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
          <label class="field">
            <span>{m.planner.event}</span>
            <select value={plan.event} onChange={set("event")}>
              {(Object.keys(PLAN_EVENTS) as Plan["event"][]).map((event) => (
                <option key={event} value={event}>
                  {m.subject[event]}
                </option>
              ))}
            </select>
          </label>
          <label class="field">
            <span>{m.planner.window}</span>
            <select value={plan.window} onChange={set("window")}>
              {(Object.keys(PLAN_WINDOWS) as Plan["window"][]).map((window) => (
                <option key={window} value={window}>
                  {m.planner.windowNames[window]}
                </option>
              ))}
            </select>
          </label>
          <label class="field">
            <span>{m.planner.traffic}</span>
            <input inputMode="numeric" value={plan.traffic} onInput={set("traffic")} />
          </label>
          <label class="field">
            <span>{m.planner.windows}</span>
            <input inputMode="numeric" value={plan.windows} onInput={set("windows")} />
          </label>
          <label class="field">
            <span>{m.planner.epsilon}</span>
            <input inputMode="decimal" value={plan.epsilon} onInput={set("epsilon")} />
            <small>{m.planner.epsilonHint}</small>
          </label>
          <label class="field">
            <span>{m.planner.apart}</span>
            <select value={plan.apart} onChange={set("apart")}>
              {PLAN_AXES.map((axis) => (
                <option key={axis} value={axis}>
                  {m.dimensions[axis]}
                </option>
              ))}
            </select>
          </label>
          <label class="field field-tall">
            <span>{m.planner.labels[plan.apart]}</span>
            <textarea
              key={plan.apart}
              rows={10}
              value={plan.apart === "cohort" ? plan.cohorts : plan.labels}
              onInput={set(plan.apart === "cohort" ? "cohorts" : "labels")}
              spellcheck={false}
            />
            <small>{m.planner.labelsHint[plan.apart]}</small>
          </label>
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
              {m.planner.smallest}: <strong>{f.percent(answer.value.smallestShare, 1)}</strong>
            </>
          ))
        }
      />
    </>
  );
}
