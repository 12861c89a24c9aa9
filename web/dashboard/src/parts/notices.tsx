// What to know before numbers are read, in plain words: what is hidden and what would show it, what can hardly be honest, what adds up.

import { format, messages } from "../i18n/index.js";
import type { Hidden, MeasureAnswer, Notice } from "../wire/tacita/v1/reporting_pb.js";
import { Words } from "./refusal.js";

/** Said where there are no figures at all. */
export const BLANK = ["NO_MEASURES", "RANGE_AHEAD", "NO_REPORTS"];
/** Said elsewhere: in place of figures, or at their foot. */
const ELSEWHERE = [...BLANK, "NOT_SETTLED"];
/** Those of which the service's words say more: which, or since when. */
const NAMING = ["DELETED", "MEASURES_LEFT_OUT", "STEP_MISSING", "COST_MISSING"];

interface Props {
  readonly notices: readonly Notice[];
  /** The measures that the answer is of: they have the numbers that notices are about. */
  readonly measures: readonly MeasureAnswer[];
  /** Codes that the figure has no use for. */
  readonly unsaid?: readonly string[];
}

/** All of them, each once. */
export function Notices({ notices, measures, unsaid = [] }: Props) {
  const m = messages.value;
  const codes = [...new Set(notices.map(({ code }) => code))].filter(
    (code) => ![...ELSEWHERE, ...unsaid].includes(code),
  );
  // Of several things that can be said, first what makes numbers wrong, then what is missing.
  const suspects = measures.flatMap(({ measure, fits }) =>
    fits.filter(({ suspicious }) => suspicious).map((fit) => ({ ...fit, measure: measure?.name ?? "" })),
  );
  // Where all is hidden there is no figure, and that stands in its place.
  const hidden = measures.some(({ reports }) => reports > 0n) ? measures.filter(({ hidden }) => hidden) : [];
  const told: Record<string, boolean> = {
    SUSPICIOUS_REPORTS: suspects.length > 0,
    HIDDEN_WINDOWS: measures.length > 0,
  };
  // Where nothing was counted, all that matters is whether something was deleted.
  const isEmpty = notices.some(({ code }) => BLANK.includes(code));
  const rest = codes
    .filter((code) => !told[code] && (!isEmpty || code === "DELETED"))
    .flatMap((code) => notices.find((notice) => notice.code === code) ?? []);
  if (!suspects.length && !hidden.length && !rest.length) return null;
  return (
    <ul class="notices">
      {suspects.map(({ publisher, measure, finding }) => (
        <li key={`${publisher} ${measure}`} class="notice-grave" data-notice="SUSPICIOUS_REPORTS">
          {m.suspicious(publisher, measure)} <Words said={finding} />
        </li>
      ))}
      {hidden.map(({ measure, hidden }) => (
        <li key={measure?.name} data-notice="HIDDEN_WINDOWS">
          {hiddenSome(measure?.name ?? "", hidden!)}
        </li>
      ))}
      {rest.map((notice) => (
        <li key={notice.code} data-notice={notice.code}>
          {noticeText(notice)} {NAMING.includes(notice.code) && <Words said={notice.message} />}
        </li>
      ))}
    </ul>
  );
}

/** A notice in the page's language; one that the page does not know in the service's own words. */
export const noticeText = ({ code, message }: Notice): string => messages.value.notices[code] ?? message;

const hiddenSome = (measure: string, { windows, reports, reportsPerWindow, moreReports }: Hidden): string => {
  const { count } = format.value;
  return messages.value.hidden.some(
    windows,
    measure,
    count(Number(reports)),
    count(reportsPerWindow),
    count(Number(moreReports)),
  );
};

/** Why there is nothing to see, where all that there is is hidden. */
export function hiddenAll({ reports, reportsPerWindow, moreReports }: Hidden): string {
  const { count } = format.value;
  return messages.value.hidden.all(count(Number(reports)), count(reportsPerWindow), count(Number(moreReports)));
}

/** The same where there is little room. */
export const hiddenShort = ({ moreReports }: Hidden): string =>
  messages.value.hidden.short(format.value.count(Number(moreReports)));
