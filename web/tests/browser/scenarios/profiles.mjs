// Where a device shared on one day is told with its first session of the next, and to nobody before.
import assert from "node:assert/strict";
import { ARTICLE, answers, depart, newVisitor, settle, visit } from "../stage.mjs";

const DAY_MS = 86_400_000;

const sharing = (page) => page.evaluate(() => window.tacita.sharing());

/** From its next page on the visitor lives a day later. */
const wakeTomorrow = (context) =>
  context.addInitScript((ahead) => {
    const today = Date.now;
    Date.now = () => today() + ahead;
  }, DAY_MS);

export const profiles = {
  async "the first session of a day tells where the device shared the day before"(stage, truth) {
    const context = await newVisitor(stage);
    const page = await visit(context, stage.news + ARTICLE);
    truth.arrival("inferred", "inferred");
    assert.equal(Object.fromEntries(await answers(page)).sharers, "neither");
    for (const channel of ["native", "whatsapp"]) {
      await page.evaluate((channel) => window.tacita.share(channel), channel);
      truth.share(channel);
    }
    truth.session("whatsapp");
    await settle(page);
    const [line, ...more] = await sharing(page);
    assert.deepEqual([line.profile, line.to - line.from, more], ["private-only", 86_400, []]);

    await page.goto("about:blank");
    await wakeTomorrow(context);
    const next = await visit(context, stage.news + ARTICLE);
    truth.arrival("inferred", "inferred", { profile: "private-only" });
    assert.equal(Object.fromEntries(await answers(next)).sharers, "private-only");
    assert.deepEqual(await sharing(next), [line]);
    const again = await visit(context, `${stage.news}/`);
    truth.arrival("direct", "direct", { first: false });
    assert.equal(Object.fromEntries(await answers(again)).sharers, undefined, "once a day");
    await depart(context, stage.news);
  },

  async "opting out erases what the device remembers of its sharing"(stage, truth) {
    const context = await newVisitor(stage);
    const page = await visit(context, stage.news + ARTICLE);
    truth.arrival("inferred", "inferred");
    await page.evaluate(() => window.tacita.share("telegram"));
    truth.share("telegram");
    truth.lostSession();
    await settle(page);
    assert.equal((await sharing(page)).length, 1);
    await page.evaluate(() => window.tacita.optOut());
    const kept = await page.evaluate(async () => {
      const settled = (request) => new Promise((resolve) => (request.onsuccess = () => resolve(request.result)));
      const database = await settled(indexedDB.open("tacita-1"));
      const state = await settled(database.transaction("device").objectStore("device").get(0));
      database.close();
      return state.sharing;
    });
    assert.deepEqual([kept, await sharing(page)], [[], []]);
    await depart(context);
  },
};
