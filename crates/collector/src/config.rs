//! What an operator may choose, and the checks of it.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use tacita_connections::Limit;
use tacita_observability::LogFilter;
use tacita_protocol::{
    epoch::EpochSchedule,
    manifest::{DevicePolicy, MAX_LEDGER_BOUND_MICRO},
    policy::CampaignPolicy,
};
use tacita_store::PostgresUrl;
use tacita_tls::ServerTls;

use crate::{CollectorError, catalogue::Rules};

/// The least ε of a policy, in millionths: below it a report says nothing.
const LEAST_EPSILON_MICRO: u32 = 1_000;

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
    /// What campaigns are held to. A change of it holds for campaigns and measures made from then on.
    pub policy: Policy,
    /// What connections are encrypted with. None: plain HTTP/2, for this machine, or behind a proxy that ends TLS.
    pub tls: Option<ServerTls>,
    /// What may be under way at once.
    pub limits: Limits,
    /// How surges are watched for.
    pub alerts: AlertPolicy,
    /// What is deleted, and when.
    pub retention: RetentionPolicy,
    /// How long a period of the publishers' record is. A change of it holds for those that are still open.
    pub record_period: Duration,
    /// Origins whose pages may ask as brands do, over gRPC-Web: `https://dash.example`. None: no page may.
    pub dashboard_origins: Vec<String>,
    /// Whether the brand's page is served beside the services.
    pub serve_dashboard: bool,
    /// Who may see the metrics, and how finely.
    pub metrics: MetricsPolicy,
    /// This process's log, if its filter may be changed by an operator's call.
    pub log: Option<LogFilter>,
}

/// A setting that cannot be, by the name that a configuration file has for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigProblem {
    /// Which, as `section.name`.
    pub setting: &'static str,
    /// What to choose instead.
    pub remedy: String,
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

/// What campaigns are held to. What exists stays when it changes; a campaign may be made with stricter values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Policy {
    /// The largest ε of one report, in millionths.
    pub report_epsilon_micro: u32,
    /// What a device may spend on one campaign in an epoch, in millionths of ε; `None`: all that it may spend on the brand.
    pub device_epsilon_micro: Option<u32>,
    /// The least people of a cohort.
    pub people_per_cohort: u32,
    /// A publisher's part of a window enters no number before it has so many reports.
    pub reports_per_window: u32,
    /// The most measures of one campaign: each of them takes from every device's budget.
    pub measures_per_campaign: usize,
}

/// What is deleted, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RetentionPolicy {
    /// How long after its end the tallies of a window are kept. Whole days of UTC: they go within a day of it.
    pub tallies: Duration,
}

/// How surges are watched for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AlertPolicy {
    /// How often what came is looked at.
    pub step: Duration,
    /// Whether brands may have surges posted to a loopback address of this machine, over plain http too. For trials.
    pub loopback_webhooks: bool,
}

/// Where the metrics are told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MetricsPolicy {
    /// The address of the listener for scrapers and probes, which asks for no key. None: there is no such listener.
    pub listen: Option<SocketAddr>,
    /// The page is made anew at most so often, so that nobody dates single issuances by asking all the time.
    pub grain: Duration,
}

