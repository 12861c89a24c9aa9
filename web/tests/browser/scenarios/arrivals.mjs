// How visitors come, and who is none.
import assert from "node:assert/strict";
import { listen } from "../envelopes.mjs";
import { ARTICLE, answers, depart, newVisitor, settle, visit } from "../stage.mjs";

const WHATSAPP_ANDROID =
  "Mozilla/5.0 (Linux; Android 14; Pixel 8; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/126.0.0.0 Mobile Safari/537.36 WA4A/2.26.30.97";

export const arrivals = {
  // But for `confirmed`, which a shared link gives below.
  async "a visitor arrives with each kind of evidence"(stage, truth) {
    const visits = [
      { url: `${ARTICLE}?utm_source=telegram`, channel: "telegram", grade: "declared" },
      { url: `${ARTICLE}?from=groupmessage&isappinstalled=0`, channel: "wechat", grade: "declared" },
      { url: ARTICLE, userAgent: WHATSAPP_ANDROID, channel: "whatsapp", grade: "app" },
      { url: ARTICLE, referer: "https://www.google.com/", channel: "search", grade: "referrer" },
      { url: ARTICLE, referer: "https://web.telegram.org/k/", channel: "telegram", grade: "referrer" },
      { url: `${ARTICLE}?fbclid=IwAR0`, channel: "meta", grade: "referrer" },
      { url: ARTICLE, channel: "inferred", grade: "inferred" },
      { url: "/", channel: "direct", grade: "direct" },
      { url: "/articles", channel: "direct", grade: "direct" },
    ];
    for (const { url, userAgent, referer, channel, grade } of visits) {
      const context = await newVisitor(stage, { userAgent });
      const page = await visit(context, stage.news + url, { referer });
      const seen = Object.fromEntries(await answers(page));
      assert.deepEqual([seen.arrivals, seen.grades, seen.devices], [channel, grade, channel], url);
      truth.arrival(channel, grade);
      await depart(context, stage.news);
    }
  },

  async "a short link leads where it is declared to lead, and says by what it was shared"(stage, truth) {
    const visits = [
      { path: "/s/ferry", channel: "inferred", grade: "inferred" },
      { path: "/s/ferry-wa", channel: "whatsapp", grade: "confirmed" },
    ];
    for (const { path, channel, grade } of visits) {
      const context = await newVisitor(stage);
      const page = await visit(context, stage.news + path);
      assert.equal(new URL(page.url()).pathname, ARTICLE);
      assert.equal(Object.fromEntries(await answers(page)).grades, grade, path);
      truth.arrival(channel, grade);
      await depart(context, stage.news);
    }
  },

  async "internal pages and reloads are no arrivals"(stage, truth) {
    const context = await newVisitor(stage);
    const page = await visit(context, `${stage.news}/`);
    truth.arrival("direct", "direct");
    await page.click(".cards a");
    await page.waitForURL("**/articles/*");
    await settle(page);
    assert.deepEqual(await answers(page), []);
    await page.reload();
    await settle(page);
    assert.deepEqual(await answers(page), []);
    await depart(context, stage.news);
  },

  async "robots and previews are not measured"(stage) {
    const robots = [
      "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
      "TelegramBot (like TwitterBot)",
    ];
    for (const userAgent of robots) {
      const context = await newVisitor(stage, { userAgent });
      const { calls } = listen(context);
      const page = await visit(context, stage.news + ARTICLE);
      await page.evaluate(() => window.tacita.share("whatsapp"));
      await settle(page);
      assert.deepEqual(calls, []);
      await depart(context);
    }
  },
};
