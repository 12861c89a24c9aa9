import assert from "node:assert/strict";
import { test } from "node:test";
import { linkFormOf, linkOf, TARGETS } from "../../dashboard/src/forms/link.js";
import { isCode, shortLinkEntry } from "../../dashboard/src/forms/short-link.js";
import { CHANNELS, channelByName } from "../../sdk/src/protocol/channel.js";
import { encodeTag } from "../../sdk/src/protocol/tag.js";
import { vectors } from "./vectors.js";

test("the link builder's links are those of Rust, byte for byte", () => {
  // The vectors' tags have been passed on twice; a brand's have not.
  for (const { tag, url, fragment, query } of vectors("tags").appended) {
    const channel = channelByName(tag.channel)!;
    const [passed, fresh] = [tag.generation, 0].map((generation) => encodeTag({ ...tag, channel, generation })) as [
      string,
      string,
    ];
    for (const [style, expected] of [
      ["fragment", fragment],
      ["query", query],
    ] as const) {
      const form = { ...linkFormOf({ address: url, cohort: String(tag.cohort), style }), channel };
      assert.equal(linkOf(form, tag.campaign, "") ?? null, expected?.replace(passed, fresh) ?? null, url);
    }
  }
});

test("a link that a brand gives out carries channel and cohort, and UTM when asked", () => {
  const form = linkFormOf({
    address: "https://acme.example/shoes?size=42",
    channel: "telegram",
    cohort: "7",
    utm: "yes",
  });
  const link = linkOf(form, 1, "spring")!;
  assert.match(
    link,
    /^https:\/\/acme\.example\/shoes\?size=42&utm_source=telegram&utm_medium=share&utm_campaign=spring#tct=1[0-9a-z]{14}$/,
  );
});

test("what is no web address makes no link", () => {
  for (const address of ["", "acme.example", "ftp://acme.example", "javascript:alert(1)"])
    assert.equal(linkOf(linkFormOf({ address }), 1, "spring"), undefined);
});

test("only channels that a person can share to are offered", () => {
  assert.ok(TARGETS.some(({ name }) => name === "whatsapp") && !TARGETS.some(({ name }) => name === "search"));
  assert.ok(TARGETS.length < CHANNELS.length);
});

test("a short link is declared as the relay reads it", () => {
  const form = linkFormOf({
    address: ' https://acme.example/a"b ',
    channel: "whatsapp",
    cohort: "2",
    utm: "yes",
    style: "query",
    code: "spring-wa",
  });
  assert.equal(
    shortLinkEntry(form, 1, "spring"),
    '[[link]]\ncode = "spring-wa"\nto = "https://acme.example/a\\"b"\ncampaign = 1\nchannel = "whatsapp"\ncohort = 2\nutm-campaign = "spring"\nstyle = "query"\n',
  );
  assert.ok(isCode("spring-wa") && !isCode("a/b") && !isCode("") && !isCode("a".repeat(65)));
});
