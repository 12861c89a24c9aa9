//! Ranges of time and the periods they are cut into, all in UTC.

use std::ops::Range;

use jiff::{ToSpan as _, civil, tz::TimeZone};
use tacita_proto::v1;
use tacita_protocol::time::{UnixTime, WindowId, WindowLength};
use tonic::Status;

use crate::refusal;

/// From `from`, up to and without `to`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Period {
    pub(crate) from: UnixTime,
    pub(crate) to: UnixTime,
}

impl Period {
    pub(crate) fn seconds(self) -> u64 {
        self.to.0.saturating_sub(self.from.0)
    }

    /// The same, so many seconds earlier.
    pub(crate) fn earlier(self, seconds: u64) -> Self {
        Self { from: self.from.minus(seconds), to: self.to.minus(seconds) }
    }

    pub(crate) fn overlaps(self, other: Self) -> bool {
        self.from < other.to && other.from < self.to
    }

    /// How much of `self` lies in `other`, 0 to 1.
    pub(crate) fn part_within(self, other: Self) -> f64 {
        let (from, to) = (self.from.max(other.from), self.to.min(other.to));
        to.0.saturating_sub(from.0) as f64 / self.seconds().max(1) as f64
    }

    /// The windows that begin in it.
    pub(crate) fn windows(self, length: WindowLength) -> Range<WindowId> {
        let first_from = |time: UnixTime| {
            let window = time.0.div_ceil(u64::from(length.seconds()));
            WindowId(u32::try_from(window).unwrap_or(u32::MAX))
        };
        first_from(self.from)..first_from(self.to)
    }
}

impl From<Period> for v1::TimeRange {
    fn from(period: Period) -> Self {
        Self { from: period.from.0, to: period.to.0 }
    }
}

/// What a question is about in time; the end may be open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Span {
    pub(crate) from: UnixTime,
    pub(crate) to: Option<UnixTime>,
}

impl Span {
    /// Reads a range of a request; unset means all.
    pub(crate) fn read(range: Option<v1::TimeRange>, field: &str) -> Result<Self, Status> {
        let v1::TimeRange { from, to } = range.unwrap_or_default();
        match to {
            0 => Ok(Self { from: UnixTime(from), to: None }),
            to if from < to => Ok(Self { from: UnixTime(from), to: Some(UnixTime(to)) }),
            to => {
                let (end, begin) = (moment_of(to), moment_of(from));
                let problem = format!("'to', {end}, is not after 'from', {begin}: give a later time, or 0 for no end");
                Err(refusal::invalid(field, problem))
            }
        }
    }

    /// Everything from its begin on, if it has no end.
    pub(crate) fn whole(self) -> Period {
        Period { from: self.from, to: self.to.unwrap_or(UnixTime(u64::MAX)) }
    }

    /// With both ends.
    pub(crate) fn closed(self) -> Option<Period> {
        self.to.filter(|_| self.from.0 > 0).map(|to| Period { from: self.from, to })
    }
}

/// How long a period of an answer is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Granularity {
    Total,
    Hour,
    Day,
    Week,
    Month,
}

/// The end of time as far as calendars here go: 9999-12-30.
const CALENDAR_END: u64 = 253_402_128_000;

impl Granularity {
    pub(crate) fn read(number: i32) -> Result<Self, Status> {
        use v1::Granularity as Wire;
        match Wire::try_from(number) {
            Ok(Wire::Unspecified | Wire::Total) => Ok(Self::Total),
            Ok(Wire::Hour) => Ok(Self::Hour),
            Ok(Wire::Day) => Ok(Self::Day),
            Ok(Wire::Week) => Ok(Self::Week),
            Ok(Wire::Month) => Ok(Self::Month),
            Err(_) => Err(refusal::invalid("granularity", "choose total, hour, day, week or month")),
        }
    }

    pub(crate) fn to_wire(self) -> i32 {
        use v1::Granularity as Wire;
        match self {
            Self::Total => Wire::Total,
            Self::Hour => Wire::Hour,
            Self::Day => Wire::Day,
            Self::Week => Wire::Week,
            Self::Month => Wire::Month,
        }
        .into()
    }

    /// The longest window that it can tell apart, in seconds.
    pub(crate) fn longest_window(self) -> u32 {
        match self {
            Self::Total => u32::MAX,
            Self::Hour => 3_600,
            Self::Day => 86_400,
            Self::Week => 7 * 86_400,
            Self::Month => 31 * 86_400,
        }
    }

    /// When the period that holds `time` begins.
    fn start_of(self, time: u64) -> u64 {
        match self {
            Self::Total => 0,
            Self::Hour => time - time % 3_600,
            Self::Day => time - time % 86_400,
            Self::Week => monday(week(time)),
            Self::Month => date(time).map_or(time, |date| seconds(date.first_of_month())),
        }
    }

    /// When the period after the one that begins at `start` begins.
    fn next(self, start: u64) -> u64 {
        match self {
            Self::Total => u64::MAX,
            Self::Hour => start + 3_600,
            Self::Day => start + 86_400,
            Self::Week => monday(week(start) + 1),
            Self::Month => {
                let next = date(start).and_then(|date| date.first_of_month().checked_add(1.month()).ok());
                next.map_or(u64::MAX, seconds)
            }
        }
    }

