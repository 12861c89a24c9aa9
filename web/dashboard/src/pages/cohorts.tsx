import { messages } from "../i18n/index.js";
import { Ranking } from "../panels/ranking.js";
import { Segmented } from "../parts/segmented.js";
import { SUBJECTS } from "../state/address.js";
import { EVENTS } from "../state/measures.js";
import { byCohort, type Scope } from "../state/questions.js";
import { show } from "../state/view.js";

/** Squads, newsletters and referral programmes. */
export function Cohorts({ scope }: { scope: Scope }) {
  const m = messages.value;
  const subjects = SUBJECTS.filter((subject) =>
    scope.campaign.measures.some((measure) => measure.event === EVENTS[subject]),
  );
  return (
    <>
      <Ranking
        title={m.cohorts.title}
        about={m.cohorts.about}
        name="cohorts"
        dimension="cohort"
        asked={byCohort(scope)}
        needs={m.cohorts.needs}
        sorted
        tools={
          <Segmented
            label={m.subject.label}
            options={subjects.map((subject) => [subject, m.subject[subject]] as const)}
            chosen={scope.view.subject}
            onChoose={(subject) => show({ subject })}
          />
        }
      />
      <p class="aside">{m.cohorts.why}</p>
    </>
  );
}
