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

/// The job did not end: it panicked, or what it runs on is going down.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a job did not end")]
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

    /// Runs one job of a few milliseconds at most, after those that came before. Its place is free when it has ended,
    /// and not when its caller leaves.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        place: Place,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JobLost> {
        let threads = self.threads.as_ref().ok_or(JobLost)?;
        let job = move || {
            let _place = place;
            job()
        };
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use prometheus_client::registry::Registry;

    use super::*;
    use crate::{config::Limits, places::ISSUANCES};

    #[tokio::test]
    async fn the_place_of_a_job_whose_caller_left_is_free_when_the_job_ended() {
        let metrics = Metrics::new(&mut Registry::default());
        let pool =
            CryptoPool::new("issue", 1, Places::new(ISSUANCES, 1, &Limits::default(), &metrics), &metrics).unwrap();
        let (go_on, told) = mpsc::channel::<()>();
        let (begin, begun) = tokio::sync::oneshot::channel();
        let job = move || {
            begin.send(()).unwrap();
            told.recv().unwrap();
        };
        tokio::select! {
            biased;
            _ = pool.run(pool.enter(None).unwrap(), job) => panic!("it was not told to go on"),
            begun = begun => begun.unwrap(),
        }
        assert!(pool.enter(None).is_err());
        go_on.send(()).unwrap();
        pool.enter_in_turn(None).await.unwrap();
    }
}
