//! Deleting tallies, and their bytes from the disk.

use fjall::Readable;
use tacita_protocol::{id::MeasureId, time::WindowId};

use super::{disk::Disk, layout};
use crate::StoreError;

/// Keys that are deleted in one batch.
const AT_ONCE: usize = 16_384;

/// See [`Retention::oldest_window`](crate::retention::Retention::oldest_window).
pub(super) fn oldest_window(disk: &Disk, measure: MeasureId) -> Result<Option<WindowId>, StoreError> {
    let first = disk.snapshot().prefix(&disk.tallies, measure.0.to_be_bytes()).next();
    first.map(|entry| Ok(layout::decode_tally_key(&entry.key()?)?.0)).transpose()
}

/// Deletes a measure's tallies before a window; says how many series went. For the writer, which must then forget what
/// it holds of them.
///
/// In several batches, rising: a crash in between leaves a whole number of batches done, and the rest for the next time.
pub(super) fn delete_windows(disk: &Disk, measure: MeasureId, before: WindowId) -> Result<u64, StoreError> {
    let keys = || layout::window_start(measure, WindowId(0))..layout::window_start(measure, before);
    let mut series = 0;
    loop {
        let mut batch = disk.batch(AT_ONCE);
        let mut taken = 0;
        for entry in disk.tallies.range(keys()).take(AT_ONCE) {
            let key = entry.key()?;
            series += u64::from(layout::decode_tally_key(&key)?.2.is_none());
            batch.remove(&disk.tallies, key);
            taken += 1;
        }
        if taken == 0 {
            return Ok(series);
        }
        disk.wait_for_tables(&disk.tallies)?;
        disk.commit(batch)?;
    }
}

/// Merges all tables of tallies into new ones, in which nothing that was deleted is left.
pub(super) fn shed(disk: &Disk) -> Result<(), StoreError> {
    disk.rewrite_tallies()
}
