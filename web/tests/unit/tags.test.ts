import assert from "node:assert/strict";
import { test } from "node:test";
import { CHANNELS, channelByName } from "../../sdk/src/protocol/channel.js";
import {
  encodeTag,
  type LinkTag,
  parseTag,
  reshare,
  type TagError,
  tagAddress,
  tagOfAddress,
  utmAddress,
} from "../../sdk/src/protocol/tag.js";
import { type NamedTag, vectors } from "./vectors.js";

const { valid, invalid, found, appended, utm, reshared } = vectors("tags");
const read = (tag: NamedTag) => ({ ...tag, channel: channelByName(tag.channel)! });
const plain = (tag: LinkTag | TagError | undefined) =>
  typeof tag === "object" ? { ...tag, channel: tag.channel.name } : (tag ?? null);

test("tags are written and read as in Rust", () => {
  for (const { string, ...tag } of valid) {
    assert.equal(encodeTag(read(tag)), string);
    assert.deepEqual(plain(parseTag(string)), tag);
  }
});

test("what is no tag is refused, for the same reason as in Rust", () => {
  for (const { string, error } of invalid) assert.equal(parseTag(string), error, string);
});

test("tags are found in addresses and put into them as in Rust", () => {
  for (const { url, tag } of found) assert.deepEqual(plain(tagOfAddress(url)), tag, url);
  for (const { tag, url, fragment, query } of appended) {
    assert.equal(tagAddress(read(tag), url) ?? null, fragment, url);
    assert.equal(tagAddress(read(tag), url, "query") ?? null, query, url);
  }
});

test("UTM and re-shares are as in Rust", () => {
  for (const { tag, url, campaign, address } of utm)
    assert.equal(utmAddress(read(tag), url, campaign) ?? null, address, url);
  for (const { tag, channel, reshared: on } of reshared)
    assert.deepEqual(plain(reshare(read(tag), channelByName(channel)!)), on);
});

test("identity-freedom: a campaign's tags are as many as its channels, cohorts and generations", () => {
  const cohorts = 40;
  const channels = CHANNELS.filter((channel) => channel.isShareTarget);
  const strings = new Set<string>();
  for (const channel of channels) {
    for (let cohort = 0; cohort < cohorts; cohort++) {
      for (let generation = 0; generation < 256; generation++)
        strings.add(encodeTag({ campaign: 77, channel, cohort, generation }));
    }
  }
  assert.equal(strings.size, channels.length * cohorts * 8);
  assert.ok([...strings].every((string) => string.length === 15));
});
