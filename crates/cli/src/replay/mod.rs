//! `tacita replay`: a real log of sessions on the real path, truth beside estimates.

mod log;
mod map;

use std::{collections::BTreeSet, fs, net::IpAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use ed25519_dalek::VerifyingKey;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;
use tacita_client::{ClientError, Device, Occurrence, Recorded};
use tacita_dp::Epsilon;
use tacita_proto::v1;
use tacita_protocol::{
    id::{CampaignName, PublisherId},
    measure::Event,
    time::SystemClock,
};

use self::{log::LoggedSession, map::Map};
use crate::{
    connect,
    report::label,
    settings::{duration, epsilon, http_address, signing_key},
    simulation::{
        audience,
        clock::SimulatedClock,
        drive::{Target, Visitor, drive, progress, until_counted},
        loopback::{CAMPAIGN, Loopback, Plan},
        truth::{Coverage, Truth},
    },
    table::{Table, count},
};

/// Send a real log of sessions through the real path and put the truth beside the estimates.
///
/// Each row of FILE becomes a session of a device of its own: its reports are randomized, sealed, relayed, shuffled and counted
/// like any other. A map (TOML) says which column is what; `examples/online-shoppers.toml` is one. Without --relay every party
/// runs on this machine for the time of the run.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The log: CSV with a head line.
    file: PathBuf,
    /// The map: which column is the channel, the visitor, the conversion, its value.
    #[arg(long, value_name = "MAP.toml")]
    map: PathBuf,
    /// Local privacy of each report; several values, with commas between, make measures of each.
    #[arg(long, value_name = "ε,…", default_value = "2", value_delimiter = ',', value_parser = epsilon)]
    epsilon: Vec<Epsilon>,
    /// The first seed: it fixes every report's noise.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many runs, each with the next seed.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
    /// Also write truth and estimates to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// How long to go on when a server does not answer.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    patience: Duration,
    #[command(flatten)]
    remote: Option<Remote>,
}

/// A relay and a collector that run already.
#[derive(clap::Args, Clone)]
#[group(requires_all = ["relay", "collector", "publisher", "signing_key", "campaign", "brand_key"])]
struct Remote {
    /// Use this relay. It must trust this machine as a proxy (`trusted-proxies`), since the devices all connect from here.
    #[arg(long, value_name = "URL", required = false, value_parser = http_address)]
    relay: String,
    /// Its collector, for the report.
    #[arg(long, value_name = "URL", required = false, value_parser = http_address)]
    collector: String,
    /// The publisher's number.
    #[arg(long, value_name = "NUMBER", required = false)]
    publisher: u32,
    /// The collector's signing key.
    #[arg(long, value_name = "HEX", required = false, value_parser = signing_key)]
    signing_key: VerifyingKey,
    /// The campaign, BRAND/CAMPAIGN: its measures of arrivals and conversions are filled.
    #[arg(long, value_name = "BRAND/CAMPAIGN", required = false)]
    campaign: CampaignName,
    /// The brand's API key.
    #[arg(long, value_name = "KEY", required = false, env = "TACITA_BRAND_KEY", hide_env_values = true)]
    brand_key: String,
}

