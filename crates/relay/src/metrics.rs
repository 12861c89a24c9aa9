//! What is counted and timed, where it happens. The table of all of it is in `spec/observability.md`, and a test holds
//! the two to each other. Labels are of closed sets: nothing here can hold a visitor.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU8, Ordering::Relaxed},
};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};
use tacita_admission::InWork;
use tacita_connections::Connections;
use tacita_observability::{
    Durations, Registrar, Unready, listener::METRICS_REFUSING, readiness::ReadyMetrics, seconds, sizes,
};
use tacita_protocol::outcome::Outcome;
use tokio::time::Instant;

use crate::web::connections::{MOST, PER_VISITOR};

/// What a relay may not be ready for.
pub(crate) const REASONS: [&str; 3] = ["manifest", "queue", "stopping"];

/// What is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wait {
    /// A submission: the fsync that it shares.
    Disk,
    /// Envelopes: company, or their age.
    Batch,
    /// A batch: the collector's answer.
    Answer,
    /// A broken upload: the next attempt.
    Backoff,
}

/// Why a batch was drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Trigger {
    /// Enough waited.
    Size,
    /// Something waited long enough.
    Age,
    /// It was drawn before a restart, or before the disk failed.
    Restart,
}

/// Where the upload stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Upload {
    /// No stream: nothing is to be sent.
    Idle,
    /// A stream is being opened.
    Opening,
    /// A stream is open.
    Open,
    /// A stream broke.
    Backoff,
}

/// What the collector was asked of a manifest, and what came of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fetch {
    Fresh,
    Unreachable,
    Refused,
}

impl Wait {
    const ALL: [Self; 4] = [Self::Disk, Self::Batch, Self::Answer, Self::Backoff];

    const fn name(self) -> &'static str {
        match self {
            Self::Disk => "disk",
            Self::Batch => "batch",
            Self::Answer => "answer",
            Self::Backoff => "backoff",
        }
    }
}

impl Trigger {
    const ALL: [Self; 3] = [Self::Size, Self::Age, Self::Restart];

    const fn name(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Age => "age",
            Self::Restart => "restart",
        }
    }
}

impl Fetch {
    const ALL: [Self; 3] = [Self::Fresh, Self::Unreachable, Self::Refused];

    const fn name(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
        }
    }
}

/// What the next batch may wait for.
const WAITING: [&str; 5] = ["envelopes", "batch", "collector", "answer", "backoff"];

/// Why an upload may break.
pub(crate) const BROKEN: [&str; 6] = ["refused", "unreachable", "ended", "silent", "bad_answer", "receipt"];

/// One label, by the name of its field.
macro_rules! label {
    ($($name:ident { $field:ident })*) => {
        $(#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
        struct $name {
            $field: &'static str,
        })*
    };
}

label! {
    Reason { reason }
    OfLimit { limit }
    OfOutcome { outcome }
    OfState { state }
    OfTrigger { trigger }
}

/// All that is recorded where it happens, and the gauges that are looked at when the page is made.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) connections: Connections,
    /// Not on the page, where calls of the method are.
    pub(crate) token_requests: Counter,
    over_limit: Family<OfLimit, Counter>,
    envelopes: Family<OfOutcome, Counter>,
    pub(crate) queue: QueueMetrics,
    pub(crate) batches_answered: Counter,
    pub(crate) batches_small: Counter,
    uploads_broken: Family<Reason, Counter>,
    upload: AtomicU8,
    collector_up: Gauge,
    manifest_fetches: Family<OfOutcome, Counter>,
    manifest_fetched: Gauge,
    ready: ReadyMetrics,
    gauges: Gauges,
}

/// What the queue and its writer tell.
#[derive(Clone, Debug)]
pub(crate) struct QueueMetrics {
    pub(crate) sync: Histogram,
    waits: Durations<Reason>,
    batches: Family<OfTrigger, Counter>,
    batch_envelopes: Histogram,
    /// Whether the disk failed, and was not mended since.
    pub(crate) failed: Arc<AtomicBool>,
}

/// What is looked at when the page is made.
#[derive(Debug, Default)]
struct Gauges {
    visitors: Gauge,
    in_work: Gauge,
    in_work_window: Gauge,
    queue_envelopes: Family<OfState, Gauge>,
    queue_bytes: Gauge,
    queue_limit: Gauge,
    queue_age: Gauge<f64, std::sync::atomic::AtomicU64>,
    waiting: Family<Reason, Gauge>,
    manifest_revision: Gauge,
}

