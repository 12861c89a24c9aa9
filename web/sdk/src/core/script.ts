// The script file's entry: reads its own attributes and puts the page's handle at `window.tacita`.

import { init, type Tacita } from "./index.js";
import { optionsOf } from "./settings.js";

declare global {
  interface Window {
    tacita?: Tacita;
  }
}

// Twice on one page is once.
if (document.currentScript instanceof HTMLScriptElement) window.tacita ??= init(optionsOf(document.currentScript));
