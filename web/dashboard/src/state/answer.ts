// Answers, as components read them.

import { useEffect, useState } from "preact/hooks";
import { unary } from "../wire/client.js";
import { type Failure, failureOf } from "../wire/failure.js";
import { revision } from "./live.js";
import type { Asked, Question, Told, Unary } from "./question.js";
import { expel, session } from "./session.js";

/** What is known of a question. `value` may be of the question before, while `waiting`. */
export interface Answer<M extends Unary = Unary> {
  readonly question: Question<M> | undefined;
  readonly value: Told<M> | undefined;
  readonly failure: Failure | undefined;
  readonly waiting: boolean;
}

/** Answers under way or just in, so that two figures with one question ask once. */
const shared = new Map<string, Promise<unknown>>();

function ask<M extends Unary>({ method, request, key }: Question<M>, turn: number): Promise<Told<M>> {
  const at = `${turn} ${key}`;
  let told = shared.get(at) as Promise<Told<M>> | undefined;
  if (!told) {
    const client = session.value!.client;
    // All of them are unary, which the compiler cannot see through the union of their types.
    const call = client[method] as unknown as (request: Asked<M>, options: object) => Promise<Told<M>>;
    told = call(request, unary(new AbortController().signal));
    for (const old of shared.keys()) if (!old.startsWith(`${turn} `)) shared.delete(old);
    shared.set(at, told);
    told.catch(() => shared.delete(at));
  }
  return told;
}

/** The answer to a question, asked again when something was counted. Undefined asks nothing. */
export function useAnswer<M extends Unary>(asked: Question<M> | undefined): Answer<M> {
  const [answer, setAnswer] = useState<Answer<M>>({
    question: undefined,
    value: undefined,
    failure: undefined,
    waiting: true,
  });
  const turn = revision.value;
  useEffect(() => {
    let stale = false;
    const set = (change: Partial<Answer<M>>) =>
      !stale && setAnswer((before) => ({ ...before, question: asked, ...change }));
    if (!asked) {
      set({ value: undefined, failure: undefined, waiting: false });
      return undefined;
    }
    set({ waiting: true });
    ask(asked, turn).then(
      (value) => set({ value, failure: undefined, waiting: false }),
      (error: unknown) => {
        const failure = failureOf(error);
        if (failure?.kind === "key") expel(failure);
        set({ failure, waiting: false, ...(failure?.kind === "away" ? {} : { value: undefined }) });
      },
    );
    return () => void (stale = true);
  }, [asked?.key, turn]);
  return answer;
}
