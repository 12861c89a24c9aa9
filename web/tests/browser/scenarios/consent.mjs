// The visitor's word: nothing without it, everything erased when it is taken back.
import assert from "node:assert/strict";
import { ARTICLE, depart, newVisitor, settle, until, visit } from "../stage.mjs";

/** A consent platform that answers by `purposes` once asked; `window.answer` gives another answer later. */
const platform = (purposes) => {
  window.__tcfapi = (_command, _version, callback) => {
    window.answer = (consents) =>
      callback({ gdprApplies: true, eventStatus: "useractioncomplete", purpose: { consents } }, true);
    callback({ gdprApplies: true, eventStatus: "cmpuishown" }, true);
    setTimeout(window.answer, 50, purposes);
  };
};
const says = (property, value) => `Object.defineProperty(Navigator.prototype, "${property}", { get: () => ${value} })`;

/** Everything that a visitor's browser asks for, but pages, the site's own files and the SDK's core. */
function watchNetwork(context) {
  const asked = [];
  context.on("request", (request) => {
    const { pathname, protocol } = new URL(request.url());
    const isPage =
      request.isNavigationRequest() || pathname.startsWith("/assets/") || /^\/tacita\/\w+\/tacita\.js$/.test(pathname);
    if (!isPage && protocol !== "data:") asked.push(pathname);
  });
  return asked;
}

/** Databases, and the entries of the SDK in the two storages. */
const stored = (page) =>
  page.evaluate(async () => {
    const own = (storage) => Object.keys(storage).filter((key) => key.startsWith("tacita"));
    return [...(await indexedDB.databases()), ...own(sessionStorage), ...own(localStorage)];
  });

/** Long enough for the SDK to load and send, if it did: idle time comes at the latest after 2 s. */
const GRACE_MS = 2_500;

export const consent = {
  async "without consent nothing is sent or stored: not even asked for"(stage) {
    const objectors = {
      "refused by the page": { path: "/consent/denied" },
      "not asked yet": { path: "/consent/required" },
      "no platform": { path: "/consent/tcf" },
      "refused to the platform": { path: "/consent/tcf", script: [platform, { 1: true, 8: false }] },
      "an excluded page": { path: "/excluded" },
      "the site's dialogue unanswered": { path: ARTICLE },
      "Global Privacy Control": { path: "/consent/granted", script: [says("globalPrivacyControl", true)] },
      "Do Not Track": { path: "/consent/granted", script: [says("doNotTrack", '"1"')] },
    };
    await Promise.all(
      Object.entries(objectors).map(async ([why, { path, script }]) => {
        const context = await newVisitor(stage, { agrees: false, script });
        const asked = watchNetwork(context);
        const page = await context.newPage();
        await page.goto(stage.news + path);
        await page.evaluate(() => {
          window.tacita.share("whatsapp");
          window.tacita.conversion({ value: 10 });
          return navigator.share({ url: location.href });
        });
        await page.waitForTimeout(GRACE_MS);
        await page.goto("about:blank");
        await page.goto(stage.news + path);
        assert.deepEqual([asked, await stored(page)], [[], []], why);
        await depart(context);
      }),
    );
  },

  async "consent given later counts how the page was come to, and what was shared before"(stage, truth) {
    const context = await newVisitor(stage, { agrees: false });
    const page = await context.newPage();
    await page.goto(`${stage.news}/consent/required`, { referer: "https://www.google.com/" });
    await page.evaluate(() => void window.tacita.share("sms"));
    await page.evaluate(() => window.tacita.consent("granted"));
    truth.arrival("search", "referrer");
    truth.share("sms", { content: "/consent/required" });
    truth.session("other", "other");
    await settle(page);
    await depart(context, stage.news);
  },

  async "a consent platform is asked (TCF 2), and taken at its word when it changes"(stage, truth) {
    const context = await newVisitor(stage, { agrees: false, script: [platform, { 1: true, 8: true }] });
    const page = await visit(context, `${stage.news}/consent/tcf`);
    await until(async () => (await page.evaluate(() => window.tacita.ledger())).length > 0);
    truth.arrival("inferred", "inferred");
    await settle(page);
    await page.evaluate(() => window.answer({ 1: true, 8: false }));
    // The session's own reports are erased with the rest.
    truth.lostSession();
    const isErased = () =>
      page.evaluate(async () => {
        const settled = (request) => new Promise((resolve) => (request.onsuccess = () => resolve(request.result)));
        const database = await settled(indexedDB.open("tacita-1"));
        const state = await settled(database.transaction("device").objectStore("device").get(0));
        database.close();
        return state.optedOut && state.wallet.length === 0 && state.sessions.length === 0;
      });
    await until(isErased);
    await depart(context);
  },

  async "opting out erases what is stored and is kept; the ledger can be read"(stage, truth) {
    const context = await newVisitor(stage);
    const page = await visit(context, stage.news + ARTICLE);
    truth.arrival("inferred", "inferred");
    truth.lostSession();
    const [line] = await page.evaluate(() => window.tacita.ledger());
    assert.deepEqual([line.brand, line.epoch, line.boundMicro], [1, 1, 1_000_000_000]);
    assert.ok(line.spentMicro > 0 && Number.isInteger(line.spentMicro));
    await page.evaluate(() => window.tacita.optOut());
    const asked = watchNetwork(context);
    const next = await context.newPage();
    await next.goto(stage.news + ARTICLE);
    await next.evaluate(() => void window.tacita.share("whatsapp"));
    await next.waitForTimeout(GRACE_MS);
    assert.deepEqual([asked, await next.evaluate(() => window.tacita.ledger())], [[], []]);
    await depart(context);
  },

  async "opting out on a page that is not measured erases what others stored"(stage, truth) {
    const context = await newVisitor(stage);
    const page = await visit(context, stage.news + ARTICLE);
    truth.arrival("inferred", "inferred");
    await page.goto("about:blank");
    const excluded = await context.newPage();
    await excluded.goto(`${stage.news}/excluded`);
    const left = stage.reached.length;
    await excluded.evaluate(() => window.tacita.optOut());
    const wallet = () =>
      excluded.evaluate(async () => {
        const settled = (request) => new Promise((resolve) => (request.onsuccess = () => resolve(request.result)));
        const database = await settled(indexedDB.open("tacita-1"));
        const state = await settled(database.transaction("device").objectStore("device").get(0));
        const catalogues = await settled(database.transaction("catalogues").objectStore("catalogues").count());
        database.close();
        return [state.optedOut, state.wallet.length, state.sessions.length, catalogues];
      });
    assert.deepEqual(await wallet(), [true, 0, 0, 0]);
    assert.equal(stage.reached.length, left);
    await depart(context);
  },
};
