// The shell: who is signed in, which page, and what all pages share.

import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { format, language, messages } from "./i18n/index.js";
import { Cohorts } from "./pages/cohorts.js";
import { Contents } from "./pages/contents.js";
import { Overview } from "./pages/overview.js";
import { SignIn } from "./pages/sign-in.js";
import { Analytics } from "./panels/analytics.js";
import { Privacy } from "./panels/privacy.js";
import { Filters } from "./parts/filters.js";
import { Mark } from "./parts/icon.js";
import { News } from "./parts/news.js";
import { Preferences } from "./parts/preferences.js";
import { RangePicker } from "./parts/range-picker.js";
import { Select } from "./parts/select.js";
import { PAGES, type Page } from "./state/address.js";
import { asOf, follow, link, revision } from "./state/live.js";
import type { Scope } from "./state/questions.js";
import { campaign, leave, session } from "./state/session.js";
import { addressOf, show, view } from "./state/view.js";
import type { CampaignSummary } from "./wire/tacita/v1/reporting_pb.js";

type PageView = ComponentType<{ scope: Scope }>;

/** Pages that the first load has; the others come when they are opened. */
const AT_HAND: Partial<Record<Page, PageView>> = {
  overview: Overview,
  contents: Contents,
  cohorts: Cohorts,
  analytics: Analytics,
  privacy: Privacy,
};
const FETCHED: Partial<Record<Page, () => Promise<{ default: PageView }>>> = {
  planner: () => import("./pages/planner.js"),
  links: () => import("./pages/links.js"),
  campaign: () => import("./pages/campaign.js"),
};

/** Pages about what was counted: these have a range, and all but the last a comparison and filters. */
const COUNTED: readonly Page[] = ["overview", "contents", "cohorts", "analytics", "privacy"];

export function App() {
  const m = messages.value;
  useEffect(() => {
    document.documentElement.lang = language.value;
    document.title = `${session.value ? `${m.nav[view.value.page]} · ` : ""}${m.product}`;
  });
  return (
    <>
      <a class="skip" href="#main">
        {m.skip}
      </a>
      {session.value ? (
        <Dashboard />
      ) : (
        <>
          <SignIn />
          <div class="corner">
            <Preferences />
          </div>
        </>
      )}
    </>
  );
}

function Dashboard() {
  const m = messages.value;
  const now = useNow();
  const { campaigns, client } = session.value!;
  const chosen = campaign.value;
  useEffect(() => (chosen ? follow(client, chosen.name) : undefined), [client, chosen?.name]);
  const { page } = view.value;
  return (
    <div class="shell">
      <header class="top">
        <a class="brand" href={addressOf({ page: "overview" })} onClick={go("overview")}>
          <Mark /> {m.product}
        </a>
        <Select
          label={m.bar.campaign}
          unlabelled
          look="campaign"
          options={[
            ...(chosen ? [] : [["", m.contents.choose] as const]),
            ...campaigns.map(
              ({ name, declaration }) => [name, [name, declaration?.market].filter(Boolean).join(" · ")] as const,
            ),
          ]}
          chosen={chosen?.name ?? ""}
          onChoose={(name) => show({ campaign: name, filters: [], form: {} })}
        />
        <Live />
        <Preferences />
        <button type="button" class="plain leave" onClick={leave}>
          {m.signIn.leave}
        </button>
      </header>
      <nav class="pages" aria-label={m.nav.label}>
        {PAGES.map((name) => (
          <a
            key={name}
            ref={name === page ? inView : null}
            href={addressOf({ page: name })}
            aria-current={name === page ? "page" : undefined}
            onClick={go(name)}
          >
            {m.nav[name]}
          </a>
        ))}
      </nav>
      <main id="main" tabIndex={-1}>
        <h1 class="unseen">
          {m.nav[page]}
          {chosen && ` · ${chosen.name}`}
        </h1>
        <News />
        {chosen && COUNTED.includes(page) && (
          <div class="bar" role="group" aria-label={m.bar.label}>
            <RangePicker now={now} />
            {page !== "privacy" && <Narrower campaign={chosen} />}
          </div>
        )}
        {chosen ? (
          <PageBody scope={{ campaign: chosen, view: view.value, now }} />
        ) : (
          <p class="blank">{campaigns.length ? m.bar.unknownCampaign(view.value.campaign) : m.bar.noCampaign}</p>
        )}
      </main>
    </div>
  );
}

/** Another period beside this one, and filters. */
function Narrower({ campaign }: { campaign: CampaignSummary }) {
  const m = messages.value;
  return (
    <>
      <Select
        label={m.bar.compare}
        unlabelled
        options={[
          ["none", m.bar.compareNone],
          ["previous", m.bar.comparePrevious],
          ["year", m.bar.compareYear],
        ]}
        chosen={view.value.compare}
        disabled={view.value.range.kind === "all"}
        onChoose={(compare) => show({ compare })}
      />
      <Filters campaign={campaign} />
    </>
  );
}

/** On a narrow screen the pages' names are wider than it. */
const inView = (element: HTMLElement | null): void => element?.scrollIntoView({ inline: "center", block: "nearest" });

const go = (page: Page) => (event: MouseEvent) => {
  // A new tab is the browser's.
  if (event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  show({ page, form: {} });
  document.getElementById("main")?.focus({ preventScroll: true });
  scrollTo(0, 0);
};

function PageBody({ scope }: { scope: Scope }) {
  const { page } = scope.view;
  const [fetched, setFetched] = useState<Partial<Record<Page, PageView>>>({});
  const Body = AT_HAND[page] ?? fetched[page];
  useEffect(() => {
    if (!Body) void FETCHED[page]?.().then((module) => setFetched((before) => ({ ...before, [page]: module.default })));
  }, [page]);
  return (
    <div class={`page page-${page}`}>
      {Body ? <Body scope={scope} /> : <p class="blank">{messages.value.loading}</p>}
    </div>
  );
}

/** Whether figures move by themselves; what moved is said to screen readers once, not figure by figure. */
function Live() {
  const [m, f] = [messages.value, format.value];
  const text = { opening: m.live.opening, live: m.live.live, away: m.live.away }[link.value];
  const updated = revision.value > 0 && asOf.value ? m.live.updated(f.time(asOf.value)) : "";
  return (
    <p class={`live live-${link.value}`} title={updated} data-revision={revision.value}>
      <span class="live-dot" /> <span>{text}</span>
      <span class="unseen" role="status">
        {updated}
      </span>
    </p>
  );
}

/** The present, as far as a page needs it: it changes with the day, not with each look. */
function useNow(): number {
  const [now, setNow] = useState(() => Date.now() / 1000);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now() / 1000), 60_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
