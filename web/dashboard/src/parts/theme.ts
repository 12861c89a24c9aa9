// Light or dark: as the system says, unless this browser was told otherwise.

import { signal } from "@preact/signals";

const KEPT = "tacita-theme";
export const THEMES = ["auto", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

export const theme = signal<Theme>(THEMES.find((known) => known === localStorage.getItem(KEPT)) ?? "auto");

export function setTheme(chosen: Theme): void {
  theme.value = chosen;
  localStorage.setItem(KEPT, chosen);
  wear();
}

/** The style sheet reads the attribute. */
export const wear = (): void => void (document.documentElement.dataset.theme = theme.value);
