// What only the brand knows of its campaign: a form that declares it, and the secrets of its webhooks.

import { create } from "@bufbuild/protobuf";
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import {
  type CategoryDraft,
  type CostDraft,
  type Draft,
  draftOf,
  NO_CATEGORY,
  NO_COST,
  type Problems,
  read,
} from "../forms/declaration.js";
import { labelText, messages } from "../i18n/index.js";
import { CopyButton } from "../parts/copy.js";
import { Field } from "../parts/field.js";
import { Icon } from "../parts/icon.js";
import { Options } from "../parts/select.js";
import type { Scope } from "../state/questions.js";
import { declare } from "../state/session.js";
import type { Failure } from "../wire/failure.js";
import { type CampaignSummary, DeclarationSchema } from "../wire/tacita/v1/reporting_pb.js";

const NONE: Problems = new Map();

/** How saving went. */
type Outcome = { readonly kind: "saved" | "changed" } | { readonly kind: "failed"; readonly failure: Failure };

export default function Campaign({ scope: { campaign } }: { scope: Scope }) {
  // Another campaign is another form.
  return <Form key={campaign.name} campaign={campaign} />;
}

function Form({ campaign }: { campaign: CampaignSummary }) {
  const m = messages.value;
  const began = campaign.declaration ?? create(DeclarationSchema);
  const [base, setBase] = useState(began);
  const [draft, setDraft] = useState<Draft>(() => draftOf(began));
  const [problems, setProblems] = useState(NONE);
  const [outcome, setOutcome] = useState<Outcome | undefined>(undefined);
  const [saving, setSaving] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (problems.size) form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, [problems]);
  const change = (part: Partial<Draft>) => {
    setDraft({ ...draft, ...part });
    setOutcome(undefined);
  };
  const take = (declaration: typeof base) => {
    setBase(declaration);
    setDraft(draftOf(declaration));
    setOutcome(undefined);
    setProblems(NONE);
  };
  const save = async () => {
    const checked = read(draft);
    setProblems("problems" in checked ? checked.problems : NONE);
    setOutcome(undefined);
    if ("problems" in checked) return;
    setSaving(true);
    const ended = await declare(campaign.name, base, create(DeclarationSchema, checked.said));
    setSaving(false);
    if (ended.kind === "saved") take(ended.declaration);
    setOutcome(ended);
  };
  const channels = [...new Set(dimensionLabels(campaign, "channel"))];
  const buckets = [...new Set([...dimensionLabels(campaign, "value"), ...Object.keys(draft.values)])];
  const shared = { problems, draft, change };
  return (
    <form
      ref={form}
      class="declaration"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <section class="figure form" aria-labelledby="declare">
        <header>
          <h2 id="declare">{m.declare.title}</h2>
        </header>
        <p class="about">{m.declare.about}</p>
        <div class="fields">
          <Field label={m.declare.market} hint={m.declare.marketHint}>
            {(aria) => (
              <input
                {...aria}
                name="market"
                value={draft.market}
                onInput={(event) => change({ market: event.currentTarget.value })}
              />
            )}
          </Field>
          <Field label={m.declare.currency} hint={m.declare.currencyHint} problem={wrong(problems, "currency")}>
            {(aria) => (
              <input
                {...aria}
                name="currency"
                value={draft.currency}
                maxLength={3}
                autocomplete="off"
                onInput={(event) => change({ currency: event.currentTarget.value })}
              />
            )}
          </Field>
        </div>
      </section>
      <Costs {...shared} channels={channels} />
      {buckets.length > 0 && <Values {...shared} buckets={buckets} />}
      <Categories {...shared} />
      <Webhooks {...shared} secrets={new Map(base.webhooks.map(({ url, secret }) => [url, secret]))} />
      <div class="declaration-end">
        <button type="submit" class="button button-main" disabled={saving}>
          {saving ? m.declare.saving : m.declare.save}
        </button>
        <p role="status" class={`verdict${outcome?.kind === "saved" || !outcome ? "" : " problem"}`}>
          {problems.size > 0 && m.declare.wrong(problems.size)}
          {outcome?.kind === "saved" && m.declare.saved}
          {outcome?.kind === "changed" && m.declare.changed}
          {outcome?.kind === "failed" && <Failed failure={outcome.failure} />}
        </p>
        {outcome?.kind === "changed" && (
          <button type="button" class="button" onClick={() => take(began)}>
            {m.declare.reload}
          </button>
        )}
      </div>
    </form>
  );
}

