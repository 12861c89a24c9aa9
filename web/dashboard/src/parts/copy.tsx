// Copies a text, and says that it did.

import { useState } from "preact/hooks";
import { messages } from "../i18n/index.js";
import { Icon } from "./icon.js";

export function CopyButton({ text, label }: { text: string; label?: string }) {
  const [done, setDone] = useState(false);
  const m = messages.value;
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setDone(true);
    setTimeout(() => setDone(false), 2_000);
  };
  return (
    <button type="button" class="button" onClick={() => void copy()} aria-label={label}>
      <Icon name={done ? "check" : "copy"} /> <span aria-live="polite">{done ? m.copied : m.copy}</span>
    </button>
  );
}
