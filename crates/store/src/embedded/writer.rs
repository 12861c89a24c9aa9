//! The one thread that writes.
//!
//! It takes what waits, up to a bound, makes one atomic batch of it, brings that to the disk, and answers. While it waits for the
//! disk, the next group gathers by itself: under load commits share an fsync, and a lone commit waits for nothing.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use fjall::OwnedWriteBatch;
use tacita_protocol::{
    epoch::EpochId,
    id::{MeasureId, PublisherId},
    outcome::Outcome,
    record::PeriodId,
    time::WindowId,
};
use tokio::sync::{mpsc, oneshot};

use super::{
    counters::Counters,
    disk::Disk,
    judge::{Judgement, judge},
    layout,
    open_disk::OpenDisk,
    record, retention,
};
use crate::{Closing, Committed, Entry, LogError, StoreError, Verdict};

/// How the caller of a job hears of it. That it no longer listens changes nothing.
type Answer<T, E = StoreError> = oneshot::Sender<Result<T, E>>;

/// What callers ask of the writer.
pub(super) enum Job {
    Commit(Commit),
    AddOutcomes(AddOutcomes),
    Append(Append),
    DropEpoch {
        epoch: EpochId,
        answer: Answer<()>,
    },
    ClosePeriod {
        closing: Closing,
        answer: Answer<()>,
    },
    DeleteWindows {
        measure: MeasureId,
        before: WindowId,
        answer: Answer<u64>,
    },
    /// See to it that the disk is open and takes writes. Nobody waits.
    Mend,
}

/// See [`TallyStore::commit`](crate::TallyStore::commit).
pub(super) struct Commit {
    pub(super) publisher: PublisherId,
    pub(super) epoch: EpochId,
    pub(super) entries: Vec<Entry>,
    pub(super) answer: Answer<Committed>,
}

/// See [`TallyStore::add_outcomes`](crate::TallyStore::add_outcomes).
pub(super) struct AddOutcomes {
    pub(super) publisher: PublisherId,
    pub(super) outcomes: Vec<(Outcome, u64)>,
    pub(super) answer: Answer<PeriodId>,
}

/// See [`ChangeLog::append`](crate::ChangeLog::append).
pub(super) struct Append {
    pub(super) expected: u64,
    pub(super) entry: Vec<u8>,
    pub(super) answer: Answer<(), LogError>,
}

/// Jobs that go to the disk in one batch.
#[derive(Default)]
struct Group {
    commits: Vec<Commit>,
    outcomes: Vec<AddOutcomes>,
    appends: Vec<Append>,
    size: usize,
}

impl Group {
    /// Takes a job in; hands back one that must run by itself.
    fn take(&mut self, job: Job) -> Option<Job> {
        match job {
            Job::Commit(commit) => {
                self.size += commit.entries.len();
                self.commits.push(commit);
            }
            Job::AddOutcomes(outcomes) => self.outcomes.push(outcomes),
            Job::Append(append) => self.appends.push(append),
            apart @ (Job::DropEpoch { .. } | Job::ClosePeriod { .. } | Job::DeleteWindows { .. } | Job::Mend) => {
                return Some(apart);
            }
        }
        self.size += 1;
        None
    }

    fn is_empty(&self) -> bool {
        self.size == 0
    }
}

/// What to tell the callers once the batch is on the disk.
struct Decisions {
    commits: Vec<Result<Vec<Verdict>, StoreError>>,
    appends: Vec<Result<(), LogError>>,
    log_length: u64,
}

/// How the writer waits for work. A model checker puts its own in its place, to try every order in which writer and
/// callers go on.
pub(super) trait Pace: Send {
    /// The job that waits longest, as soon as there is one; `None` when nobody can ask any more.
    fn next(&self, queue: &mut mpsc::Receiver<Job>) -> Option<Job>;

    /// A point at which others may go on. They may at any other as well, so there is nothing to do.
    fn give_way(&self) {}
}

/// On a thread that it has for itself.
pub(super) struct OwnThread;

impl Pace for OwnThread {
    fn next(&self, queue: &mut mpsc::Receiver<Job>) -> Option<Job> {
        queue.blocking_recv()
    }
}

/// The pause between two attempts to open a disk that failed.
const REOPEN_PAUSE: Duration = Duration::from_secs(1);

/// The writer's state.
pub(super) struct Writer {
    disk: Arc<OpenDisk>,
    kept: Kept,
    /// When the disk failed last, or could not be opened again; `None` while all is well.
    failed: Option<Instant>,
    cached_counters: usize,
    group_entries: usize,
}

