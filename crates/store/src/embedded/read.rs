//! Reads, each of one snapshot that has every batch whole or not at all. Taking it may wait for the batch that is being written;
//! the writer waits for no read.

use std::ops::Range;

use fjall::Readable;
use tacita_protocol::{
    epoch::EpochId,
    id::{MeasureId, PublisherId},
    outcome::Outcome,
    time::WindowId,
};
use tacita_tokens::{Fingerprint, Nullifier};

use super::{disk::Disk, layout};
use crate::{SeriesTally, StoreError};

/// See [`TallyStore::spent`](crate::TallyStore::spent).
pub(super) fn spent(
    disk: &Disk,
    epoch: EpochId,
    nullifiers: &[Nullifier],
) -> Result<Vec<Option<Fingerprint>>, StoreError> {
    match disk.spent(epoch)? {
        Some(set) => nullifiers.iter().map(|nullifier| set.get(nullifier)).collect(),
        None => Ok(vec![None; nullifiers.len()]),
    }
}

/// See [`TallyStore::outcomes`](crate::TallyStore::outcomes).
pub(super) fn outcomes(disk: &Disk) -> Result<Vec<(PublisherId, Outcome, u64)>, StoreError> {
    let entries = disk.snapshot().iter(&disk.outcomes);
    entries
        .map(|entry| {
            let (key, value) = entry.into_inner()?;
            let (publisher, outcome) = layout::decode_outcome_key(&key)?;
            Ok((publisher, outcome, layout::count(layout::OUTCOMES, &value)?))
        })
        .collect()
}

/// See [`TallyStore::tallies`](crate::TallyStore::tallies).
pub(super) fn tallies(
    disk: &Disk,
    measure: MeasureId,
    windows: Range<WindowId>,
) -> Result<Vec<SeriesTally>, StoreError> {
    let mut tallies: Vec<SeriesTally> = Vec::new();
    if windows.is_empty() {
        return Ok(tallies);
    }
    let keys = layout::window_start(measure, windows.start)..layout::window_start(measure, windows.end);
    for entry in disk.snapshot().range(&disk.tallies, keys) {
        let (key, value) = entry.into_inner()?;
        let (window, publisher, counter) = layout::decode_tally_key(&key)?;
        let count = layout::count(layout::TALLIES, &value)?;
        match (counter, tallies.last_mut()) {
            // A series begins with its number of reports.
            (None, _) => tallies.push(SeriesTally { publisher, window, reports: count, counters: Vec::new() }),
            (Some(counter), Some(tally)) if (tally.window, tally.publisher) == (window, publisher) => {
                tally.counters.push((counter, count));
            }
            (Some(_), _) => return Err(layout::malformed(layout::TALLIES, &key)),
        }
    }
    Ok(tallies)
}

/// See [`ChangeLog::read`](crate::ChangeLog::read).
pub(super) fn log(disk: &Disk, from: u64) -> Result<Vec<Vec<u8>>, StoreError> {
    let entries = disk.snapshot().range(&disk.log, from.to_be_bytes()..);
    entries.map(|entry| Ok(entry.value()?.to_vec())).collect()
}
