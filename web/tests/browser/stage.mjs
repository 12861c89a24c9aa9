// The stage of the browser tests: Chromium, a real collector and relay, the example site, and what truly happened.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { freePort, startDeployment } from "../../../examples/publisher-site/deployment.mjs";
import { startSite } from "../../../examples/publisher-site/server.mjs";
import { tap } from "./envelopes.mjs";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const FLAGS = ["--no-sandbox", "--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** As the collector allows: its ceiling is 6 unless configured otherwise. */
const EPSILON = process.env.TACITA_TEST_EPSILON ?? "6";

/** A browser's own name says "Headless", which is a robot's. */
export const DESKTOP = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

const CHANNELS = "whatsapp,telegram,email,facebook,sms,native,copy,search,inferred,direct,other";
const MEASURES = {
  arrivals: ["--event", "arrival", "--dimension", `channel=${CHANNELS}`],
  grades: ["--event", "arrival", "--dimension", "grade=confirmed,declared,app,referrer,inferred,direct"],
  generations: ["--event", "share", "--dimension", "generation=0,1,2,other"],
  shares: ["--event", "share", "--dimension", `channel=${CHANNELS}`],
  visits: ["--event", "share", "--participation", "session", "--dimension", "channel=whatsapp,other"],
  buyers: ["--event", "conversion", "--dimension", "channel=whatsapp,unattributed,other"],
  values: ["--event", "conversion", "--dimension", "value=0..10,10..50,50.."],
  devices: ["--event", "reach", "--dimension", `channel=${CHANNELS}`],
};

export const SCREENS = fileURLToPath(new URL("../../target/screens", import.meta.url));

export async function setStage() {
  const folder = mkdtempSync(`${tmpdir()}/tacita-browser-`);
  mkdirSync(SCREENS, { recursive: true });
  const port = await freePort();
  const [news, shop] = ["news", "shop"].map((name) => `http://${name}.localhost:${port}`);
  const measures = Object.entries(MEASURES).map(([name, words]) => [name, "--epsilon", EPSILON, ...words]);
  const deployment = await startDeployment({ folder, measures, ledgerBound: 1000, origins: [shop] });
  const embed = { publisher: deployment.publisher, key: deployment.signingKey, relay: deployment.relayUrl, debug: "data-debug" };
  const site = await startSite({ port, relayUrl: deployment.relayUrl, embed, extraPages: pages() });
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  return {
    news, shop, deployment, browser,
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

/** Pages that the example does not have. */
function pages() {
  const page = (attributes, body = "") =>
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>Test</title><link rel="icon" href="data:,"><p>${body || "A page."}</p>
<script defer src="/tacita/tacita.js" data-publisher="{{publisher}}" data-key="{{key}}" ${attributes}></script></html>`;
  return {
    "/shop": page('data-consent="granted" data-debug data-relay="{{relay}}"'),
    "/consent/required": page('data-consent="required"'),
    "/consent/denied": page('data-consent="denied"'),
    "/consent/granted": page('data-consent="granted"'),
    "/consent/tcf": page('data-consent="tcf"'),
    "/excluded": page('data-consent="granted" data-excluded-pages="/exc*"'),
    "/wrong-key": page('data-consent="granted" data-debug').replace("{{key}}", "ab".repeat(32)),
    "/bar/story": page('data-consent="granted" data-address-bar'),
    "/quiet": page('data-consent="granted"', "A page that shows whether anything moves or freezes."),
    "/control": "<!doctype html><meta charset=utf-8><title>Control</title><p>The same page without the SDK.",
  };
}

/** A visitor: a browser with a storage of its own, who has agreed to the example site's question. */
export async function newVisitor(stage, { userAgent = DESKTOP, agrees = true, script } = {}) {
  const context = await stage.browser.newContext({ userAgent, viewport: { width: 1100, height: 800 } });
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: stage.news });
  // A headless Chromium has no share sheet; the page sees one that hands over.
  await context.addInitScript(() => (navigator.share = async () => {}));
  if (agrees) await context.addInitScript(() => localStorage.setItem("lantern-consent", "granted"));
  if (script) await context.addInitScript(script);
  // Share sheets of the real world are not opened.
  await context.route((url) => !/localhost|127\.0\.0\.1/.test(url.hostname), (route) => route.abort());
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

/** Waits until the page says yes. */
export async function until(page, predicate) {
  for (let waited = 0; !(await page.evaluate(predicate)); waited += 50) {
    if (waited > 15_000) throw new Error(`still not so: ${predicate}`);
    await page.waitForTimeout(50);
  }
}

/** Leaves every page as a visitor does, and then closes the browser for good: what has not left is lost with its storage. */
export async function depart(context) {
  for (const page of context.pages()) {
    await page.evaluate(() => window.tacita?.flush()).catch(() => {});
    await page.goto("about:blank");
  }
  await new Promise((resolve) => setTimeout(resolve, 200));
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
