// Why the service gave no answer: in the page's words, by its reason; its own words, which name the measure or the label, stand behind.

import { messages } from "../i18n/index.js";
import type { Failure } from "../wire/failure.js";

export const refusalText = ({ kind, reason }: Failure): string => {
  const m = messages.value;
  return kind === "away" ? m.signIn.away : (m.refusals[reason] ?? m.figure.failed);
};

export function Refusal({ failure }: { failure: Failure }) {
  return (
    <>
      {refusalText(failure)} {failure.kind === "refused" && <Words said={failure.message} />}
    </>
  );
}

/** What the service said, which is English on every page. */
export function Words({ said }: { said: string }) {
  if (!said) return null;
  return (
    <details class="words">
      <summary>{messages.value.figure.words}</summary>
      <span lang="en">{said}</span>
    </details>
  );
}