function Failed({ failure }: { failure: Failure }) {
  const m = messages.value;
  if (failure.kind === "away") return <>{m.signIn.away}</>;
  return (
    <>
      {m.declare.refused} <span lang="en">{failure.message}</span>
    </>
  );
}

interface Part {
  readonly draft: Draft;
  readonly problems: Problems;
  readonly change: (part: Partial<Draft>) => void;
}

function Costs({ draft, problems, change, channels }: Part & { channels: readonly string[] }) {
  const m = messages.value;
  const set = (place: number, part: Partial<CostDraft>) =>
    change({ costs: draft.costs.map((cost, at) => (at === place ? { ...cost, ...part } : cost)) });
  return (
    <List
      title={m.declare.costs}
      about={m.declare.costsAbout}
      add={m.declare.addCost}
      onAdd={() => change({ costs: [...draft.costs, NO_COST] })}
    >
      {draft.costs.map((cost, place) => (
        <Entry
          key={place}
          name={m.declare.cost(place + 1)}
          onRemove={() => change({ costs: without(draft.costs, place) })}
        >
          <Field label={m.bar.from} problem={wrong(problems, `costs.${place}.first`)}>
            {(aria) => (
              <input
                {...aria}
                type="date"
                value={cost.first}
                onInput={(event) => set(place, { first: event.currentTarget.value })}
              />
            )}
          </Field>
          <Field label={m.bar.to} problem={wrong(problems, `costs.${place}.last`)}>
            {(aria) => (
              <input
                {...aria}
                type="date"
                value={cost.last}
                onInput={(event) => set(place, { last: event.currentTarget.value })}
              />
            )}
          </Field>
          <Field label={m.declare.amount} problem={wrong(problems, `costs.${place}.amount`)}>
            {(aria) => (
              <input
                {...aria}
                inputMode="decimal"
                value={cost.amount}
                onInput={(event) => set(place, { amount: event.currentTarget.value })}
              />
            )}
          </Field>
          <Field label={m.dimensions.channel!}>
            {(aria) => (
              <select
                {...aria}
                value={cost.channel}
                onChange={(event) => set(place, { channel: event.currentTarget.value })}
              >
                <Options
                  of={[
                    ["", m.declare.whole],
                    ...[...new Set([...channels, cost.channel])]
                      .filter(Boolean)
                      .map((name) => [name, labelText("channel", name)] as const),
                  ]}
                />
              </select>
            )}
          </Field>
        </Entry>
      ))}
    </List>
  );
}

function Values({ draft, problems, change, buckets }: Part & { buckets: readonly string[] }) {
  const m = messages.value;
  return (
    <List title={m.declare.values} about={m.declare.valuesAbout}>
      <div class="entry-fields">
        {buckets.map((bucket) => (
          <Field key={bucket} label={m.declare.bucket(bucket)} problem={wrong(problems, `values.${bucket}`)}>
            {(aria) => (
              <input
                {...aria}
                inputMode="decimal"
                value={draft.values[bucket] ?? ""}
                onInput={(event) => change({ values: { ...draft.values, [bucket]: event.currentTarget.value } })}
              />
            )}
          </Field>
        ))}
      </div>
    </List>
  );
}

function Categories({ draft, problems, change }: Part) {
  const m = messages.value;
  const set = (place: number, part: Partial<CategoryDraft>) =>
    change({ categories: draft.categories.map((one, at) => (at === place ? { ...one, ...part } : one)) });
  return (
    <List
      title={m.declare.categories}
      about={m.declare.categoriesAbout}
      add={m.declare.addCategory}
      onAdd={() => change({ categories: [...draft.categories, NO_CATEGORY] })}
    >
      {draft.categories.map((category, place) => (
        <Entry
          key={place}
          name={category.name || m.declare.category(place + 1)}
          look="entry-category"
          onRemove={() => change({ categories: without(draft.categories, place) })}
        >
          <Field label={m.column.label} problem={wrong(problems, `categories.${place}.name`)}>
            {(aria) => (
              <input
                {...aria}
                value={category.name}
                onInput={(event) => set(place, { name: event.currentTarget.value })}
              />
            )}
          </Field>
          <Field label={m.declare.contents} problem={wrong(problems, `categories.${place}.contents`)}>
            {(aria) => (
              <textarea
                {...aria}
                rows={3}
                spellcheck={false}
                value={category.contents}
                onInput={(event) => set(place, { contents: event.currentTarget.value })}
              />
            )}
          </Field>
        </Entry>
      ))}
    </List>
  );
}

