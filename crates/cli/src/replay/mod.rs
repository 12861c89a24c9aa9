//! `tacita replay`: a real log on the real path, truth beside estimates.

mod contents;
mod log;
mod map;
mod sessions;
mod top;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use ed25519_dalek::VerifyingKey;
use tacita_dp::Epsilon;
use tacita_proto::v1;
use tacita_protocol::{
    id::{CampaignName, PublisherId},
    time::SystemClock,
};
use tacita_tls::ClientTls;

use self::{contents::ContentLog, map::Map, sessions::SessionLog, top::Top};
use crate::{
    connect,
    report::{name_of, rows_of, text},
    settings::{duration, epsilon, http_address, signing_key},
    simulation::{
        clock::SimulatedClock,
        drive::{Target, Visitor, drive, progress, until_counted},
        loopback::{CAMPAIGN, Loopback, Plan},
        truth::{Coverage, Truth},
    },
    table::{Table, count},
    tls::ClientTlsArgs,
};

/// Send a real log through the real path and put the truth beside the estimates.
///
/// Each row of FILE becomes a session of a device of its own, or is a content with the number of its shares: the reports are
/// randomized, sealed, relayed, shuffled and counted like any other. A map (TOML) says which column is what;
/// `examples/online-shoppers.toml` is one of sessions, `examples/online-news.toml` one of contents. Without --relay every
/// party runs on this machine for the time of the run.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The log: CSV with a head line.
    file: PathBuf,
    /// The map: which column is the channel, the visitor, the conversion, its value; or the content and its shares.
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
    /// Of a list of contents, only so many shares, drawn at random without replacement; another draw with each seed.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    sample: Option<u64>,
    /// Of a measure with more than 100 cells, print the so many with the largest estimates.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    top: u32,
    /// Also write truth and estimates to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// How long to go on when a server does not answer.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    patience: Duration,
    #[command(flatten)]
    remote: Option<Remote>,
    // Beside `Remote` and not in it: TACITA_CA in the environment asks for no relay.
    #[command(flatten)]
    tls: ClientTlsArgs,
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

/// Devices, one after the other.
type Visitors = Box<dyn Iterator<Item = Box<dyn Visitor>> + Send>;

/// What a file holds, ready to be lived through by devices.
trait Log {
    /// How much it holds, in a line.
    fn headline(&self) -> String;
    /// What a real device would know and the file does not say, each as a clause.
    fn missing(&self) -> Vec<&'static str>;
    /// How many events (sessions, shares) devices live through.
    fn events(&self) -> u64;
    /// How many of them one device has, with so many measures to answer at each.
    fn events_per_device(&self, measures: usize) -> u32;
    /// The measures that it fills, once for each ε.
    fn measures(&self, epsilons: &[Epsilon]) -> Vec<v1::CreateMeasureRequest>;
    /// The devices of one run.
    fn visitors(&self, seed: u64, per_device: u32) -> Visitors;
}

/// A measure called `NAME-ε`.
fn measure(name: &str, event: v1::Event, epsilon: Epsilon) -> v1::CreateMeasureRequest {
    v1::CreateMeasureRequest {
        name: format!("{name}-{}", epsilon.to_string().replace('.', "-")),
        event: event.into(),
        epsilon_micro: epsilon.micro(),
        ..Default::default()
    }
}

/// Reads a file by a map; `sample` says how many of its shares are drawn.
fn read(map: &Path, file: &Path, sample: Option<u64>) -> Result<Box<dyn Log>> {
    match Map::read(map)? {
        Map::Contents(map) => Ok(Box::new(ContentLog::read(file, map, sample)?)),
        Map::Sessions(_) if sample.is_some() => bail!("--sample draws shares: it needs a map with [content]"),
        Map::Sessions(map) => Ok(Box::new(SessionLog::read(file, *map)?)),
    }
}

/// What is in a file, in a line.
#[cfg(feature = "fuzzing")]
pub(crate) fn headline(map: &Path, file: &Path) -> Result<String> {
    Ok(read(map, file, None)?.headline())
}

