import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

// Tests run from web/, after the build.
const { init } = await import(pathToFileURL("sdk/dist/index.js").href);

test("the package can be imported on a server, where its handle does nothing and throws nothing", async () => {
  const tacita = init({ publisher: 7, relay: "https://news.example", key: "ab".repeat(32), consent: "granted" });
  tacita.consent("granted");
  assert.equal(await tacita.share("whatsapp"), undefined);
  assert.equal(await tacita.link("whatsapp", "https://news.example/a"), undefined);
  assert.deepEqual([await tacita.ledger(), await tacita.sharing()], [[], []]);
  for (const method of ["conversion", "optOut", "optIn", "flush"]) await tacita[method]();
});

test("links are tagged on a server as in a page", async () => {
  const links = await import(pathToFileURL("sdk/dist/links.js").href);
  const tag = { campaign: 7, channel: links.channelByName("newsletter"), cohort: 3, generation: 0 };
  const address = links.tagAddress(tag, "https://news.example/a?utm_source=x#comments");
  assert.match(address, /^https:\/\/news\.example\/a\?utm_source=x&tct=1\w{14}#comments$/);
  assert.deepEqual(links.tagOfAddress(address), tag);
});

test("the SDK has no runtime dependency", () => {
  const manifest = JSON.parse(readFileSync("sdk/package.json", "utf8"));
  assert.equal(manifest.dependencies, undefined);
});
