import assert from "node:assert/strict";
import { test } from "node:test";
import { create, equals } from "@bufbuild/protobuf";
import { type Draft, draftOf, NO_CATEGORY, NO_COST, read } from "../../dashboard/src/forms/declaration.js";
import { numberOf } from "../../dashboard/src/forms/number.js";
import { DeclarationSchema } from "../../dashboard/src/wire/tacita/v1/reporting_pb.js";

const DAY = 86_400n;
const declared = create(DeclarationSchema, {
  market: "France",
  currency: "EUR",
  costs: [
    { range: { from: 20_000n * DAY, to: 20_030n * DAY }, amount: 9_000.5, channel: "" },
    // Declared by a program, within a day.
    { range: { from: 20_000n * DAY + 3_600n, to: 20_001n * DAY + 7_200n }, amount: 12, channel: "whatsapp" },
  ],
  bucketValues: [{ bucket: "20..40", value: 30 }],
  categories: [{ name: "travel", contents: ["/a", "/b"] }],
  webhooks: [{ url: "https://acme.example/hook" }],
});

const problemsOf = (draft: Draft) => {
  const checked = read(draft);
  return "problems" in checked ? Object.fromEntries(checked.problems) : {};
};

test("what was declared is the same after the form", () => {
  const checked = read(draftOf(declared));
  assert.ok("said" in checked);
  assert.ok(equals(DeclarationSchema, create(DeclarationSchema, checked.said), declared));
});

test("a last day is part of the cost", () => {
  const costs = [{ ...NO_COST, first: "2026-03-01", last: "2026-03-01", amount: "5" }];
  const checked = read({ ...draftOf(undefined), currency: "eur", costs });
  assert.ok("said" in checked);
  const [cost] = create(DeclarationSchema, checked.said).costs;
  assert.equal(cost!.range!.to - cost!.range!.from, DAY);
});

test("what cannot be is told beside its field", () => {
  const draft = draftOf(declared);
  assert.deepEqual(problemsOf({ ...draft, currency: "" }), { currency: "currency" });
  assert.deepEqual(problemsOf({ ...draft, currency: "", costs: [] }), {});
  assert.deepEqual(problemsOf({ ...draft, costs: [NO_COST] }), {
    "costs.0.first": "day",
    "costs.0.last": "day",
    "costs.0.amount": "amount",
  });
  const backwards = { ...NO_COST, first: "2026-03-02", last: "2026-03-01", amount: "-1" };
  assert.deepEqual(problemsOf({ ...draft, costs: [backwards] }), {
    "costs.0.last": "order",
    "costs.0.amount": "amount",
  });
  assert.deepEqual(problemsOf({ ...draft, values: { "20..40": "much" } }), { "values.20..40": "value" });
  const categories = [...draft.categories, { name: "travel", contents: "/c" }, { ...NO_CATEGORY, contents: "/b" }];
  assert.deepEqual(problemsOf({ ...draft, categories }), {
    "categories.1.name": "taken",
    "categories.2.name": "name",
    "categories.2.contents": "repeated",
  });
  assert.deepEqual(problemsOf({ ...draft, webhooks: ["http://acme.example/", "acme", "http://127.0.0.1:9/hook"] }), {
    "webhooks.0": "address",
    "webhooks.1": "address",
  });
});

test("numbers are read as people write them", () => {
  assert.deepEqual(["1500.50", "1 500,50", "\u202f7", "-3"].map(numberOf), [1500.5, 1500.5, 7, -3]);
  assert.deepEqual(["", "much", "0x10", "1,2,3", "Infinity"].map(numberOf), Array(5).fill(undefined));
});
