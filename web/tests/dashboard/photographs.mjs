// Pictures of the dashboard, for people to look at.
import { newAnalyst, open } from "./analyst.mjs";

/** What is photographed, by name. */
export const PICTURES = {
  overview: "?compare=previous",
  devices: "?count=reach&split=kind",
  hidden: "?campaign=acme/quiet&range=60d",
  doubtful: "?campaign=acme/doubtful",
  filtered: "?filter=cohort:1",
  surge: "?range=7d",
  contents: "?page=contents&compare=previous&f.one=/travel/night-ferry&f.other=/food/ten-soups",
  cohorts: "?page=cohorts",
  analytics: "?page=analytics",
  planner: "?page=planner",
  links: "?page=links&f.address=https://acme.example/shoes&f.code=spring-wa",
  campaign: "?page=campaign",
  privacy: "?page=privacy",
  french: "?lang=fr&split=kind",
  "french-compared": "?lang=fr&compare=previous",
  "french-hidden": "?lang=fr&campaign=acme/quiet&range=60d",
  "french-planner": "?lang=fr&page=planner",
  "french-privacy": "?lang=fr&page=privacy",
  "french-campaign": "?page=campaign&lang=fr",
};

/** Pictures for people: every page, wide and narrow, light and dark. */
export async function photograph(stage, folder) {
  for (const [width, height] of [
    [1440, 900],
    [390, 844],
  ]) {
    for (const colorScheme of ["light", "dark"]) {
      const { page, leave } = await newAnalyst(stage, { colorScheme, viewport: { width, height } });
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.goto(stage.url);
      await page.getByLabel("Brand’s API key").waitFor();
      await page.screenshot({ path: `${folder}/sign-in-${width}-${colorScheme}.png` });
      for (const [name, query] of Object.entries(PICTURES)) {
        await open(stage, page, query);
        await page.screenshot({ path: `${folder}/${name}-${width}-${colorScheme}.png`, fullPage: true });
      }
      await leave();
    }
  }
}
