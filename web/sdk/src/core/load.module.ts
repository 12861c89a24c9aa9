// Loads chunks as a bundler's code splitting does: for `import { init } from "@tacita/web"`.

export const loadDevice = () => import("../device/index.js");
export const loadTokens = () => import("../tokens/index.js");
export const loadPanel = () => import("../debug/panel.js");
