//! The engine that needs no server: a log-structured merge tree ([fjall]) in a directory of its own.
//!
//! | file | holds |
//! |---|---|
//! | `writer` | the one thread that writes: groups of commits, one batch and one fsync each |
//! | `judge` | which entries of a group count |
//! | `counters` | the counters in memory |
//! | `read` | reads |
//! | `record` | closing periods, and reading what was counted in them |
//! | `spent` | the spent set of an epoch, in generations |
//! | `filter` | which nullifiers a generation may hold |
//! | `disk` | the directory and its keyspaces |
//! | `open_disk` | the disk while it is open, and opening it again after it failed |
//! | `backup` | the store handed out while it goes on, and made from that |
//! | `retention` | deleting tallies |
//! | `layout` | names and keys, to the byte |
//! | `migrate` | stores of older versions |
//! | `fault` | what the engine's errors mean |
//! | `options` | bounds |

mod backup;
mod counters;
mod disk;
mod fault;
mod filter;
mod judge;
mod layout;
mod migrate;
mod open_disk;
mod options;
mod read;
mod record;
mod retention;
mod spent;
mod writer;

use std::{ops::Range, path::Path, sync::Arc, thread};

use async_trait::async_trait;
use tacita_protocol::{
    epoch::EpochId,
    id::{MeasureId, PublisherId},
    outcome::Outcome,
    record::PeriodId,
    time::WindowId,
};
use tacita_tokens::{Fingerprint, Nullifier};
use tokio::sync::{mpsc, oneshot};

pub use self::options::EmbeddedOptions;
use self::{
    disk::Disk,
    open_disk::OpenDisk,
    writer::{AddOutcomes, Append, Commit, Job, OwnThread, Writer},
};
use crate::{
    ChangeLog, Closing, Committed, Entry, LogError, Partition, PeriodCounts, PeriodRecord, SeriesTally, StoreError,
    Syncs, TallyStore,
    backup::{Backup, Cut, Part},
    retention::Retention,
};

/// How many nullifiers are looked for in memory on the caller's own thread: some microseconds.
const FEW: usize = 64;

/// Spent sets, tallies and the change log in a directory on this machine. One process at a time.
///
/// A call that writes is carried out even if its future is dropped. Dropping the store waits until all that was asked
/// of it stands on the disk.
#[derive(Debug)]
pub struct EmbeddedStore {
    /// `None` only while it is dropped.
    queue: Option<mpsc::Sender<Job>>,
    disk: Arc<OpenDisk>,
    writer: Option<thread::JoinHandle<()>>,
}

impl EmbeddedStore {
    /// Opens the store in the directory `path`, or makes one. Blocks while the engine replays its journal.
    ///
    /// # Errors
    ///
    /// [`StoreError::InUse`] if another process has it open, [`StoreError::Schema`] if a newer version of Tacita wrote it,
    /// [`StoreError::Damaged`] if its files are not as they were written. What an older one wrote is migrated first, once.
    pub fn open(path: impl AsRef<Path>, options: EmbeddedOptions) -> Result<Self, StoreError> {
        let path = path.as_ref();
        Self::open_in(path, options).map_err(|error| error.at_opening(path))
    }

    fn open_in(path: &Path, options: EmbeddedOptions) -> Result<Self, StoreError> {
        let (queue, jobs) = mpsc::channel(options.queued_commits.max(1));
        let (cached_counters, group_entries) = (options.cached_counters, options.group_entries);
        let disk = Arc::new(OpenDisk::open(path, options)?);
        let writer = Writer::new(Arc::clone(&disk), cached_counters, group_entries)?;
        let writer =
            thread::Builder::new().name("store-writer".to_owned()).spawn(move || writer.run(jobs, &OwnThread))?;
        Ok(Self { queue: Some(queue), disk, writer: Some(writer) })
    }

    /// Makes the store in the directory `path` out of the parts of a [`Backup`] of layout `schema`. Blocks. A crash
    /// leaves no store.
    ///
    /// # Errors
    ///
    /// [`StoreError::Schema`] for a layout of a newer version; [`StoreError::Engine`] if there is a store already, or
    /// for parts that no backup has.
    pub fn restore(
        path: impl AsRef<Path>,
        schema: u32,
        parts: impl Iterator<Item = Result<Part, StoreError>>,
    ) -> Result<(), StoreError> {
        backup::restore(path.as_ref(), schema, parts)
    }

    /// Has the writer do a job and waits for its answer.
    async fn ask<T, E: From<StoreError>>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, E>>) -> Job,
    ) -> Result<T, E> {
        let (answer, answered) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or(StoreError::Closed)?;
        queue.send(job(answer)).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }

    /// Reads on a thread that may block.
    async fn on_blocking_thread<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Disk) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let disk = self.disk.disk()?;
        match tokio::task::spawn_blocking(move || read(&disk)).await {
            Ok(result) => result,
            Err(end) if end.is_panic() => Err(StoreError::Engine("the engine panicked on a read".to_owned())),
            Err(_) => Err(StoreError::Closed),
        }
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the store's writer had panicked; nothing that was acknowledged is lost");
        }
    }
}

