//! `tacita collector`: the neutral party's server.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use tacita_collector::{Collector, CollectorConfig, Limits};
use tacita_protocol::time::SystemClock;
use tokio::net::TcpListener;

use crate::{
    configuration::{
        Asked, ConfigArgs, Loaded, Misfit, Settings, load, own_folder, unusable_addresses, writable_folder,
    },
    logs::{self, LogArgs, LogFile, announce},
    settings::{Signals, Span},
    store::{self, StoreText},
    tls::{ServerTlsArgs, ServerTlsFile},
};

/// Run the collector: issues tokens, counts reports, answers brands.
///
/// State lives in --data (created when missing): the embedded store and the secret keys. With --store postgresql://… it
/// lives in that database, which `tacita store init` prepares; collectors that share one share a --vault too. The first
/// collector of a store writes an operator's API key to DATA/operator.key; `tacita admin` needs it. Every setting has a
/// variable too: TACITA_COLLECTOR__LISTEN for `listen`, TACITA_COLLECTOR__WINDOWS__MAX_AGE for `max-age` of
/// `[windows]`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    flags: Flags,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    tls: ServerTlsArgs,
    /// The authority of publishers' client certificates, in PEM: with it, a publisher's key is taken only over a connection whose
    /// certificate is issued for the URI tacita://publisher/NAME.
    #[arg(long, value_name = "FILE")]
    client_ca: Option<String>,
    #[command(flatten)]
    config: ConfigArgs,
    /// Do not serve the dashboard, the brand's page, at `/`.
    #[arg(long)]
    no_dashboard: bool,
}

/// Settings that have a flag of their own: texts, read as a variable's are.
#[derive(clap::Args, Serialize)]
struct Flags {
    /// The address to listen on.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// The folder for state.
    #[arg(long, value_name = "FOLDER")]
    data: Option<String>,
    /// The engine of the store: `embedded`, or the URL of a PostgreSQL database. The environment or the file shows its
    /// password to fewer than the command line.
    #[arg(long, value_name = "embedded|URL")]
    store: Option<String>,
    /// The folder for secret keys; DATA/keys without it.
    #[arg(long, value_name = "FOLDER")]
    vault: Option<String>,
    /// Tell metrics and health at this address, without a key: 127.0.0.1:9464 is usual. Without it there is no such listener.
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<String>,
}

