// Which days.

import { useState } from "preact/hooks";
import { format, messages } from "../i18n/index.js";
import { isCompared } from "../state/address.js";
import { DAY, dayOf, formatRange, PRESETS, parseRange, type Range, spanOf } from "../state/range.js";
import { show, view } from "../state/view.js";
import { Disclosure } from "./disclosure.js";
import { Field } from "./field.js";
import { Icon } from "./icon.js";

export function RangePicker({ now }: { now: number }) {
  const [m, f] = [messages.value, format.value];
  const { range, compare } = view.value;
  const compared = isCompared(view.value);
  const last = compared ? m.bar.lastWhole : m.bar.last;
  const text = (range: Range) =>
    range.kind === "all"
      ? m.bar.all
      : range.kind === "last"
        ? last(range.days)
        : `${f.tick(spanOf(range, now).from, DAY)} – ${f.period(spanOf(range, now).to - DAY, DAY)}`;
  const choices: Range[] = [...PRESETS.map((days) => ({ kind: "last", days }) as const), { kind: "all" }];
  const choose = (range: Range) =>
    show({ range, ...(range.kind === "all" && compare !== "none" ? { compare: "none" } : {}) });
  return (
    <Disclosure
      label={`${m.bar.range}${m.colon}${text(range)}`}
      face={
        <>
          {text(range)} <Icon name="down" />
        </>
      }
      class="range-button"
    >
      {(close) => (
        <div class="range-sheet">
          <ul class="menu">
            {choices.map((choice) => (
              <li key={formatRange(choice)}>
                <button
                  type="button"
                  aria-pressed={formatRange(choice) === formatRange(range)}
                  onClick={() => {
                    choose(choice);
                    close();
                  }}
                >
                  {text(choice)}
                </button>
              </li>
            ))}
          </ul>
          <Days
            range={range}
            now={now}
            onChoose={(range) => {
              choose(range);
              close();
            }}
          />
        </div>
      )}
    </Disclosure>
  );
}

function Days({ range, now, onChoose }: { range: Range; now: number; onChoose: (range: Range) => void }) {
  const m = messages.value;
  const span = spanOf(range.kind === "all" ? { kind: "last", days: 30 } : range, now, isCompared(view.value));
  const [first, setFirst] = useState(dayOf(span.from));
  const [last, setLast] = useState(dayOf(span.to - DAY));
  const written = parseRange(`${first}..${last}`);
  return (
    <form
      class="days"
      onSubmit={(event) => {
        event.preventDefault();
        if (written) onChoose(written);
      }}
    >
      <Field label={m.bar.from}>
        {(aria) => (
          <input {...aria} type="date" value={first} onInput={(event) => setFirst(event.currentTarget.value)} />
        )}
      </Field>
      <Field label={m.bar.to}>
        {(aria) => (
          <input
            {...aria}
            type="date"
            value={last}
            min={first}
            onInput={(event) => setLast(event.currentTarget.value)}
          />
        )}
      </Field>
      <button type="submit" class="button" disabled={!written}>
        {m.bar.apply}
      </button>
      <small>{m.bar.days}</small>
    </form>
  );
}
