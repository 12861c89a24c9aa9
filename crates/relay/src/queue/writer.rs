//! The one thread that writes the queue: group commit.
//!
//! It takes all that waits for it, makes it durable with one fsync, answers, and takes again. So requests share an fsync exactly
//! when they come faster than the disk, and a lone one waits for nothing.
//!
//! After a failed write the engine takes no more writes, as nobody can say what reached the disk. The writer then opens
//! the files anew and believes what it finds: an envelope that was refused may be there, which is harmless, since the
//! device sends it again and the collector counts it once.

use std::{
    collections::{HashMap, VecDeque},
    path::{Path, PathBuf},
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

use rand::RngExt as _;
use tacita_tokens::Envelope;
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    QueueError, Random, Room,
    disk::{Batch, BatchId, Disk},
    pool::{Pool, Waiting},
};
use crate::{
    config::BatchPolicy,
    metrics::{QueueMetrics, Trigger, Wait},
};

/// Commands that may share an fsync.
const TURN: usize = 256;

/// The pause between two attempts to open a disk that failed.
const REOPEN_PAUSE: Duration = Duration::from_secs(1);

type Done<T> = oneshot::Sender<Result<T, QueueError>>;

/// What the writer may be asked.
pub(super) enum Command {
    /// Make envelopes durable. Room was reserved for them.
    Submit { envelopes: Vec<Envelope>, done: Done<()> },
    /// Draw a batch, or take up one that was drawn before a restart.
    Draw { done: Done<Option<Batch>> },
    /// The collector answered this batch.
    Answered { batch: BatchId, done: Done<()> },
    /// End, after what came before.
    Close,
}

/// What shares an fsync.
#[derive(Default)]
struct Turn {
    submitted: Vec<(Vec<Envelope>, Done<()>)>,
    answered: Vec<(BatchId, Done<()>)>,
    draws: Vec<Done<Option<Batch>>>,
    close: bool,
}

pub(super) struct Writer {
    folder: PathBuf,
    policy: BatchPolicy,
    room: Room,
    publish: watch::Sender<Waiting>,
    random: Random,
    disk: Option<Disk>,
    /// When the disk failed last, and how.
    failed: Option<(Instant, QueueError)>,
    pool: Pool,
    /// Batches on disk that nobody uploads: found by a restart, or drawn for someone who was gone.
    orphans: VecDeque<Batch>,
    /// Batches on disk that the uploader has, and their sizes.
    handed: HashMap<BatchId, usize>,
    /// Envelopes known to be on disk.
    stored: usize,
    metrics: QueueMetrics,
}

impl Writer {
    pub(super) fn open(
        folder: &Path,
        policy: BatchPolicy,
        room: Room,
        publish: watch::Sender<Waiting>,
        metrics: QueueMetrics,
        random: Random,
    ) -> Result<Self, QueueError> {
        let mut writer = Self {
            folder: folder.to_owned(),
            policy,
            room,
            publish,
            random,
            disk: None,
            failed: None,
            pool: Pool::default(),
            orphans: VecDeque::new(),
            handed: HashMap::new(),
            stored: 0,
            metrics,
        };
        writer.load(Disk::open(folder)?)?;
        Ok(writer)
    }

    /// Believes what the disk holds.
    fn load(&mut self, disk: Disk) -> Result<(), QueueError> {
        let waiting = disk.waiting()?;
        let batches = disk.batches()?;
        let stored = waiting.len() + batches.iter().map(|batch| batch.envelopes.len()).sum::<usize>();
        self.room.release(self.stored);
        self.room.add(stored);
        self.stored = stored;
        self.pool = Pool::recovered(waiting);
        self.orphans = batches.into_iter().filter(|batch| !self.handed.contains_key(&batch.id)).collect();
        self.disk = Some(disk);
        self.metrics.failed.store(false, Relaxed);
        self.publish();
        Ok(())
    }

    fn publish(&self) {
        self.publish.send_replace(self.pool.waiting(self.orphans.len()));
    }

