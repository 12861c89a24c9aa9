// Who is signed in. The key stays in this tab's sessionStorage: it goes when the tab does, and no other tab or site reads it.

import { equals } from "@bufbuild/protobuf";
import { computed, signal } from "@preact/signals";
import { type Reporting, reporting, unary } from "../wire/client.js";
import { type Failure, failureOf } from "../wire/failure.js";
import { type CampaignSummary, type Declaration, DeclarationSchema } from "../wire/tacita/v1/reporting_pb.js";
import { view } from "./view.js";

const KEPT = "tacita-key";

/** A key that the collector took, with what it opens. */
export interface Session {
  readonly client: Reporting;
  readonly campaigns: readonly CampaignSummary[];
}

export const session = signal<Session | undefined>(undefined);

/** Why the last key was not taken. */
export const refusal = signal<Failure | undefined>(undefined);

/** A key is being tried. */
export const entering = signal(false);

/** The campaign of the view; undefined if the key opens none of that name. */
export const campaign = computed(() => {
  const { campaigns = [] } = session.value ?? {};
  return view.value.campaign ? campaigns.find((one) => one.name === view.value.campaign) : campaigns[0];
});

/** Tries a key, and keeps it if the collector takes it. */
export async function enter(written: string): Promise<void> {
  const key = written.trim();
  entering.value = true;
  try {
    const client = reporting(key);
    const { campaigns } = await client.listCampaigns({}, unary(new AbortController().signal));
    sessionStorage.setItem(KEPT, key);
    refusal.value = undefined;
    session.value = { client, campaigns };
  } catch (error) {
    const failure = failureOf(error);
    if (failure?.kind !== "away") sessionStorage.removeItem(KEPT);
    refusal.value = failure;
  } finally {
    entering.value = false;
  }
}

/** Tries the key of this tab, if there is one. */
export async function resume(): Promise<void> {
  const key = sessionStorage.getItem(KEPT);
  if (key) await enter(key);
}

export function leave(): void {
  sessionStorage.removeItem(KEPT);
  session.value = undefined;
  refusal.value = undefined;
}

/** A call said that the key is not taken any more. */
export function expel(failure: Failure): void {
  leave();
  refusal.value = failure;
}

/** How it went: `changed` when somebody else declared something since `base` was read; nothing was written over it then. */
export type Declared =
  | { readonly kind: "saved"; readonly declaration: Declaration }
  | { readonly kind: "changed" }
  | { readonly kind: "failed"; readonly failure: Failure };

/** Declares what the brand says of a campaign in place of `base`. */
export async function declare(campaign: string, base: Declaration, said: Declaration): Promise<Declared> {
  const { client } = session.value!;
  const options = unary(new AbortController().signal);
  try {
    const { campaigns } = await client.listCampaigns({}, options);
    const present = campaigns.find(({ name }) => name === campaign)?.declaration;
    session.value = { client, campaigns };
    if (present && !equals(DeclarationSchema, present, base)) return { kind: "changed" };
    const { declaration = said } = await client.declareCampaign({ campaign, declaration: said }, options);
    const declared = campaigns.map((one) => (one.name === campaign ? { ...one, declaration } : one));
    session.value = { client, campaigns: declared };
    return { kind: "saved", declaration };
  } catch (error) {
    const failure = failureOf(error) ?? { kind: "away", reason: "", message: "" };
    if (failure.kind === "key") expel(failure);
    return { kind: "failed", failure };
  }
}
