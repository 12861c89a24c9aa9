// The stage of the browser tests: Chromium, a real collector and relay, the example site, and what truly happened.
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { freePort, startDeployment } from "../../../examples/publisher-site/deployment.mjs";
import { startSite } from "../../../examples/publisher-site/server.mjs";
import { launchChromium } from "../chromium.mjs";
import { tap } from "./envelopes.mjs";

/** The local ε of every measure: noise that leaves single clicks to be told apart. */
export const EPSILON = 12;

/** A browser's own name says "Headless", which is a robot's. */
export const DESKTOP =
  "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

/** The article that is shared in most scenarios. */
export const ARTICLE = "/articles/night-ferry";

const CHANNELS = "whatsapp,telegram,wechat,email,facebook,meta,sms,native,copy,search,inferred,direct,other";
const MEASURES = {
  arrivals: ["--event", "arrival", "--dimension", `channel=${CHANNELS}`],
  grades: ["--event", "arrival", "--dimension", "grade=confirmed,declared,app,referrer,inferred,direct"],
  generations: ["--event", "share", "--dimension", "generation=0,1,2,other"],
  shares: ["--event", "share", "--dimension", `channel=${CHANNELS}`],
  visits: ["--event", "share", "--participation", "session", "--dimension", "channel=whatsapp,other"],
  buyers: ["--event", "conversion", "--dimension", "channel=whatsapp,unattributed,other"],
  values: ["--event", "conversion", "--dimension", "value=0..10,10..50,50.."],
  devices: ["--event", "reach", "--dimension", `channel=${CHANNELS}`],
  sharers: ["--event", "sharer-profile"],
};

/** Contents that the newspaper counts one by one, its articles among them; any other falls in the tail. */
const CONTENTS = [
  "/articles/night-ferry",
  "/articles/quiet-hours",
  "/articles/seed-library",
  ...Array.from({ length: 99_997 }, (_, n) => `/archive/${n}`),
];
const TAIL = 100;

/** The label of a content in reports (spec/measures.md). */
export function contentLabel(content) {
  if (CONTENTS.includes(content)) return content;
  return `tail-${
    createHash("sha256")
      .update("tacita/content/v1" + content)
      .digest()
      .readUInt32BE(8) % TAIL
  }`;
}

/** What the tests leave to be looked at. */
export const OUTPUT = fileURLToPath(new URL("../../target", import.meta.url));
export const SCREENS = `${OUTPUT}/screens`;