/// Replays the log once for each seed and prints what came of it.
pub(crate) async fn run(args: Args) -> Result<()> {
    let map = Map::read(&args.map)?;
    let sessions: Arc<[LoggedSession]> = log::read(&args.file, &map)?.into();
    let converted = sessions.iter().filter(|session| session.converted).count();
    println!(
        "{}: {} sessions, {} conversions, {} channels",
        args.file.display(),
        count(sessions.len() as f64),
        count(converted as f64),
        channels(&sessions).len(),
    );
    println!("semi-synthetic: {}", map.missing().join("; "));

    let mut runs = Vec::new();
    for seed in args.seed..args.seed.saturating_add(args.seeds) {
        let bar = progress(sessions.len() as u64);
        let visitors = visitors(&sessions, seed);
        let run = match &args.remote {
            Some(remote) => on_remote(remote, visitors, args.patience, &bar).await?,
            None => on_loopback(&args, &map, &sessions, visitors, &bar).await?,
        };
        bar.finish_and_clear();
        run.check_totals()?;
        runs.push((seed, run));
    }
    print(&runs);
    if let Some(path) = &args.json {
        let json = serde_json::to_string_pretty(&json(&map, &runs))?;
        fs::write(path, json).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// What one seed came to.
struct Run {
    truth: Truth,
    report: v1::GetReportResponse,
}

impl Run {
    /// The collector's totals must equal the file's: each slot counted once.
    fn check_totals(&self) -> Result<()> {
        for measure in &self.report.measures {
            let described = measure.measure.clone().unwrap_or_default();
            let sent = self.truth.reports(described.id);
            let counted = measure.reports;
            anyhow::ensure!(counted == sent, "{}: {sent} reports were sent and {counted} counted", described.name);
        }
        Ok(())
    }
}

async fn on_loopback(
    args: &Args,
    map: &Map,
    sessions: &[LoggedSession],
    visitors: impl Iterator<Item = Row> + Send + 'static,
    bar: &indicatif::ProgressBar,
) -> Result<Run> {
    let measures = measures(map, sessions, &args.epsilon);
    let spent: u32 = measures.iter().map(|measure| measure.epsilon_micro).sum();
    let clock = Arc::new(SimulatedClock::start());
    let plan = Plan {
        // A row is a whole device, so it buys as many tokens as it can need and its ledger holds them all.
        token_batch: measures.len() as u32,
        ledger_bound_micro: spent,
        measures,
        clock: clock.clone(),
    };
    let mut loopback = Loopback::start(plan).await?;
    let target = Target {
        relay: loopback.relay_url(),
        publisher: loopback.publisher,
        signing_key: loopback.signing_key,
        clock,
        patience: args.patience,
    };
    let driven = drive(visitors, &target, bar).await?;
    let report = until_counted(&mut loopback.reporting, CAMPAIGN, &driven.truth, args.patience).await?;
    loopback.stop().await?;
    Ok(Run { truth: driven.truth, report })
}

async fn on_remote(
    remote: &Remote,
    visitors: impl Iterator<Item = Row> + Send + 'static,
    patience: Duration,
    bar: &indicatif::ProgressBar,
) -> Result<Run> {
    let target = Target {
        relay: remote.relay.clone(),
        publisher: PublisherId(remote.publisher),
        signing_key: remote.signing_key,
        clock: Arc::new(SystemClock),
        patience,
    };
    let driven = drive(visitors, &target, bar).await?;
    let mut reporting = connect::reporting(&remote.collector, &remote.brand_key).await?;
    let report = until_counted(&mut reporting, &remote.campaign.to_string(), &driven.truth, patience).await?;
    Ok(Run { truth: driven.truth, report })
}

/// The channels of a log, each once.
fn channels(sessions: &[LoggedSession]) -> BTreeSet<&str> {
    sessions.iter().map(|session| session.channel.as_str()).collect()
}

/// The measures that a map asks for, once for each ε.
fn measures(map: &Map, sessions: &[LoggedSession], epsilons: &[Epsilon]) -> Vec<v1::CreateMeasureRequest> {
    let dimension = |name: &str, labels: Vec<String>| v1::Dimension { name: name.to_owned(), labels };
    let channel = dimension("channel", channels(sessions).into_iter().map(str::to_owned).collect());
    let mut kinds = vec![("arrivals", v1::Event::Arrival, vec![channel.clone()])];
    if map.visitor.is_some() {
        let labels = ["new", "returning", "other"].map(str::to_owned).to_vec();
        kinds.push(("visitors", v1::Event::Arrival, vec![dimension("visitor", labels)]));
    }
    if map.conversion.is_some() {
        let value = map.value.as_ref().map(|value| {
            let other = std::iter::once("other".to_owned());
            dimension("value", value.buckets.iter().cloned().chain(other).collect())
        });
        kinds.push(("conversions", v1::Event::Conversion, std::iter::once(channel).chain(value).collect()));
    }
    let request = |epsilon: &Epsilon, (name, event, dimensions): &(&str, v1::Event, Vec<v1::Dimension>)| {
        v1::CreateMeasureRequest {
            name: format!("{name}-{}", epsilon.to_string().replace('.', "-")),
            event: (*event).into(),
            dimensions: dimensions.clone(),
            epsilon_micro: epsilon.micro(),
            ..Default::default()
        }
    };
    epsilons.iter().flat_map(|epsilon| kinds.iter().map(move |kind| request(epsilon, kind))).collect()
}

/// One row as a device.
struct Row {
    secret: [u8; 32],
    number: u32,
    sessions: Arc<[LoggedSession]>,
}

fn visitors(sessions: &Arc<[LoggedSession]>, seed: u64) -> impl Iterator<Item = Row> + Send + 'static {
    let sessions = sessions.clone();
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    (0..sessions.len() as u32).map(move |number| {
        let mut secret = [0; 32];
        rng.fill_bytes(&mut secret);
        Row { secret, number, sessions: sessions.clone() }
    })
}

impl Visitor for Row {
    fn secret(&self) -> [u8; 32] {
        self.secret
    }

    fn address(&self) -> IpAddr {
        audience::address(self.number)
    }

    fn sessions(&self) -> u64 {
        1
    }

    fn visit(&self, device: &Device) -> Result<Vec<Recorded>, ClientError> {
        let session = &self.sessions[self.number as usize];
        let mut arrival = Occurrence::new(Event::Arrival).label("channel", &session.channel);
        if let Some(visitor) = session.visitor {
            arrival = arrival.label("visitor", visitor);
        }
        let mut recorded = vec![device.record(&arrival)?];
        if session.converted {
            let mut conversion = Occurrence::new(Event::Conversion).label("channel", &session.channel);
            if let Some(value) = session.value {
                conversion = conversion.value(value);
            }
            recorded.push(device.record(&conversion)?);
        }
        Ok(recorded)
    }
}

/// The first run's estimates, and over all runs the share of intervals that hold the truth.
fn print(runs: &[(u64, Run)]) {
    let Some((seed, first)) = runs.first() else { return };
    println!("\nseed {seed}:");
    crate::report::print(&first.report, &|measure, cell| Some(first.truth.count(measure, cell)));
    println!("\n95 % intervals that hold the truth, over {} seed(s):", runs.len());
    let mut table = Table::new(&["measure", "intervals", "hold the truth", "share"]);
    let row = |name: &str, coverage: Coverage| {
        let share = format!("{:.1} %", 100.0 * coverage.share());
        [name.to_owned(), coverage.of.to_string(), coverage.held.to_string(), share]
    };
    for (index, measure) in first.report.measures.iter().enumerate() {
        let mut coverage = Coverage::default();
        for (_, run) in runs {
            coverage += run.truth.covered(&run.report.measures[index]);
        }
        table.row(row(&measure.measure.clone().unwrap_or_default().name, coverage));
    }
    table.row(row("all", coverage(runs)));
    table.print();
}

fn coverage(runs: &[(u64, Run)]) -> Coverage {
    let mut coverage = Coverage::default();
    for (_, run) in runs {
        for measure in &run.report.measures {
            coverage += run.truth.covered(measure);
        }
    }
    coverage
}

fn json(map: &Map, runs: &[(u64, Run)]) -> serde_json::Value {
    let covered = coverage(runs);
    serde_json::json!({
        "semi_synthetic": map.missing(),
        "intervals": covered.of,
        "intervals_that_hold_the_truth": covered.held,
        "share": covered.share(),
        "runs": runs.iter().map(|(seed, run)| serde_json::json!({
            "seed": seed,
            "measures": run.report.measures.iter().map(|measure| measure_json(measure, &run.truth)).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    })
}

fn measure_json(report: &v1::MeasureReport, truth: &Truth) -> serde_json::Value {
    let measure = report.measure.clone().unwrap_or_default();
    let cell = |(index, cell): (usize, &v1::CellEstimate)| {
        serde_json::json!({
            "cell": label(cell), "truth": truth.count(measure.id, index), "estimate": cell.estimate,
            "low": cell.low, "high": cell.high,
        })
    };
    serde_json::json!({
        "measure": measure.name,
        "epsilon": f64::from(measure.epsilon_micro) / 1e6,
        "sent": truth.reports(measure.id),
        "counted": report.reports,
        "cells": report.cells.iter().enumerate().map(cell).collect::<Vec<_>>(),
    })
}
