//! Where cryptography runs: threads of its own, never those that wait for the network.
//!
//! A pool takes jobs in order and runs them to the end. How many may wait is bounded by its permits, so that a flood is
//! refused at the door and does not pile up in memory.

use std::{
    fmt, io,
    time::{Duration, Instant},
};

pub(crate) use tacita_connections::Limit;
use tacita_connections::Tenant;
use tokio::runtime::{Builder, Runtime};

use crate::{
    metrics::{Metrics, PoolMetrics},
    places::{Place, Places},
};

/// How long a thread without work stays: in practice for good.
const IDLE: Duration = Duration::from_secs(3_600);

/// Threads and permits for one kind of work.
pub(crate) struct CryptoPool {
    /// Runs nothing but its blocking threads, which sleep while there is no work. `None` only while it is dropped.
    threads: Option<Runtime>,
    places: Places,
    metrics: PoolMetrics,
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
    pub(crate) fn new(kind: &'static str, threads: usize, places: Places, metrics: &Metrics) -> io::Result<Self> {
        let pool_metrics = metrics.pool(kind, threads);
        let threads = Builder::new_current_thread()
            .max_blocking_threads(threads)
            .thread_keep_alive(IDLE)
            .thread_name(kind)
            .build()?;
        Ok(Self { threads: Some(threads), places, metrics: pool_metrics })
    }

    /// Leave to have work in flight, or a refusal at once.
    pub(crate) fn enter(&self, tenant: Option<Tenant>) -> Result<Place, Overload> {
        self.places.enter(tenant)
    }

    /// Leave to have work in flight, as soon as there is some. For callers whose own number is bounded.
    pub(crate) async fn enter_in_turn(&self, tenant: Option<Tenant>) -> Result<Place, Overload> {
        self.places.enter_in_turn(tenant).await
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
        write!(f, "CryptoPool({:?})", self.places)
    }
}