export async function setStage() {
  const folder = mkdtempSync(`${tmpdir()}/tacita-browser-`);
  mkdirSync(SCREENS, { recursive: true });
  const port = await freePort();
  const [news, shop] = ["news", "shop"].map((name) => `http://${name}.localhost:${port}`);
  writeFileSync(`${folder}/contents.txt`, CONTENTS.join("\n"));
  const withNoise = ([name, words]) => [name, "--epsilon", EPSILON, ...words];
  const campaigns = {
    spring: Object.entries(MEASURES).map(withNoise),
    articles: Object.entries({
      contents: ["--event", "content-share", "--catalogue", `${folder}/contents.txt`, "--tail", TAIL],
      "last-content": [
        "--event",
        "content-share",
        "--participation",
        "session",
        "--dimension",
        "content=/articles/night-ferry,/articles/quiet-hours,other",
      ],
    }).map(withNoise),
  };
  const deployment = await startDeployment({
    folder,
    campaigns,
    ledgerBound: 1000,
    epsilonCeiling: EPSILON,
    // One visitor comes back tomorrow.
    ahead: "2d",
    origins: [shop],
    links: `[[link]]
code = "ferry"
to = "${news}${ARTICLE}"
[[link]]
code = "ferry-wa"
to = "${news}${ARTICLE}"
campaign = 1
channel = "whatsapp"
`,
  });
  const embed = {
    ...deployment.embed,
    relay: deployment.relayUrl,
    debug: "data-debug",
    news: encodeURIComponent(news),
  };
  const site = await startSite({
    port,
    relayUrl: deployment.relayUrl,
    embed,
    extraPages: { ...pages(), ...modules() },
  });
  const browser = await launchChromium();
  return {
    news,
    shop,
    deployment,
    browser,
    /** Every envelope that reached the site's server, in order. */
    reached: tap(site),
    async strike() {
      await browser.close();
      site.close();
      site.closeAllConnections();
      await deployment.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Both campaigns' reports as one; of the many contents only those with the largest estimates. */
export const readReports = ({ deployment }) => {
  const [spring, articles] = [deployment.report("spring"), deployment.report("articles", "--top", "50")];
  return { measures: [...spring.measures, ...articles.measures], rows: [...spring.rows, ...articles.rows] };
};

/** Pages that the example does not have. */
function pages() {
  const page = (attributes, body = "") =>
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>Test</title><link rel="icon" href="data:,"><p>${body || "A page."}</p>
<script defer src="{{script}}" integrity="{{integrity}}" crossorigin="anonymous" data-publisher="{{publisher}}" data-key="{{key}}" ${attributes}></script></html>`;
  return {
    "/shop": page('data-consent="granted" data-debug data-relay="{{relay}}"'),
    "/consent/required": page('data-consent="required"'),
    "/consent/denied": page('data-consent="denied"'),
    "/consent/granted": page('data-consent="granted"'),
    "/consent/tcf": page('data-consent="tcf"'),
    "/excluded": page('data-consent="granted" data-excluded-pages="/exc*"'),
    "/wrong-key": page('data-consent="granted" data-debug').replace("{{key}}", "ab".repeat(32)),
    "/numbered": page(
      'data-consent="granted" data-debug',
      '<a id="other" href="https://wa.me/?text={{news}}%2Farticles%2Fquiet-hours">Share another page</a>',
    ).replace("<p>", '<meta name="tacita-content" content="/archive/4711"><p>'),
    "/app/account": page('data-consent="granted" data-debug data-excluded-pages="/app/account"'),
    "/module": `<!doctype html><html lang="en"><meta charset="utf-8"><title>Module</title><link rel="icon" href="data:,"><p>A page of a bundler.
<script type="module" src="/module.js" data-publisher="{{publisher}}"></script></html>`,
    "/module.js": `import { init } from "/modules/index.js";
window.tacita = init({ publisher: {{publisher}}, relay: location.origin, key: "{{key}}", consent: "granted", debug: true });`,
    "/utm": page('data-consent="granted" data-link-style="query" data-utm'),
    "/bar/story": page('data-consent="granted" data-address-bar'),
    "/quiet": page('data-consent="granted"', "A page that shows whether anything moves or freezes."),
    "/control": "<!doctype html><meta charset=utf-8><title>Control</title><p>The same page without the SDK.",
  };
}

/** The package's modules, as a bundler would put them somewhere. */
function modules() {
  const dist = fileURLToPath(new URL("../../sdk/dist/", import.meta.url));
  const names = readdirSync(dist).filter((name) => name.endsWith(".js"));
  return Object.fromEntries(names.map((name) => [`/modules/${name}`, readFileSync(dist + name, "utf8")]));
}

/** A visitor: a browser with a storage of its own, who has agreed to the example site's question. */
export async function newVisitor(
  stage,
  { userAgent = DESKTOP, agrees = true, script, viewport = { width: 1100, height: 800 } } = {},
) {
  const context = await stage.browser.newContext({ userAgent, viewport });
  // Patience for a slow and busy machine: nothing here asserts how long something takes.
  context.setDefaultTimeout(60_000);
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: stage.news });
  // A headless Chromium has no share sheet; the page sees one that hands over.
  await context.addInitScript(() => (navigator.share = async () => {}));
  if (agrees) await context.addInitScript(() => localStorage.setItem("lantern-consent", "granted"));
  if (script) await context.addInitScript(...script);
  // Share sheets of the real world are not opened.
  await context.route(
    (url) => !/localhost|127\.0\.0\.1/.test(url.hostname),
    (route) => route.abort(),
  );
  return context;
}

/** Opens a page and waits until the SDK has nothing more to do. */
export async function visit(context, url, options = {}) {
  const page = await context.newPage();
  page.on("dialog", (dialog) => dialog.dismiss());
  await page.goto(url, options);
  await settle(page);
  return page;
}

export const settle = (page) => page.evaluate(() => window.tacita.flush());

/** Waits until something is so: the machine may be slow and busy, so the limit is far off. */
export async function until(holds) {
  for (const begun = Date.now(); !(await holds()); ) {
    if (Date.now() - begun > 60_000) throw new Error(`still not so: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** How many reports a page's device holds that have not been taken by the relay, open sessions included. */
export const held = (page) =>
  page.evaluate(async () => {
    const settled = (request) => new Promise((resolve) => (request.onsuccess = () => resolve(request.result)));
    const database = await settled(indexedDB.open("tacita-1"));
    const state = await settled(database.transaction("device").objectStore("device").get(0));
    database.close();
    return ["sessions", "closing", "waiting", "outbox"].reduce((sum, part) => sum + (state?.[part].length ?? 0), 0);
  });

/**
 * Leaves every page as a visitor does, and lets one more page of the site send what did not leave with them: what a
 * device holds when its browser is closed for good is lost with its storage.
 */
export async function depart(context, site) {
  for (const page of context.pages()) await page.goto("about:blank");
  if (site) {
    const last = await visit(context, `${site}/quiet`, { referer: `${site}/` });
    await until(async () => {
      await settle(last);
      return (await held(last)) === 0;
    });
  }
  await context.close();
}

/** What the debug panel says was answered, before noise: `[measure, value]`. */
export const answers = (page) =>
  page.evaluate(() =>
    [...document.querySelector("tacita-debug").shadowRoot.querySelectorAll("li.report")].map((item) => [
      item.querySelector("strong").textContent,
      item.querySelector("dd").textContent,
    ]),
  );