/// The settings, as a file writes them.
#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct File {
    listen: Option<SocketAddr>,
    data: Option<PathBuf>,
    store: Option<StoreText>,
    vault: Option<PathBuf>,
    drain: Option<Span>,
    metrics: Option<SocketAddr>,
    log: LogFile,
    epochs: Epochs,
    device: Device,
    policy: PolicyRules,
    windows: Windows,
    limits: LimitSettings,
    alerts: Alerts,
    dashboard: Dashboard,
    tls: ServerTlsFile,
    record: Record,
    retention: Retention,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Record {
    period: Option<Span>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Epochs {
    active: Option<Span>,
    grace: Option<Span>,
    published_ahead: Option<u32>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Device {
    token_batch: Option<u32>,
    ledger_bound: Option<f64>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct PolicyRules {
    report_epsilon: Option<f64>,
    device_epsilon: Option<f64>,
    people_per_cohort: Option<u32>,
    reports_per_window: Option<u32>,
    measures_per_campaign: Option<usize>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Windows {
    max_age: Option<Span>,
    ahead: Option<Span>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct LimitSettings {
    tokens_per_publisher: Option<u64>,
    connections: Option<usize>,
    connections_per_peer: Option<usize>,
    connections_per_tenant: Option<usize>,
    connection_admission: Option<Span>,
    connection_idle: Option<Span>,
    connection_age: Option<Span>,
    tenant_percent: Option<usize>,
    upload_idle: Option<Span>,
    streams_per_connection: Option<u32>,
    reports_per_batch: Option<usize>,
    message_bytes: Option<usize>,
    upload_streams: Option<usize>,
    batches_per_stream: Option<usize>,
    uploads_in_flight: Option<usize>,
    upload_millis: Option<usize>,
    issuances_in_flight: Option<usize>,
    queries_in_flight: Option<usize>,
    followers: Option<usize>,
    backups: Option<usize>,
    declarations_per_day: Option<usize>,
    kept_tallies_bytes: Option<usize>,
    crypto_threads: Option<usize>,
}

impl LimitSettings {
    fn apply(&self, limits: &mut Limits) {
        limits.tokens_per_publisher = self.tokens_per_publisher.unwrap_or(limits.tokens_per_publisher);
        limits.connections = self.connections.unwrap_or(limits.connections);
        limits.connections_per_peer = self.connections_per_peer.unwrap_or(limits.connections_per_peer);
        limits.connections_per_tenant = self.connections_per_tenant.unwrap_or(limits.connections_per_tenant);
        limits.connection_admission = self.connection_admission.map_or(limits.connection_admission, |span| span.0);
        limits.connection_idle = self.connection_idle.map_or(limits.connection_idle, |span| span.0);
        limits.connection_age = self.connection_age.map_or(limits.connection_age, |span| span.0);
        limits.tenant_percent = self.tenant_percent.unwrap_or(limits.tenant_percent);
        limits.upload_idle = self.upload_idle.map_or(limits.upload_idle, |span| span.0);
        limits.streams_per_connection = self.streams_per_connection.unwrap_or(limits.streams_per_connection);
        limits.reports_per_batch = self.reports_per_batch.unwrap_or(limits.reports_per_batch);
        limits.message_bytes = self.message_bytes.unwrap_or(limits.message_bytes);
        limits.upload_streams = self.upload_streams.unwrap_or(limits.upload_streams);
        limits.batches_per_stream = self.batches_per_stream.unwrap_or(limits.batches_per_stream);
        limits.uploads_in_flight = self.uploads_in_flight.unwrap_or(limits.uploads_in_flight);
        limits.upload_millis = self.upload_millis.unwrap_or(limits.upload_millis);
        limits.issuances_in_flight = self.issuances_in_flight.unwrap_or(limits.issuances_in_flight);
        limits.queries_in_flight = self.queries_in_flight.unwrap_or(limits.queries_in_flight);
        limits.followers = self.followers.unwrap_or(limits.followers);
        limits.backups = self.backups.unwrap_or(limits.backups);
        limits.declarations_per_day = self.declarations_per_day.unwrap_or(limits.declarations_per_day);
        limits.kept_tallies_bytes = self.kept_tallies_bytes.unwrap_or(limits.kept_tallies_bytes);
        limits.crypto_threads = self.crypto_threads.unwrap_or(limits.crypto_threads);
    }
}

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Alerts {
    step: Option<Span>,
    loopback_webhooks: bool,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Dashboard {
    serve: Option<bool>,
    origins: Vec<String>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Retention {
    tallies: Option<Span>,
}

impl Settings for File {
    const SERVER: &'static str = "collector";
    const DEFAULTS: &'static str = include_str!("../../../examples/collector.toml");

    fn misfits(&self) -> Vec<Misfit> {
        let (config, mut asked) = config(self);
        asked.add(config.problems().into_iter().map(|problem| Misfit::new(problem.setting, problem.remedy)));
        for (setting, folder) in [("data", &self.data), ("vault", &self.vault)] {
            let unusable = folder.as_deref().and_then(|folder| writable_folder(folder).err());
            asked.add(unusable.map(|remedy| Misfit::new(setting, remedy)));
        }
        asked.add(self.log.misfit());
        asked.add(unusable_addresses(self.listen, self.metrics));
        asked.0
    }

    fn doubts(&self) -> Vec<Misfit> {
        let (config, _) = config(self);
        let (grace, max_age) = (config.schedule.grace_seconds, config.window_policy.max_age);
        let remedy = format!(
            "it is shorter than windows.max-age ({}), for which windows take reports: those sealed at the end of an epoch are \
             refused once it has closed; choose as much, unless that is meant",
            Span(max_age)
        );
        let is_shorter = grace < max_age.as_secs();
        is_shorter.then(|| Misfit::new("epochs.grace", remedy)).into_iter().collect()
    }
}

/// Reads the settings of a command line, the environment and the file.
pub(crate) fn loaded(mut args: Args) -> Result<Loaded<impl Settings + use<>>> {
    read(&mut args)
}

fn read(args: &mut Args) -> Result<Loaded<File>> {
    if args.no_dashboard {
        args.config.set("--no-dashboard", "dashboard.serve", "false");
    }
    args.log.set(&mut args.config);
    args.tls.set(&mut args.config);
    if let Some(authority) = &args.client_ca {
        args.config.set("--client-ca", "tls.client-ca", authority);
    }
    load(&args.config, &args.flags)
}

/// Runs until SIGTERM or SIGINT, then drains.
pub(crate) async fn run(mut args: Args) -> Result<()> {
    let mut signals = Signals::take()?;
    let (file, notes) = read(&mut args)?.checked()?;
    let log = logs::start(&file.log)?;
    notes.say();
    logs::follow_hangups(log.clone(), args.config.file())?;
    // Whole: it was checked.
    let (mut config, _) = config(&file);
    config.log = Some(log);
    own_folder(&config.data)?;
    let listen = file.listen.context("no address to listen on")?;

    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let state = store::described(&config.store, &config.data);
    let operator_key = config.data.join("operator.key");
    let running = Collector::start(config, listener, Arc::new(SystemClock)).await?;
    announce(&format!("collector on {scheme}://{}; state in {state}", running.address()));
    if let Some(address) = running.metrics_address() {
        announce(&format!("metrics at http://{address}/metrics"));
    }
    announce(&format!("signing key, for publishers to pin: {}", hex::encode(running.signing_key().to_bytes())));
    if operator_key.exists() {
        announce(&format!("operator's API key: {}", operator_key.display()));
    }
    signals.told_to_stop().await;
    Ok(signals.end(running.shutdown()).await?)
}

/// The configuration, and all that keeps it from being what was asked for.
fn config(file: &File) -> (CollectorConfig, Asked) {
    let mut asked = Asked::default();
    let data = asked.take("data", file.data.clone().context("name a folder for state"));
    let mut config = CollectorConfig::new(data);
    if let Some(store) = &file.store {
        config.store = asked.take("store", store.engine());
    }
    config.vault = file.vault.clone().unwrap_or(config.vault);
    config.limits.drain = file.drain.map_or(config.limits.drain, |span| span.0);
    let schedule = &mut config.schedule;
    schedule.active_seconds = file.epochs.active.map_or(schedule.active_seconds, |span| span.0.as_secs());
    schedule.grace_seconds = file.epochs.grace.map_or(schedule.grace_seconds, |span| span.0.as_secs());
    schedule.published_ahead = file.epochs.published_ahead.unwrap_or(schedule.published_ahead);
    let device = &mut config.device_policy;
    device.token_batch = file.device.token_batch.unwrap_or(device.token_batch);
    if let Some(bound) = file.device.ledger_bound {
        device.ledger_bound_micro = (bound * 1e6).round() as u32;
    }
    let (policy, rules) = (&mut config.policy, &file.policy);
    if let Some(ceiling) = rules.report_epsilon {
        policy.report_epsilon_micro = (ceiling * 1e6).round() as u32;
    }
    if let Some(most) = rules.device_epsilon {
        policy.device_epsilon_micro = Some((most * 1e6).round() as u32);
    }
    policy.people_per_cohort = rules.people_per_cohort.unwrap_or(policy.people_per_cohort);
    policy.reports_per_window = rules.reports_per_window.unwrap_or(policy.reports_per_window);
    policy.measures_per_campaign = rules.measures_per_campaign.unwrap_or(policy.measures_per_campaign);
    let windows = &mut config.window_policy;
    windows.max_age = file.windows.max_age.map_or(windows.max_age, |span| span.0);
    windows.ahead = file.windows.ahead.map_or(windows.ahead, |span| span.0);
    file.limits.apply(&mut config.limits);
    config.alerts.step = file.alerts.step.map_or(config.alerts.step, |span| span.0);
    config.alerts.loopback_webhooks = file.alerts.loopback_webhooks;
    config.record_period = file.record.period.map_or(config.record_period, |span| span.0);
    config.metrics.listen = file.metrics;
    config.tls = asked.take("tls", file.tls.read());
    config.dashboard_origins = file.dashboard.origins.clone();
    config.retention.tallies = file.retention.tallies.map_or(config.retention.tallies, |span| span.0);
    config.serve_dashboard = file.dashboard.serve.unwrap_or(config.serve_dashboard);
    (config, asked)
}

/// Reads settings, and tells whether they can be.
#[cfg(feature = "fuzzing")]
pub(crate) fn read_settings(given: &crate::fuzzing::Given<'_>) {
    let file: File = given.decode();
    let (mut config, _) = config(&File { data: Some("data".into()), ..file });
    // Whatever the file names is not to be opened.
    config.tls = None;
    config.problems();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_holds_every_default() {
        let file: File = toml::from_str(File::DEFAULTS).unwrap();
        let (from_file, asked) = config(&file);
        assert!(asked.0.is_empty());
        let default = CollectorConfig::new(file.data.clone().unwrap());
        assert_eq!(format!("{from_file:?}"), format!("{default:?}"));
    }

    #[test]
    fn values_that_do_not_fit_are_all_named() {
        let misfits = |text: &str| {
            let file: File = toml::from_str(&format!("data = 'x'\n{text}")).unwrap();
            file.misfits().into_iter().map(|misfit| misfit.setting).collect::<Vec<_>>()
        };
        assert_eq!(misfits("[policy]\nreport-epsilon = 12.0"), [""; 0]);
        for refused in ["0.0", "-1.0", "20.1", "nan"] {
            assert_eq!(
                misfits(&format!("[policy]\nreport-epsilon = {refused}")),
                ["policy.report-epsilon"],
                "{refused}"
            );
        }
        assert_eq!(
            misfits("[device]\ntoken-batch = 0\n[retention]\ntallies = '1day'\n[epochs]\ngrace = '1h'"),
            ["device.token-batch", "retention.tallies"]
        );
        assert_eq!(
            misfits("store = 'sqlite'\n[tls]\nkey = 'k'\n[device]\ntoken-batch = 0\n[log]\nfilter = 'hyper=trace'"),
            ["store", "tls.key", "device.token-batch", "log.filter"]
        );
        assert_eq!(
            misfits("[tls]\ncertificate = '/etc/passwd'\nkey = '/etc/hosts'\nclient-ca = '/nowhere'"),
            ["tls.certificate", "tls.key", "tls.client-ca"]
        );
    }
}