/// What the disk holds, kept at hand.
struct Kept {
    counters: Counters,
    log_length: u64,
    /// Everything of a group is counted in it: periods are closed between groups.
    open_period: PeriodId,
}

impl Kept {
    fn read(disk: &Disk, cached_counters: usize) -> Result<Self, StoreError> {
        let log_length = match disk.log.last_key_value() {
            Some(last) => layout::count(layout::LOG, &last.key()?)? + 1,
            None => 0,
        };
        Ok(Self { counters: Counters::new(cached_counters), log_length, open_period: record::open_period(disk)? })
    }
}

impl Writer {
    pub(super) fn new(disk: Arc<OpenDisk>, cached_counters: usize, group_entries: usize) -> Result<Self, StoreError> {
        let kept = Kept::read(&*disk.disk()?, cached_counters)?;
        Ok(Self { disk, kept, failed: None, cached_counters, group_entries })
    }

    /// Works until every sender of `queue` is gone and the queue is empty.
    pub(super) fn run(mut self, mut queue: mpsc::Receiver<Job>, pace: &impl Pace) {
        while let Some(first) = pace.next(&mut queue) {
            let mut group = Group::default();
            let mut apart = group.take(first);
            while apart.is_none() && group.size < self.group_entries {
                let Ok(job) = queue.try_recv() else { break };
                apart = group.take(job);
            }
            pace.give_way();
            if !group.is_empty() {
                self.write(group, pace);
            }
            if let Some(job) = apart {
                self.do_apart(job);
            }
            if self.failed.is_some_and(|at| at.elapsed() >= REOPEN_PAUSE) {
                self.mend();
            }
        }
    }

    /// Does a job that shares no batch. Whoever asked may have left: the work is done all the same. So with every answer below.
    fn do_apart(&mut self, job: Job) {
        match job {
            Job::DropEpoch { epoch, answer } => {
                let dropped = self.disk.disk().and_then(|disk| disk.drop_epoch(epoch));
                drop(answer.send(self.noting(dropped)));
            }
            Job::ClosePeriod { closing, answer } => {
                let closed = self.close_period(closing);
                drop(answer.send(self.noting(closed)));
            }
            Job::DeleteWindows { measure, before, answer } => {
                let deleted = self.disk.disk().and_then(|disk| retention::delete_windows(&disk, measure, before));
                self.kept.counters.forget();
                drop(answer.send(self.noting(deleted)));
            }
            Job::Mend => {
                let checked = self.disk.check();
                let _ = self.noting(checked);
            }
            Job::Commit(_) | Job::AddOutcomes(_) | Job::Append(_) => {}
        }
    }

    /// Closes the open period, if it is the one that is meant. No commit is under way meanwhile: this is the thread
    /// that makes them.
    fn close_period(&mut self, closing: Closing) -> Result<(), StoreError> {
        if closing.period == self.kept.open_period {
            record::close(&*self.disk.disk()?, closing)?;
            self.kept.open_period = closing.period.next();
        }
        Ok(())
    }

    /// Brings a group to the disk and answers its callers.
    fn write(&mut self, group: Group, pace: &impl Pace) {
        let written = self.try_write(&group);
        pace.give_way();
        match self.noting(written) {
            Ok(decisions) => {
                self.kept.log_length = decisions.log_length;
                self.kept.counters.settle();
                answer(group, decisions, self.kept.open_period);
            }
            Err(error) => {
                tracing::error!(%error, "a group of commits failed");
                self.kept.counters.forget();
                fail(group, &error);
            }
        }
    }

    /// Passes on how something ended; remembers it if the disk has failed.
    fn noting<T>(&mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if result.is_err() && self.failed.is_none() && self.disk.has_failed() {
            self.failed = Some(Instant::now());
        }
        result
    }

    /// Opens a disk that failed again, and reads anew what is kept of it.
    fn mend(&mut self) {
        let cached_counters = self.cached_counters;
        match self.disk.reopen(|disk| Kept::read(disk, cached_counters)) {
            Ok(kept) => {
                self.kept = kept;
                self.failed = None;
            }
            Err(error) => {
                tracing::warn!(%error, "the store failed and cannot be opened again yet; nothing that was acknowledged is lost");
                self.failed = Some(Instant::now());
            }
        }
    }

    /// On `Err` nothing in memory may be trusted any more.
    fn try_write(&mut self, group: &Group) -> Result<Decisions, StoreError> {
        let disk = self.disk.disk()?;
        disk.require_room()?;
        let mut batch = disk.batch(group.size + 256);
        let commits = spend(&disk, &group.commits, &mut batch)?;
        self.tally(&disk, group, &commits)?;
        self.kept.counters.write(&disk, &mut batch);
        let (appends, log_length) = self.append(&disk, group, &mut batch);
        disk.wait_for_tables(&disk.tallies)?;
        disk.commit(batch)?;
        Ok(Decisions { commits, appends, log_length })
    }

