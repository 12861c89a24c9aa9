// How the SDK sits in a page: its cost, applications of a single page, bundlers, what the example looks like.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { freePort } from "../../../../examples/publisher-site/deployment.mjs";
import { answers, depart, newVisitor, OUTPUT, SCREENS, settle, until, visit } from "../stage.mjs";
import { taskTimes } from "../tasks.mjs";

/** A task that keeps the page's thread longer than this is a long one (W3C Long Tasks). */
const LONG_MS = 50;
/** In so many first visits at the most one must be without a long task. */
const VISITS = 4;

const watchShifts = () => {
  window.shifts = 0;
  const add = (list) => {
    for (const { value } of list.getEntries()) window.shifts += value;
  };
  new PerformanceObserver(add).observe({ type: "layout-shift", buffered: true });
};

export const pages = {
  async "a page loads no slower: no task over 50 ms, no layout shift"(stage, truth) {
    const cost = async (path) => {
      const context = await newVisitor(stage, { script: [watchShifts] });
      const page = await context.newPage();
      // A first page warms the browser up, as a visitor's is.
      await page.goto(`${stage.news}/control`);
      const tasks = await taskTimes(stage.browser, page, async () => {
        await page.goto(stage.news + path);
        if (path === "/quiet") await settle(page);
        await page.evaluate(() => new Promise((painted) => requestAnimationFrame(() => setTimeout(painted, 100))));
      });
      const shifts = await page.evaluate(() => window.shifts);
      if (path === "/quiet") truth.arrival("inferred", "inferred");
      await depart(context, path === "/quiet" ? stage.news : undefined);
      return { longest: Math.max(...tasks), total: tasks.reduce((sum, ms) => sum + ms, 0), shifts };
    };
    const control = await cost("/control");
    let quiet = await cost("/quiet");
    // A busy neighbour slows a processor down, and a task with it, but not in every visit.
    for (let visits = 1; quiet.longest >= LONG_MS && visits < VISITS; visits++) quiet = await cost("/quiet");
    const figures = {
      "longest task, ms of processor time": quiet.longest,
      "main thread in all, first visit with tokens, ms": quiet.total,
      "the same page without the SDK, ms": control.total,
      "layout shift": quiet.shifts,
    };
    for (const [what, value] of Object.entries(figures)) console.log(`      ${what}: ${value.toFixed(1)}`);
    writeFileSync(`${OUTPUT}/page-cost.json`, `${JSON.stringify(figures, null, 2)}\n`);
    assert.ok(quiet.longest < LONG_MS, `a task of ${quiet.longest} ms`);
    assert.equal(quiet.shifts, 0);
  },

  async "an application of one page is one session, and measured from its first page that is not excluded"(
    stage,
    truth,
  ) {
    const context = await newVisitor(stage);
    const page = await visit(context, `${stage.news}/app/account`, { referer: "https://www.google.com/" });
    await page.evaluate(() => window.tacita.share("whatsapp"));
    await page.evaluate(() => history.pushState({}, "", "/app/story"));
    await until(() => page.evaluate(() => document.querySelector("tacita-debug") !== null));
    await page.evaluate(() => window.tacita.share("telegram"));
    truth.share("telegram", { content: "/app/story" });
    await settle(page);
    // From within the site: no arrival, and so no session.
    assert.deepEqual(
      new Set((await answers(page)).map(([measure]) => measure)),
      new Set(["shares", "generations", "contents"]),
    );
    await page.evaluate(() => history.pushState({}, "", "/app/account"));
    assert.equal(await page.evaluate(() => window.tacita.share("email")), undefined);
    await depart(context, stage.news);
  },

  async "a bundler's module measures as the script file does"(stage, truth) {
    const context = await newVisitor(stage);
    const page = await visit(context, `${stage.news}/module?utm_source=whatsapp`);
    truth.arrival("whatsapp", "declared");
    assert.equal(Object.fromEntries(await answers(page)).arrivals, "whatsapp");
    await page.evaluate(() => window.tacita.share("email"));
    truth.share("email", { content: "/module" });
    truth.session("other", "other");
    await settle(page);
    await depart(context, stage.news);
  },

  async "the example runs with one command, and ends with one signal"() {
    const port = await freePort();
    const run = fileURLToPath(new URL("../../../../examples/publisher-site/run.mjs", import.meta.url));
    const example = spawn(process.execPath, [run], { env: { ...process.env, PORT: String(port) } });
    let said = "";
    for (const stream of [example.stdout, example.stderr]) stream.on("data", (text) => (said += text));
    const ended = new Promise((resolve) => example.once("exit", resolve));
    await until(() => /brand's report: .* report /.test(said) || example.exitCode !== null);
    const page = await (await fetch(`http://127.0.0.1:${port}/articles/quiet-hours`)).text();
    assert.match(
      page,
      /<script defer src="\/tacita\/\w{16}\/tacita.js" integrity="sha384-[^"]+" [^>]*data-key="[0-9a-f]{64}"/,
      said,
    );
    assert.equal((await fetch(`http://127.0.0.1:${port}/layout`)).status, 404, "a part of pages is no page");
    example.kill("SIGTERM");
    assert.equal(await ended, 0, said);
  },

  async "screens of the example site"(stage, truth) {
    for (const [name, width, height] of [
      ["wide", 1440, 900],
      ["phone", 390, 844],
    ]) {
      const context = await newVisitor(stage, { viewport: { width, height } });
      const page = await visit(context, `${stage.news}/`);
      truth.arrival("direct", "direct");
      const shoot = (what) => page.screenshot({ path: `${SCREENS}/${what}-${name}.png`, fullPage: true });
      await shoot("front-page");
      for (const path of ["articles/night-ferry", "subscribe", "privacy"]) {
        await page.goto(`${stage.news}/${path}`, { referer: `${stage.news}/` });
        await settle(page);
        await shoot(path.split("/").at(-1));
      }
      await depart(context, stage.news);
    }
  },
};
