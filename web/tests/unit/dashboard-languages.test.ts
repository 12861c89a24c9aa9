import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { en } from "../../dashboard/src/i18n/en.js";
import { formats } from "../../dashboard/src/i18n/formats.js";
import { fr } from "../../dashboard/src/i18n/fr.js";

/** Every message by its path. */
function paths(node: unknown, path = ""): string[] {
  return typeof node === "object" && node !== null
    ? Object.entries(node).flatMap(([key, value]) => paths(value, `${path}.${key}`))
    : [path];
}

test("French has every message of English, labels of dimensions included", () => {
  assert.deepEqual(new Set(paths(fr)), new Set(paths(en)));
});

test("French marks stand after a space that does not break", () => {
  const texts = JSON.stringify(fr)
    .match(/[^\\"]+/g)!
    .join("\n");
  assert.equal(/ [;?!%»]|« /.exec(texts)?.[0], undefined);
});

const text = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");

test("each notice and each reason of a refusal has words of the page's own", () => {
  const [, comment = ""] = /message Notice \{\n((?: +\/\/.*\n)+)/.exec(text("proto/tacita/v1/reporting.proto")) ?? [];
  const codes = comment.match(/[A-Z]+(_[A-Z]+)+|DELETED/g) ?? [];
  assert.ok(codes.length > 8);
  assert.deepEqual(
    codes.filter((code) => !(code in en.notices)),
    [],
  );
  const [, table = ""] = /\| reason \| code \| when \|\n((?:\|.*\n)+)/.exec(text("spec/reporting.md")) ?? [];
  const reasons = [...table.matchAll(/^\|([^|]+)\|/gm)].flatMap(([, cell]) => cell!.match(/[A-Z_]{4,}/g) ?? []);
  assert.ok(reasons.length > 8);
  assert.deepEqual(
    reasons.filter((reason) => !(reason in en.refusals)),
    [],
  );
});

test("numbers, per cent and dates are written as each language writes them", () => {
  const [english, french] = [formats("en"), formats("fr")];
  assert.equal(english.count(12_340.4), "12,340");
  assert.equal(french.count(12_340.4), "12\u202f340");
  assert.equal(english.percent(0.4213), "42.1%");
  assert.equal(french.percent(0.4213), "42,1\u00a0%");
  assert.equal(english.count(-0.2), "0");
  for (const minus of [english.count(-3), french.count(-3), english.percent(-0.03, 0), english.money(-3, "EUR")])
    assert.match(minus, /^−[^-]*3/, "one minus sign everywhere");
  assert.deepEqual([8_000, 10_000, 12_000].map(english.axis(12_000)), ["8K", "10K", "12K"]);
  assert.deepEqual([0, 8_000].map(english.axis(8_000)), ["0", "8,000"]);
  assert.equal(english.points(0.0312), "3.1");
  assert.equal(english.either(["a", "b"]), "a or b");
  assert.equal(french.period(Date.UTC(2026, 0, 5) / 1000, 86_400), "lun. 5 janv. 2026");
});
