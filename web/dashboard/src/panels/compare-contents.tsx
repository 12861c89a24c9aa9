// Two contents beside each other: is the difference more than noise? A ratio of the service's: its interval holds 1, or not.

import { format, labelText, messages } from "../i18n/index.js";
import { Field } from "../parts/field.js";
import { Refusal } from "../parts/refusal.js";
import { type Option, Options } from "../parts/select.js";
import { isCompared } from "../state/address.js";
import { useAnswer } from "../state/answer.js";
import { contentsRatio, type Scope, topContents } from "../state/questions.js";
import { show } from "../state/view.js";

export function CompareContents({ scope, top }: { scope: Scope; top: number }) {
  const [m, f] = [messages.value, format.value];
  const { form } = scope.view;
  const listed = useAnswer(topContents(scope, top, "content")?.question);
  const labels = (listed.value?.rows ?? []).map((row) => row.labels[0] ?? "");
  const [one = "", other = ""] = [form.one, form.other];
  const answer = useAnswer(one && other && one !== other ? contentsRatio(scope, one, other) : undefined);
  if (labels.length < 2) return null;
  const ratio = answer.value?.ratios[0]?.estimate;
  const differ = ratio?.low !== undefined && ratio.high !== undefined && (ratio.low > 1 || ratio.high < 1);
  const options = (chosen: string): Option[] => [
    ["", m.contents.choose],
    ...[...new Set([...labels, chosen])].filter(Boolean).map((label) => [label, labelText("content", label)] as const),
  ];
  const choice = (field: string, label: string, chosen: string) => (
    <Field label={label}>
      {(aria) => (
        <select
          {...aria}
          value={chosen}
          onChange={(event) => show({ form: { ...form, [field]: event.currentTarget.value } })}
        >
          <Options of={options(chosen)} />
        </select>
      )}
    </Field>
  );
  return (
    <section class="figure figure-wide" aria-labelledby="compare-contents">
      <header>
        <h2 id="compare-contents">{m.contents.compareTitle}</h2>
      </header>
      <p class="about">{m.contents.compareAbout}</p>
      {isCompared(scope.view) && <p class="remark remark-quiet">{m.figure.notCompared}</p>}
      <div class="pair">
        {choice("one", m.contents.first, one)}
        {choice("other", m.contents.second, other)}
      </div>
      <p class="verdict" role="status">
        {ratio &&
          (ratio.value === undefined ? (
            m.sure.ratioNo
          ) : (
            <>
              <strong>
                {m.contents.times(
                  f.ratio(ratio.value),
                  m.sure.interval(f.ratio(ratio.low ?? 0), f.ratio(ratio.high ?? 0)),
                )}
              </strong>{" "}
              {differ ? m.contents.differ : m.contents.same}
            </>
          ))}
      </p>
      {answer.failure && (
        <div class="verdict">
          <Refusal failure={answer.failure} />
        </div>
      )}
    </section>
  );
}
