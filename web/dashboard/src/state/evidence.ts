// What is to be known of the measures behind a view or a ratio: those answers name their measures and say no more of them.

import type { MeasureAnswer, Notice } from "../wire/tacita/v1/reporting_pb.js";
import { useAnswer } from "./answer.js";
import { evidence, type Scope } from "./questions.js";

/** Notices whose numbers stand with a measure. */
const OF_A_MEASURE = ["HIDDEN_WINDOWS", "SUSPICIOUS_REPORTS"];

/** The measures of these names, once a notice makes them worth asking for. */
export function useEvidence(
  scope: Scope,
  names: readonly string[],
  notices: readonly Notice[] = [],
): readonly MeasureAnswer[] {
  const known = [...new Set(names.filter(Boolean))].sort();
  const needed = known.length > 0 && notices.some(({ code }) => OF_A_MEASURE.includes(code));
  return useAnswer(needed ? evidence(scope, known) : undefined).value?.measures ?? [];
}
