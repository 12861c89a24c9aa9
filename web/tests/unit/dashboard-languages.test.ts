import assert from "node:assert/strict";
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

test("numbers, per cent and dates are written as each language writes them", () => {
  const [english, french] = [formats("en"), formats("fr")];
  assert.equal(english.count(12_340.4), "12,340");
  assert.equal(french.count(12_340.4), "12\u202f340");
  assert.equal(english.percent(0.4213), "42.1%");
  assert.equal(french.percent(0.4213), "42,1\u00a0%");
  assert.equal(english.count(-0.2), "0");
  assert.equal(english.either(["a", "b"]), "a or b");
  assert.equal(french.period(Date.UTC(2026, 0, 5) / 1000, 86_400), "lun. 5 janv. 2026");
});
