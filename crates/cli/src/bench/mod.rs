//! `tacita bench`: what a collector takes in on this machine.
//!
//! `ingest` runs collectors in processes of their own, has a second process seal reports beforehand, sends them over
//! loopback gRPC and sets the result beside what the machine needs at the least: opening the same reports and nothing
//! else.

mod collectors;
mod floor;
mod load;
mod overload;
mod result;
mod seal;
mod soak;
mod spent;
mod store;
mod used;

use std::{
    path::{Path, PathBuf},
    process::{self, Command},
};

use anyhow::{Context as _, Result, ensure};
use clap::Subcommand;
use tacita_proto::v1;

use self::{collectors::Collector, floor::Floor, load::Load, result::Measured, store::Store, used::Used};
use crate::{
    simulation::loopback::{self, Party},
    store::StoreText,
};

/// Measure what this machine takes in.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Bench,
}

#[derive(Subcommand)]
enum Bench {
    Ingest(Ingest),
    Soak(soak::Args),
    Overload(overload::Args),
    #[command(hide = true)]
    Seal(seal::Args),
}

/// Send sealed reports to collectors over loopback gRPC, each counted durably.
///
/// Prints reports a second, the collectors' CPU time, latency, bytes written and memory, beside what this machine needs
/// at the least: opening the same reports on the same cores and nothing else, and one fsync of its disk.
#[derive(clap::Args)]
struct Ingest {
    /// The engine: `embedded`, `postgres` (a server for this run alone, where PostgreSQL is installed), or the URL of a
    /// server on which a database is made and removed.
    #[arg(long, value_name = "ENGINE", default_value = "embedded")]
    store: StoreText,
    /// How many collectors; more than one need PostgreSQL.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=64))]
    collectors: u64,
    /// How many reports.
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=5_000_000))]
    reports: u64,
    /// Reports in one request.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=4_096))]
    batch: u64,
    /// Connections at once.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=256))]
    connections: u64,
    /// Requests under way on each connection.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=64))]
    in_flight: u64,
    /// Tokens that were spent in the epoch before, made up; for the embedded store.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=1_000_000_000))]
    spent: u64,
    /// Where collectors keep their state, or the server of this run alone: the disk that is measured. A temporary
    /// folder without it.
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Also write the result to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Runs one benchmark.
pub(crate) async fn run(args: Args) -> Result<()> {
    match args.command {
        Bench::Ingest(args) => ingest(args).await,
        Bench::Soak(args) => soak::run(args).await,
        Bench::Overload(args) => overload::run(args).await,
        Bench::Seal(args) => seal::run(args).await,
    }
}

async fn ingest(args: Ingest) -> Result<()> {
    let scratch = tempfile::tempdir().context("cannot make a temporary folder")?;
    let data = args.data.clone().unwrap_or_else(|| scratch.path().join("collector"));
    let floor = Floor::measure(&data)?;
    let store = Store::prepare(&args.store, args.data.as_deref()).await?;
    ensure!(
        args.collectors == 1 || !matches!(store, Store::Embedded),
        "the embedded store has one collector: choose --store postgres for {}",
        args.collectors
    );
    let mut collectors = vec![Collector::start(&data, scratch.path(), &store.text(), 0)?];
    for number in 1..args.collectors {
        collectors.push(Collector::start(&data, scratch.path(), &store.text(), number)?);
    }
    let party = loopback::create_party(&mut collectors[0].admin().await?, vec![measure()]).await?;

    let sealed = scratch.path().join("sealed");
    seal_in_a_process(&collectors[0].url, &party, args.reports, &sealed)?;
    if args.spent > 0 {
        ensure!(matches!(store, Store::Embedded), "--spent fills the embedded store alone: leave one of the two out");
        collectors.clear();
        spent::spend(&data.join("store"), party.publisher, args.spent).await?;
        collectors.push(Collector::start(&data, scratch.path(), &store.text(), 0)?);
    }
    for collector in &collectors {
        collector.knows(&party).await?;
    }
    let load = Load {
        envelopes: std::fs::read(&sealed)?,
        batch: args.batch as usize,
        connections: args.connections as usize,
        in_flight: args.in_flight as usize,
    };
    let urls: Vec<&str> = collectors.iter().map(|collector| &*collector.url).collect();
    let (before, work_before) = (Used::by_all(&collectors)?, store.work().await?.unwrap_or_default());
    let sender_before = Used::by(process::id())?;
    let taken = load.send(&urls, &party.relay_key).await?;
    let (used, sender) = (Used::by_all(&collectors)?.since(&before), Used::by(process::id())?.since(&sender_before));
    let work = store.work().await?.map(|work| work.since(work_before));
    ensure!(taken.counted == args.reports, "{} reports were sent and {} counted", args.reports, taken.counted);

    let result =
        Measured { args: &args, store: store.name(), floor: &floor, taken: &taken, used: &used, sender: &sender, work };
    result.print();
    if let Some(path) = &args.json {
        let json = serde_json::to_string_pretty(&result.json())?;
        std::fs::write(path, json).with_context(|| format!("cannot write {}", path.display()))?;
    }
    drop(collectors);
    store.remove().await
}

/// Sixteen cells at ε = 3, as a campaign would have.
fn measure() -> v1::CreateMeasureRequest {
    let labels = (1..16).map(|cell| format!("channel-{cell}")).collect();
    v1::CreateMeasureRequest {
        name: "arrivals".to_owned(),
        event: v1::Event::Arrival.into(),
        dimensions: vec![v1::Dimension { name: "channel".to_owned(), labels, catalogue: None }],
        epsilon_micro: 3_000_000,
        ..Default::default()
    }
}

/// The reports are made before and elsewhere, so that making them weighs on nothing that is measured.
fn seal_in_a_process(collector: &str, party: &Party, reports: u64, out: &Path) -> Result<()> {
    let status = Command::new(std::env::current_exe()?)
        .args(["bench", "seal", "--collector", collector, "--publisher", &party.publisher.to_string()])
        .args(["--reports", &reports.to_string(), "--out"])
        .arg(out)
        .env("TACITA_KEY", &party.relay_key)
        .status()?;
    ensure!(status.success(), "the reports could not be sealed");
    Ok(())
}
