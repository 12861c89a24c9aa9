// Who is let in, and to what.
import assert from "node:assert/strict";
import { open, settled } from "../analyst.mjs";

export const signingIn = {
  async "a wrong key is told, and nothing is kept of it"(stage, page) {
    await page.goto(stage.url);
    await page.getByRole("button", { name: "Open the dashboard" }).click();
    await page.getByText("Enter a key").waitFor();
    await page.getByLabel("Brand’s API key").fill("tacita_99_wrong");
    await page.getByRole("button", { name: "Open the dashboard" }).click();
    await page.getByText("This key is not taken.").waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.length + localStorage.length), 0);
  },

  async "a brand signs in with its key, which stays in the tab"(stage, page) {
    await page.goto(stage.url);
    await page.getByLabel("Brand’s API key").fill(` ${stage.key}\n`);
    await page.keyboard.press("Enter");
    await settled(page);
    assert.equal(await page.evaluate(() => sessionStorage.getItem("tacita-key")), stage.key);
    assert.ok(
      !(await page.evaluate(() => document.cookie + JSON.stringify(localStorage) + location.href)).includes(stage.key),
    );
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByLabel("Brand’s API key").waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  },

  async "what another brand has is as if it were not there"(stage, page) {
    await open(stage, page, "?campaign=globex/launch");
    await page.getByText("There is no campaign “globex/launch” that this key may read.").waitFor();
    // A page that is still taking the first key would keep that one.
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.evaluate((key) => sessionStorage.setItem("tacita-key", key), stage.otherKey);
    await page.goto(`${stage.url}/?campaign=acme/spring`);
    await page.getByText("There is no campaign “acme/spring”").waitFor();
  },
};
