// An analyst in a browser: opens pages, waits for figures, reads and takes them.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { PATIENCE } from "./stage.mjs";

/** A browser that was never here before. What goes wrong in it, or is asked of another origin, is kept. */
export async function newAnalyst(
  stage,
  { colorScheme = "light", viewport = { width: 1440, height: 900 }, locale = "en-GB" } = {},
) {
  const context = await stage.browser.newContext({ colorScheme, viewport, locale, acceptDownloads: true });
  context.setDefaultTimeout(PATIENCE);
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: stage.url });
  const faults = [];
  context.on(
    "request",
    (request) =>
      !/^(blob|data):/.test(request.url()) &&
      !request.url().startsWith(stage.url) &&
      faults.push(`asked for ${request.url()}`),
  );
  context.on(
    "console",
    (message) => /Content Security Policy|Trusted/i.test(message.text()) && faults.push(message.text()),
  );
  context.on("weberror", (error) => faults.push(String(error.error())));
  const page = await context.newPage();
  return {
    page,
    async leave() {
      await context.close();
      assert.deepEqual(faults, [], "nothing went wrong in the page, and no other origin was asked for anything");
    },
  };
}

/** Opens the dashboard at this query, signed in. */
export async function open(stage, page, query = "") {
  await page.goto(stage.url);
  await page.evaluate((key) => sessionStorage.setItem("tacita-key", key), stage.key);
  await page.goto(`${stage.url}/${query}`);
  await settled(page);
}

/** Waits until every figure and card has its answer. */
export async function settled(page) {
  await page.waitForFunction(() => {
    const asked = [...document.querySelectorAll("[data-figure], [data-card]")];
    return (
      (asked.length > 0 || document.querySelector(".form, .blank")) &&
      asked.every((one) => one.dataset.ready === "true" && one.getAttribute("aria-busy") === "false")
    );
  });
}

export const figure = (page, name) => page.locator(`[data-figure="${name}"]`);
export const card = (page, name) => page.locator(`[data-card="${name}"]`);
export const number = (text) => Number(text.replace("−", "-").replace(/[^\d.-]/g, ""));

/** The number that a card tells. */
export const cardValue = async (page, name) => number(await card(page, name).locator(".card-value").textContent());

/** The last so many days, with today, as the service takes them. */
export function lastDays(days) {
  const to = (Math.floor(Date.now() / 86_400_000) + 1) * 86_400;
  return { from: BigInt(to - days * 86_400), to: BigInt(to) };
}

/** A choice in a figure's menu, and the file that it hands over if it does. */
export async function choose(page, name, entry) {
  await figure(page, name)
    .getByRole("button", { name: /^Export and details/ })
    .click();
  await figure(page, name).getByRole("button", { name: entry, exact: true }).click();
}

export async function download(page, name, entry) {
  const [file] = await Promise.all([page.waitForEvent("download"), choose(page, name, entry)]);
  return { name: file.suggestedFilename(), bytes: readFileSync(await file.path()) };
}

/** Does something, and says what the service was asked. */
export async function asked(page, method, act) {
  const [request] = await Promise.all([page.waitForRequest((request) => request.url().endsWith(`/${method}`)), act()]);
  return request;
}

/** Each page, and what an overview may have to say. */
export const EVERY_PAGE = [
  "?compare=previous",
  "?campaign=acme/quiet&range=60d",
  "?campaign=acme/doubtful",
  "?filter=channel:nope",
  "?page=contents",
  "?page=cohorts",
  "?page=analytics",
  "?page=planner",
  "?page=links&f.address=https://acme.example/",
  "?page=campaign",
  "?page=privacy",
];
