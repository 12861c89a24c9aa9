// Sharing by each means, what a shared link brings, and the contents that are shared.
import assert from "node:assert/strict";
import { listen } from "../envelopes.mjs";
import { ARTICLE, answers, contentLabel, depart, newVisitor, SCREENS, settle, until, visit } from "../stage.mjs";

const TAGGED = /\/articles\/night-ferry#tct=1[0-9a-z]{14}$/;

/** What the debug panel says of one measure, in any order. */
const answersOf = async (page, wanted) =>
  (await answers(page)).flatMap(([measure, value]) => (measure === wanted ? [value] : [])).sort();

export const shares = {
  async "a visitor shares by each means, and every link is tagged"(stage, truth) {
    const context = await newVisitor(stage);
    const page = await visit(context, stage.news + ARTICLE);
    truth.arrival("inferred", "inferred");
    const links = {
      whatsapp: /^https:\/\/wa\.me/,
      telegram: /^https:\/\/t\.me/,
      email: /^mailto:/,
      facebook: /facebook\.com/,
      sms: /^sms:/,
    };
    for (const [channel, href] of Object.entries(links)) {
      const link = page.locator(`.share a[data-channel=${channel}]`);
      await link.evaluate((element) => element.addEventListener("click", (event) => event.preventDefault()));
      await link.click();
      const tagged = await link.getAttribute("href");
      assert.match(tagged, href);
      assert.match(decodeURIComponent(tagged), /night-ferry#tct=1[0-9a-z]{14}/, channel);
      if (channel === "whatsapp") stage.firstLink = /http:\/\/\S+#tct=\w{15}/.exec(decodeURIComponent(tagged))[0];
      truth.share(channel);
    }
    await page.evaluate(
      (url) => void window.open(`https://wa.me/?text=${encodeURIComponent(url)}`),
      stage.news + ARTICLE,
    );
    truth.share("whatsapp");
    await page.click("#native");
    truth.share("native");
    const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
    await page.click("#copy");
    await until(async () => TAGGED.test(await clipboard()));
    truth.share("copy");
    await page.evaluate(() => navigator.clipboard.writeText("https://example.com/"));
    await page.evaluate(() => getSelection().selectAllChildren(document.getElementById("address")));
    await page.keyboard.press("Control+C");
    await until(async () => TAGGED.test(await clipboard()));
    truth.share("copy");
    assert.match(await page.evaluate(() => window.tacita.share("signal")), TAGGED);
    truth.share("other");
    truth.session("other");
    // What is of another site is no share of this page.
    await page.evaluate(() => navigator.clipboard.writeText("https://example.com/"));
    const expected = [
      "copy",
      "copy",
      "email",
      "facebook",
      "native",
      "other",
      "sms",
      "telegram",
      "whatsapp",
      "whatsapp",
    ];
    await until(async () => (await answersOf(page, "shares")).length === expected.length);
    await settle(page);
    assert.deepEqual(await answersOf(page, "shares"), expected);
    await page.screenshot({ path: `${SCREENS}/debug-panel.png` });
    await depart(context, stage.news);
  },

  async "a second visitor follows the link, shares on, and converts"(stage, truth) {
    const context = await newVisitor(stage);
    const page = await visit(context, stage.firstLink);
    truth.arrival("whatsapp", "confirmed");
    const on = await page.evaluate(() => window.tacita.share("copy"));
    truth.share("copy", { generation: "1" });
    truth.session("other");
    // The tag of the visit goes on to further pages of the tab.
    await page.click("header nav a[href='/articles']");
    await page.waitForURL("**/articles");
    await settle(page);
    await page.evaluate(() => window.tacita.share("telegram"));
    truth.share("telegram", { generation: "1", content: "/articles" });
    await page.click("header nav a[href='/subscribe']");
    await page.waitForURL("**/subscribe");
    await page.check("input[value='19']");
    await page.click("#subscribe button");
    truth.expect("buyers", "whatsapp");
    truth.expect("values", "10..50");
    await until(async () => (await answersOf(page, "values")).length === 1);
    await depart(context, stage.news);

    const third = await newVisitor(stage);
    await visit(third, on);
    truth.arrival("copy", "confirmed");
    const later = await visit(third, `${stage.news}/subscribe`);
    truth.arrival("inferred", "inferred", { first: false });
    await later.evaluate(() => window.tacita.conversion({ value: 4 }));
    // Remembered as "copy": an inference displaces nothing. The measure has no such label.
    truth.expect("buyers", "other");
    truth.expect("values", "0..10");
    await depart(third, stage.news);
  },

  async "a page of another origin than the relay's converts, by leave (CORS)"(stage, truth) {
    const context = await newVisitor(stage);
    const { calls } = listen(context);
    const page = await visit(context, `${stage.shop}/shop${new URL(stage.firstLink).hash}`);
    truth.arrival("whatsapp", "confirmed");
    await page.evaluate(() => window.tacita.conversion({ value: 70 }));
    await settle(page);
    truth.expect("buyers", "whatsapp");
    truth.expect("values", "50..");
    assert.ok(calls.length > 0);
    await depart(context, stage.shop);
  },

  async "where a publisher asks, links carry their tag in the query, and UTM beside it"(stage, truth) {
    const context = await newVisitor(stage);
    const page = await visit(context, `${stage.news}/utm#/story/1`);
    truth.arrival("inferred", "inferred");
    const link = await page.evaluate(() => window.tacita.share("email"));
    assert.match(link, /\/utm\?tct=1\w{14}&utm_source=email&utm_medium=share&utm_campaign=spring#\/story\/1$/);
    truth.share("email", { content: "/story/1" });
    truth.session("other", "other");
    await depart(context, stage.news);

    const friend = await newVisitor(stage);
    await visit(friend, link);
    // The tag is more than the parameters say.
    truth.arrival("email", "confirmed");
    await depart(friend, stage.news);
  },

  async "shared contents are counted one by one, out of 100,000, and asking for the list tells nothing"(stage, truth) {
    const context = await newVisitor(stage);
    const { calls } = listen(context);
    const page = await visit(context, `${stage.news}/numbered`);
    truth.arrival("inferred", "inferred");
    const fetched = () => calls.filter((call) => call.endsWith("/GetCatalogue")).length;
    assert.equal(fetched(), 1, "before anything was shared");

    // What the page says it is, then another page of the site, then what the site's own button says.
    // One often enough to stand out among 100,000.
    await page.evaluate(async () => {
      for (let n = 0; n < 12; n++) await window.tacita.share("whatsapp");
    });
    truth.share("whatsapp", { content: "/archive/4711", times: 12 });
    await page.locator("#other").evaluate((link) => link.addEventListener("click", (event) => event.preventDefault()));
    await page.click("#other");
    truth.share("whatsapp", { content: "/articles/quiet-hours" });
    await page.evaluate(() => window.tacita.share("email", undefined, "/archive/99"));
    truth.share("email", { content: "/archive/99" });
    await page.evaluate(() => window.tacita.share("copy", undefined, "/not/listed"));
    truth.share("copy", { content: "/not/listed" });
    truth.session("other", "other");
    assert.match(contentLabel("/not/listed"), /^tail-\d+$/);
    await until(async () => (await answersOf(page, "contents")).length === 15);
    await settle(page);
    // By their places: the panel does not know the ids either.
    const inTail = `#${100_000 + Number(contentLabel("/not/listed").slice("tail-".length))}`;
    assert.deepEqual(new Set(await answersOf(page, "contents")), new Set(["#4714", "#1", "#102", inTail]));
    assert.equal(fetched(), 1, "nothing that is shared is asked for");
    await depart(context, stage.news);
  },

  async "the address bar is tagged only where a publisher asks; a copy of it arrives confirmed"(stage, truth) {
    const context = await newVisitor(stage);
    const plain = await visit(context, stage.news + ARTICLE);
    truth.arrival("inferred", "inferred");
    assert.equal(plain.url(), stage.news + ARTICLE);
    const page = await visit(context, `${stage.news}/bar/story`);
    truth.arrival("inferred", "inferred", { first: false });
    await page.waitForURL(/#tct=1\w{14}$/);
    const copied = page.url();
    await page.evaluate(() => history.pushState({}, "", "/bar/next"));
    await page.waitForURL(/\/bar\/next#tct=1\w{14}$/);
    await page.evaluate(() => history.pushState({}, "", "/bar/next#comments"));
    assert.match(page.url(), /#comments$/);
    await depart(context, stage.news);

    const friend = await newVisitor(stage);
    await visit(friend, copied);
    truth.arrival("copy", "confirmed");
    await depart(friend, stage.news);
  },
};
