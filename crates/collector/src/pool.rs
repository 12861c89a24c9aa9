//! Where cryptography runs: threads of its own, never those that wait for the network.
//!
//! A pool takes jobs in order and runs them to the end. How many may wait is bounded by its permits, so that a flood is
//! refused at the door and does not pile up in memory.

use std::{
    fmt, io,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    runtime::{Builder, Runtime},
    sync::{OwnedSemaphorePermit, Semaphore},
};

use crate::metrics::{Metrics, PoolMetrics};

/// How long a thread without work stays: in practice for good.
const IDLE: Duration = Duration::from_secs(3_600);

/// Threads and permits for one kind of work.
pub(crate) struct CryptoPool {
    /// Runs nothing but its blocking threads, which sleep while there is no work. `None` only while it is dropped.
    threads: Option<Runtime>,
    permits: Arc<Semaphore>,
    limit: Limit,
    metrics: PoolMetrics,
}

/// A limit by the name it has in the configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Limit {
    pub(crate) name: &'static str,
    pub(crate) value: usize,
}

/// The limit is reached: try again later.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the collector's limit {} = {} is reached: try again in a second", .0.name, .0.value)]
pub(crate) struct Overload(pub(crate) Limit);

/// The job did not end: it panicked, or the pool is going down.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a job on the crypto pool did not end")]
pub(crate) struct JobLost;

impl CryptoPool {
    pub(crate) fn new(kind: &'static str, threads: usize, limit: Limit, metrics: &Metrics) -> io::Result<Self> {
        let pool_metrics = metrics.pool(kind, threads);
        let threads = Builder::new_current_thread()
            .max_blocking_threads(threads)
            .thread_keep_alive(IDLE)
            .thread_name(kind)
            .build()?;
        Ok(Self { threads: Some(threads), permits: metrics.permits(limit), limit, metrics: pool_metrics })
    }

    /// Leave to have work in flight, or a refusal at once.
    pub(crate) fn enter(&self) -> Result<OwnedSemaphorePermit, Overload> {
        self.permits.clone().try_acquire_owned().map_err(|_| Overload(self.limit))
    }

    /// Leave to have work in flight, as soon as there is some. For callers whose own number is bounded.
    pub(crate) async fn enter_in_turn(&self) -> Result<OwnedSemaphorePermit, Overload> {
        self.permits.clone().acquire_owned().await.map_err(|_| Overload(self.limit))
    }

    /// Runs one job of a few milliseconds at most, after those that came before.
    pub(crate) async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T, JobLost> {
        let threads = self.threads.as_ref().ok_or(JobLost)?;
        threads.spawn_blocking(self.observed(job)).await.map_err(|_| JobLost)
    }

    /// The same, for a job that tells its result itself.
    pub(crate) fn start(&self, job: impl FnOnce() + Send + 'static) {
        if let Some(threads) = &self.threads {
            threads.spawn_blocking(self.observed(job));
        }
    }

    /// The job, with its wait for a thread and its time on it told.
    fn observed<T, J: FnOnce() -> T>(&self, job: J) -> impl FnOnce() -> T + use<T, J> {
        let (waiting, since) = (self.metrics.wait(), Instant::now());
        move || {
            let _busy = waiting.ended(since);
            job()
        }
    }
}

impl Drop for CryptoPool {
    fn drop(&mut self) {
        // Without waiting for them, which an async thread must not.
        if let Some(threads) = self.threads.take() {
            threads.shutdown_background();
        }
    }
}

impl fmt::Debug for CryptoPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CryptoPool({:?})", self.limit)
    }
}
