//! `tacita collector`: the neutral party's server.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::{Context as _, Result};
use serde::Deserialize;
use tacita_collector::{Collector, CollectorConfig, Limits};
use tacita_protocol::time::SystemClock;
use tokio::net::TcpListener;

use crate::{
    settings::{Span, read_toml},
    store::{self, StoreText},
};

/// Run the collector: issues tokens, counts reports, answers brands.
///
/// State lives in --data (created when missing): the embedded store and the secret keys. With --store postgresql://… it lives in that
/// database, which `tacita store init` prepares; collectors that share one share a --vault too. The first collector of a store writes an
/// operator's API key to DATA/operator.key; `tacita admin` needs it.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The address to listen on.
    #[arg(long, value_name = "ADDRESS", env = "TACITA_COLLECTOR_LISTEN")]
    listen: Option<SocketAddr>,
    /// The folder for state.
    #[arg(long, value_name = "FOLDER", env = "TACITA_COLLECTOR_DATA")]
    data: Option<PathBuf>,
    /// The engine of the store: `embedded`, or the URL of a PostgreSQL database. The environment or the file shows its password to fewer
    /// than the command line.
    #[arg(long, value_name = "embedded|URL", env = "TACITA_STORE", hide_env_values = true)]
    store: Option<StoreText>,
    /// The folder for secret keys; DATA/keys without it.
    #[arg(long, value_name = "FOLDER", env = "TACITA_VAULT")]
    vault: Option<PathBuf>,
    /// A TOML file of settings; flags and environment go before it (`examples/collector.toml` has them all).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Do not serve the dashboard, the brand's page, at `/`.
    #[arg(long)]
    no_dashboard: bool,
}

