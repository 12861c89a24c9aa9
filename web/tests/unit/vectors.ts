// The byte-exact vectors of spec/vectors, shared with the Rust crates.

import { readFileSync } from "node:fs";

// Tests run from web/ (see scripts/test.mjs).
export const vectors = (name: string): any => JSON.parse(readFileSync(`../spec/vectors/${name}.json`, "utf8"));
