//! Where cryptography runs: threads of its own, never those that wait for the network.
//!
//! A pool takes jobs in order and runs them to the end. How many may wait is bounded by its permits, so that a flood is
//! refused at the door and does not pile up in memory.

use std::{fmt, sync::Arc};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// Threads and permits for one kind of work.
pub(crate) struct CryptoPool {
    threads: rayon::ThreadPool,
    permits: Arc<Semaphore>,
    limit: Limit,
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
    pub(crate) fn new(kind: &'static str, threads: usize, limit: Limit) -> Result<Self, rayon::ThreadPoolBuildError> {
        let threads =
            rayon::ThreadPoolBuilder::new().num_threads(threads).thread_name(move |n| format!("{kind}-{n}")).build()?;
        let permits = Arc::new(Semaphore::new(limit.value.min(Semaphore::MAX_PERMITS)));
        Ok(Self { threads, permits, limit })
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
        let (done, result) = oneshot::channel();
        self.threads.spawn_fifo(move || {
            // Nobody waits for it any more when the caller is gone: nothing to do then.
            let _ = done.send(job());
        });
        result.await.map_err(|_| JobLost)
    }
}

impl fmt::Debug for CryptoPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CryptoPool({} threads, {:?})", self.threads.current_num_threads(), self.limit)
    }
}
