// The planner's form, and the question that it makes.

import { type Question, question } from "../state/question.js";
import { Event, Participation } from "../wire/tacita/v1/manifest_pb.js";
import { numberOf } from "./number.js";

export const PLAN_EVENTS = {
  arrival: Event.ARRIVAL,
  share: Event.SHARE,
  conversion: Event.CONVERSION,
  reach: Event.REACH,
} as const;
/** What cells are told apart by. */
export const PLAN_AXES = ["channel", "cohort"] as const;
export const PLAN_WINDOWS = { hour: 3_600, day: 86_400, week: 604_800 } as const;

export const keysOf = <K extends string>(table: Readonly<Record<K, unknown>>): K[] => Object.keys(table) as K[];

/** The form as written; missing fields are as at the start. */
export interface Plan {
  readonly event: keyof typeof PLAN_EVENTS;
  readonly apart: (typeof PLAN_AXES)[number];
  /** Channels, and their shares. */
  readonly labels: string;
  /** Cohorts' numbers, and their shares. */
  readonly cohorts: string;
  readonly epsilon: string;
  readonly traffic: string;
  readonly window: keyof typeof PLAN_WINDOWS;
  readonly windows: string;
}

const PLAN: Plan = {
  event: "arrival",
  apart: "channel",
  labels: "whatsapp 12\nmessenger 5\ntelegram 3\nemail 4\ncopy 4\nfacebook 9\nsearch 25\ninferred 18\ndirect 15\nother",
  cohorts: "0 70\n1..5",
  epsilon: "2",
  traffic: "20000",
  window: "day",
  windows: "7",
};

/** The form out of an address. */
export function planOf(form: Readonly<Record<string, string>>): Plan {
  const one = <T extends string>(known: readonly T[], value: string | undefined, otherwise: T): T =>
    known.find((name) => name === value) ?? otherwise;
  return {
    event: one(keysOf(PLAN_EVENTS), form.event, PLAN.event),
    apart: one(PLAN_AXES, form.apart, PLAN.apart),
    labels: form.labels ?? PLAN.labels,
    cohorts: form.cohorts ?? PLAN.cohorts,
    epsilon: form.epsilon ?? PLAN.epsilon,
    traffic: form.traffic ?? PLAN.traffic,
    window: one(keysOf(PLAN_WINDOWS), form.window, PLAN.window),
    windows: form.windows ?? PLAN.windows,
  };
}

/** More labels than a histogram can have are refused by the service all the same. */
const MOST_LABELS = 131_073;

/** A line is a label, and its expected share in per cent if that is known; `1..40` is as many numbers, without one. */
export function labelsOf(text: string): { label: string; share: number | undefined }[] {
  const lines = text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
  return lines.flatMap((line) => {
    const [, first, last] = /^(\d+)\.\.(\d+)$/.exec(line) ?? [];
    if (first !== undefined) {
      const length = Math.min(MOST_LABELS, Math.max(0, Number(last) - Number(first) + 1));
      return Array.from({ length }, (_, place) => ({ label: String(Number(first) + place), share: undefined }));
    }
    const [, label = line, share] = /^(\S+)\s+([\d.,]+)\s*%?$/.exec(line) ?? [];
    return { label, share: share === undefined ? undefined : number(share) / 100 };
  });
}

/** What the service is asked. What cannot be is refused by it, in its own words. */
export function planQuestion(plan: Plan): Question<"planMeasure"> {
  const labels = labelsOf(plan.apart === "cohort" ? plan.cohorts : plan.labels);
  return question("planMeasure", {
    measure: {
      name: "planned",
      event: PLAN_EVENTS[plan.event],
      participation: Participation.EVENT,
      dimensions: [{ name: plan.apart, labels: labels.map(({ label }) => label) }],
      epsilonMicro: whole(number(plan.epsilon) * 1e6, 2 ** 32 - 1),
      windowSeconds: PLAN_WINDOWS[plan.window],
    },
    reportsPerWindow: BigInt(whole(number(plan.traffic), 1e15)),
    windows: whole(number(plan.windows), 1e6),
    shares: labels.flatMap(({ label, share }) => (share === undefined ? [] : [{ labels: [label], share }])),
  });
}

/** What is no number is 0. */
const number = (text: string): number => numberOf(text) ?? 0;

const whole = (value: number, most: number): number => Math.max(0, Math.min(most, Math.round(value)));