/// Replays the log once for each seed and prints what came of it.
pub(crate) async fn run(args: Args) -> Result<()> {
    let log = read(&args.map, &args.file, args.sample)?;
    println!("{}: {}", args.file.display(), log.headline());
    println!("semi-synthetic: {}", log.missing().join("; "));

    let tls = args.tls.clone().read()?;
    let mut runs = Vec::new();
    for seed in args.seed..args.seed.saturating_add(args.seeds) {
        let bar = progress(log.events());
        let run = match &args.remote {
            Some(remote) => on_remote(remote, &tls, log.visitors(seed, 1), args.patience, &bar).await?,
            None => on_loopback(&args, &*log, seed, &bar).await?,
        };
        bar.finish_and_clear();
        run.check_totals()?;
        runs.push((seed, run));
    }
    print(&runs, args.top);
    if let Some(path) = &args.json {
        let json = serde_json::to_string_pretty(&json(&*log, &runs, args.top))?;
        fs::write(path, json).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// What one seed came to.
struct Run {
    truth: Truth,
    report: v1::QueryResponse,
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

async fn on_loopback(args: &Args, log: &dyn Log, seed: u64, bar: &indicatif::ProgressBar) -> Result<Run> {
    let measures = log.measures(&args.epsilon);
    let per_device = log.events_per_device(measures.len());
    let spent: u32 = measures.iter().map(|measure| measure.epsilon_micro).sum();
    let clock = Arc::new(SimulatedClock::start());
    let plan = Plan {
        // A device buys as many tokens as it can need, at once, and its ledger holds all that it answers.
        token_batch: measures.len() as u32 * per_device,
        ledger_bound_micro: spent.saturating_mul(per_device),
        measures,
        clock: clock.clone(),
    };
    let mut loopback = Loopback::start(plan).await?;
    let target = Target {
        relay: loopback.relay_url(),
        tls: ClientTls::default(),
        publisher: loopback.publisher,
        signing_key: loopback.signing_key,
        clock,
        patience: args.patience,
    };
    let driven = drive(log.visitors(seed, per_device), &target, bar).await?;
    let report = until_counted(&mut loopback.reporting, CAMPAIGN, &driven.truth, args.patience).await?;
    loopback.stop().await?;
    Ok(Run { truth: driven.truth, report })
}

async fn on_remote(
    remote: &Remote,
    tls: &ClientTls,
    visitors: Visitors,
    patience: Duration,
    bar: &indicatif::ProgressBar,
) -> Result<Run> {
    let target = Target {
        relay: remote.relay.clone(),
        tls: tls.clone(),
        publisher: PublisherId(remote.publisher),
        signing_key: remote.signing_key,
        clock: Arc::new(SystemClock),
        patience,
    };
    let driven = drive(visitors, &target, bar).await?;
    let mut reporting = connect::reporting(&remote.collector, tls.clone(), &remote.brand_key).await?;
    let report = until_counted(&mut reporting, &remote.campaign.to_string(), &driven.truth, patience).await?;
    Ok(Run { truth: driven.truth, report })
}

/// The first run's estimates, and over all runs the share of intervals that hold the truth.
fn print(runs: &[(u64, Run)], top: u32) {
    let Some((seed, first)) = runs.first() else { return };
    println!("\nseed {seed}:");
    for measure in &first.report.measures {
        let found = Top::of(&first.report, measure, &first.truth, top);
        text::print(&found.shown(), &|measure, cell| Some(first.truth.count(measure, cell)));
        if let Some(told) = found.told() {
            println!("{told}");
        }
    }
    println!("\n95 % intervals that hold the truth, over {} seed(s):", runs.len());
    let mut table = Table::new(&["measure", "intervals", "hold the truth", "share"]);
    let row = |name: &str, coverage: Coverage| {
        let share = format!("{:.1} %", 100.0 * coverage.share());
        [name.to_owned(), count(coverage.of as f64), count(coverage.held as f64), share]
    };
    for (index, measure) in first.report.measures.iter().enumerate() {
        let mut coverage = Coverage::default();
        for (_, run) in runs {
            coverage += run.truth.covered(&run.report, &run.report.measures[index]);
        }
        table.row(row(name_of(measure), coverage));
    }
    table.row(row("all", coverage(runs)));
    table.print();
}

fn coverage(runs: &[(u64, Run)]) -> Coverage {
    let mut coverage = Coverage::default();
    for (_, run) in runs {
        for measure in &run.report.measures {
            coverage += run.truth.covered(&run.report, measure);
        }
    }
    coverage
}

fn json(log: &dyn Log, runs: &[(u64, Run)], top: u32) -> serde_json::Value {
    let covered = coverage(runs);
    serde_json::json!({
        "semi_synthetic": log.missing(),
        "intervals": covered.of,
        "intervals_that_hold_the_truth": covered.held,
        "share": covered.share(),
        "runs": runs.iter().map(|(seed, run)| serde_json::json!({
            "seed": seed,
            "measures": run.report.measures.iter().map(|measure| measure_json(run, measure, top)).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    })
}

fn measure_json(run: &Run, about: &v1::MeasureAnswer, top: u32) -> serde_json::Value {
    let measure = about.measure.clone().unwrap_or_default();
    let truth = &run.truth;
    let told = |label: String, cell: u32, estimate: v1::Estimate| {
        serde_json::json!({
            "cell": label, "truth": truth.count(measure.id, cell as usize), "estimate": estimate.value,
            "low": estimate.low, "high": estimate.high,
        })
    };
    let rows = rows_of(&run.report, about);
    let cells =
        rows.iter().filter_map(|row| Some(told(text::label(&row.labels, &about.group_by), row.cell?, row.estimate?)));
    let none = about.none.map(|none| told("none".to_owned(), 0, none));
    serde_json::json!({
        "measure": measure.name,
        "epsilon": f64::from(measure.epsilon_micro) / 1e6,
        "sent": truth.reports(measure.id),
        "counted": about.reports,
        "top": Top::of(&run.report, about, truth, top).json(),
        "cells": none.into_iter().chain(cells).collect::<Vec<_>>(),
    })
}
