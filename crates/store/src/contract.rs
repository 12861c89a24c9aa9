//! What every engine guarantees, and what not.
//!
//! The hot path is one operation, [`TallyStore::commit`]: spend and tally in one atomic, durable step. Exactly-once is a
//! uniqueness constraint and an increment in the same transaction, never a check followed by an act.

use std::{ops::Range, path::PathBuf, time::Duration};

use async_trait::async_trait;
use tacita_protocol::{
    epoch::EpochId,
    id::{MeasureId, PublisherId},
    outcome::Outcome,
    record::PeriodId,
    time::{UnixTime, WindowId},
};
use tacita_tokens::{Fingerprint, Nullifier};

/// What a commit touches, and all that it touches: one publisher's nullifiers with the same first bits.
///
/// Nullifiers of different partitions can never meet, so partitions need no transaction in common.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Partition {
    /// Whose reports.
    pub publisher: PublisherId,
    /// The first bits of the nullifier, 0 to [`Partition::LANES`] − 1.
    pub lane: u8,
}

impl Partition {
    /// How many lanes a publisher's nullifiers are spread over.
    pub const LANES: u8 = 8;

    /// The partition that a nullifier belongs to.
    pub fn of(publisher: PublisherId, nullifier: &Nullifier) -> Self {
        Self { publisher, lane: nullifier.as_bytes()[0] >> (8 - Self::LANES.trailing_zeros()) }
    }
}

/// Which histogram a report is tallied in, within its publisher.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Series {
    /// The measure.
    pub measure: MeasureId,
    /// The window of the measure.
    pub window: WindowId,
}

/// The counters of a series that one report raises by one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Increments {
    /// Counter `i` for each bit `i` that is set.
    Mask(u64),
    /// One counter.
    One(u32),
    /// Distinct counters.
    Many(Box<[u32]>),
}

impl FromIterator<u32> for Increments {
    /// The smallest form for these distinct counters.
    fn from_iter<I: IntoIterator<Item = u32>>(counters: I) -> Self {
        let counters: Vec<u32> = counters.into_iter().collect();
        match counters.as_slice() {
            &[one] => Self::One(one),
            few if few.iter().all(|&counter| counter < 64) => {
                Self::Mask(few.iter().fold(0, |mask, counter| mask | 1 << counter))
            }
            _ => Self::Many(counters.into()),
        }
    }
}

impl Increments {
    /// Calls `raise` for each counter.
    pub fn for_each(&self, mut raise: impl FnMut(u32)) {
        match self {
            Self::Mask(mask) => {
                let mut rest = *mask;
                while rest != 0 {
                    raise(rest.trailing_zeros());
                    rest &= rest - 1;
                }
            }
            Self::One(counter) => raise(*counter),
            Self::Many(counters) => counters.iter().copied().for_each(raise),
        }
    }
}

/// One opened and validated report.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// What makes its token spendable once.
    pub nullifier: Nullifier,
    /// What tells the same bytes sent again from a token spent twice.
    pub fingerprint: Fingerprint,
    /// Where it is tallied.
    pub series: Series,
    /// What it adds there.
    pub increments: Increments,
}

/// What [`TallyStore::commit`] did with one entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Its nullifier was absent: now spent, and its increments added.
    Counted,
    /// Its nullifier was there with the same fingerprint: an acknowledgement was lost. Nothing changed.
    AlreadyCounted,
    /// Its nullifier was there with another fingerprint: a double spend. Nothing changed.
    Spent,
}

impl From<Verdict> for Outcome {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Counted => Self::Counted,
            Verdict::AlreadyCounted => Self::AlreadyCounted,
            Verdict::Spent => Self::Refused(tacita_protocol::outcome::Refusal::Spent),
        }
    }
}

/// What a commit did, and when as far as the record goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Committed {
    /// For each entry, in order.
    pub verdicts: Vec<Verdict>,
    /// The period that the verdicts were counted in. Of a commit of nothing it says nothing.
    pub period: PeriodId,
}

/// The tally of one publisher's series, summed over its lanes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeriesTally {
    /// Whose reports.
    pub publisher: PublisherId,
    /// Of which window.
    pub window: WindowId,
    /// How many reports.
    pub reports: u64,
    /// The counters that are not zero: (index, count), by rising index.
    pub counters: Vec<(u32, u64)>,
}