/// What [`Metrics::look`] is told.
#[derive(Debug)]
pub(crate) struct Looked {
    pub(crate) standing: Vec<Unready>,
    pub(crate) visitors: usize,
    pub(crate) waiting: usize,
    pub(crate) held: usize,
    pub(crate) capacity: usize,
    /// Since when something has waited.
    pub(crate) since: Option<Instant>,
    pub(crate) in_work: InWork,
    pub(crate) revision: u64,
}

impl Metrics {
    /// Metrics in `registry`. Those of closed sets are there from the start, with 0.
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let ready = ReadyMetrics::new(registry, "1 if it serves a manifest and takes envelopes", &REASONS);
        let connections = Connections::new(registry, &[&[MOST, PER_VISITOR], &METRICS_REFUSING[..]].concat());
        let mut to = Registrar(registry);
        let over = "Requests refused because a visitor had what a visitor may have: tokens, envelopes";
        let envelopes =
            "Envelopes by what became of them: refused here, made durable (queued), answered by the collector";
        let small = "Batches sent that are smaller than the policy's least: these hide less";
        let broken = "Upload streams that broke: refused, unreachable, ended, silent, bad_answer, receipt";
        let up = "1 if the last thing asked of the collector was answered";
        let fetched = "When the collector last answered with a good one, Unix time; 0 for never";
        let metrics = Self {
            connections,
            token_requests: Counter::default(),
            over_limit: to.put("over_limit", over, Family::default()),
            envelopes: to.put("envelopes", envelopes, Family::default()),
            queue: QueueMetrics::new(&mut to),
            batches_answered: to.put("batches_answered", "Batches that the collector answered", Counter::default()),
            batches_small: to.put("batches_small", small, Counter::default()),
            uploads_broken: to.put("uploads_broken", broken, Family::default()),
            upload: AtomicU8::new(Upload::Idle as u8),
            collector_up: to.put("collector_up", up, Gauge::default()),
            manifest_fetches: to.put(
                "manifest_fetches",
                "Manifests asked for: fresh, unreachable, refused",
                Family::default(),
            ),
            manifest_fetched: to.unit("manifest_fetch_timestamp", fetched, Unit::Seconds, Gauge::default()),
            ready,
            gauges: Gauges::new(&mut to),
        };
        metrics.begin();
        metrics
    }

    /// Makes every member of a closed set, so that a rate is 0 and not absent before its first event.
    fn begin(&self) {
        for limit in ["tokens", "envelopes"] {
            drop(self.over_limit.get_or_create(&OfLimit { limit }));
        }
        for outcome in Outcome::ALL.iter().map(|outcome| outcome.name()) {
            drop(self.envelopes.get_or_create(&OfOutcome { outcome }));
        }
        for reason in BROKEN {
            drop(self.uploads_broken.get_or_create(&Reason { reason }));
        }
        for outcome in Fetch::ALL.map(Fetch::name) {
            drop(self.manifest_fetches.get_or_create(&OfOutcome { outcome }));
        }
    }

    /// A visitor had what a visitor may have of `limit`: `tokens` or `envelopes`.
    pub(crate) fn over_limit(&self, limit: &'static str) -> Counter {
        self.over_limit.get_or_create_owned(&OfLimit { limit })
    }

    pub(crate) fn count_outcomes(&self, outcomes: impl IntoIterator<Item = Outcome>) {
        for outcome in outcomes {
            self.envelopes.get_or_create(&OfOutcome { outcome: outcome.name() }).inc();
        }
    }

    /// How many envelopes came to this.
    pub(crate) fn envelopes(&self, outcome: Outcome) -> u64 {
        self.envelopes.get_or_create(&OfOutcome { outcome: outcome.name() }).get()
    }

    /// An upload broke, for one of [`BROKEN`].
    pub(crate) fn upload_broke(&self, reason: &'static str) {
        self.uploads_broken.get_or_create(&Reason { reason }).inc();
    }

    /// Where the upload stands.
    pub(crate) fn upload_is(&self, upload: Upload) {
        self.upload.store(upload as u8, Relaxed);
    }

    /// The collector answered, or did not.
    pub(crate) fn collector_answers(&self, answers: bool) {
        self.collector_up.set(i64::from(answers));
    }

    /// A manifest was asked for; `now` in Unix seconds.
    pub(crate) fn fetched(&self, fetch: Fetch, now: u64) {
        self.collector_answers(fetch != Fetch::Unreachable);
        self.manifest_fetches.get_or_create(&OfOutcome { outcome: fetch.name() }).inc();
        if fetch == Fetch::Fresh {
            self.manifest_fetched.set(number(now));
        }
    }

    /// Brings the gauges up to date.
    pub(crate) fn look(&self, looked: &Looked) {
        let gauges = &self.gauges;
        self.ready.set(&looked.standing);
        gauges.visitors.set(number(looked.visitors as u64));
        gauges.in_work.set(number(looked.in_work.amount as u64));
        gauges.in_work_window.set(number(looked.in_work.window as u64));
        let drawn = looked.held.saturating_sub(looked.waiting);
        for (state, envelopes) in [("waiting", looked.waiting), ("drawn", drawn)] {
            gauges.queue_envelopes.get_or_create(&OfState { state }).set(number(envelopes as u64));
        }
        let bytes = |envelopes: usize| number((envelopes as u64).saturating_mul(tacita_tokens::ENVELOPE_LEN as u64));
        gauges.queue_bytes.set(bytes(looked.held));
        gauges.queue_limit.set(bytes(looked.capacity));
        gauges.queue_age.set(looked.since.map_or(0.0, |since| since.elapsed().as_secs_f64()));
        gauges.manifest_revision.set(number(looked.revision));
        let waits_for = self.waits_for(looked.waiting, drawn);
        for reason in WAITING {
            gauges.waiting.get_or_create(&Reason { reason }).set(i64::from(reason == waits_for));
        }
    }

    fn waits_for(&self, waiting: usize, drawn: usize) -> &'static str {
        match self.upload.load(Relaxed) {
            state if state == Upload::Backoff as u8 => "backoff",
            state if state == Upload::Opening as u8 => "collector",
            _ if drawn > 0 => "answer",
            _ if waiting > 0 => "batch",
            _ => "envelopes",
        }
    }
}