    /// Cuts a period into those of the calendar, the first and last cut to it; `None` when they are more than `most`.
    pub(crate) fn cut(self, whole: Period, most: usize) -> Option<Vec<Period>> {
        if self == Self::Total {
            return Some(vec![whole]);
        }
        let mut periods = Vec::new();
        let end = whole.to.0.min(CALENDAR_END);
        let mut start = self.start_of(whole.from.0);
        while start < end {
            let next = self.next(start);
            if periods.len() == most {
                return None;
            }
            periods.push(Period { from: UnixTime(start.max(whole.from.0)), to: UnixTime(next.min(whole.to.0)) });
            start = next;
        }
        Some(periods)
    }
}

/// Which week of Mondays since the one of 1970-01-01, a Thursday.
fn week(time: u64) -> u64 {
    (time + 3 * 86_400) / (7 * 86_400)
}

fn monday(week: u64) -> u64 {
    (week * 7 * 86_400).saturating_sub(3 * 86_400)
}

fn date(time: u64) -> Option<civil::Date> {
    let timestamp = jiff::Timestamp::from_second(i64::try_from(time).ok()?).ok()?;
    Some(timestamp.to_zoned(TimeZone::UTC).date())
}

fn seconds(date: civil::Date) -> u64 {
    let midnight = date.to_zoned(TimeZone::UTC).map_or(0, |zoned| zoned.timestamp().as_second());
    u64::try_from(midnight).unwrap_or(0)
}

/// A time as people and programs write it, for messages.
fn moment_of(time: u64) -> String {
    let timestamp = i64::try_from(time).ok().and_then(|time| jiff::Timestamp::from_second(time).ok());
    timestamp.map_or_else(|| time.to_string(), |moment| format!("{} ({time})", moment.strftime("%F %H:%M:%S UTC")))
}

/// The day of a time, for messages.
pub(crate) fn day_of(time: UnixTime) -> String {
    date(time.0).map_or_else(|| time.0.to_string(), |date| date.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400;

    fn period(from: u64, to: u64) -> Period {
        Period { from: UnixTime(from), to: UnixTime(to) }
    }

    #[test]
    fn a_window_is_in_the_range_when_it_begins_there() {
        let windows = |from, to| period(from, to).windows(WindowLength::DAY);
        assert_eq!(windows(0, u64::MAX), WindowId(0)..WindowId(u32::MAX));
        assert_eq!(windows(DAY, 3 * DAY), WindowId(1)..WindowId(3));
        assert_eq!(windows(DAY + 1, 3 * DAY + 1), WindowId(2)..WindowId(4));
    }

    #[test]
    fn a_range_that_ends_before_it_begins_is_refused_by_its_dates() {
        let refused = |from, to| Span::read(Some(v1::TimeRange { from, to }), "range").unwrap_err();
        let said = refused(1_794_268_800, 1_793_491_200);
        let both =
            "'to', 2026-11-01 00:00:00 UTC (1793491200), is not after 'from', 2026-11-10 00:00:00 UTC (1794268800)";
        assert!(said.message().contains(both), "{}", said.message());
        assert!(
            refused(u64::MAX, 9)
                .message()
                .contains("1970-01-01 00:00:09 UTC (9), is not after 'from', 18446744073709551615")
        );
    }

    #[test]
    fn periods_tile_the_range_and_begin_where_the_calendar_says() {
        // 2026-01-30, a Friday, to 2026-03-02.
        let whole = period(1_769_731_200, 1_772_409_600);
        let starts = |granularity: Granularity| {
            let periods = granularity.cut(whole, 1_000).unwrap();
            assert_eq!((periods[0].from, periods[periods.len() - 1].to), (whole.from, whole.to));
            assert!(periods.windows(2).all(|pair| pair[0].to == pair[1].from), "{granularity:?}");
            periods.iter().map(|period| day_of(period.from)).collect::<Vec<_>>()
        };
        assert_eq!(starts(Granularity::Total), ["2026-01-30"]);
        assert_eq!(starts(Granularity::Month), ["2026-01-30", "2026-02-01", "2026-03-01"]);
        assert_eq!(starts(Granularity::Week), ["2026-01-30", "2026-02-02", "2026-02-09", "2026-02-16", "2026-02-23"]);
        assert_eq!(starts(Granularity::Day).len(), 31);
        assert_eq!(starts(Granularity::Hour).len(), 31 * 24);
    }

    #[test]
    fn no_range_is_too_long_or_too_early_to_be_cut() {
        for granularity in [Granularity::Hour, Granularity::Day, Granularity::Week, Granularity::Month] {
            assert!(granularity.cut(period(0, u64::MAX), 10).is_none());
            assert_eq!(granularity.cut(period(0, 10), 10).unwrap(), [period(0, 10)]);
            assert!(granularity.cut(period(CALENDAR_END, u64::MAX), 10).unwrap().len() <= 1);
        }
    }

    #[test]
    fn a_part_of_a_period_is_what_overlaps() {
        assert_eq!(period(0, 10).part_within(period(5, 100)), 0.5);
        assert_eq!(period(0, 10).part_within(period(10, 100)), 0.0);
        assert!(!period(0, 10).overlaps(period(10, 20)));
    }
}
