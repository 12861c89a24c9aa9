//! What is counted and timed, where it happens. The table of all of it is in `spec/observability.md`, and a test holds
//! the two to each other. Labels are of closed sets and publishers' numbers: nothing here can hold a visitor or a
//! brand.

mod look;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use parking_lot::Mutex;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};
use tacita_connections::Connections;
use tacita_observability::{Durations, Registrar, listener::METRICS_REFUSING, readiness::ReadyMetrics, seconds, sizes};
use tacita_protocol::{epoch::EpochState, id::PublisherId, outcome::Outcome};
use tacita_store::StoreError;
use tokio::sync::Semaphore;

pub(crate) use self::look::Look;
use crate::{pool::Limit, readiness::REASONS, server::REFUSING};

/// What is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wait {
    /// A stream's batch: one of the places of `uploads_in_flight`.
    UploadTurn,
    /// A follower: one of the places of `queries_in_flight`.
    QueryTurn,
    /// A batch: its durable commit.
    Commit,
}

/// A call of the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum StoreCall {
    Commit,
    Spent,
    AddOutcomes,
    Outcomes,
    Tallies,
    DropEpoch,
}

/// What became of a post to a webhook.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum WebhookOutcome {
    Delivered,
    Retried,
    GivenUp,
    NotAllowed,
    TooMany,
}

impl Wait {
    const ALL: [Self; 3] = [Self::UploadTurn, Self::QueryTurn, Self::Commit];

    const fn name(self) -> &'static str {
        match self {
            Self::UploadTurn => "upload_turn",
            Self::QueryTurn => "query_turn",
            Self::Commit => "commit",
        }
    }
}

impl StoreCall {
    const ALL: [Self; 6] =
        [Self::Commit, Self::Spent, Self::AddOutcomes, Self::Outcomes, Self::Tallies, Self::DropEpoch];

    const fn name(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Spent => "spent",
            Self::AddOutcomes => "add_outcomes",
            Self::Outcomes => "outcomes",
            Self::Tallies => "tallies",
            Self::DropEpoch => "drop_epoch",
        }
    }
}

impl WebhookOutcome {
    const ALL: [Self; 5] = [Self::Delivered, Self::Retried, Self::GivenUp, Self::NotAllowed, Self::TooMany];

    const fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Retried => "retried",
            Self::GivenUp => "given_up",
            Self::NotAllowed => "not_allowed",
            Self::TooMany => "too_many",
        }
    }
}

/// Why the store did not do a call.
fn failure(error: &StoreError) -> &'static str {
    match error {
        StoreError::Unavailable(_) => "unavailable",
        StoreError::DiskFull => "disk_full",
        _ => "other",
    }
}

const FAILURES: [&str; 3] = ["unavailable", "disk_full", "other"];

/// The states in which an epoch has a key.
const STATES: [EpochState; 4] = [EpochState::Pending, EpochState::Active, EpochState::Grace, EpochState::Closed];

/// One label, by the name of its field.
macro_rules! label {
    ($($name:ident { $field:ident: $type:ty })*) => {
        $(#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
        struct $name {
            $field: $type,
        })*
    };
}

