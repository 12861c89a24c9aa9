import assert from "node:assert/strict";
import { test } from "node:test";
import { classify } from "../../sdk/src/protocol/arrival.js";
import { CHANNELS, channelByName, shareUrl } from "../../sdk/src/protocol/channel.js";
import { vectors } from "./vectors.js";

const { codes, cases, shares } = vectors("channels");

test("the table has the channels and codes of the vectors", () => {
  assert.deepEqual(Object.fromEntries(CHANNELS.map(({ name, code }) => [name, code])), codes);
});

test("every visit of the vectors is classified as in Rust", () => {
  for (const { note, url, referrer, user_agent, navigation, landing_pages, visitor, channel, grade, tag } of cases) {
    const seen = classify({
      url,
      referrer,
      userAgent: user_agent,
      navigation: navigation ?? "navigate",
      landingPages: landing_pages ?? [],
    });
    assert.equal(seen.is, visitor, note);
    const told = seen.is === "person" ? seen.arrival : undefined;
    const seenChannel = seen.is === "preview" ? seen.channel : told?.channel;
    assert.equal(seenChannel?.name ?? null, channel ?? null, note);
    assert.equal(told?.grade ?? null, grade ?? null, note);
    if (tag) assert.deepEqual({ ...told?.tag, channel: told?.tag?.channel.name }, tag, note);
  }
});

test("share addresses are those of the vectors", () => {
  for (const { channel, link, text, address } of shares) {
    assert.equal(shareUrl(channelByName(channel)!, link, text) ?? null, address, channel);
  }
});
