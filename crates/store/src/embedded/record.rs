//! Closing periods, and reading what was counted in them.
//!
//! Outcome counts are totals since the store was made. What they have grown by since the last period was closed is what
//! was counted in this one: so a commit writes nothing for the record.

use std::collections::BTreeMap;

use fjall::Readable;
use tacita_protocol::{id::PublisherId, outcome::Outcome, record::PeriodId};

use super::{
    disk::Disk,
    layout::{self, Recorded},
    read,
};
use crate::{Closing, PeriodCounts, StoreError};

/// See [`PeriodRecord::last_closing`](crate::PeriodRecord::last_closing).
pub(super) fn last_closing(disk: &Disk) -> Result<Option<Closing>, StoreError> {
    let Some(last) = disk.periods.last_key_value() else { return Ok(None) };
    let (key, value) = last.into_inner()?;
    layout::decode_closing(&key, &value).map(Some)
}

/// The period after the last one that was closed.
pub(super) fn open_period(disk: &Disk) -> Result<PeriodId, StoreError> {
    Ok(last_closing(disk)?.map_or(PeriodId(0), |last| last.period.next()))
}

/// Closes a period: each publisher's counts, and the end of the period, in one batch. For the writer, between groups.
pub(super) fn close(disk: &Disk, closing: Closing) -> Result<(), StoreError> {
    disk.require_room()?;
    let mut batch = disk.batch(64);
    let mut totals: BTreeMap<PublisherId, BTreeMap<Outcome, u64>> = BTreeMap::new();
    for (publisher, outcome, total) in read::outcomes(disk)? {
        totals.entry(publisher).or_default().insert(outcome, total);
    }
    for (publisher, totals) in totals {
        let before = last_totals(disk, publisher)?;
        if totals != before {
            let grown = |(&outcome, &total): (&Outcome, &u64)| Recorded {
                outcome,
                reports: total.saturating_sub(before.get(&outcome).copied().unwrap_or(0)),
                total,
            };
            let counts: Vec<Recorded> = totals.iter().map(grown).collect();
            batch.insert(&disk.record, layout::record_key(publisher, closing.period), layout::record_value(&counts));
        }
    }
    batch.insert(&disk.periods, layout::period_key(closing.period), closing.at.0.to_be_bytes());
    disk.commit(batch)
}

/// A publisher's totals at the end of the last period that it has counts in.
fn last_totals(disk: &Disk, publisher: PublisherId) -> Result<BTreeMap<Outcome, u64>, StoreError> {
    let Some(last) = disk.record.prefix(publisher.0.to_be_bytes()).next_back() else { return Ok(BTreeMap::new()) };
    let counts = layout::decode_record(&last.value()?)?;
    Ok(counts.into_iter().map(|count| (count.outcome, count.total)).collect())
}

/// See [`PeriodRecord::closed_periods`](crate::PeriodRecord::closed_periods).
pub(super) fn closed_periods(
    disk: &Disk,
    publisher: PublisherId,
    from: PeriodId,
    most: usize,
) -> Result<Vec<PeriodCounts>, StoreError> {
    let snapshot = disk.snapshot();
    let keys = layout::record_key(publisher, from)..=layout::record_key(publisher, PeriodId(u32::MAX));
    let read = |entry: fjall::Guard| {
        let (key, value) = entry.into_inner()?;
        let period = layout::period_key(layout::period_of_record(&key)?);
        let closed_at = snapshot.get(&disk.periods, period)?.ok_or_else(|| layout::malformed(layout::RECORD, &key))?;
        Ok(layout::period_counts(layout::decode_closing(&period, &closed_at)?, &layout::decode_record(&value)?))
    };
    snapshot.range(&disk.record, keys).take(most).map(read).collect()
}
