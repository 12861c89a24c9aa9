// What is written on the page: links, plans, and what only the brand knows.
import assert from "node:assert/strict";
import { card, choose, figure, number, open, settled } from "../analyst.mjs";

export const forms = {
  async "links are built, with UTM, QR code and short link"(stage, page) {
    await open(stage, page, "?page=links");
    await page.getByLabel("Page to share").fill("https://acme.example/shoes?size=42");
    await page.getByLabel("Channel").selectOption("telegram");
    await page.getByLabel("Add UTM").check();
    const link = await page.locator("[data-link]").textContent();
    assert.match(
      link,
      /^https:\/\/acme\.example\/shoes\?size=42&utm_source=telegram&utm_medium=share&utm_campaign=spring#tct=1[0-9a-z]{14}$/,
    );
    await page.getByRole("img", { name: /^QR code of the link/ }).waitFor();
    await page.getByRole("textbox", { name: /^Code/ }).fill("spring-tg");
    assert.match(
      await page.locator("[data-short]").textContent(),
      /code = "spring-tg"\nto = "https:\/\/acme\.example\/shoes\?size=42"\n/,
    );
    await page.getByLabel("Page to share").fill("acme.example");
    await page.getByText("This is not a full web address").waitFor();
  },

  async "the planner answers what is asked of it"(stage, page) {
    await open(stage, page, "?page=planner");
    const seen = async () => number(await figure(page, "plan").locator("footer strong").textContent());
    const before = await seen();
    await page.getByLabel("Reports in one window").fill("5000");
    await page.waitForFunction(
      (before) =>
        Number(document.querySelector('[data-figure="plan"] footer strong')?.textContent.replace(/[^\d.]/g, "")) >
        before,
      before,
    );
    assert.match(page.url(), /f\.traffic=5000/);
    // A split into 1,400 squads is told to be noise, and what it would take.
    await page.getByLabel("Told apart by").selectOption("cohort");
    await page.getByLabel("Cohorts told apart").fill("1..1400");
    await choose(page, "plan", "Show as table");
    const cells = page.locator('[data-figure="plan"] tbody tr').filter({ hasText: "Each of the others" });
    await cells.getByText("Cannot be told from zero").waitFor();
    assert.ok(number(await cells.locator("td").last().textContent()) > 10, "windows that would show it");
  },

  async "a brand declares what it knows, and sees its webhook's secret"(stage, page) {
    await open(stage, page, "?page=campaign&campaign=acme/autumn");
    await page.getByLabel("Market").fill("Belgique");
    await page.getByRole("button", { name: "Add a cost" }).click();
    await page.getByLabel("First day").fill("2026-03-02");
    await page.getByLabel("Last day").fill("2026-03-01");
    await page.getByLabel("Amount").fill("much");
    await page.getByRole("button", { name: "Add a webhook" }).click();
    await page.getByLabel("Address").fill("http://acme.example/hook");
    await page.getByRole("button", { name: "Save" }).click();
    for (const told of [
      "4 fields have to be put right.",
      "Three capital letters, for example EUR; costs need one.",
      "The last day lies before the first.",
      "A number that is not negative",
      "An address that begins with https://",
    ])
      await page.getByText(told).waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.name), "currency", "the first of them has the focus");
    const declared = async () =>
      (await stage.client.service.listCampaigns({})).campaigns.find(({ name }) => name === "acme/autumn").declaration;
    assert.equal((await declared()).market, "", "nothing was declared");

    await page.getByLabel("Currency").fill("eur");
    await page.getByLabel("Last day").fill("2026-03-02");
    await page.getByLabel("Amount").fill("1 500,50");
    await page.getByLabel("Address").fill("https://acme.example/hook");
    await page.getByRole("button", { name: "Add a category" }).click();
    await page.getByLabel("Name").fill("news");
    await page.getByRole("textbox", { name: "Contents" }).fill("/news/one\n/news/two");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Saved. The figures go by it").waitFor();
    const { market, currency, costs, categories, webhooks } = await declared();
    assert.deepEqual([market, currency], ["Belgique", "EUR"]);
    assert.deepEqual(
      [costs[0].amount, costs[0].range.from, costs[0].range.to],
      [1500.5, BigInt(Date.UTC(2026, 2, 2) / 1000), BigInt(Date.UTC(2026, 2, 3) / 1000)],
    );
    assert.deepEqual([categories[0].name, categories[0].contents], ["news", ["/news/one", "/news/two"]]);
    assert.match(webhooks[0].secret, /^[0-9a-f]{64}$/);
    assert.ok(
      !(await page.locator("[data-secret]").textContent()).includes(webhooks[0].secret),
      "not before it is asked for",
    );
    await page.getByRole("button", { name: "Show" }).click();
    assert.equal(await page.locator("[data-secret]").textContent(), webhooks[0].secret);

    // A colleague declares something meanwhile: nothing is written over it.
    await stage.client.service.declareCampaign({ campaign: "acme/autumn", declaration: { market: "Suisse" } });
    await page.getByLabel("Market").fill("Luxembourg");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Somebody else has changed this meanwhile").waitFor();
    assert.equal((await declared()).market, "Suisse");
    await page.getByRole("button", { name: "Take theirs" }).click();
    assert.equal(await page.getByLabel("Market").inputValue(), "Suisse");

    // What only the collector knows to be wrong is told in its words.
    await page.getByRole("button", { name: "Add a webhook" }).click();
    await page.getByLabel("Address").fill(`https://acme.example/${"x".repeat(300)}`);
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("The collector did not take it:").waitFor();
    await page.getByText(/an address has \d+ bytes: at most 256/).waitFor();
  },

  async "what was declared is what the figures go by"(stage, page) {
    await open(stage, page);
    const before = await card(page, "costPerConversion").locator(".card-value").textContent();
    await open(stage, page, "?page=campaign");
    await page.getByLabel("Amount").fill("18000");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Saved. The figures go by it").waitFor();
    await page.getByRole("link", { name: "Overview" }).click();
    await settled(page);
    const after = await card(page, "costPerConversion").locator(".card-value").textContent();
    assert.ok(Math.abs(number(after) / number(before) - 2) < 0.01, `${before} to ${after}`);
  },
};