    /// Folds what counts into the counters.
    fn tally(
        &mut self,
        disk: &Disk,
        group: &Group,
        commits: &[Result<Vec<Verdict>, StoreError>],
    ) -> Result<(), StoreError> {
        let counters = &mut self.kept.counters;
        for (commit, result) in group.commits.iter().zip(commits) {
            let Ok(verdicts) = result else { continue };
            for (entry, _) in commit.entries.iter().zip(verdicts).filter(|(_, v)| **v == Verdict::Counted) {
                counters.add_report(disk, commit.publisher, entry)?;
            }
            for verdict in [Verdict::Counted, Verdict::AlreadyCounted, Verdict::Spent] {
                let number = verdicts.iter().filter(|&&v| v == verdict).count() as u64;
                counters.add_outcome(disk, commit.publisher, verdict.into(), number)?;
            }
        }
        for added in &group.outcomes {
            for &(outcome, number) in &added.outcomes {
                counters.add_outcome(disk, added.publisher, outcome, number)?;
            }
        }
        Ok(())
    }

    /// Puts the log entries that stand in their place into the batch; says what to answer and how long the log will be.
    fn append(&self, disk: &Disk, group: &Group, batch: &mut OwnedWriteBatch) -> (Vec<Result<(), LogError>>, u64) {
        let mut length = self.kept.log_length;
        let mut append = |append: &Append| {
            if append.expected != length {
                return Err(LogError::Conflict { expected: append.expected });
            }
            batch.insert(&disk.log, length.to_be_bytes(), append.entry.as_slice());
            length += 1;
            Ok(())
        };
        let answers = group.appends.iter().map(&mut append).collect();
        (answers, length)
    }
}

/// Judges the commits and puts the nullifiers to be spent into the batch; the result is by commit.
fn spend(
    disk: &Disk,
    commits: &[Commit],
    batch: &mut OwnedWriteBatch,
) -> Result<Vec<Result<Vec<Verdict>, StoreError>>, StoreError> {
    let mut by_epoch: BTreeMap<EpochId, Vec<usize>> = BTreeMap::new();
    for (index, commit) in commits.iter().enumerate() {
        by_epoch.entry(commit.epoch).or_default().push(index);
    }
    let mut results: Vec<_> = commits.iter().map(|_| Ok(Vec::new())).collect();
    for (epoch, indices) in by_epoch {
        let together: Vec<&[Entry]> = indices.iter().map(|&index| &*commits[index].entries).collect();
        let verdicts = match spend_in(disk, epoch, &together, batch) {
            Ok(verdicts) => verdicts.into_iter().map(Ok).collect(),
            Err(StoreError::EpochDropped(epoch)) => vec![Err(StoreError::EpochDropped(epoch)); indices.len()],
            Err(fault) => return Err(fault),
        };
        for (index, result) in indices.into_iter().zip(verdicts) {
            results[index] = result;
        }
    }
    Ok(results)
}

fn spend_in(
    disk: &Disk,
    epoch: EpochId,
    commits: &[&[Entry]],
    batch: &mut OwnedWriteBatch,
) -> Result<Vec<Vec<Verdict>>, StoreError> {
    let set = disk.spent_or_new(epoch)?;
    disk.wait_for_tables(&set.keyspace)?;
    let Judgement { verdicts, fresh } = judge(commits, |nullifier| set.get(nullifier))?;
    set.insert(fresh, batch);
    Ok(verdicts)
}

fn answer(group: Group, decisions: Decisions, period: PeriodId) {
    for (commit, result) in group.commits.into_iter().zip(decisions.commits) {
        let _ = commit.answer.send(result.map(|verdicts| Committed { verdicts, period }));
    }
    for outcomes in group.outcomes {
        let _ = outcomes.answer.send(Ok(period));
    }
    for (append, result) in group.appends.into_iter().zip(decisions.appends) {
        let _ = append.answer.send(result);
    }
}

fn fail(group: Group, error: &StoreError) {
    for commit in group.commits {
        let _ = commit.answer.send(Err(error.clone()));
    }
    for outcomes in group.outcomes {
        let _ = outcomes.answer.send(Err(error.clone()));
    }
    for append in group.appends {
        let _ = append.answer.send(Err(error.clone().into()));
    }
}
