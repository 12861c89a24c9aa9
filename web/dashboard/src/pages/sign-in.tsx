// The first page: a key.

import { useEffect, useRef, useState } from "preact/hooks";
import { messages } from "../i18n/index.js";
import { Icon, Mark } from "../parts/icon.js";
import { enter, entering, refusal } from "../state/session.js";

export function SignIn() {
  const m = messages.value;
  const [key, setKey] = useState("");
  const [empty, setEmpty] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const failure = refusal.value;
  const problem = empty ? m.signIn.empty : failure && (failure.kind === "away" ? m.signIn.away : m.signIn.wrong);
  useEffect(() => input.current?.focus(), [failure]);
  const submit = (event: Event) => {
    event.preventDefault();
    setEmpty(!key.trim());
    if (key.trim()) void enter(key);
  };
  return (
    <main class="sign-in" id="main">
      <form onSubmit={submit} noValidate aria-busy={entering.value}>
        <p class="brand">
          <Mark /> {m.product}
        </p>
        <h1>{m.signIn.lead}</h1>
        <label class="field">
          <span>{m.signIn.label}</span>
          <input
            ref={input}
            type="password"
            name="key"
            autoComplete="off"
            spellcheck={false}
            value={key}
            onInput={(event) => setKey(event.currentTarget.value)}
            aria-invalid={Boolean(problem)}
            aria-describedby="key-hint key-problem"
          />
          <small id="key-hint">{m.signIn.hint}</small>
        </label>
        <p id="key-problem" class="problem" role="alert">
          {problem}
          {failure && !empty && failure.kind !== "away" && (
            <>
              {" "}
              <span lang="en">{failure.message}</span>
            </>
          )}
        </p>
        <button type="submit" class="button button-main" disabled={entering.value}>
          {entering.value ? m.signIn.checking : m.signIn.button}
        </button>
        <p class="kept">
          <Icon name="lock" /> {m.signIn.kept}
        </p>
      </form>
    </main>
  );
}