/// The settings of `--config`.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct File {
    listen: Option<SocketAddr>,
    data: Option<PathBuf>,
    store: Option<StoreText>,
    vault: Option<PathBuf>,
    epochs: Epochs,
    device: Device,
    policy: PolicyRules,
    windows: Windows,
    limits: LimitSettings,
    alerts: Alerts,
    dashboard: Dashboard,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Epochs {
    active: Option<Span>,
    grace: Option<Span>,
    published_ahead: Option<u32>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Device {
    token_batch: Option<u32>,
    ledger_bound: Option<f64>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct PolicyRules {
    report_epsilon: Option<f64>,
    device_epsilon: Option<f64>,
    people_per_cohort: Option<u32>,
    reports_per_window: Option<u32>,
    measures_per_campaign: Option<usize>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Windows {
    max_age: Option<Span>,
    ahead: Option<Span>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct LimitSettings {
    tokens_per_publisher: Option<u64>,
    connections: Option<usize>,
    connections_per_peer: Option<usize>,
    streams_per_connection: Option<u32>,
    reports_per_batch: Option<usize>,
    message_bytes: Option<usize>,
    upload_streams: Option<usize>,
    batches_per_stream: Option<usize>,
    uploads_in_flight: Option<usize>,
    issuances_in_flight: Option<usize>,
    queries_in_flight: Option<usize>,
    followers: Option<usize>,
    kept_tallies_bytes: Option<usize>,
    crypto_threads: Option<usize>,
    drain: Option<Span>,
}

impl LimitSettings {
    fn apply(&self, limits: &mut Limits) {
        limits.tokens_per_publisher = self.tokens_per_publisher.unwrap_or(limits.tokens_per_publisher);
        limits.connections = self.connections.unwrap_or(limits.connections);
        limits.connections_per_peer = self.connections_per_peer.unwrap_or(limits.connections_per_peer);
        limits.streams_per_connection = self.streams_per_connection.unwrap_or(limits.streams_per_connection);
        limits.reports_per_batch = self.reports_per_batch.unwrap_or(limits.reports_per_batch);
        limits.message_bytes = self.message_bytes.unwrap_or(limits.message_bytes);
        limits.upload_streams = self.upload_streams.unwrap_or(limits.upload_streams);
        limits.batches_per_stream = self.batches_per_stream.unwrap_or(limits.batches_per_stream);
        limits.uploads_in_flight = self.uploads_in_flight.unwrap_or(limits.uploads_in_flight);
        limits.issuances_in_flight = self.issuances_in_flight.unwrap_or(limits.issuances_in_flight);
        limits.queries_in_flight = self.queries_in_flight.unwrap_or(limits.queries_in_flight);
        limits.followers = self.followers.unwrap_or(limits.followers);
        limits.kept_tallies_bytes = self.kept_tallies_bytes.unwrap_or(limits.kept_tallies_bytes);
        limits.crypto_threads = self.crypto_threads.unwrap_or(limits.crypto_threads);
        limits.drain = self.drain.map_or(limits.drain, |span| span.0);
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Alerts {
    step: Option<Span>,
    loopback_webhooks: bool,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Dashboard {
    serve: Option<bool>,
    origins: Vec<String>,
}

/// Runs until SIGTERM or SIGINT, then drains.
pub(crate) async fn run(args: Args) -> Result<()> {
    crate::settings::log_to_stderr();
    let file: File = args.config.as_deref().map(read_toml).transpose()?.unwrap_or_default();
    let listen = args.listen.or(file.listen).unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 7601)));
    let data = args.data.or_else(|| file.data.clone()).unwrap_or_else(|| "data/collector".into());

    let mut config = config(&file, data.clone())?;
    if let Some(store) = args.store.as_ref().or(file.store.as_ref()) {
        config.store = store.engine()?;
    }
    config.vault = args.vault.or_else(|| file.vault.clone()).unwrap_or(config.vault);

    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    config.serve_dashboard &= !args.no_dashboard;
    let state = store::described(&config.store, &data);
    let running = Collector::start(config, listener, Arc::new(SystemClock)).await?;
    eprintln!("collector on http://{}; state in {state}", running.address());
    eprintln!("signing key, for publishers to pin: {}", hex::encode(running.signing_key().to_bytes()));
    let operator_key = data.join("operator.key");
    if operator_key.exists() {
        eprintln!("operator's API key: {}", operator_key.display());
    }
    crate::settings::until_told_to_stop().await?;
    Ok(running.shutdown().await?)
}

fn config(file: &File, data: PathBuf) -> Result<CollectorConfig> {
    let mut config = CollectorConfig::new(data);
    let schedule = &mut config.schedule;
    schedule.active_seconds = file.epochs.active.map_or(schedule.active_seconds, |span| span.0.as_secs());
    schedule.grace_seconds = file.epochs.grace.map_or(schedule.grace_seconds, |span| span.0.as_secs());
    schedule.published_ahead = file.epochs.published_ahead.unwrap_or(schedule.published_ahead);
    let device = &mut config.device_policy;
    device.token_batch = file.device.token_batch.unwrap_or(device.token_batch);
    if let Some(bound) = file.device.ledger_bound {
        anyhow::ensure!((0.0..=1_000.0).contains(&bound), "device.ledger-bound: {bound} is not an ε from 0 to 1000");
        device.ledger_bound_micro = (bound * 1e6).round() as u32;
    }
    let (policy, rules) = (&mut config.policy, &file.policy);
    if let Some(ceiling) = rules.report_epsilon {
        anyhow::ensure!(
            (0.001..=20.0).contains(&ceiling),
            "policy.report-epsilon: {ceiling} is not an ε from 0.001 to 20"
        );
        policy.report_epsilon_micro = (ceiling * 1e6).round() as u32;
    }
    if let Some(most) = rules.device_epsilon {
        anyhow::ensure!(
            (0.001..=1_000.0).contains(&most),
            "policy.device-epsilon: {most} is not an ε from 0.001 to 1000"
        );
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
    config.dashboard_origins = file.dashboard.origins.clone();
    config.serve_dashboard = file.dashboard.serve.unwrap_or(config.serve_dashboard);
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_holds_every_setting_with_its_default() {
        let file: File = toml::from_str(include_str!("../../../examples/collector.toml")).unwrap();
        assert_eq!(file.store.as_ref().unwrap().engine().unwrap(), CollectorConfig::new("x").store);
        let (from_file, default) = (config(&file, "x".into()).unwrap(), CollectorConfig::new("x"));
        assert_eq!(from_file.schedule, default.schedule);
        assert_eq!(from_file.device_policy, default.device_policy);
        assert_eq!(from_file.policy, default.policy);
        assert_eq!(from_file.window_policy, default.window_policy);
        assert_eq!(from_file.limits, default.limits);
        assert_eq!(from_file.alerts, default.alerts);
        assert_eq!(from_file.dashboard_origins, default.dashboard_origins);
        assert_eq!(from_file.serve_dashboard, default.serve_dashboard);
    }
    #[test]
    fn a_ceiling_of_epsilon_is_taken_within_the_protocols_bounds() {
        let ceiling = |text: &str| {
            let file: File = toml::from_str(&format!("[policy]\nreport-epsilon = {text}")).unwrap();
            config(&file, "x".into()).map(|config| config.policy.report_epsilon_micro)
        };
        assert_eq!(ceiling("12.0").unwrap(), 12_000_000);
        for refused in ["0.0", "-1.0", "20.1", "nan"] {
            assert!(ceiling(refused).unwrap_err().to_string().contains("policy.report-epsilon"), "{refused}");
        }
    }
}
