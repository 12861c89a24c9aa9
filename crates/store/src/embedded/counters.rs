//! Counters in memory, so that a commit reads none from the disk: what they hold is what the disk will hold after the
//! group's batch.
//!
//! Counters come in rows: all of one series, or one publisher's outcome counts. A row is read whole when it is first touched;
//! from then on, a counter that is not in memory is zero. Rows not used for longest are forgotten first.

use std::collections::HashMap;

use fjall::{Keyspace, OwnedWriteBatch};
use tacita_protocol::{id::PublisherId, outcome::Outcome};

use super::{disk::Disk, layout};
use crate::{Entry, Series, StoreError};

/// What a row holds the counters of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum RowId {
    Series(PublisherId, Series),
    Outcomes(PublisherId),
}

impl RowId {
    /// What the keys of the row begin with.
    fn key(self) -> Vec<u8> {
        match self {
            Self::Series(publisher, series) => layout::series_key(publisher, series).into(),
            Self::Outcomes(publisher) => layout::outcomes_key(publisher).into(),
        }
    }

    fn keyspace(self, disk: &Disk) -> &Keyspace {
        match self {
            Self::Series(..) => &disk.tallies,
            Self::Outcomes(_) => &disk.outcomes,
        }
    }
}

/// 64 neighbouring counters: a mechanism's small domain is one page.
struct Page {
    counts: [u64; 64],
    /// Bit `i`: counter `i` has changed in this group.
    dirty: u64,
}

#[derive(Default)]
struct Row {
    /// The number of reports, whose key is the row's own. Outcomes have none.
    reports: u64,
    pages: HashMap<u32, Box<Page>>,
    /// The pages that have changed in this group.
    dirty_pages: Vec<u32>,
    /// Whether anything has.
    dirty: bool,
    last_used: u64,
    /// The counters that the bound reckons for it.
    weight: usize,
}

/// The page with this number, of zeros if it is new.
fn page(pages: &mut HashMap<u32, Box<Page>>, number: u32) -> &mut Page {
    pages.entry(number).or_insert_with(|| Box::new(Page { counts: [0; 64], dirty: 0 }))
}

impl Row {
    fn raise(&mut self, counter: u32, by: u64) {
        let (number, place) = (counter / 64, counter % 64);
        let page = page(&mut self.pages, number);
        if page.dirty == 0 {
            self.dirty_pages.push(number);
        }
        page.dirty |= 1 << place;
        let count = &mut page.counts[place as usize];
        *count = count.saturating_add(by);
    }

    /// Reads a row from the disk.
    fn load(disk: &Disk, id: RowId) -> Result<Self, StoreError> {
        let mut row = Self::default();
        let prefix = id.key();
        let keyspace = id.keyspace(disk);
        for entry in keyspace.prefix(&prefix) {
            let (key, value) = entry.into_inner()?;
            let count = layout::count(keyspace.name(), &value)?;
            match &key[prefix.len()..] {
                [] => row.reports = count,
                counter => {
                    let counter = layout::number(keyspace.name(), counter)?;
                    page(&mut row.pages, counter / 64).counts[counter as usize % 64] = count;
                }
            }
        }
        Ok(row)
    }

    /// Writes what has changed, and calls it unchanged.
    fn write(&mut self, disk: &Disk, id: RowId, batch: &mut OwnedWriteBatch) {
        let keyspace = id.keyspace(disk);
        let prefix = id.key();
        if let RowId::Series(..) = id {
            batch.insert(keyspace, &prefix, self.reports.to_be_bytes());
        }
        self.dirty_pages.sort_unstable();
        for number in self.dirty_pages.drain(..) {
            let page = page(&mut self.pages, number);
            let mut dirty = std::mem::take(&mut page.dirty);
            while dirty != 0 {
                let place = dirty.trailing_zeros();
                dirty &= dirty - 1;
                let key = [&prefix[..], &(number * 64 + place).to_be_bytes()].concat();
                batch.insert(keyspace, key, page.counts[place as usize].to_be_bytes());
            }
        }
        self.dirty = false;
    }

    /// Reckons its weight anew; by how much it has grown.
    fn reweigh(&mut self) -> usize {
        let before = std::mem::replace(&mut self.weight, 64 * (1 + self.pages.len()));
        // Rows lose no pages.
        self.weight - before
    }
}

/// The rows in memory.
pub(super) struct Counters {
    rows: HashMap<RowId, Row>,
    dirty: Vec<RowId>,
    limit: usize,
    /// That of all rows.
    weight: usize,
    /// Counts groups, to tell how long ago a row was used.
    group: u64,
}

impl Counters {
    /// Keeps about `limit` counters between groups.
    pub(super) fn new(limit: usize) -> Self {
        Self { rows: HashMap::new(), dirty: Vec::new(), limit, weight: 0, group: 0 }
    }

    /// Adds a report that counts.
    pub(super) fn add_report(&mut self, disk: &Disk, publisher: PublisherId, entry: &Entry) -> Result<(), StoreError> {
        let row = self.row(disk, RowId::Series(publisher, entry.series))?;
        row.reports = row.reports.saturating_add(1);
        entry.increments.for_each(|counter| row.raise(counter, 1));
        Ok(())
    }

    /// Adds to a publisher's outcome counts.
    pub(super) fn add_outcome(
        &mut self,
        disk: &Disk,
        publisher: PublisherId,
        outcome: Outcome,
        by: u64,
    ) -> Result<(), StoreError> {
        if by > 0 {
            self.row(disk, RowId::Outcomes(publisher))?.raise(layout::outcome_number(outcome), by);
        }
        Ok(())
    }

    fn row(&mut self, disk: &Disk, id: RowId) -> Result<&mut Row, StoreError> {
        let row = match self.rows.entry(id) {
            std::collections::hash_map::Entry::Occupied(row) => row.into_mut(),
            std::collections::hash_map::Entry::Vacant(place) => place.insert(Row::load(disk, id)?),
        };
        if !row.dirty {
            row.dirty = true;
            row.last_used = self.group;
            self.dirty.push(id);
        }
        Ok(row)
    }

    /// Puts every counter that has changed into the batch.
    pub(super) fn write(&mut self, disk: &Disk, batch: &mut OwnedWriteBatch) {
        self.dirty.sort_unstable();
        for id in self.dirty.drain(..) {
            if let Some(row) = self.rows.get_mut(&id) {
                row.write(disk, id, batch);
                self.weight += row.reweigh();
            }
        }
    }

    /// Ends a group whose batch stands on the disk: forgets the rows not used for longest until the bound is kept.
    pub(super) fn settle(&mut self) {
        self.group += 1;
        if self.weight <= self.limit {
            return;
        }
        let mut by_age: Vec<(u64, RowId)> = self.rows.iter().map(|(&id, row)| (row.last_used, id)).collect();
        by_age.sort_unstable();
        for (_, id) in by_age {
            if self.weight <= self.limit / 4 * 3 {
                break;
            }
            self.weight -= self.rows.remove(&id).map_or(0, |row| row.weight);
        }
    }

    /// What is in memory is no longer what the disk holds: a group failed, or tallies were deleted.
    pub(super) fn forget(&mut self) {
        self.rows.clear();
        self.dirty.clear();
        self.weight = 0;
    }
}
