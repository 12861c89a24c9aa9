//! `tacita bench`: what a collector takes in on this machine.
//!
//! `ingest` runs a collector in a process of its own, has a second process seal reports beforehand, sends them over loopback gRPC and
//! sets the result beside what the machine needs at the least: opening the same reports and nothing else.

mod floor;
mod load;
mod process;
mod seal;

use std::{path::PathBuf, process::Command, time::Duration};

use anyhow::{Context as _, Result, ensure};
use clap::Subcommand;
use tacita_proto::v1;

use self::{
    floor::Floor,
    load::{Load, Taken},
    process::{Collector, Used},
};
use crate::simulation::loopback::{self, Party};

/// Measure what this machine takes in.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Bench,
}

#[derive(Subcommand)]
enum Bench {
    Ingest(Ingest),
    #[command(hide = true)]
    Seal(seal::Args),
}

/// Send sealed reports to a collector over loopback gRPC, each counted durably.
#[derive(clap::Args)]
struct Ingest {
    /// How many reports.
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=5_000_000))]
    reports: u64,
    /// Reports in one request.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=4_096))]
    batch: u64,
    /// Connections at once.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=1_024))]
    connections: u64,
    /// Requests under way on each connection.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=64))]
    in_flight: u64,
    /// Where the collector keeps its state: the disk that is measured. A temporary folder without it.
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
        Bench::Seal(args) => seal::run(args).await,
    }
}

async fn ingest(args: Ingest) -> Result<()> {
    let scratch = tempfile::tempdir().context("cannot make a temporary folder")?;
    let data = args.data.clone().unwrap_or_else(|| scratch.path().join("collector"));
    let floor = Floor::measure(&data)?;
    let mut collector = Collector::start(&data, scratch.path())?;
    let mut admin = collector.admin().await?;
    let party = loopback::create_party(&mut admin, vec![measure()]).await?;

    let sealed = scratch.path().join("sealed");
    seal_in_a_process(&collector, &party, args.reports, &sealed)?;
    let load = Load {
        envelopes: std::fs::read(&sealed)?,
        batch: args.batch as usize,
        connections: args.connections as usize,
        in_flight: args.in_flight as usize,
    };
    let before = collector.used()?;
    let taken = load.send(&collector.url, &party.relay_key).await?;
    let used = collector.used()?.since(&before);
    ensure!(taken.counted == args.reports, "{} reports were sent and {} counted", args.reports, taken.counted);

    let result = Measured { args: &args, floor: &floor, taken: &taken, used: &used };
    result.print();
    if let Some(path) = &args.json {
        let json = serde_json::to_string_pretty(&result.json())?;
        std::fs::write(path, json).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
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
fn seal_in_a_process(collector: &Collector, party: &Party, reports: u64, out: &std::path::Path) -> Result<()> {
    let status = Command::new(std::env::current_exe()?)
        .args(["bench", "seal", "--collector", &collector.url, "--publisher", &party.publisher.to_string()])
        .args(["--reports", &reports.to_string(), "--out"])
        .arg(out)
        .env("TACITA_KEY", &party.relay_key)
        .status()?;
    ensure!(status.success(), "the reports could not be sealed");
    Ok(())
}

/// What came of a run.
struct Measured<'a> {
    args: &'a Ingest,
    floor: &'a Floor,
    taken: &'a Taken,
    used: &'a Used,
}

impl Measured<'_> {
    fn rate(&self) -> f64 {
        self.taken.counted as f64 / self.taken.seconds
    }

    fn per_report(&self, total: f64) -> f64 {
        total / self.taken.counted as f64
    }

    fn print(&self) {
        let micros = |duration: Duration| duration.as_secs_f64() * 1e6;
        let [p50, p99, p999] = self.taken.latency;
        println!(
            "{} reports, {} a request, {} connections",
            self.taken.counted, self.args.batch, self.args.connections
        );
        println!(
            "rate      {:>10.0} reports/s   {:.2} × the floor of {:.0} (open_many alone on the same cores)",
            self.rate(),
            self.rate() / self.floor.reports_per_second,
            self.floor.reports_per_second
        );
        println!(
            "CPU       {:>10.1} µs a report of the collector's; the floor is {:.1}",
            self.per_report(self.used.cpu_seconds) * 1e6,
            self.floor.cpu_seconds_per_report * 1e6
        );
        println!(
            "latency   p50 {:.2} ms   p99 {:.2} ms   p99.9 {:.2} ms   (one fsync of this disk: {:.2} ms)",
            micros(p50) / 1e3,
            micros(p99) / 1e3,
            micros(p999) / 1e3,
            micros(self.floor.fsync) / 1e3
        );
        println!("written   {:>10.0} bytes a report", self.per_report(self.used.written_bytes as f64));
        println!("memory    {:>10.0} MB at the most", self.used.peak_bytes as f64 / 1e6);
    }

    fn json(&self) -> serde_json::Value {
        let [p50, p99, p999] = self.taken.latency.map(|latency| latency.as_secs_f64());
        serde_json::json!({
            "reports": self.taken.counted, "batch": self.args.batch, "connections": self.args.connections,
            "in_flight": self.args.in_flight,
            "reports_per_second": self.rate(),
            "floor_reports_per_second": self.floor.reports_per_second,
            "ratio_to_floor": self.rate() / self.floor.reports_per_second,
            "cpu_seconds_per_report": self.per_report(self.used.cpu_seconds),
            "floor_cpu_seconds_per_report": self.floor.cpu_seconds_per_report,
            "latency_seconds": { "p50": p50, "p99": p99, "p999": p999 },
            "fsync_seconds": self.floor.fsync.as_secs_f64(),
            "written_bytes_per_report": self.per_report(self.used.written_bytes as f64),
            "peak_memory_bytes": self.used.peak_bytes,
        })
    }
}
