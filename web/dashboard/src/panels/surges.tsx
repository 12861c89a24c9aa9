// What surged in the range: more than the time before explains.

import { labelText, messages } from "../i18n/index.js";
import { Figure } from "../parts/figure.js";
import { isCompared } from "../state/address.js";
import { useAnswer } from "../state/answer.js";
import { estimateCells, estimateColumns } from "../state/figures.js";
import { alerts, type Scope } from "../state/questions.js";
import { spanOf } from "../state/range.js";

export function Surges({ scope }: { scope: Scope }) {
  const m = messages.value;
  const answer = useAnswer(alerts(scope));
  const { to } = spanOf(scope.view.range, scope.now);
  const found = (answer.value?.alerts ?? []).filter(({ foundAt }) => to === 0 || Number(foundAt) < to);
  // Whether it can be told from zero is no question of a surge.
  const [value, low, high] = estimateColumns(m);
  return (
    <Figure
      title={m.surges.title}
      about={m.surges.about}
      name="surges"
      answer={answer}
      alone={isCompared(scope.view)}
      wide
      blank={m.surges.none}
      sheet={
        answer.value && {
          columns: [
            { key: "label", title: m.surges.what, kind: "text", say: (name) => name },
            { key: "found_at", title: m.surges.found, kind: "time" },
            { ...value!, title: m.surges.came },
            low!,
            high!,
            { key: "expected", title: m.surges.expected, kind: "count" },
            { key: "score", title: m.surges.score, kind: "ratio" },
            { key: "measure", title: m.privacy.measure, kind: "text" },
          ],
          rows: found.map((alert) => [
            labelText(alert.dimension, alert.label),
            Number(alert.foundAt),
            ...estimateCells(alert.observed).slice(0, 3),
            alert.expected,
            alert.score,
            alert.measure,
          ]),
        }
      }
    />
  );
}
