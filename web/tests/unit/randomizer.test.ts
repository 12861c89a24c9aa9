import assert from "node:assert/strict";
import { test } from "node:test";
import { fromHex } from "../../sdk/src/bytes.js";
import { subspace } from "../../sdk/src/dp/geometry.js";
import { charge, type Spent } from "../../sdk/src/dp/ledger.js";
import { chooseMechanism, type Mechanism, randomize, supports } from "../../sdk/src/dp/mechanism.js";
import { chachaWords, memoWords } from "../../sdk/src/dp/memo.js";
import { type Choice, vectors } from "./vectors.js";

const hex64 = (value: bigint) => value.toString(16).padStart(16, "0");

function checkShape(mechanism: Mechanism, wanted: Choice) {
  assert.equal(mechanism.family, wanted.mechanism);
  assert.equal(hex64(mechanism.threshold), wanted.hit_threshold);
  if (mechanism.family === "projective") {
    const { field, dimension } = mechanism.space;
    assert.deepEqual([field.order, dimension], [wanted.field_order, wanted.dimension]);
    assert.equal(subspace(field.order, dimension), wanted.tally_len);
  } else {
    assert.equal(mechanism.omega, wanted.omega);
  }
}

test("the rule chooses what Rust chooses", () => {
  for (const wanted of vectors("dp-choice")) checkShape(chooseMechanism(wanted.domain, wanted.epsilon_micro), wanted);
});

test("reports are Rust's, bit for bit", () => {
  const seen = new Set<string>();
  for (const wanted of vectors("dp-randomize")) {
    const mechanism = chooseMechanism(wanted.domain, wanted.epsilon_micro);
    checkShape(mechanism, wanted);
    const words = chachaWords(fromHex(wanted.seed)!);
    assert.deepEqual(
      wanted.cells.map((cell) => hex64(randomize(mechanism, cell, words))),
      wanted.reports,
    );
    seen.add(mechanism.family);
  }
  assert.equal(seen.size, 3);
});

test("memoized answers are Rust's, bit for bit", async () => {
  for (const { device_secret, measure, window, slot, value, words, answer_16_cells_epsilon_1 } of vectors("dp-memo")) {
    const generator = () => memoWords(fromHex(device_secret)!, measure, window, slot, value);
    const drawn = await generator();
    assert.deepEqual(
      words.map(() => hex64(drawn())),
      words,
    );
    assert.equal(hex64(randomize(chooseMechanism(16, 1_000_000), value, await generator())), answer_16_cells_epsilon_1);
  }
});

test("the ledger pays all or nothing, as in Rust", () => {
  const ledger: Spent[] = [];
  for (const { capacity, charges, paid, spent_after } of vectors("dp-ledger")) {
    const asked = charges.map(([querier, epoch, micro]) => ({ querier, epoch, micro }));
    assert.equal(charge(ledger, capacity, asked), paid);
    const spent = ledger.map(({ querier, epoch, micro }) => [querier, epoch, micro]);
    assert.deepEqual(new Set(spent.map(String)), new Set(spent_after.map(String)));
  }
});

test("estimates by Rust's p and q find the true counts again, in every family", () => {
  const reports = 4_000;
  for (const [cells, micro] of [
    [16, 1_000_000],
    [40, 3_000_000],
    [200, 3_000_000],
    [600, 2_000_000],
    [131_072, 3_000_000],
  ] as const) {
    const mechanism = chooseMechanism(cells, micro);
    const words = chachaWords(Uint8Array.from({ length: 32 }, (_, at) => at + cells));
    // 60 % in cell 1, 30 % in cell 3, the rest in the last.
    const truth = (n: number) => (n % 10 < 6 ? 1 : n % 10 < 9 ? 3 : cells - 1);
    const support = [0, 0, 0, 0];
    const watched = [1, 3, cells - 1, 0];
    for (let n = 0; n < reports; n++) {
      const report = randomize(mechanism, truth(n), words);
      for (const [at, cell] of watched.entries()) support[at]! += +supports(mechanism, report, cell);
    }
    const p = Number(mechanism.threshold) / 2 ** 64;
    const q = falseSupport(mechanism, p);
    const variance = (q * (1 - q)) / ((p - q) * (p - q)) + (p * (1 - p)) / ((p - q) * (p - q));
    [0.6, 0.3, 0.1, 0].forEach((share, at) => {
      const estimate = (support[at]! - reports * q) / (p - q);
      const error = Math.abs(estimate - share * reports) / Math.sqrt(reports * variance);
      assert.ok(
        error < 4.5,
        `${mechanism.family} of ${cells}: cell ${watched[at]} is off by ${error.toFixed(1)} standard errors`,
      );
    });
  }
});

/** P[a report supports a given other cell]. */
function falseSupport(mechanism: Mechanism, p: number): number {
  if (mechanism.family !== "projective") return (mechanism.omega - p) / (mechanism.cells - 1);
  const { field, dimension } = mechanism.space;
  const [points, supporting, shared] = [0, 1, 2].map((less) => subspace(field.order, dimension - less)) as [
    number,
    number,
    number,
  ];
  return p * (shared / supporting) + (1 - p) * ((supporting - shared) / (points - supporting));
}