#[async_trait]
impl TallyStore for EmbeddedStore {
    async fn commit(&self, partition: Partition, epoch: EpochId, entries: Vec<Entry>) -> Result<Committed, StoreError> {
        let publisher = partition.publisher;
        debug_assert!(entries.iter().all(|entry| Partition::of(publisher, &entry.nullifier) == partition));
        self.ask(|answer| Job::Commit(Commit { publisher, epoch, entries, answer })).await
    }

    async fn spent(
        &self,
        _: PublisherId,
        epoch: EpochId,
        nullifiers: &[Nullifier],
    ) -> Result<Vec<Option<Fingerprint>>, StoreError> {
        // Few that are all absent, as nearly always, are told from memory.
        if nullifiers.len() <= FEW && self.disk.disk()?.spent(epoch)?.is_none_or(|set| !set.may_hold_any(nullifiers)) {
            return Ok(vec![None; nullifiers.len()]);
        }
        let nullifiers = nullifiers.to_vec();
        self.on_blocking_thread(move |disk| read::spent(disk, epoch, &nullifiers)).await
    }

    async fn add_outcomes(&self, publisher: PublisherId, outcomes: &[(Outcome, u64)]) -> Result<PeriodId, StoreError> {
        let outcomes = outcomes.to_vec();
        self.ask(|answer| Job::AddOutcomes(AddOutcomes { publisher, outcomes, answer })).await
    }

    async fn outcomes(&self) -> Result<Vec<(PublisherId, Outcome, u64)>, StoreError> {
        self.on_blocking_thread(read::outcomes).await
    }

    async fn tallies(&self, measure: MeasureId, windows: Range<WindowId>) -> Result<Vec<SeriesTally>, StoreError> {
        self.on_blocking_thread(move |disk| read::tallies(disk, measure, windows)).await
    }

    async fn drop_epoch(&self, epoch: EpochId) -> Result<(), StoreError> {
        self.ask(|answer| Job::DropEpoch { epoch, answer }).await
    }

    async fn is_dropped(&self, epoch: EpochId) -> Result<bool, StoreError> {
        Ok(self.disk.disk()?.is_dropped(epoch))
    }

    fn engine(&self) -> &'static str {
        "embedded"
    }

    async fn check(&self) -> Result<(), StoreError> {
        let queue = self.queue.as_ref().filter(|queue| !queue.is_closed()).ok_or(StoreError::Closed)?;
        let checked = self.on_blocking_thread(Disk::check).await;
        if checked.is_err() {
            // In a full queue there is a job that will find the same.
            let _ = queue.try_send(Job::Mend);
        }
        checked
    }

    async fn bytes(&self) -> Result<u64, StoreError> {
        self.on_blocking_thread(Disk::bytes).await
    }

    fn syncs(&self) -> Syncs {
        self.disk.syncs()
    }
}

#[async_trait]
impl PeriodRecord for EmbeddedStore {
    async fn last_closing(&self) -> Result<Option<Closing>, StoreError> {
        self.on_blocking_thread(record::last_closing).await
    }

    async fn close_period(&self, closing: Closing) -> Result<(), StoreError> {
        self.ask(|answer| Job::ClosePeriod { closing, answer }).await
    }

    async fn closed_periods(
        &self,
        publisher: PublisherId,
        from: PeriodId,
        most: usize,
    ) -> Result<Vec<PeriodCounts>, StoreError> {
        self.on_blocking_thread(move |disk| record::closed_periods(disk, publisher, from, most)).await
    }
}

#[async_trait]
impl ChangeLog for EmbeddedStore {
    async fn read(&self, from: u64) -> Result<Vec<Vec<u8>>, StoreError> {
        self.on_blocking_thread(move |disk| read::log(disk, from)).await
    }

    async fn append(&self, expected: u64, entry: &[u8]) -> Result<(), LogError> {
        let entry = entry.to_vec();
        self.ask(|answer| Job::Append(Append { expected, entry, answer })).await
    }
}

#[async_trait]
impl Backup for EmbeddedStore {
    async fn back_up(&self, parts: mpsc::Sender<Part>) -> Result<Cut, StoreError> {
        self.on_blocking_thread(move |disk| backup::back_up(disk, &parts)).await
    }
}

#[async_trait]
impl Retention for EmbeddedStore {
    async fn oldest_window(&self, measure: MeasureId) -> Result<Option<WindowId>, StoreError> {
        self.on_blocking_thread(move |disk| retention::oldest_window(disk, measure)).await
    }

    async fn delete_windows(&self, measure: MeasureId, before: WindowId) -> Result<u64, StoreError> {
        self.ask(|answer| Job::DeleteWindows { measure, before, answer }).await
    }

    async fn shed(&self) -> Result<(), StoreError> {
        self.on_blocking_thread(retention::shed).await
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