label! {
    Reason { reason: &'static str }
    OfPublisher { publisher: u32 }
    OfPool { pool: &'static str }
    OfLimit { limit: &'static str }
    OfCall { call: &'static str }
    OfState { state: &'static str }
    OfOutcome { outcome: &'static str }
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Reports {
    publisher: u32,
    outcome: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Failed {
    call: &'static str,
    reason: &'static str,
}

/// All that is recorded where it happens, and the gauges that are looked at when the page is made.
#[derive(Debug)]
pub(crate) struct Metrics {
    waits: Durations<Reason>,
    reports: Family<Reports, Counter>,
    batch_reports: Histogram,
    batch_seconds: Histogram,
    tokens_issued: Family<OfPublisher, Counter>,
    crypto: Crypto,
    store_calls: Durations<OfCall>,
    store_failures: Family<Failed, Counter>,
    keeper_turns: Family<OfOutcome, Counter>,
    pub(crate) alerts_found: Counter,
    pub(crate) webhooks: WebhookMetrics,
    pub(crate) connections: Connections,
    limits: Mutex<Vec<(Limit, Arc<Semaphore>)>>,
    ready: ReadyMetrics,
    gauges: Gauges,
}

/// The pools, by kind.
#[derive(Debug, Default)]
struct Crypto {
    threads: Family<OfPool, Gauge>,
    busy: Family<OfPool, Gauge>,
    queue: Family<OfPool, Gauge>,
}

/// What is looked at when the page is made.
#[derive(Debug, Default)]
struct Gauges {
    limit: Family<OfLimit, Gauge>,
    limit_used: Family<OfLimit, Gauge>,
    in_work: Gauge,
    in_work_window: Gauge,
    store_retries: Counter,
    store_syncs: Counter,
    store_sync_seconds: Counter<f64, AtomicU64>,
    store_bytes: Gauge,
    epoch_active: Gauge,
    epoch_end: Gauge,
    epochs: Family<OfState, Gauge>,
    epoch_keys: Gauge,
}

/// The posts to webhooks.
#[derive(Clone, Debug, Default)]
pub(crate) struct WebhookMetrics {
    outcomes: Family<OfOutcome, Counter>,
    open: Gauge,
}

/// One more in a gauge, until dropped.
#[derive(Debug)]
pub(crate) struct OneMore(Gauge);

impl OneMore {
    fn of(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for OneMore {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// Metrics in `registry`. Those of closed sets are there from the start, with 0.
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let ready = ReadyMetrics::new(registry, "1 if it takes reports and issues tokens", &REASONS);
        let connections = Connections::new(registry, &[&REFUSING[..], &METRICS_REFUSING].concat());
        let mut to = Registrar(registry);
        let waits = "Time waited, by what for: upload_turn, open_thread, issue_thread, commit, query_turn";
        let store_calls = "Time of the store's calls: commit, spent, add_outcomes, outcomes, tallies, drop_epoch";
        let metrics = Self {
            waits: to.seconds("wait", waits),
            reports: to.put("reports", "Reports answered, by what became of them", Family::default()),
            batch_reports: to.put("batch_reports", "Reports of a batch", sizes()),
            batch_seconds: to.unit("batch", "Time from a batch's turn to its answer", Unit::Seconds, seconds()),
            tokens_issued: to.put("tokens_issued", "Tokens issued", Family::default()),
            crypto: Crypto::new(&mut to),
            store_calls: to.seconds("store_call", store_calls),
            store_failures: to.put(
                "store_failures",
                "Calls that the store did not do: unavailable, disk_full, other",
                Family::default(),
            ),
            keeper_turns: to.put("keeper_turns", "Turns of the epoch keeper: done, failed", Family::default()),
            alerts_found: to.put("alerts_found", "Surges found", Counter::default()),
            webhooks: WebhookMetrics::new(&mut to),
            connections,
            limits: Mutex::default(),
            ready,
            gauges: Gauges::new(&mut to),
        };
        metrics.begin();
        metrics
    }

    /// Makes every member of a closed set, so that a rate is 0 and not absent before its first event.
    fn begin(&self) {
        for wait in Wait::ALL {
            drop(self.waits.get_or_create(&Reason { reason: wait.name() }));
        }
        for call in StoreCall::ALL.map(StoreCall::name) {
            drop(self.store_calls.get_or_create(&OfCall { call }));
            FAILURES.iter().for_each(|reason| drop(self.store_failures.get_or_create(&Failed { call, reason })));
        }
        for outcome in ["done", "failed"] {
            drop(self.keeper_turns.get_or_create(&OfOutcome { outcome }));
        }
        for outcome in WebhookOutcome::ALL.map(WebhookOutcome::name) {
            drop(self.webhooks.outcomes.get_or_create(&OfOutcome { outcome }));
        }
    }

    /// Times a wait.
    pub(crate) async fn waited<T>(&self, wait: Wait, waiting: impl Future<Output = T>) -> T {
        let since = Instant::now();
        let ended = waiting.await;
        let reason = Reason { reason: wait.name() };
        self.waits.get_or_create(&reason).observe(since.elapsed().as_secs_f64());
        ended
    }

    /// Times a call of the store, and counts it if it fails. That an epoch was dropped is an answer.
    pub(crate) async fn store<T>(
        &self,
        call: StoreCall,
        calling: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let (call, since) = (call.name(), Instant::now());
        let answer = calling.await;
        self.store_calls.get_or_create(&OfCall { call }).observe(since.elapsed().as_secs_f64());
        match &answer {
            Ok(_) | Err(StoreError::EpochDropped(_)) => {}
            Err(error) => {
                self.store_failures.get_or_create(&Failed { call, reason: failure(error) }).inc();
            }
        }
        answer
    }

    /// A batch that is answered.
    pub(crate) fn batch(&self, publisher: PublisherId, outcomes: &[Outcome], since: Instant) {
        self.batch_seconds.observe(since.elapsed().as_secs_f64());
        self.batch_reports.observe(outcomes.len() as f64);
        // Nearly all of a batch have one outcome: a look-up for each run of equal ones.
        for run in outcomes.chunk_by(|one, next| one == next) {
            let labels = Reports { publisher: publisher.0, outcome: run[0].name() };
            self.reports.get_or_create(&labels).inc_by(run.len() as u64);
        }
    }

    /// The tokens that a publisher was issued.
    pub(crate) fn tokens_issued(&self, publisher: PublisherId) -> Counter {
        self.tokens_issued.get_or_create_owned(&OfPublisher { publisher: publisher.0 })
    }

    /// The epoch keeper took a turn.
    pub(crate) fn keeper_turn(&self, done: bool) {
        let outcome = if done { "done" } else { "failed" };
        self.keeper_turns.get_or_create(&OfOutcome { outcome }).inc();
    }

    /// The places of a limit, which the page tells.
    pub(crate) fn permits(&self, limit: Limit) -> Arc<Semaphore> {
        let permits = Arc::new(Semaphore::new(limit.value.min(Semaphore::MAX_PERMITS)));
        self.limits.lock().push((limit, permits.clone()));
        permits
    }

    /// Each limit, and how much of it is used.
    pub(crate) fn limits(&self) -> Vec<(Limit, usize)> {
        let used = |(limit, permits): &(Limit, Arc<Semaphore>)| {
            let places = limit.value.min(Semaphore::MAX_PERMITS);
            (*limit, places.saturating_sub(permits.available_permits()))
        };
        self.limits.lock().iter().map(used).collect()
    }

    /// The metrics of one pool.
    pub(crate) fn pool(&self, pool: &'static str, threads: usize) -> PoolMetrics {
        let labels = OfPool { pool };
        self.crypto.threads.get_or_create(&labels).set(i64::try_from(threads).unwrap_or(i64::MAX));
        let reason = match pool {
            "issue" => "issue_thread",
            _ => "open_thread",
        };
        PoolMetrics {
            busy: self.crypto.busy.get_or_create_owned(&labels),
            queue: self.crypto.queue.get_or_create_owned(&labels),
            wait: self.waits.get_or_create_owned(&Reason { reason }),
        }
    }
}

impl Crypto {
    fn new(to: &mut Registrar<'_>) -> Self {
        Self {
            threads: to.put("crypto_threads", "Threads for cryptography: open, issue", Family::default()),
            busy: to.put("crypto_busy", "Threads for cryptography at work", Family::default()),
            queue: to.put("crypto_queue", "Jobs that wait for a thread", Family::default()),
        }
    }
}

impl WebhookMetrics {
    fn new(to: &mut Registrar<'_>) -> Self {
        let outcomes = "Posts to webhooks: delivered, retried, given_up, not_allowed, too_many";
        let open = "Webhooks under way, those that wait for another try among them";
        Self {
            outcomes: to.put("webhooks", outcomes, Family::default()),
            open: to.put("webhooks_open", open, Gauge::default()),
        }
    }

    pub(crate) fn count(&self, outcome: WebhookOutcome) {
        self.outcomes.get_or_create(&OfOutcome { outcome: outcome.name() }).inc();
    }

    /// One more under way, until dropped.
    pub(crate) fn opened(&self) -> OneMore {
        OneMore::of(&self.open)
    }
}

/// The metrics of one pool of threads.
#[derive(Clone, Debug)]
pub(crate) struct PoolMetrics {
    busy: Gauge,
    queue: Gauge,
    wait: Histogram,
}

/// A job that waits for a thread.
#[derive(Debug)]
pub(crate) struct WaitingJob {
    metrics: PoolMetrics,
    _queued: OneMore,
}

impl PoolMetrics {
    /// A job begins to wait.
    pub(crate) fn wait(&self) -> WaitingJob {
        WaitingJob { metrics: self.clone(), _queued: OneMore::of(&self.queue) }
    }
}

impl WaitingJob {
    /// The wait is over: the thread is busy until what this gives is dropped.
    pub(crate) fn ended(self, since: Instant) -> OneMore {
        self.metrics.wait.observe(since.elapsed().as_secs_f64());
        OneMore::of(&self.metrics.busy)
    }
}

impl Gauges {
    fn new(to: &mut Registrar<'_>) -> Self {
        let syncs = "Groups of commits that were brought to the disk with one fsync (embedded)";
        let window = "How many may be: those that get through in the time that they may take, as measured last, and a least at any pace";
        let end = "When the active epoch ends and the next one begins, Unix time; 0 without one";
        let epochs = "Epochs whose key is not destroyed: pending, active, grace, closed";
        let gauges = Self {
            limit: to.put(
                "limit",
                "What may be under way at once, by the limit's name in the settings",
                Family::default(),
            ),
            limit_used: to.put("limit_used", "What is under way of each limit", Family::default()),
            in_work: to.put("reports_in_work", "Reports between their admission and their answer", Gauge::default()),
            in_work_window: to.put("reports_in_work_window", window, Gauge::default()),
            store_retries: to.put("store_retries", "Calls that the store tried again by itself", Counter::default()),
            store_syncs: to.put("store_syncs", syncs, Counter::default()),
            store_sync_seconds: to.unit(
                "store_sync",
                "Time that those took (embedded)",
                Unit::Seconds,
                Counter::default(),
            ),
            store_bytes: to.unit(
                "store",
                "The store's size on its disk, told anew every minute",
                Unit::Bytes,
                Gauge::default(),
            ),
            epoch_active: to.put("epoch_active", "The number of the active epoch, 0 for none", Gauge::default()),
            epoch_end: to.unit("epoch_end_timestamp", end, Unit::Seconds, Gauge::default()),
            epochs: to.put("epochs", epochs, Family::default()),
            epoch_keys: to.put("epoch_keys", "Epoch keys in memory", Gauge::default()),
        };
        for state in STATES {
            drop(gauges.epochs.get_or_create(&OfState { state: state.name() }));
        }
        gauges
    }
}

/// Sets a counter to what somebody else counts.
fn tell(counter: &Counter, value: u64) {
    counter.inner().store(value, Relaxed);
}
