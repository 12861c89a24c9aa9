// What the SDK must do in a browser. Every scenario adds what truly happened to the truth that the reports are held
// against.
import { arrivals } from "./scenarios/arrivals.mjs";
import { consent } from "./scenarios/consent.mjs";
import { losses } from "./scenarios/losses.mjs";
import { pages } from "./scenarios/pages.mjs";
import { profiles } from "./scenarios/profiles.mjs";
import { shares } from "./scenarios/shares.mjs";

/** In this order: later visitors follow a link that an earlier one shared. */
export const scenarios = { ...arrivals, ...shares, ...profiles, ...losses, ...consent, ...pages };
