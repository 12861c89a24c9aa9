// How devices share: in private, in public, or both; where the campaign has a measure of it.

import { messages } from "../i18n/index.js";
import { byProfile, type Scope } from "../state/questions.js";
import { Ranking } from "./ranking.js";

export function Profiles({ scope }: { scope: Scope }) {
  const m = messages.value;
  const asked = byProfile(scope);
  if (!asked) return null;
  return (
    <Ranking
      title={m.profiles.title}
      about={m.profiles.about}
      name="profiles"
      dimension="profile"
      asked={asked}
      needs={m.dimensions.profile!}
      sorted
    />
  );
}
