// The byte-exact vectors of spec/vectors, shared with the Rust crates.

import { readFileSync } from "node:fs";
import type { TagError } from "../../sdk/src/protocol/tag.js";

/** A tag with its channel by name. */
export interface NamedTag {
  campaign: number;
  channel: string;
  cohort: number;
  generation: number;
}

interface Shape {
  mechanism: string;
  hit_threshold: string;
  omega?: number;
  field_order?: number;
  dimension?: number;
  tally_len?: number;
}
export type Choice = Shape & { domain: number; epsilon_micro: number };

interface Files {
  catalogue: { vectors: Catalogue[] };
  channels: {
    codes: Record<string, number>;
    cases: Visit[];
    shares: { channel: string; link: string; text: string; address: string | null }[];
  };
  "dp-choice": Choice[];
  "dp-ledger": {
    capacity: number;
    charges: [querier: string, epoch: number, micro: number][];
    paid: boolean;
    spent_after: [querier: string, epoch: number, micro: number][];
  }[];
  "dp-memo": {
    device_secret: string;
    measure: number;
    window: number;
    slot: number;
    value: number;
    words: string[];
    answer_16_cells_epsilon_1: string;
  }[];
  "dp-randomize": (Choice & { seed: string; cells: number[]; reports: string[] })[];
  profile: { vectors: Sharing[] };
  tags: {
    valid: (NamedTag & { string: string })[];
    invalid: { string: string; error: TagError }[];
    found: { url: string; tag: NamedTag | null }[];
    appended: { tag: NamedTag; url: string; fragment: string | null; query: string | null }[];
    utm: { tag: NamedTag; url: string; campaign: string; address: string | null }[];
    reshared: { tag: NamedTag; channel: string; reshared: NamedTag }[];
  };
  tokens: { vectors: Issuance[] };
  "tokens-rfc9497-poprf": { vectors: { input: string[]; blind: string[]; blindedElement: string[] }[] };
}

export interface Catalogue {
  name: string;
  contents: string[];
  tail: number;
  catalogue: string;
  digest: string;
  cells: number;
  positions: { content: string; position: number | null }[];
}

export interface Sharing {
  name: string;
  window_seconds: number[];
  steps: {
    at: number;
    share?: string;
    profiles?: string[];
    remembered?: [from: number, to: number, profile: string][];
  }[];
}

interface Visit {
  note: string;
  url: string;
  referrer: string;
  user_agent: string;
  navigation?: string;
  landing_pages?: string[];
  visitor: string;
  channel?: string | null;
  grade?: string | null;
  tag?: NamedTag | null;
}

interface Issuance {
  publisher: number;
  epoch: number;
  public_key: string;
  chain: string;
  nonces: string[];
  blinds: string[];
  inputs: string[];
  request: string;
  response: string;
  tokens: string[];
  payloads: string[];
  envelopes: string[];
}

// Tests run from web/ (see scripts/test.mjs).
export const vectors = <Name extends keyof Files>(name: Name): Files[Name] =>
  JSON.parse(readFileSync(`../spec/vectors/${name}.json`, "utf8"));