/// A fault of the store. The failed call happened whole or not at all, and which is not known. Doing a commit or a drop again is
/// safe; each operation says what doing it again means.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the store open.
    #[error("the store in '{}' is open in another process: stop that one first", .0.display())]
    InUse(PathBuf),
    /// The store was written by a newer version, or by one so old that this one cannot bring it up.
    #[error(
        "the store has schema {found} and this version knows schema {known}: use the version of Tacita that wrote it, or a newer one"
    )]
    Schema {
        /// What the store says.
        found: u32,
        /// What this version reads and writes.
        known: u32,
    },
    /// The database has not the schema of this version yet.
    #[error(
        "the database {}: run `tacita store init` with its URL once, then start the collectors",
        if *.found == 0 {
            "holds no store of Tacita's".to_owned()
        } else {
            format!("has schema {found} and this version needs {known}")
        }
    )]
    NotPrepared {
        /// What it has; 0 for none.
        found: u32,
        /// What this version reads and writes.
        known: u32,
    },
    /// The epoch was dropped: what was spent in it is no longer known, so nothing of it may count.
    #[error("epoch {0} was dropped")]
    EpochDropped(EpochId),
    /// The disk is full, or all but full. Calls succeed again once there is space, without a restart.
    #[error("the disk that holds the store is full: free some space; nothing that was acknowledged is lost")]
    DiskFull,
    /// The database cannot be reached, or takes no calls just now, and was so for as long as a call waits. Calls
    /// succeed again once it is back, without a restart.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The store was closed, or one of its threads ended.
    #[error("the store is closed")]
    Closed,
    /// The store's files are not as they were written.
    #[error(
        "the store{} is damaged ({cause}): move that folder away and restore a backup with `tacita restore` (deploy/RUNBOOK.md, \
         section 4); what was counted since the backup is lost",
        path.as_ref().map_or_else(String::new, |path| format!(" in '{}'", path.display()))
    )]
    Damaged {
        /// The store's folder, when it is opened.
        path: Option<PathBuf>,
        /// What the engine says.
        cause: String,
    },
    /// Anything else that the engine or the disk says.
    #[error("the store failed: {0}")]
    Engine(String),
}

/// Spent sets and tallies.
#[async_trait]
pub trait TallyStore: Send + Sync + std::fmt::Debug {
    /// Spends and tallies, as one atomic and durable step; answers for each entry, in order.
    ///
    /// Guaranteed when it returns `Ok`: every nullifier of the batch is spent; the increments of exactly the entries
    /// answered [`Verdict::Counted`] were added, once; the publisher's outcome counts grew by the verdicts, in the
    /// period that is answered; all of it survives a kill or a loss of power at any later instant. Two entries of one
    /// batch with the same nullifier are judged in order. Concurrent commits behave as if one came after the other.
    ///
    /// On `Err` the batch may have been applied whole or not at all, never in part; the same call again is safe and counts
    /// nothing twice.
    ///
    /// Not guaranteed: any order among concurrent commits; that a reader sees a commit before it has returned; that a
    /// batch which an engine tried again by itself, after a lost connection, is answered [`Verdict::Counted`] rather
    /// than [`Verdict::AlreadyCounted`] (then the outcome counts have both).
    ///
    /// All entries must belong to `partition` (checked in debug builds).
    async fn commit(&self, partition: Partition, epoch: EpochId, entries: Vec<Entry>) -> Result<Committed, StoreError>;

    /// The fingerprints of those of a publisher's nullifiers that are spent, in order; `None` for the others.
    ///
    /// A hint that spares work on replays: an absent nullifier may be spent by the time the caller acts, and only
    /// [`TallyStore::commit`] decides. Of a dropped epoch nothing is known: [`StoreError::EpochDropped`].
    async fn spent(
        &self,
        publisher: PublisherId,
        epoch: EpochId,
        nullifiers: &[Nullifier],
    ) -> Result<Vec<Option<Fingerprint>>, StoreError>;

    /// Adds to a publisher's outcome counts; answers the period that they were counted in. For refusals that never reach
    /// [`TallyStore::commit`].
    ///
    /// Durable when it returns; not idempotent: a report refused again is counted again, and so is a call repeated after `Err`.
    async fn add_outcomes(&self, publisher: PublisherId, outcomes: &[(Outcome, u64)]) -> Result<PeriodId, StoreError>;

    /// Every publisher's outcome counts that are not zero, of all periods together.
    async fn outcomes(&self) -> Result<Vec<(PublisherId, Outcome, u64)>, StoreError>;

    /// The tallies of a measure in a range of windows, by rising (window, publisher). Empty for a range that runs backwards.
    async fn tallies(&self, measure: MeasureId, windows: Range<WindowId>) -> Result<Vec<SeriesTally>, StoreError>;

    /// Forgets what was spent in an epoch, in constant time. Tallies stay.
    ///
    /// From then on, and after a restart, every commit to it fails with [`StoreError::EpochDropped`]: garbage collection and
    /// replay protection are one rule. Dropping it again changes nothing.
    async fn drop_epoch(&self, epoch: EpochId) -> Result<(), StoreError>;

    /// Whether an epoch was dropped.
    async fn is_dropped(&self, epoch: EpochId) -> Result<bool, StoreError>;

