// What may go wrong between a page and the relay, and that nothing is lost or counted twice by it.
import assert from "node:assert/strict";
import { listen, nonceOf } from "../envelopes.mjs";
import { ARTICLE, depart, held, newVisitor, settle, until, visit } from "../stage.mjs";

export const losses = {
  async "two tabs never spend one token on two reports"(stage, truth) {
    const context = await newVisitor(stage);
    const { envelopes } = listen(context);
    const tabs = await Promise.all([visit(context, stage.news + ARTICLE), visit(context, stage.news + ARTICLE)]);
    truth.arrival("inferred", "inferred");
    truth.arrival("inferred", "inferred", { first: false });
    const shareOften = async () => {
      for (let n = 0; n < 8; n++) {
        await window.tacita.share("whatsapp");
        if (n % 4 === 0) await window.tacita.flush();
      }
      await window.tacita.flush();
    };
    await Promise.all(tabs.map((tab) => tab.evaluate(shareOften)));
    truth.share("whatsapp", { times: 16 });
    truth.session("whatsapp");
    truth.session("whatsapp");
    const bytesOf = new Map();
    for (const envelope of envelopes) {
      const nonce = nonceOf(envelope);
      assert.equal(bytesOf.get(nonce) ?? envelope, envelope, "one token sealed two reports");
      bytesOf.set(nonce, envelope);
    }
    // 2 arrivals × 2 measures, 1 reach, 1 profile, 16 shares × 3 measures.
    assert.ok(bytesOf.size >= 54, `${bytesOf.size} envelopes`);
    await depart(context, stage.news);
  },

  async "a session's reports leave with the page, in one request that outlives it, and count once"(stage, truth) {
    const context = await newVisitor(stage);
    const page = await visit(context, stage.news + ARTICLE);
    truth.arrival("inferred", "inferred");
    const before = stage.reached.length;
    await page.goto("about:blank");
    const left = () => stage.reached.slice(before);
    await until(() => left().length === 2);
    const [first, second] = left();
    // The next page sends the same bytes again.
    await depart(context, stage.news);
    for (const envelope of [first, second]) assert.equal(stage.reached.filter((other) => other === envelope).length, 2);
  },

  async "with a relay of another origin they leave with the page too, without leave to call it"(stage, truth) {
    const context = await newVisitor(stage);
    const page = await visit(context, `${stage.shop}/shop`);
    truth.arrival("inferred", "inferred");
    await page.goto("about:blank");
    // No page of the site is opened again: what did not leave would be lost with the browser's storage.
    await truth.arrive();
    await depart(context);
  },

  async "offline and back: nothing is lost"(stage, truth) {
    const context = await newVisitor(stage);
    const page = await visit(context, stage.news + ARTICLE);
    truth.arrival("inferred", "inferred");
    await context.setOffline(true);
    for (const channel of ["email", "sms"]) {
      await page.evaluate((channel) => window.tacita.share(channel), channel);
      truth.share(channel);
    }
    await settle(page);
    truth.session("other");
    const open = 1;
    assert.ok((await held(page)) > open);
    await context.setOffline(false);
    // The page hears that it is online again and sends by itself; only its open session is still there.
    await until(async () => (await held(page)) === open);
    await depart(context, stage.news);
  },

  async "a relay killed with -9 in mid-session loses nothing"(stage, truth) {
    const { relay } = stage.deployment;
    const context = await newVisitor(stage);
    const { envelopes } = listen(context);
    const page = await visit(context, stage.news + ARTICLE);
    truth.arrival("inferred", "inferred");
    await relay.kill();
    for (const channel of ["whatsapp", "telegram", "copy"]) {
      await page.evaluate((channel) => window.tacita.share(channel), channel);
      truth.share(channel);
    }
    truth.session("other");
    await settle(page);
    const tried = new Set(envelopes);
    await page.close();
    await relay.start();
    await visit(context, `${stage.news}/`);
    truth.arrival("direct", "direct", { first: false });
    // What was sealed before is sent again as it was.
    const resent = [...tried].filter((envelope) => envelopes.filter((other) => other === envelope).length > 1);
    assert.ok(resent.length >= 9, `${resent.length} sent again`);

    // Once more, right after the relay has taken reports and before it has sent them on.
    const again = await visit(context, stage.news + ARTICLE);
    truth.arrival("inferred", "inferred", { first: false });
    await again.evaluate(() => window.tacita.share("email"));
    truth.share("email");
    truth.session("other");
    await settle(again);
    await relay.kill();
    await relay.start();
    await depart(context, stage.news);
  },

  async "a manifest that the pinned key does not sign is refused, silently"(stage) {
    const context = await newVisitor(stage, { agrees: false });
    const errors = [];
    context.on("console", (message) => errors.push(message.text()));
    context.on("weberror", (error) => errors.push(String(error.error())));
    const { calls } = listen(context);
    const page = await visit(context, `${stage.news}/wrong-key`);
    await page.evaluate(() => window.tacita.share("whatsapp"));
    await settle(page);
    assert.ok(calls.length > 0 && calls.every((call) => call.endsWith("/GetManifest")), String(calls));
    assert.deepEqual(errors, []);
    await depart(context);
  },
};
