// For everybody: languages, the keyboard, screen readers, small screens.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { card, EVERY_PAGE, figure, open, settled } from "../analyst.mjs";
import { PICTURES } from "../photographs.mjs";

const AXE = readFileSync(fileURLToPath(new URL("../../../node_modules/axe-core/axe.min.js", import.meta.url)), "utf8");

export const access = {
  async "in French all of it is French"(stage, page) {
    await open(stage, page);
    await page.getByRole("button", { name: /^EN: Language/ }).click();
    await page.getByText("Français").click();
    await page.waitForURL(/lang=fr/);
    await page.getByRole("heading", { name: "Au fil du temps" }).waitFor();
    assert.equal(await page.evaluate(() => document.documentElement.lang), "fr");
    assert.match(await card(page, "darkShare").locator(".card-value").textContent(), /^\s*\d+,\d\u00a0%$/);
    assert.ok(!/\b(Channels|Shares|Over time|more than|Filter|Live)\b/.test(await page.locator("body").innerText()));
  },

  async "the keyboard alone reaches everything"(stage, page) {
    await page.goto(stage.url);
    await page.getByLabel("Brand’s API key").waitFor();
    await page.waitForFunction(() => document.activeElement?.name === "key");
    await page.keyboard.type(stage.key);
    await page.keyboard.press("Enter");
    await settled(page);
    await page.reload();
    await settled(page);
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement.id), "main");
    // From the main part on: the range.
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.waitForURL(/range=7d/);
    await settled(page);
    assert.match(
      await page.evaluate(() => document.activeElement.getAttribute("aria-label")),
      /^Range: Last 7 days/,
      "the focus is back",
    );
    // The time series is read with the arrows.
    await page.locator(".series").focus();
    await page.keyboard.press("ArrowRight");
    await page.locator(".reading strong").waitFor();
    const first = await page.locator(".reading").textContent();
    await page.keyboard.press("ArrowRight");
    await page.waitForFunction((first) => document.querySelector(".reading").textContent !== first, first);
    // A chart's table, and a filter from it.
    const menu = figure(page, "channels").getByRole("button", { name: /^Export and details/ });
    await menu.focus();
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await figure(page, "channels").getByRole("button", { name: "WhatsApp" }).focus();
    await page.keyboard.press("Enter");
    await page.waitForURL(/filter=channel:whatsapp/);
    for (let presses = 0; presses < 8; presses++) {
      await page.keyboard.press("Tab");
      const outlined = await page.evaluate(
        () =>
          document.activeElement === document.body || getComputedStyle(document.activeElement).outlineStyle !== "none",
      );
      assert.ok(outlined, "where the focus is can be seen");
    }
  },

  async "no page is wider than a phone's screen: a wide table scrolls by itself, by the keyboard too"(stage, page) {
    await page.setViewportSize({ width: 390, height: 844 });
    const languages = ["en", "fr"];
    for (const language of languages) {
      await page.goto(`${stage.url}/?lang=${language}`);
      await page.locator('input[name="key"]').waitFor();
      await fits(page, `${language}: signing in`);
    }
    for (const language of languages) {
      for (const query of EVERY_PAGE) {
        await open(stage, page, `${query}&lang=${language}`);
        await fits(page, `${language} ${query}`);
        for (const button of await page.locator(".disclosure > button").all()) {
          await button.click();
          await fits(page, `${language} ${query}: ${await button.getAttribute("aria-label")}`);
          await page.keyboard.press("Escape");
        }
        await showTables(page, { en: "Show as table", fr: "Voir le tableau" }[language]);
        await fits(page, `${language} ${query} as tables`);
        for (const room of await page.locator(".table-room").all()) await scrolls(room);
      }
    }
  },

  async "nothing that is photographed is wider than the screen, wide or narrow"(stage, page) {
    for (const width of [1440, 390]) {
      await page.setViewportSize({ width, height: 900 });
      for (const [name, query] of Object.entries(PICTURES)) {
        await open(stage, page, query);
        await fits(page, `${name} at ${width}`);
      }
    }
  },

  async "axe finds nothing serious, on any page, light or dark, wide or narrow"(stage, page) {
    const found = [];
    for (const [colorScheme, width] of [
      ["light", 1440],
      ["dark", 390],
    ]) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.setViewportSize({ width, height: 900 });
      for (const query of EVERY_PAGE) {
        await open(stage, page, query);
        found.push(...(await violations(page)).map((one) => `${colorScheme} ${query}: ${one}`));
      }
      await page.getByRole("button", { name: "Sign out" }).click();
      await page.getByLabel("Brand’s API key").waitFor();
      found.push(...(await violations(page)).map((one) => `${colorScheme} sign-in: ${one}`));
    }
    assert.deepEqual(found, []);
  },
};

/** The page does not scroll sideways. */
async function fits(page, what) {
  const excess = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.scrollingElement;
    return scrollWidth - clientWidth;
  });
  assert.ok(excess <= 0, `${what} is ${excess} pixels wider than the screen`);
}

/** Every figure that can be a table is one, by the entry of its menu. */
async function showTables(page, entry) {
  for (const menu of await page.locator("[data-figure] .figure-tools .disclosure > button").all()) {
    await menu.click();
    const choice = page.getByRole("button", { name: entry, exact: true });
    if (await choice.count()) await choice.click();
    else await page.keyboard.press("Escape");
  }
}

/** A table that is wider than its room is read by the keyboard all the same. */
async function scrolls(room) {
  if (await room.evaluate(({ scrollWidth, clientWidth }) => scrollWidth <= clientWidth)) return;
  assert.equal(await room.getAttribute("role"), "region");
  assert.ok(await room.getAttribute("aria-label"));
  await room.focus();
  await room.press("ArrowRight");
  await room.page().waitForFunction((element) => element.scrollLeft > 0, await room.elementHandle());
}

/** By Playwright's own evaluation, which the page's policy does not bind. */
async function violations(page) {
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    const { violations } = await window.axe.run(document, { resultTypes: ["violations"] });
    const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
    return serious.map(
      ({ id, nodes }) =>
        `${id}: ${nodes
          .map((node) => `${node.target.join(" ")} (${node.failureSummary.split("\n").at(-1).trim()})`)
          .slice(0, 3)
          .join("; ")}`,
    );
  });
}