function Webhooks({ draft, problems, change, secrets }: Part & { secrets: ReadonlyMap<string, string> }) {
  const m = messages.value;
  return (
    <List
      title={m.declare.webhooks}
      about={m.declare.webhooksAbout}
      add={m.declare.addWebhook}
      onAdd={() => change({ webhooks: [...draft.webhooks, ""] })}
    >
      {draft.webhooks.map((url, place) => (
        <Entry
          key={place}
          name={m.declare.webhook(place + 1)}
          onRemove={() => change({ webhooks: without(draft.webhooks, place) })}
        >
          <Field label={m.declare.address} problem={wrong(problems, `webhooks.${place}`)} wide>
            {(aria) => (
              <input
                {...aria}
                type="url"
                placeholder="https://"
                value={url}
                onInput={(event) => {
                  const { value } = event.currentTarget;
                  change({ webhooks: draft.webhooks.map((one, at) => (at === place ? value : one)) });
                }}
              />
            )}
          </Field>
          <Secret secret={secrets.get(url.trim())} />
        </Entry>
      ))}
    </List>
  );
}

/** What signatures are verified with: shown when asked for, since screens are looked at. */
function Secret({ secret }: { secret: string | undefined }) {
  const m = messages.value;
  const [open, setOpen] = useState(false);
  if (!secret) return <p class="about field-wide">{m.declare.secretLater}</p>;
  return (
    <div class="field field-wide">
      <span>{m.declare.secret}</span>
      <div class="secret">
        <output class="link-output" data-secret>
          {open ? secret : "•".repeat(32)}
        </output>
        <button type="button" class="button" aria-pressed={open} onClick={() => setOpen(!open)}>
          {open ? m.declare.hide : m.declare.reveal}
        </button>
        <CopyButton text={secret} />
      </div>
      <small>{m.declare.secretHint}</small>
    </div>
  );
}

function List({
  title,
  about,
  add,
  onAdd,
  children,
}: {
  title: string;
  about: string;
  add?: string;
  onAdd?: () => void;
  children: ComponentChildren;
}) {
  const id = useId();
  return (
    <section class="figure form" aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
      </header>
      <p class="about">{about}</p>
      {children}
      {add && (
        <div class="buttons">
          <button type="button" class="button" onClick={onAdd}>
            <Icon name="plus" /> {add}
          </button>
        </div>
      )}
    </section>
  );
}

/** One of a list, which can be taken out again. */
function Entry({
  name,
  look = "",
  onRemove,
  children,
}: {
  name: string;
  look?: string;
  onRemove: () => void;
  children: ComponentChildren;
}) {
  const m = messages.value;
  return (
    <fieldset class="entry">
      <legend>{name}</legend>
      <div class={`entry-fields ${look}`}>{children}</div>
      <button
        type="button"
        class="button entry-remove"
        aria-label={`${m.declare.remove}${m.colon}${name}`}
        onClick={onRemove}
      >
        <Icon name="close" /> {m.declare.remove}
      </button>
    </fieldset>
  );
}

/** What is wrong with a field, in words. */
function wrong(problems: Problems, field: string): string | undefined {
  const problem = problems.get(field);
  return problem && messages.value.declare.problem[problem];
}

const without = <T,>(list: readonly T[], place: number): T[] => list.filter((_, at) => at !== place);

const dimensionLabels = (campaign: CampaignSummary, name: string): string[] =>
  campaign.measures.flatMap(({ dimensions }) =>
    dimensions.filter((one) => one.name === name).flatMap((one) => one.labels),
  );
