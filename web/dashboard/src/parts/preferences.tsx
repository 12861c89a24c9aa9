// The language of the page, and its colours.

import type { ComponentChildren } from "preact";
import { CATALOGUES, language, messages } from "../i18n/index.js";
import { LANGUAGES } from "../state/address.js";
import { show } from "../state/view.js";
import { Disclosure } from "./disclosure.js";
import { Icon } from "./icon.js";
import { setTheme, THEMES, theme } from "./theme.js";

export function Preferences() {
  const m = messages.value;
  return (
    <Disclosure
      label={`${language.value.toUpperCase()}${m.colon}${m.languageLabel}, ${m.theme.label}`}
      face={
        <>
          {language.value.toUpperCase()} <Icon name="down" />
        </>
      }
      class="preferences"
      align="end"
    >
      {() => (
        <div class="preferences-sheet">
          <Radios
            label={m.languageLabel}
            name="language"
            options={LANGUAGES.map((name) => [name, <span lang={name}>{CATALOGUES[name].language}</span>])}
            chosen={language.value}
            onChoose={(name) => show({ language: name }, "same")}
          />
          <Radios
            label={m.theme.label}
            name="theme"
            options={THEMES.map((name) => [name, <span>{m.theme[name]}</span>])}
            chosen={theme.value}
            onChoose={setTheme}
          />
        </div>
      )}
    </Disclosure>
  );
}

function Radios<T extends string>({
  label,
  name,
  options,
  chosen,
  onChoose,
}: {
  label: string;
  name: string;
  options: readonly (readonly [T, ComponentChildren])[];
  chosen: T;
  onChoose: (value: T) => void;
}) {
  return (
    <fieldset>
      <legend>{label}</legend>
      {options.map(([value, text]) => (
        <label key={value} class="check">
          <input type="radio" name={name} checked={value === chosen} onChange={() => onChoose(value)} /> {text}
        </label>
      ))}
    </fieldset>
  );
}