    /// Serves commands until told to close, or until nobody can ask any more.
    pub(super) fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        while let Some(first) = commands.blocking_recv() {
            let mut turn = Turn::default();
            turn.take(first);
            while turn.len() < TURN && !turn.close {
                let Ok(next) = commands.try_recv() else { break };
                turn.take(next);
            }
            let close = turn.close;
            self.serve(turn);
            if close {
                return;
            }
        }
    }

    fn serve(&mut self, turn: Turn) {
        let written = self.commit(&turn.submitted, &turn.answered);
        self.publish();
        for (envelopes, done) in turn.submitted {
            if written.is_err() {
                self.room.release(envelopes.len());
            }
            done.send(written.clone()).ok();
        }
        for (_, done) in turn.answered {
            done.send(written.clone()).ok();
        }
        for done in turn.draws {
            let drawn = self.draw();
            // Before the answer: who draws again must not decide by what waited before this draw.
            self.publish();
            if let Err(Ok(Some(batch))) = done.send(drawn) {
                self.handed.remove(&batch.id);
                self.orphans.push_back(batch);
                self.publish();
            }
        }
    }

    /// One fsync for all.
    fn commit(
        &mut self,
        submitted: &[(Vec<Envelope>, Done<()>)],
        answered: &[(BatchId, Done<()>)],
    ) -> Result<(), QueueError> {
        if submitted.is_empty() && answered.is_empty() {
            return Ok(());
        }
        let opened = self.open_disk().map(drop);
        // The uploader is done with these either way; those that a failed write leaves on disk become orphans.
        let answered_envelopes: usize = answered.iter().filter_map(|(batch, _)| self.handed.remove(batch)).sum();
        opened?;
        let mut changes = self.disk.as_ref().ok_or(QueueError::Closed)?.changes();
        let random = &mut *self.random;
        let keys: Vec<_> = submitted.iter().flat_map(|(envelopes, _)| changes.add(envelopes, random)).collect();
        for (batch, _) in answered {
            changes.forget(*batch);
        }
        let since = Instant::now();
        let written = changes.commit();
        self.metrics.sync.observe(since.elapsed().as_secs_f64());
        written.map_err(|error| self.fail(error))?;

        self.stored = self.stored + keys.len() - answered_envelopes;
        self.room.release(answered_envelopes);
        self.pool.extend(keys);
        Ok(())
    }

    fn draw(&mut self) -> Result<Option<Batch>, QueueError> {
        let orphan = self.orphans.pop_front();
        let batch = match orphan {
            Some(orphan) => {
                self.metrics.drawn(Trigger::Restart, orphan.envelopes.len());
                Some(orphan)
            }
            None => self.seal()?,
        };
        if let Some(batch) = &batch {
            self.handed.insert(batch.id, batch.envelopes.len());
        }
        Ok(batch)
    }

    /// Draws from the pool and makes the batch durable before anyone sees it.
    fn seal(&mut self) -> Result<Option<Batch>, QueueError> {
        let size = self.policy.batch_of(self.pool.len());
        if size == 0 {
            return Ok(None);
        }
        self.open_disk()?;
        let trigger = if self.pool.len() >= self.policy.least { Trigger::Size } else { Trigger::Age };
        let waited_since = self.pool.waiting(0).since;
        let keys = self.pool.draw(size, &mut self.random);
        let id = BatchId(self.random.random());
        let sealed = self.open_disk().and_then(|disk| {
            let batch = Batch { id, envelopes: disk.envelopes(&keys)?, is_found: false };
            let mut changes = disk.changes();
            changes.seal(&keys, &batch);
            changes.commit()?;
            Ok(batch)
        });
        let sealed = sealed.map_err(|error| self.fail(error))?;
        self.metrics.drawn(trigger, sealed.envelopes.len());
        if let Some(since) = waited_since {
            self.metrics.waited(Wait::Batch, since);
        }
        Ok(Some(sealed))
    }

    /// The disk, opened anew if it failed a while ago.
    fn open_disk(&mut self) -> Result<&Disk, QueueError> {
        if self.disk.is_none() {
            if let Some((at, error)) = &self.failed
                && at.elapsed() < REOPEN_PAUSE
            {
                return Err(error.clone());
            }
            let opened = Disk::open(&self.folder).and_then(|disk| self.load(disk));
            opened.map_err(|error| self.fail(error))?;
            tracing::info!("the queue's disk works again");
        }
        self.disk.as_ref().ok_or(QueueError::Closed)
    }

    /// Lets go of a disk that failed; what the pool knew is read anew with it.
    fn fail(&mut self, error: QueueError) -> QueueError {
        tracing::error!(%error, "the queue's disk failed; nothing acknowledged is lost");
        self.disk = None;
        self.metrics.failed.store(true, Relaxed);
        self.failed = Some((Instant::now(), error.clone()));
        error
    }
}

impl Turn {
    fn take(&mut self, command: Command) {
        match command {
            Command::Submit { envelopes, done } => self.submitted.push((envelopes, done)),
            Command::Answered { batch, done } => self.answered.push((batch, done)),
            Command::Draw { done } => self.draws.push(done),
            Command::Close => self.close = true,
        }
    }

    fn len(&self) -> usize {
        self.submitted.len() + self.answered.len() + self.draws.len()
    }
}