/// What may be under way at once. Past a limit the answer is `RESOURCE_EXHAUSTED`, at once and naming the limit; a limit of 0
/// lets nothing through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The most tokens that a publisher is issued in an epoch, by all collectors of a store together.
    pub tokens_per_publisher: u64,
    /// The most connections at once.
    pub connections: usize,
    /// The most connections at once from one address (of IPv6, from one /64).
    pub connections_per_peer: usize,
    /// The most connections at once of one publisher or brand.
    pub connections_per_tenant: usize,
    /// How long a connection may be open before a call on it was let in; then it takes no more, and is cut after as long again.
    pub connection_admission: Duration,
    /// How long a connection may be without a call.
    pub connection_idle: Duration,
    /// After this a connection takes no more calls; those under way go on.
    pub connection_age: Duration,
    /// How much of what may be under way at once (upload streams, uploads, issuances, queries, followers) one publisher
    /// or brand may have, in hundredths; one at least.
    pub tenant_percent: usize,
    /// How long an upload stream may be without a batch: then it is ended, in order.
    pub upload_idle: Duration,
    /// The most streams of one connection at once.
    pub streams_per_connection: u32,
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
    /// How many milliseconds a report may take from its admission to its answer: as many are in work as get through in
    /// that time. A stream waits for its turn, a unary call is refused.
    pub upload_millis: usize,
    /// The most issuances in work at once.
    pub issuances_in_flight: usize,
    /// The most reports being estimated for brands at once.
    pub queries_in_flight: usize,
    /// The most callers that follow a query or alerts at once.
    pub followers: usize,
    /// The most backups being made at once: each holds on to what is deleted meanwhile.
    pub backups: usize,
    /// How often a campaign may be declared on one day: each declaration is kept for good.
    pub declarations_per_day: usize,
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
            policy: Policy::default(),
            tls: None,
            limits: Limits::default(),
            alerts: AlertPolicy::default(),
            retention: RetentionPolicy::default(),
            record_period: Duration::from_secs(3_600),
            dashboard_origins: Vec::new(),
            serve_dashboard: true,
            metrics: MetricsPolicy::default(),
            log: None,
        }
    }

    /// What new campaigns and measures are asked.
    pub(crate) fn rules(&self) -> Rules {
        let Policy { report_epsilon_micro, device_epsilon_micro, people_per_cohort, reports_per_window, .. } =
            self.policy;
        let device_epsilon_micro = device_epsilon_micro.unwrap_or(self.device_policy.ledger_bound_micro);
        let campaign =
            CampaignPolicy { report_epsilon_micro, device_epsilon_micro, people_per_cohort, reports_per_window };
        Rules { campaign, measures_per_campaign: self.policy.measures_per_campaign }
    }

    /// The first setting that cannot be.
    pub(crate) fn check(&self) -> Result<(), CollectorError> {
        match self.problems().into_iter().next() {
            None => Ok(()),
            Some(ConfigProblem { setting, remedy }) => Err(CollectorError::Config { setting, remedy }),
        }
    }

    /// Every setting that cannot be, as far as that can be told without the network; of the disk, the certificates.
    pub fn problems(&self) -> Vec<ConfigProblem> {
        let unusable = self.tls.iter().flat_map(ServerTls::problems);
        let unusable = unusable.map(|(setting, error)| ConfigProblem { setting, remedy: error.to_string() });
        let mut problems: Vec<ConfigProblem> = unusable.collect();
        let mut require = |holds: bool, setting, remedy: &str| {
            if !holds {
                problems.push(ConfigProblem { setting, remedy: remedy.to_owned() });
            }
        };
        let (limits, schedule) = (&self.limits, &self.schedule);
        let batch = 1..=tacita_tokens::MAX_BATCH as u32;
        require(schedule.active_seconds >= 60, "epochs.active", "an epoch lasts at least 60 s");
        require(schedule.published_ahead >= 1, "epochs.published-ahead", "publish at least one epoch ahead");
        require(schedule.published_ahead <= 64, "epochs.published-ahead", "publish at most 64 epochs ahead");
        require(batch.contains(&self.device_policy.token_batch), "device.token-batch", "choose 1 to 128");
        let bound = self.device_policy.ledger_bound_micro;
        let bounds = 1..=MAX_LEDGER_BOUND_MICRO;
        let remedy = "choose an ε from 0.000001 to 1000: devices refuse more";
        require(bounds.contains(&bound), "device.ledger-bound", remedy);
        let policy = &self.policy;
        let epsilon = LEAST_EPSILON_MICRO..=tacita_dp::Epsilon::MAX.micro();
        require(
            epsilon.contains(&policy.report_epsilon_micro),
            "policy.report-epsilon",
            "choose an ε from 0.001 to 20",
        );
        let of_device = policy.device_epsilon_micro.is_none_or(|most| (LEAST_EPSILON_MICRO..=bound).contains(&most));
        require(of_device, "policy.device-epsilon", "choose an ε from 0.001 to device.ledger-bound");
        require(
            policy.people_per_cohort > 1,
            "policy.people-per-cohort",
            "a cohort is never one person: choose at least 2",
        );
        require(policy.measures_per_campaign > 0, "policy.measures-per-campaign", "choose at least 1");
        let least_tokens = u64::from(self.device_policy.token_batch);
        let remedy = "choose at least one device's batch of tokens";
        require(limits.tokens_per_publisher >= least_tokens, "limits.tokens-per-publisher", remedy);
        require(limits.connections > 0, "limits.connections", "choose at least 1");
        require(limits.connections_per_peer > 0, "limits.connections-per-peer", "choose at least 1");
        require(limits.connections_per_tenant > 0, "limits.connections-per-tenant", "choose at least 1");
        let at_least_a_second = "choose at least a second";
        let second = Duration::from_secs(1);
        require(limits.connection_admission >= second, "limits.connection-admission", at_least_a_second);
        require(limits.connection_idle >= second, "limits.connection-idle", at_least_a_second);
        require((1..=100).contains(&limits.tenant_percent), "limits.tenant-percent", "choose 1 to 100");
        require(limits.upload_idle >= second, "limits.upload-idle", at_least_a_second);
        require(limits.connection_age >= second, "limits.connection-age", at_least_a_second);
        require(limits.streams_per_connection > 0, "limits.streams-per-connection", "choose at least 1");
        require(limits.reports_per_batch > 0, "limits.reports-per-batch", "choose at least 1");
        let least_message = limits.reports_per_batch.saturating_mul(tacita_tokens::ENVELOPE_LEN + 2) + 64;
        let remedy = "a full batch must fit: choose at least 88 bytes for each of limits.reports-per-batch";
        require(limits.message_bytes >= least_message, "limits.message-bytes", remedy);
        require(!self.alerts.step.is_zero(), "alerts.step", "choose at least a second; 5 minutes is usual");
        let least = self.window_policy.max_age.saturating_add(Duration::from_secs(86_400));
        let remedy = "choose a day more than windows.max-age at least, or windows would be deleted while they count";
        require(self.retention.tallies >= least, "retention.tallies", remedy);
        let periods = Duration::from_secs(1)..=Duration::from_secs(31 * 86_400);
        let remedy = "choose a second to 31 days; an hour is usual";
        require(periods.contains(&self.record_period), "record.period", remedy);
        require(limits.batches_per_stream > 0, "limits.batches-per-stream", "choose at least 1");
        require(limits.crypto_threads > 0, "limits.crypto-threads", "choose at least 1");
        let remedy = "write each origin as a browser does: scheme, host and port, for example https://dash.example";
        let are_origins = self.dashboard_origins.iter().all(|origin| crate::pages::origin_header(origin).is_some());
        require(are_origins, "dashboard.origins", remedy);
        problems
    }
}

