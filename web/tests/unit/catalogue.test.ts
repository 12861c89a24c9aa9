import assert from "node:assert/strict";
import { test } from "node:test";
import { digest, fromHex, toHex } from "../../sdk/src/bytes.js";
import { positionOf, verifyCatalogue } from "../../sdk/src/protocol/catalogue.js";
import { cellCount, cellOf, type Dimension, labelsOf } from "../../sdk/src/protocol/domain.js";
import { type Catalogue, vectors } from "./vectors.js";

const cases = vectors("catalogue").vectors;
const bytes = (text: string) => fromHex(text)!;
const named = ({ digest, contents, tail }: Catalogue) => ({ digest: bytes(digest), contents: contents.length, tail });

test("contents stand in catalogues where Rust has them, listed, in the tail, as other or nowhere", async () => {
  for (const vector of cases) {
    const catalogue = bytes(vector.catalogue);
    await verifyCatalogue(named(vector), catalogue);
    for (const { content, position } of vector.positions) {
      assert.equal(
        (await positionOf(named(vector), catalogue, content)) ?? null,
        position,
        `${vector.name}: ${content}`,
      );
    }
  }
});

test("a share of which nobody said the content is other, and never in the tail", async () => {
  for (const vector of cases) {
    const position = await positionOf(named(vector), bytes(vector.catalogue));
    assert.equal(position, await positionOf(named(vector), bytes(vector.catalogue), "other"));
    assert.ok(position === undefined || position < vector.contents.length);
  }
});

test("only the bytes that a manifest names are taken", async () => {
  const vector = cases.find(({ contents }) => contents.length > 2)!;
  const catalogue = bytes(vector.catalogue);
  for (let at = 0; at < catalogue.length; at++) {
    const changed = catalogue.slice();
    changed[at]! ^= 1;
    await assert.rejects(verifyCatalogue(named(vector), changed), `byte ${at}`);
  }
  await assert.rejects(verifyCatalogue({ ...named(vector), contents: vector.contents.length + 1 }, catalogue));
  const twice = new Uint8Array([...catalogue, ...catalogue.slice(8, 16)]);
  const reference = { digest: await digest("SHA-256", twice), contents: twice.length / 8, tail: 0 };
  await assert.rejects(verifyCatalogue(reference, twice), "a content twice");
  const swapped = new Uint8Array([...catalogue.slice(8, 16), ...catalogue.slice(0, 8), ...catalogue.slice(16)]);
  assert.notEqual(toHex(swapped), vector.catalogue);
  await assert.rejects(verifyCatalogue(named(vector), swapped), "in another order");
});

test("a catalogue is one dimension among others", () => {
  const catalogue = { digest: new Uint8Array(32), contents: 3, tail: 2 };
  const dimensions: Dimension[] = [
    { name: "channel", labels: ["sms", "other"] },
    { name: "content", labels: [], catalogue },
  ];
  assert.equal(cellCount(dimensions), 11);
  const cell = cellOf(
    dimensions,
    ({ name }) => (name === "channel" ? "pigeon" : undefined),
    () => 1,
  );
  assert.deepEqual([cell, labelsOf(dimensions, cell)], [7, "other · #1"]);
  assert.equal(
    cellOf(
      dimensions,
      () => "sms",
      () => undefined,
    ),
    0,
    "nothing can be told without the catalogue",
  );
  assert.equal(
    cellOf(dimensions, () => "sms"),
    0,
  );
});
