//! The rows of reads, summed over lanes and slots.

use std::collections::BTreeMap;

use tacita_protocol::{
    id::PublisherId,
    outcome::Outcome,
    record::PeriodId,
    time::{UnixTime, WindowId},
};
use tokio_postgres::{Row, types::FromSql};

use crate::{Closing, PeriodCounts, SeriesTally, StoreError};

/// Publisher, outcome, count.
pub(super) const OUTCOMES: &str = "
    SELECT part / 256, outcome, sum(count)::bigint FROM tacita.outcome GROUP BY 1, 2 ORDER BY 1, 2";

/// Whether an epoch was dropped.
pub(super) const IS_DROPPED: &str = "SELECT EXISTS (SELECT FROM tacita.epoch WHERE epoch = $1 AND dropped)";

/// One statement, so that it sees each commit whole or not at all; led by the partition key, so that a cluster's nodes do it for
/// themselves, where a commit is in one place.
pub(super) const TALLIES: &str = "
    SELECT part, window_id, count, counts, counter FROM (
        SELECT part, window_id, reports AS count, counts, NULL::bigint AS counter
        FROM tacita.tally WHERE measure = $1 AND window_id >= $2 AND window_id < $3
        UNION ALL
        SELECT part, window_id, count, NULL::bigint[], counter
        FROM tacita.far_tally WHERE measure = $1 AND window_id >= $2 AND window_id < $3
    ) AS tallies";

/// The log from an index on.
pub(super) const LOG: &str = "SELECT entry FROM tacita.change_log WHERE index >= $1 ORDER BY index";

/// Period, when it was closed.
pub(super) const LAST_CLOSING: &str = "SELECT period, closed_at FROM tacita.period ORDER BY period DESC LIMIT 1";

/// Period, when it was closed, outcomes, counts.
pub(super) const CLOSED_PERIODS: &str = "
    SELECT r.period, p.closed_at, r.outcomes, r.counts FROM tacita.record r JOIN tacita.period p ON p.period = r.period
    WHERE r.publisher = $1 AND r.period >= $2 ORDER BY r.period LIMIT $3";

/// Whether commits are taken here.
pub(super) const WRITABLE: &str = "SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off'";

/// The whole database: of a cluster, what the coordinator holds.
pub(super) const SIZE: &str = "SELECT pg_database_size(current_database())";

/// The value of a column.
pub(super) fn column<'a, T: FromSql<'a>>(row: &'a Row, index: usize) -> Result<T, StoreError> {
    row.try_get(index).map_err(|error| StoreError::Engine(super::fault::explain(&error)))
}

/// A number that is a u32 or a count in Rust.
pub(super) fn number<T: TryFrom<i64>>(number: i64) -> Result<T, StoreError> {
    T::try_from(number).map_err(|_| StoreError::Engine(format!("the database holds {number} where it cannot be")))
}

/// The outcome behind its number on the wire.
fn outcome(wire: i16) -> Result<Outcome, StoreError> {
    Outcome::from_wire(wire.into()).map_err(|error| StoreError::Engine(error.to_string()))
}

/// The first two columns of a row about a period.
pub(super) fn closing(row: &Row) -> Result<Closing, StoreError> {
    Ok(Closing { period: PeriodId(number(column(row, 0)?)?), at: UnixTime(number(column(row, 1)?)?) })
}

/// A row of [`CLOSED_PERIODS`].
pub(super) fn period_counts(row: &Row) -> Result<PeriodCounts, StoreError> {
    let (outcomes, counts): (Vec<i16>, Vec<i64>) = (column(row, 2)?, column(row, 3)?);
    let counted = outcomes.into_iter().zip(counts).filter(|(_, count)| *count != 0);
    let read = |(wire, count)| Ok((outcome(wire)?, number(count)?));
    Ok(PeriodCounts { closing: closing(row)?, outcomes: counted.map(read).collect::<Result<_, StoreError>>()? })
}

/// The rows of [`OUTCOMES`].
pub(super) fn outcomes(rows: &[Row]) -> Result<Vec<(PublisherId, Outcome, u64)>, StoreError> {
    let read =
        |row: &Row| Ok((PublisherId(number(column(row, 0)?)?), outcome(column(row, 1)?)?, number(column(row, 2)?)?));
    rows.iter().map(read).collect()
}

/// The rows of [`TALLIES`].
pub(super) fn tallies(rows: &[Row]) -> Result<Vec<SeriesTally>, StoreError> {
    #[derive(Default)]
    struct Sum {
        reports: u64,
        counters: BTreeMap<u32, u64>,
    }
    let mut sums: BTreeMap<(WindowId, PublisherId), Sum> = BTreeMap::new();
    for row in rows {
        let (part, window): (i64, i64) = (column(row, 0)?, column(row, 1)?);
        let sum = sums.entry((WindowId(number(window)?), PublisherId(number(part >> 8)?))).or_default();
        let count: u64 = number(column(row, 2)?)?;
        match column::<Option<i64>>(row, 4)? {
            Some(counter) => *sum.counters.entry(number(counter)?).or_default() += count,
            None => {
                sum.reports += count;
                for (counter, count) in (0..).zip(column::<Vec<i64>>(row, 3)?).filter(|(_, count)| *count > 0) {
                    *sum.counters.entry(counter).or_default() += number::<u64>(count)?;
                }
            }
        }
    }
    let tally = |((window, publisher), sum): (_, Sum)| SeriesTally {
        publisher,
        window,
        reports: sum.reports,
        counters: sum.counters.into_iter().collect(),
    };
    Ok(sums.into_iter().map(tally).collect())
}

/// The rows of [`LOG`].
pub(super) fn log(rows: &[Row]) -> Result<Vec<Vec<u8>>, StoreError> {
    rows.iter().map(|row| column(row, 0)).collect()
}