impl Default for WindowPolicy {
    /// Two days after its end, one hour before its begin.
    fn default() -> Self {
        Self { max_age: Duration::from_secs(2 * 86_400), ahead: Duration::from_secs(3_600) }
    }
}

impl Default for Policy {
    /// Those of [`CampaignPolicy`], with the ledger's bound for a device, and 32 measures.
    fn default() -> Self {
        let CampaignPolicy { report_epsilon_micro, people_per_cohort, reports_per_window, .. } =
            CampaignPolicy::default();
        Self {
            report_epsilon_micro,
            device_epsilon_micro: None,
            people_per_cohort,
            reports_per_window,
            measures_per_campaign: 32,
        }
    }
}

impl Default for AlertPolicy {
    /// Every 5 minutes, no plain http.
    fn default() -> Self {
        Self { step: Duration::from_secs(300), loopback_webhooks: false }
    }
}

impl Default for RetentionPolicy {
    /// 400 days: a year, and the month to compare with.
    fn default() -> Self {
        Self { tallies: Duration::from_secs(400 * 86_400) }
    }
}

impl Default for MetricsPolicy {
    /// No listener; 10 s.
    fn default() -> Self {
        Self { listen: None, grain: Duration::from_secs(10) }
    }
}

impl Limits {
    /// The part of `most` places that one tenant may have.
    pub(crate) fn share_of(&self, most: usize) -> usize {
        most.saturating_mul(self.tenant_percent).div_ceil(100)
    }

    /// Of a message to every service but the operators'.
    pub(crate) fn message(&self) -> Limit {
        Limit { name: "message_bytes", value: self.message_bytes }
    }
}

impl Default for Limits {
    fn default() -> Self {
        let crypto_threads = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            tokens_per_publisher: 10_000_000,
            connections: 4_096,
            connections_per_peer: 128,
            connections_per_tenant: 512,
            connection_admission: Duration::from_secs(10),
            connection_idle: Duration::from_secs(300),
            connection_age: Duration::from_secs(3_600),
            tenant_percent: 25,
            upload_idle: Duration::from_secs(300),
            streams_per_connection: 256,
            reports_per_batch: 4_096,
            message_bytes: 1 << 20,
            upload_streams: 256,
            batches_per_stream: 4,
            uploads_in_flight: 256,
            upload_millis: 40,
            issuances_in_flight: 256,
            queries_in_flight: 64,
            followers: 256,
            backups: 1,
            declarations_per_day: 24,
            kept_tallies_bytes: 256 << 20,
            crypto_threads,
            drain: Duration::from_secs(10),
        }
    }
}
