import { messages } from "../i18n/index.js";
import { Ranking } from "../panels/ranking.js";
import { SubjectChoice } from "../parts/subject-choice.js";
import { byCohort, type Scope } from "../state/questions.js";

/** Squads, newsletters and referral programmes. */
export function Cohorts({ scope }: { scope: Scope }) {
  const m = messages.value;
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
        tools={<SubjectChoice scope={scope} />}
      />
      <p class="aside">{m.cohorts.why}</p>
    </>
  );
}
