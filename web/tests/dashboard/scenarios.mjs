// What the dashboard must do, each scenario in a browser with a storage of its own.
import { access } from "./scenarios/access.mjs";
import { choosing } from "./scenarios/choosing.mjs";
import { figures } from "./scenarios/figures.mjs";
import { files } from "./scenarios/files.mjs";
import { forms } from "./scenarios/forms.mjs";
import { signingIn } from "./scenarios/signing-in.mjs";
import { time } from "./scenarios/time.mjs";
import { words } from "./scenarios/words.mjs";

/** In this order: from `forms` on they change what the collector has, and what is deleted last does not come back. */
export const scenarios = { ...signingIn, ...choosing, ...figures, ...words, ...files, ...access, ...forms, ...time };