impl QueueMetrics {
    fn new(to: &mut Registrar<'_>) -> Self {
        let metrics = Self {
            sync: to.unit("queue_sync", "Time that each fsync of the queue took", Unit::Seconds, seconds()),
            waits: to.seconds("wait", "Time waited, by what for: disk, batch, answer, backoff"),
            batches: to.put("batches", "Batches drawn, by why: size, age, restart", Family::default()),
            batch_envelopes: to.put("batch_envelopes", "Envelopes of a drawn batch", sizes()),
            failed: Arc::default(),
        };
        for wait in Wait::ALL {
            drop(metrics.waits.get_or_create(&Reason { reason: wait.name() }));
        }
        for trigger in Trigger::ALL.map(Trigger::name) {
            drop(metrics.batches.get_or_create(&OfTrigger { trigger }));
        }
        metrics
    }

    /// Something was waited for, since then.
    pub(crate) fn waited(&self, wait: Wait, since: Instant) {
        self.waits.get_or_create(&Reason { reason: wait.name() }).observe(since.elapsed().as_secs_f64());
    }

    /// A batch was drawn.
    pub(crate) fn drawn(&self, trigger: Trigger, envelopes: usize) {
        self.batches.get_or_create(&OfTrigger { trigger: trigger.name() }).inc();
        self.batch_envelopes.observe(envelopes as f64);
    }
}

impl Gauges {
    fn new(to: &mut Registrar<'_>) -> Self {
        let envelopes = "Envelopes held: waiting for a batch, drawn and not yet answered";
        let window = "How many may be: those that get through in the time that they may take, as measured last, and a least at any pace";
        let age = "How long envelopes have waited for a batch, 0 if none waits";
        let waiting = "1 for what the next batch waits for: envelopes, batch, collector, answer, backoff";
        Self {
            visitors: to.put("visitors", "Visitors whose allowance is remembered", Gauge::default()),
            in_work: to.put(
                "envelopes_in_work",
                "Envelopes between their admission and their answer",
                Gauge::default(),
            ),
            in_work_window: to.put("envelopes_in_work_window", window, Gauge::default()),
            queue_envelopes: to.put("queue_envelopes", envelopes, Family::default()),
            queue_bytes: to.unit("queue", "Bytes of the envelopes held", Unit::Bytes, Gauge::default()),
            queue_limit: to.unit("queue_limit", "How many may be held", Unit::Bytes, Gauge::default()),
            queue_age: to.unit("queue_age", age, Unit::Seconds, Gauge::default()),
            waiting: to.put("waiting", waiting, Family::default()),
            manifest_revision: to.put(
                "manifest_revision",
                "The revision of the manifest in service, 0 for none",
                Gauge::default(),
            ),
        }
    }
}

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
