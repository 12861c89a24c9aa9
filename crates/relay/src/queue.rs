//! Envelopes, durable before they are acknowledged, and batches drawn from them at random.
//!
//! An envelope waits in the pool until a batch is drawn. A batch, once drawn, keeps its members and their order on disk until the
//! collector answered it: were it drawn anew together with later envelopes, the collector could subtract the two and
//! hold those few apart.
//!
//! | module | holds |
//! |---|---|
//! | `disk` | the files: waiting envelopes under random keys, drawn batches |
//! | `pool` | which envelopes wait, when a batch is due, the draw |
//! | `writer` | the one thread that writes: group commit |

mod disk;
mod pool;
mod writer;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread::JoinHandle,
};

use rand::CryptoRng;
use tacita_tokens::{ENVELOPE_LEN, Envelope};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};

use self::{
    pool::Waiting,
    writer::{Command, Writer},
};
use crate::{
    config::BatchPolicy,
    metrics::{QueueMetrics, Wait},
};

pub(crate) use self::disk::{Batch, BatchId};

/// Requests that may wait for the writer, those whose callers have gone among them, which admission no longer counts.
/// Each holds at most 128 envelopes, so at most 11 MB wait in memory.
pub(crate) const WAITING_REQUESTS: usize = 1_024;

/// The queue did not take or give envelopes. Nothing that was acknowledged is lost.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum QueueError {
    /// The configured bound is reached.
    #[error("queue full, {0} bytes: keep the reports and try again later")]
    Full(u64),
    /// The disk has no space left.
    #[error("the relay's disk is full: keep the reports and try again later")]
    DiskFull,
    /// Too many requests wait for the disk.
    #[error("{WAITING_REQUESTS} requests wait for the disk: keep the reports and try again later")]
    Busy,
    /// The disk failed.
    #[error("the queue's disk failed: {0}")]
    Disk(String),
    /// The relay is shutting down.
    #[error("the relay is stopping: keep the reports and try again later")]
    Closed,
}

/// Where the queue's keys and draws come from: a generator whose output nobody can foretell.
pub(crate) type Random = Box<dyn CryptoRng + Send>;

/// A handle on the queue.
#[derive(Clone)]
pub(crate) struct Queue {
    commands: mpsc::Sender<Command>,
    waiting: watch::Receiver<Waiting>,
    policy: BatchPolicy,
    room: Room,
    metrics: QueueMetrics,
}

/// How many envelopes are held, and how many may be.
#[derive(Clone, Debug)]
struct Room {
    held: Arc<AtomicUsize>,
    capacity: usize,
}

impl Queue {
    /// Opens the queue in `folder`, with all that it held.
    pub(crate) fn open(
        folder: &Path,
        capacity: usize,
        policy: BatchPolicy,
        metrics: QueueMetrics,
        random: Random,
    ) -> Result<(Self, JoinHandle<()>), QueueError> {
        let room = Room { held: Arc::default(), capacity };
        let (publish, waiting) = watch::channel(Waiting::default());
        let (commands, received) = mpsc::channel(WAITING_REQUESTS);
        let writer = Writer::open(folder, policy, room.clone(), publish, metrics.clone(), random)?;
        let thread = std::thread::Builder::new()
            .name("relay-queue".into())
            .spawn(move || writer.run(received))
            .map_err(|error| QueueError::Disk(error.to_string()))?;
        Ok((Self { commands, waiting, policy, room, metrics }, thread))
    }

    /// Makes envelopes durable; returns when they are.
    pub(crate) async fn submit(&self, envelopes: Vec<Envelope>) -> Result<(), QueueError> {
        if envelopes.is_empty() {
            return Ok(());
        }
        let reserved = self.room.reserve(envelopes.len())?;
        let (done, answer) = oneshot::channel();
        if let Err(refused) = self.commands.try_send(Command::Submit { envelopes, done }) {
            self.room.release(reserved);
            return Err(match refused {
                mpsc::error::TrySendError::Full(_) => QueueError::Busy,
                mpsc::error::TrySendError::Closed(_) => QueueError::Closed,
            });
        }
        let since = Instant::now();
        let answer = answer.await;
        self.metrics.waited(Wait::Disk, since);
        answer.unwrap_or(Err(QueueError::Closed))
    }

    /// Whether so many more may be held; says so before a visitor's allowance is spent on them.
    pub(crate) fn check_room(&self, envelopes: usize) -> Result<(), QueueError> {
        let room = self.room.capacity.saturating_sub(self.held());
        if envelopes > room { Err(self.room.full()) } else { Ok(()) }
    }

    /// Waits until a batch should leave.
    pub(crate) async fn due(&mut self) -> Result<(), QueueError> {
        loop {
            let waiting = *self.waiting.borrow_and_update();
            let due_at = waiting.due_at(&self.policy);
            let changed = async { self.waiting.changed().await.map_err(|_| QueueError::Closed) };
            match due_at {
                None => changed.await?,
                Some(at) => tokio::select! {
                    () = tokio::time::sleep_until(at) => return Ok(()),
                    changed = changed => changed?,
                },
            }
        }
    }

    /// Draws a batch, durably. `None` when nothing waits.
    pub(crate) async fn draw(&self) -> Result<Option<Batch>, QueueError> {
        self.ask(|done| Command::Draw { done }).await
    }

    /// Forgets, durably, a batch that the collector answered.
    pub(crate) async fn answered(&self, batch: BatchId) -> Result<(), QueueError> {
        self.ask(|done| Command::Answered { batch, done }).await
    }

    /// Ends the writer after what it was asked before. What comes later is refused.
    pub(crate) async fn close(&self) {
        self.commands.send(Command::Close).await.ok();
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, QueueError>>) -> Command,
    ) -> Result<T, QueueError> {
        let (done, answer) = oneshot::channel();
        self.commands.send(command(done)).await.map_err(|_| QueueError::Closed)?;
        answer.await.unwrap_or(Err(QueueError::Closed))
    }

    /// Envelopes that wait for a batch.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.borrow().envelopes
    }

    /// Since when something has waited for a batch.
    pub(crate) fn since(&self) -> Option<Instant> {
        self.waiting.borrow().since
    }

    /// The most envelopes that may be held.
    pub(crate) fn capacity(&self) -> usize {
        self.room.capacity
    }

    /// Envelopes held: waiting, or in batches not yet answered.
    pub(crate) fn held(&self) -> usize {
        self.room.held.load(Relaxed)
    }
}

impl Room {
    /// Sets room aside for `envelopes`; says how much.
    fn reserve(&self, envelopes: usize) -> Result<usize, QueueError> {
        let fits = |held: usize| held.checked_add(envelopes).filter(|&sum| sum <= self.capacity);
        self.held.fetch_update(Relaxed, Relaxed, fits).map_err(|_| self.full())?;
        Ok(envelopes)
    }

    fn full(&self) -> QueueError {
        QueueError::Full((self.capacity * ENVELOPE_LEN) as u64)
    }

    fn release(&self, envelopes: usize) {
        self.held.fetch_sub(envelopes, Relaxed);
    }

    fn add(&self, envelopes: usize) {
        self.held.fetch_add(envelopes, Relaxed);
    }
}
