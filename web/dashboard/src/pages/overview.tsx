import { Cards } from "../panels/cards.js";
import { Channels } from "../panels/channels.js";
import { Funnel } from "../panels/funnel.js";
import { Generations } from "../panels/generations.js";
import { OverTime } from "../panels/over-time.js";
import { Profiles } from "../panels/profiles.js";
import { Surges } from "../panels/surges.js";
import type { Scope } from "../state/questions.js";

/** What a brand looks at first. */
export function Overview({ scope }: { scope: Scope }) {
  return (
    <>
      <Cards scope={scope} />
      <OverTime scope={scope} />
      <Surges scope={scope} />
      <Channels scope={scope} />
      <div class="columns">
        <Funnel scope={scope} />
        <Generations scope={scope} />
      </div>
      <Profiles scope={scope} />
    </>
  );
}
