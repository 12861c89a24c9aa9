//! What an operator may choose, and the checks of it.

use std::{path::PathBuf, time::Duration};

use tacita_protocol::{epoch::EpochSchedule, manifest::DevicePolicy};
use tacita_store::PostgresUrl;

use crate::CollectorError;

/// How a collector is set up.
#[derive(Clone, Debug)]
pub struct CollectorConfig {
    /// The directory of the embedded store and `operator.key`.
    pub data: PathBuf,
    /// The engine of the store.
    pub store: StoreConfig,
    /// The directory of the secret keys: `keys` in the data directory, or one that all collectors of a database share.
    pub vault: PathBuf,
    /// How long epochs last.
    pub schedule: EpochSchedule,
    /// What devices must keep to. A change of it is a new revision of every manifest.
    pub device_policy: DevicePolicy,
    /// Which windows are still, and already, counted.
    pub window_policy: WindowPolicy,
    /// What measures may be created.
    pub measure_policy: MeasurePolicy,
    /// What may be under way at once.
    pub limits: Limits,
    /// How surges are watched for.
    pub alerts: AlertPolicy,
    /// Origins whose pages may ask as brands do, over gRPC-Web: `https://dash.example`. None: no page may.
    pub dashboard_origins: Vec<String>,
    /// Whether the brand's page is served beside the services.
    pub serve_dashboard: bool,
}

/// Where spent sets, tallies and the catalogue are kept.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum StoreConfig {
    /// In the data directory: one collector, no server to start.
    #[default]
    Embedded,
    /// In a PostgreSQL database, which several collectors may use at once.
    Postgres(PostgresUrl),
}

/// Which windows are counted at a given time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WindowPolicy {
    /// How long after its end a window still takes reports: relays hold and retry.
    pub max_age: Duration,
    /// How long before its begin a window takes reports: devices' clocks differ.
    pub ahead: Duration,
}

/// What measures may be created. Those that exist stay when it changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MeasurePolicy {
    /// The largest ε of one report, in millionths.
    pub epsilon_ceiling_micro: u32,
    /// The most measures of one campaign: each of them takes from every device's budget.
    pub measures_per_campaign: usize,
    /// The least people of a cohort.
    pub people_per_cohort: u64,
}

/// How surges are watched for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AlertPolicy {
    /// How often what came is looked at.
    pub step: Duration,
    /// Whether brands may have surges posted to a loopback address of this machine, over plain http. For trials.
    pub loopback_webhooks: bool,
}

/// What may be under way at once. Past a limit the answer is `RESOURCE_EXHAUSTED`, at once and naming the limit; a limit of 0
/// lets nothing through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The most reports of one batch.
    pub reports_per_batch: usize,
    /// The largest message, in bytes.
    pub message_bytes: usize,
    /// The most upload streams open at once.
    pub upload_streams: usize,
    /// The most batches of one upload stream in work at once: one is opened while another is committed.
    pub batches_per_stream: usize,
    /// The most batches in work at once. A stream waits for its turn and is not read meanwhile; a unary call is refused.
    pub uploads_in_flight: usize,
    /// The most reports that may wait to be opened when a unary call comes: one that comes later would wait behind them. Streams wait
    /// their turn.
    pub reports_waiting: usize,
    /// The most issuances in work at once.
    pub issuances_in_flight: usize,
    /// The most reports being estimated for brands at once.
    pub queries_in_flight: usize,
    /// The most callers that follow a query or alerts at once.
    pub followers: usize,
    /// The most bytes of settled tallies to keep in memory, so that questions about the past are not read from the store again.
    pub kept_tallies_bytes: usize,
    /// Threads for opening reports, and as many again for issuing tokens.
    pub crypto_threads: usize,
    /// How long a shutdown waits for what is under way.
    pub drain: Duration,
}

impl CollectorConfig {
    /// Defaults for everything but the data directory.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        let data = data.into();
        Self {
            vault: data.join("keys"),
            data,
            store: StoreConfig::default(),
            schedule: EpochSchedule::default(),
            device_policy: DevicePolicy::default(),
            window_policy: WindowPolicy::default(),
            measure_policy: MeasurePolicy::default(),
            limits: Limits::default(),
            alerts: AlertPolicy::default(),
            dashboard_origins: Vec::new(),
            serve_dashboard: true,
        }
    }

    /// Names the first setting that cannot be.
    pub(crate) fn check(&self) -> Result<(), CollectorError> {
        let require = |holds: bool, setting: &'static str, remedy: &'static str| match holds {
            true => Ok(()),
            false => Err(CollectorError::Config { setting, remedy }),
        };
        let (limits, schedule) = (&self.limits, &self.schedule);
        let batch = 1..=tacita_tokens::MAX_BATCH as u32;
        require(schedule.active_seconds >= 60, "schedule.active_seconds", "an epoch lasts at least 60 s")?;
        require(schedule.published_ahead >= 1, "schedule.published_ahead", "publish at least one epoch ahead")?;
        require(schedule.published_ahead <= 64, "schedule.published_ahead", "publish at most 64 epochs ahead")?;
        require(batch.contains(&self.device_policy.token_batch), "device_policy.token_batch", "choose 1 to 128")?;
        require(self.device_policy.ledger_bound_micro > 0, "device_policy.ledger_bound_micro", "choose at least 1")?;
        require(limits.reports_per_batch > 0, "limits.reports_per_batch", "choose at least 1")?;
        let least_message = limits.reports_per_batch.saturating_mul(tacita_tokens::ENVELOPE_LEN + 2) + 64;
        let remedy = "a full batch must fit: choose at least 88 bytes for each of limits.reports_per_batch";
        require(limits.message_bytes >= least_message, "limits.message_bytes", remedy)?;
        require(!self.alerts.step.is_zero(), "alerts.step", "choose at least a second; 5 minutes is usual")?;
        require(limits.batches_per_stream > 0, "limits.batches_per_stream", "choose at least 1")?;
        require(limits.crypto_threads > 0, "limits.crypto_threads", "choose at least 1")
    }
}

impl Default for WindowPolicy {
    /// Two days after its end, one hour before its begin.
    fn default() -> Self {
        Self { max_age: Duration::from_secs(2 * 86_400), ahead: Duration::from_secs(3_600) }
    }
}

impl Default for MeasurePolicy {
    /// ε up to 6, 32 measures, 50 people.
    fn default() -> Self {
        Self { epsilon_ceiling_micro: 6_000_000, measures_per_campaign: 32, people_per_cohort: 50 }
    }
}

impl Default for AlertPolicy {
    /// Every 5 minutes, no plain http.
    fn default() -> Self {
        Self { step: Duration::from_secs(300), loopback_webhooks: false }
    }
}

impl Default for Limits {
    fn default() -> Self {
        let crypto_threads = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            reports_per_batch: 4_096,
            message_bytes: 1 << 20,
            upload_streams: 256,
            batches_per_stream: 4,
            uploads_in_flight: 256,
            // About 50 ms of work.
            reports_waiting: 2_048 * crypto_threads,
            issuances_in_flight: 256,
            queries_in_flight: 16,
            followers: 256,
            kept_tallies_bytes: 256 << 20,
            crypto_threads,
            drain: Duration::from_secs(10),
        }
    }
}
