import assert from "node:assert/strict";
import { test } from "node:test";
import { formatView, parseView, START, toggled, type View } from "../../dashboard/src/state/address.js";
import { DAY, grainFor, parseRange, spanOf } from "../../dashboard/src/state/range.js";

const FULL: View = {
  page: "contents",
  campaign: "acme/spring",
  range: { kind: "days", first: "2026-01-01", last: "2026-01-31" },
  compare: "previous",
  grain: "week",
  subject: "share",
  split: "channel",
  language: "fr",
  form: { top: "25", one: "/a?b=1&c" },
  filters: [
    { dimension: "channel", values: ["whatsapp", "a,b\\c:d"], exclude: false },
    { dimension: "kind", values: ["other"], exclude: true },
  ],
};

test("an address says all of what a page shows", () => {
  assert.deepEqual(parseView(formatView(FULL)), FULL);
  assert.equal(formatView(START), "");
  assert.deepEqual(parseView(""), START);
});

test("an address can be read by people", () => {
  const view = {
    ...START,
    campaign: "acme/spring",
    filters: [{ dimension: "channel", values: ["whatsapp", "sms"], exclude: true }],
  };
  assert.equal(formatView(view), "?campaign=acme/spring&filter=channel!:whatsapp,sms");
});

test("what cannot be read in an address is as if it were not there", () => {
  assert.deepEqual(
    parseView("?page=nowhere&range=soon&compare=x&by=y&count=z&filter=&filter=channel&filter=:x&lang=de&other=1"),
    START,
  );
});

test("days are of UTC, and both ends of a range are meant", () => {
  const noon = Date.UTC(2026, 0, 10, 12) / 1000;
  const midnight = Date.UTC(2026, 0, 11) / 1000;
  assert.deepEqual(spanOf({ kind: "last", days: 7 }, noon), { from: midnight - 7 * DAY, to: midnight });
  assert.deepEqual(spanOf({ kind: "days", first: "2026-01-09", last: "2026-01-10" }, noon), {
    from: midnight - 2 * DAY,
    to: midnight,
  });
  assert.deepEqual(spanOf({ kind: "all" }, noon), { from: 0, to: 0 });
});

test("a range that ends before it begins is none", () => {
  assert.equal(parseRange("2026-02-01..2026-01-01"), undefined);
  assert.equal(parseRange("2026-13-01..2026-14-01"), undefined);
  assert.equal(parseRange("0d"), undefined);
});

test("periods are never finer than the windows, and few enough to be seen", () => {
  const span = (days: number) => ({ from: 0, to: days * DAY });
  assert.equal(grainFor("auto", span(1), 3_600).grain, "hour");
  assert.equal(grainFor("auto", span(30), 3_600).grain, "day");
  assert.equal(grainFor("auto", span(365), 3_600).grain, "week");
  assert.equal(grainFor("hour", span(30), DAY).grain, "day");
  assert.equal(grainFor("month", span(30), DAY).grain, "month");
  assert.equal(grainFor("auto", { from: 0, to: 0 }, 3_600).grain, "day");
});

test("picking a label twice takes it back", () => {
  const once = toggled([], "channel", "sms");
  assert.deepEqual(once, [{ dimension: "channel", values: ["sms"], exclude: false }]);
  assert.deepEqual(toggled(toggled(once, "channel", "x"), "channel", "x"), once);
  assert.deepEqual(toggled(once, "channel", "sms"), []);
});
