// Of which a panel tells: visits, shares, conversions or devices, as far as the campaign measures them.

import { messages } from "../i18n/index.js";
import { SUBJECTS } from "../state/address.js";
import { EVENTS } from "../state/measures.js";
import type { Scope } from "../state/questions.js";
import { show } from "../state/view.js";
import { Segmented } from "./segmented.js";

export function SubjectChoice({ scope }: { scope: Scope }) {
  const m = messages.value;
  const subjects = SUBJECTS.filter((subject) =>
    scope.campaign.measures.some((measure) => measure.event === EVENTS[subject]),
  );
  return (
    <Segmented
      label={m.subject.label}
      options={subjects.map((subject) => [subject, m.subject[subject]] as const)}
      chosen={scope.view.subject}
      onChoose={(subject) => show({ subject })}
    />
  );
}