    /// How often the engine has tried a call again by itself since it was opened: for conflicts with others, and while a database
    /// was away. Always 0 where there are neither.
    fn retries(&self) -> u64 {
        0
    }

    /// The engine in one word.
    fn engine(&self) -> &'static str {
        "other"
    }

    /// Whether a commit would be taken now, as far as can be told without one.
    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// How many bytes the store takes on its disk, about; 0 where it cannot tell.
    async fn bytes(&self) -> Result<u64, StoreError> {
        Ok(0)
    }

    /// What the engine has brought to the disk itself since it was opened. Nothing where a database does that.
    fn syncs(&self) -> Syncs {
        Syncs::default()
    }
}

/// Groups of commits that were brought to the disk with one fsync each.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Syncs {
    /// How many.
    pub number: u64,
    /// How long they took in all.
    pub time: Duration,
}

/// The end of a period.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Closing {
    /// Which.
    pub period: PeriodId,
    /// By the clock of the collector that closed it.
    pub at: UnixTime,
}

/// What became of one publisher's reports in a closed period.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PeriodCounts {
    /// When which period was closed.
    pub closing: Closing,
    /// The counts that are not zero, by rising number on the wire.
    pub outcomes: Vec<(Outcome, u64)>,
}

/// Outcome counts by period.
///
/// One period is open, and every outcome is counted in the period that is open at the instant of its commit. *Which
/// that is the store says, no clock*: collectors whose clocks differ agree on it, and a commit that took long is
/// counted where it ended.
///
/// Guaranteed: the counts of a closed period never change, whatever is still under way when it is closed; each report that
/// [`TallyStore::outcomes`] has is in the counts of exactly one period; periods are closed in order, without a gap.
#[async_trait]
pub trait PeriodRecord: Send + Sync + std::fmt::Debug {
    /// The end of the last period that was closed; the one after it is open. `None` while period 0 is.
    async fn last_closing(&self) -> Result<Option<Closing>, StoreError>;

    /// Closes the open period if it has this number, durably; changes nothing otherwise. Doing it again is safe.
    ///
    /// Commits may wait for it, and it for those that are under way.
    async fn close_period(&self, closing: Closing) -> Result<(), StoreError>;

    /// A publisher's counts in the closed periods from `from` on, by rising period, `most` at a time. Periods in which
    /// it had none are left out.
    async fn closed_periods(
        &self,
        publisher: PublisherId,
        from: PeriodId,
        most: usize,
    ) -> Result<Vec<PeriodCounts>, StoreError>;
}

/// An entry could not be appended.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Somebody else appended first: read the log on from where you stood, and decide again.
    #[error("the log has grown past entry {expected}")]
    Conflict {
        /// The index the caller wanted to write.
        expected: u64,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The append-only log of changes to the catalogue. What the changes mean is the collector's affair.
#[async_trait]
pub trait ChangeLog: Send + Sync + std::fmt::Debug {
    /// The entries from index `from` on, in order; the first ever written has index 0.
    async fn read(&self, from: u64) -> Result<Vec<Vec<u8>>, StoreError>;

    /// Appends one entry as index `expected`, durably, if and only if the log has exactly that many.
    ///
    /// After [`LogError::Store`] the entry may stand there: read the log from `expected` on before appending again.
    async fn append(&self, expected: u64, entry: &[u8]) -> Result<(), LogError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(increments: &Increments) -> Vec<u32> {
        let mut all = Vec::new();
        increments.for_each(|counter| all.push(counter));
        all
    }

    #[test]
    fn increments_take_the_smallest_form_and_lose_nothing() {
        for (given, form) in [
            (vec![5], Increments::One(5)),
            (vec![0, 3, 63], Increments::Mask(1 | 1 << 3 | 1 << 63)),
            (vec![1, 64], Increments::Many([1, 64].into())),
            (vec![], Increments::Mask(0)),
        ] {
            let increments: Increments = given.iter().copied().collect();
            assert_eq!(increments, form);
            assert_eq!(counters(&increments), given);
        }
    }

    proptest::proptest! {
        #[test]
        fn increments_raise_exactly_the_counters_they_were_made_of(
            given in proptest::collection::btree_set(proptest::prop_oneof![0..70_u32, 0..=u32::MAX], 0..80),
        ) {
            let increments: Increments = given.iter().copied().collect();
            proptest::prop_assert_eq!(counters(&increments), given.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_lane_is_the_first_three_bits_of_the_nullifier() {
        for (first, lane) in [(0x00, 0), (0x1f, 0), (0x20, 1), (0xff, 7)] {
            let mut bytes = [0; 16];
            bytes[0] = first;
            assert_eq!(Partition::of(PublisherId(1), &Nullifier::from_bytes(bytes)).lane, lane);
        }
    }
}
