// Numbers, dates and per cent by Intl. Days are of UTC, as the service counts them.

import { DAY } from "../state/range.js";

export interface Formats {
  /** A whole number: 12,340. */
  count(value: number): string;
  /** A whole number in little room: 12.3K. */
  compact(value: number): string;
  /** Whole numbers of an axis up to `most`, all of them in one notation. */
  axis(most: number): (value: number) => string;
  /** A share from 0 to 1: 42.1 %. */
  percent(value: number, digits?: number): string;
  /** The distance of two shares, in points: 3.1 for 0.031. */
  points(value: number): string;
  /** A ratio: 1.24. */
  ratio(value: number): string;
  /** Money; without a currency a plain number. */
  money(value: number, currency: string): string;
  /** A period of so many seconds, by its beginning. */
  period(from: number, seconds: number): string;
  /** The same in little room, for an axis. */
  tick(from: number, seconds: number): string;
  time(seconds: number): string;
  /** A list of words: a, b and c. */
  list(words: readonly string[]): string;
  /** A choice of words: a, b or c. */
  either(words: readonly string[]): string;
}

export function formats(locale: string): Formats {
  const number = (options: Intl.NumberFormatOptions) => {
    const made = new Intl.NumberFormat(locale, options);
    // One minus sign everywhere: Intl has a hyphen for it, a drawing has not. Adding 0 turns −0 into 0.
    return (value: number) => made.format(value + 0).replace("-", "−");
  };
  const date = (options: Intl.DateTimeFormatOptions) => {
    const made = new Intl.DateTimeFormat(locale, { timeZone: "UTC", ...options });
    return (seconds: number) => made.format(seconds * 1000);
  };
  const [whole, compact, ratio, tenths] = [
    number({ maximumFractionDigits: 0 }),
    number({ notation: "compact", maximumFractionDigits: 1 }),
    number({ maximumSignificantDigits: 3 }),
    number({ maximumFractionDigits: 1 }),
  ];
  const [percent0, percent1] = [0, 1].map((digits) =>
    number({ style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits }),
  );
  const [hour, day, month, shortHour, shortDay, shortMonth] = [
    date({ day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }),
    date({ weekday: "short", day: "numeric", month: "short", year: "numeric" }),
    date({ month: "long", year: "numeric" }),
    date({ hour: "2-digit", minute: "2-digit" }),
    date({ day: "numeric", month: "short" }),
    date({ month: "short", year: "2-digit" }),
  ];
  const clock = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const [words, choice] = (["conjunction", "disjunction"] as const).map(
    (type) => new Intl.ListFormat(locale, { type }),
  );
  const money = new Map<string, (value: number) => string>();
  const count = (value: number) => whole(Math.round(value));
  return {
    count,
    compact: (value) => (Math.abs(value) < 10_000 ? count(value) : compact(value)),
    axis: (most) => (most < 10_000 ? count : compact),
    percent: (value, digits = 1) => (digits ? percent1! : percent0!)(Math.abs(value) < 0.0005 ? 0 : value),
    points: (value) => tenths(Math.abs(value) < 0.0005 ? 0 : 100 * value),
    ratio,
    money(value, currency) {
      let made = money.get(currency);
      if (!made)
        money.set(currency, (made = number(currency ? { style: "currency", currency } : { maximumFractionDigits: 2 })));
      return made(Math.abs(value) < 0.005 ? 0 : value);
    },
    period: (from, seconds) => (seconds < DAY ? hour : seconds < 28 * DAY ? day : month)!(from),
    tick: (from, seconds) =>
      (seconds < DAY ? (from % DAY === 0 ? shortDay : shortHour) : seconds < 28 * DAY ? shortDay : shortMonth)!(from),
    time: (seconds) => clock.format(seconds * 1000),
    list: (all) => words!.format(all),
    either: (all) => choice!.format(all),
  };
}
