// The planner's form, and the question that it makes.

import { type Question, question } from "../state/question.js";
import { Event, Participation } from "../wire/tacita/v1/manifest_pb.js";

export const PLAN_EVENTS = {
  arrival: Event.ARRIVAL,
  share: Event.SHARE,
  conversion: Event.CONVERSION,
  reach: Event.REACH,
} as const;
export const PLAN_WINDOWS = { hour: 3_600, day: 86_400, week: 604_800 } as const;

/** The form as written; missing fields are as at the start. */
export interface Plan {
  readonly event: keyof typeof PLAN_EVENTS;
  readonly labels: string;
  readonly epsilon: string;
  readonly traffic: string;
  readonly window: keyof typeof PLAN_WINDOWS;
  readonly windows: string;
}

export const PLAN: Plan = {
  event: "arrival",
  labels: "whatsapp 12\nmessenger 5\ntelegram 3\nemail 4\ncopy 4\nfacebook 9\nsearch 25\ninferred 18\ndirect 15\nother",
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
    event: one(Object.keys(PLAN_EVENTS) as Plan["event"][], form.event, PLAN.event),
    labels: form.labels ?? PLAN.labels,
    epsilon: form.epsilon ?? PLAN.epsilon,
    traffic: form.traffic ?? PLAN.traffic,
    window: one(Object.keys(PLAN_WINDOWS) as Plan["window"][], form.window, PLAN.window),
    windows: form.windows ?? PLAN.windows,
  };
}

/** A line is a label, and its expected share in per cent if that is known. */
export function labelsOf(text: string): { label: string; share: number | undefined }[] {
  const lines = text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
  return lines.map((line) => {
    const [, label = line, share] = /^(\S+)\s+([\d.,]+)\s*%?$/.exec(line) ?? [];
    return { label, share: share === undefined ? undefined : number(share) / 100 };
  });
}

/** What the service is asked. What cannot be is refused by it, in its own words. */
export function planQuestion(plan: Plan): Question<"planMeasure"> {
  const labels = labelsOf(plan.labels);
  return question("planMeasure", {
    measure: {
      name: "planned",
      event: PLAN_EVENTS[plan.event],
      participation: Participation.EVENT,
      dimensions: [{ name: "channel", labels: labels.map(({ label }) => label) }],
      epsilonMicro: whole(number(plan.epsilon) * 1e6, 2 ** 32 - 1),
      windowSeconds: PLAN_WINDOWS[plan.window],
    },
    reportsPerWindow: BigInt(whole(number(plan.traffic), 1e15)),
    windows: whole(number(plan.windows), 1e6),
    shares: labels.flatMap(({ label, share }) => (share === undefined ? [] : [{ labels: [label], share }])),
  });
}

/** A number as people write it; 0 for what is none. */
function number(text: string): number {
  const value = Number(text.replace(/[\s\u00a0\u202f]/g, "").replace(",", "."));
  return Number.isFinite(value) ? value : 0;
}

const whole = (value: number, most: number): number => Math.max(0, Math.min(most, Math.round(value)));
