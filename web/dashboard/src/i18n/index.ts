// The language of the page, and numbers, dates and labels as it writes them.

import { computed } from "@preact/signals";
import type { Column } from "../export/sheet.js";
import { LANGUAGES, type Language } from "../state/address.js";
import type { Left } from "../state/measures.js";
import { view } from "../state/view.js";
import { en, type Messages } from "./en.js";
import { formats } from "./formats.js";
import { fr } from "./fr.js";
import { NAMES } from "./names.js";

export const CATALOGUES: Readonly<Record<Language, Messages>> = { en, fr };

/** The address's language, or the browser's first that there is. */
export const language = computed<Language>(() => view.value.language ?? preferred(navigator.languages));

function preferred(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const found = LANGUAGES.find((language) => tag.toLowerCase().split("-")[0] === language);
    if (found) return found;
  }
  return "en";
}

/** The messages. */
export const messages = computed(() => CATALOGUES[language.value]);

/** Numbers, dates and per cent. */
export const format = computed(() => formats(language.value));

/** What people call a label of a dimension. */
export function labelText(dimension: string, label: string): string {
  const m = messages.value;
  const words: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    kind: m.kinds,
    grade: m.grade,
    profile: m.profiles.labels,
    channel: { ...m.labels, ...NAMES },
    category: m.labels,
  };
  const tail = dimension === "content" && /^tail-(\d+)$/.exec(label);
  if (tail) return m.contents.tail(tail[1]!);
  if (dimension === "cohort" && /^\d+$/.test(label))
    return label === "0" ? m.cohorts.unnamed : `${dimensionText(dimension)} ${label}`;
  return words[dimension]?.[label] ?? (label === "other" ? m.labels.other! : label);
}

export const dimensionText = (dimension: string): string => messages.value.dimensions[dimension] ?? dimension;

/** What of the filters a measure could not take, in words. */
export function leftText({ dimension, labels, narrowed }: Left): string {
  const { left, leftLabels, leftSome } = messages.value.figure;
  const name = dimensionText(dimension);
  if (!labels.length) return left(name);
  return (narrowed ? leftSome : leftLabels)(
    name,
    format.value.list(labels.map((label) => labelText(dimension, label))),
  );
}

/** A sentence, to follow a colon. */
export const afterColon = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);

/** A dimension's column in a sheet. */
export const labelColumn = (dimension: string): Column => ({
  key: dimension,
  title: dimensionText(dimension),
  kind: "text",
  say: (label) => labelText(dimension, label),
});
