//! `tacita bench soak`: the whole path under load for a long time, with a fault every minute.
//!
//! Oracle: the traffic knows how many reports of each value were acknowledged; at the end each of the store's counters
//! must be exactly that. A loss and a double count could hide each other only in one and the same of 50,000 counters.

mod clock;
mod memory;
mod proxy;
mod servers;
mod traffic;
mod trouble;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use tacita_proto::v1;
use tacita_protocol::{id::MeasureId, time::WindowId};
use tacita_store::{
    TallyStore as _,
    embedded::{EmbeddedOptions, EmbeddedStore},
};
use tokio::{task::JoinSet, time::Instant};

use self::{
    clock::FakeClock,
    memory::Memory,
    traffic::Traffic,
    trouble::{Disk, Fault, Means},
};
pub(super) use self::{memory::resident, servers::Deployment};
use crate::settings::{Signals, signing_key};

/// Values that reports have: each raises a counter of its own.
const VALUES: usize = 50_000;
/// How much of its capacity is asked of the deployment.
const SHARE: f64 = 0.8;
/// How long everything may take to arrive when the traffic has ended.
const PATIENCE: Duration = Duration::from_secs(300);

/// Run collector and relay under load for a long time, with a fault every minute.
///
/// Measures what this machine takes on the whole path (tokens bought, reports sealed, submitted, uploaded, counted),
/// then offers 80 % of it. In turn: kill -9 of the collector and of the relay, a full disk, a clock that jumps, a slow
/// disk, connections that are reset. What cannot be done here is skipped by name: a full disk needs root, a clock
/// libfaketime (`faketime`), a slow disk `strace`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// How long, without the measurement before it and the wait for the last reports.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    minutes: u64,
    /// Only these faults, in turn. All that can be done here without it.
    #[arg(long = "fault", value_name = "FAULT")]
    faults: Vec<Fault>,
    /// Where the servers keep their state, if the disk is not to be filled. A temporary folder without it.
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Also write the figures to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What came of one fault.
struct Survived {
    at: Duration,
    name: &'static str,
    lasted: Duration,
    /// Until a report was counted again.
    recovered: Duration,
}

pub(super) async fn run(args: Args) -> Result<()> {
    // What is left by the roadside ends with it: processes, a mounted disk.
    let mut signals = Signals::take()?;
    tokio::select! {
        done = soak(args) => done,
        () = signals.told_to_stop() => Err(anyhow::anyhow!("stopped before its end")),
    }
}

async fn soak(args: Args) -> Result<()> {
    let scratch = tempfile::tempdir().context("cannot make a temporary folder")?;
    let disk = if args.data.is_none() { Disk::mount(scratch.path()) } else { None };
    let data = match (&args.data, &disk) {
        (Some(data), _) => data.clone(),
        (None, Some(disk)) => disk.folder(),
        (None, None) => scratch.path().join("data"),
    };
    let clock = FakeClock::new(scratch.path())?;
    let deployment = Deployment::start(&data, scratch.path(), clock.clone(), measure()).await?;
    let relay = deployment.proxies[0].url();
    let pinned = signing_key(&deployment.signing_key).map_err(anyhow::Error::msg)?;
    let traffic = Traffic::new(relay, deployment.party.publisher, pinned, VALUES);
    let devices = traffic.begin()?;
    let mut soak = Soak { deployment, traffic, collector: Memory::new(), relay: Memory::new() };
    // Kept to the end: with the disk goes what the servers stand on.
    let mut means = Means { disk, clock };
    let done = soak.run(&args, devices, &mut means).await;
    if done.is_err() {
        eprintln!("{}", soak.deployment.last_words());
        eprintln!("devices were told last: {}", soak.traffic.last_error());
    }
    done
}

/// A measure whose every report raises one counter.
fn measure() -> v1::CreateMeasureRequest {
    v1::CreateMeasureRequest {
        name: "stories".to_owned(),
        event: v1::Event::ContentShare.into(),
        epsilon_micro: 4_000_000,
        contents: Some(v1::Contents { ids: (0..VALUES).map(|number| format!("/story/{number}")).collect(), tail: 1 }),
        ..Default::default()
    }
}

struct Soak {
    deployment: Deployment,
    traffic: Arc<Traffic>,
    collector: Memory,
    relay: Memory,
}

impl Soak {
    async fn run(&mut self, args: &Args, mut devices: JoinSet<Result<()>>, means: &mut Means) -> Result<()> {
        let faults = means.possible(&args.faults);
        let capacity = self.capacity(if args.minutes < 5 { 4 } else { 15 }).await?;
        println!("capacity: {capacity:.0} reports a second on the whole path, devices included");
        self.traffic.pace(SHARE * capacity).await;
        let before = (self.traffic.sum(), Instant::now());
        let survived = self.endure(Duration::from_secs(60 * args.minutes), &faults, means).await?;
        let rate = (self.traffic.sum() - before.0) as f64 / before.1.elapsed().as_secs_f64();

        self.traffic.end();
        while let Some(device) = devices.join_next().await {
            device??;
        }
        self.until_counted().await?;
        let wrong = self.compare().await?;
        self.print(&survived, rate);
        if let Some(path) = &args.json {
            let json = self.json(args, capacity, rate, &survived);
            std::fs::write(path, serde_json::to_string_pretty(&json)?)?;
        }
        ensure!(wrong == 0, "{wrong} of {VALUES} counters are not what was acknowledged");
        println!(
            "totals are exact: {} reports acknowledged, and each of {VALUES} counters is what it must be",
            self.traffic.sum()
        );
        ensure!(self.collector.is_flat() != Some(false), "the collector's memory is not flat");
        ensure!(self.relay.is_flat() != Some(false), "the relay's memory is not flat");
        Ok(())
    }

    /// Reports counted a second when as many are sent as go through.
    async fn capacity(&self, seconds: u64) -> Result<f64> {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let (before, began) = (self.deployment.counted().await?, Instant::now());
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let after = self.deployment.counted().await?;
        let rate = (after - before) as f64 / began.elapsed().as_secs_f64();
        ensure!(rate > 0.0, "nothing was counted in {seconds} s");
        Ok(rate)
    }

    /// The faults in turn, one a minute (closer together in a run of fewer minutes than faults), until the time is over.
    async fn endure(&mut self, length: Duration, faults: &[Fault], means: &mut Means) -> Result<Vec<Survived>> {
        let pause = (length / faults.len().max(1) as u32).min(Duration::from_secs(60));
        let (began, mut survived) = (Instant::now(), Vec::new());
        for (turn, &fault) in faults.iter().cycle().enumerate() {
            if began.elapsed() + pause / 2 >= length {
                break;
            }
            self.watch_until(began + pause * turn as u32 + pause / 4).await;
            let (at, struck) = (began.elapsed(), Instant::now());
            means.strike(fault, &mut self.deployment, pause / 4).await?;
            let lasted = struck.elapsed();
            let recovered = self.until_counting().await.with_context(|| format!("after a fault: {}", fault.name()))?;
            println!(
                "{:>6.0} s  {:<28} {:>5.1} s, counting again after {:.1} s",
                at.as_secs_f64(),
                fault.name(),
                lasted.as_secs_f64(),
                recovered.as_secs_f64()
            );
            survived.push(Survived { at, name: fault.name(), lasted, recovered });
        }
        self.watch_until(began + length).await;
        Ok(survived)
    }

    /// Samples memory until `then`.
    async fn watch_until(&mut self, then: Instant) {
        while Instant::now() < then {
            self.sample();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    fn sample(&mut self) {
        self.collector.sample(self.deployment.collector.id());
        self.relay.sample(self.deployment.relay.id());
    }

    /// Waits until more is counted than was.
    async fn until_counting(&mut self) -> Result<Duration> {
        let began = Instant::now();
        let mut before = None;
        while began.elapsed() < PATIENCE {
            self.sample();
            if let Ok(counted) = self.deployment.counted().await
                && counted > *before.get_or_insert(counted)
            {
                return Ok(began.elapsed());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        anyhow::bail!("nothing was counted for {} s", PATIENCE.as_secs())
    }

    /// Waits until the collector has counted as many as were acknowledged.
    async fn until_counted(&mut self) -> Result<()> {
        let (began, sent) = (Instant::now(), self.traffic.sum());
        loop {
            self.sample();
            let counted = self.deployment.counted().await.unwrap_or(0);
            if counted >= sent {
                return Ok(());
            }
            ensure!(began.elapsed() < PATIENCE, "{sent} reports were acknowledged, and {counted} are counted");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// How many counters are not what was acknowledged. Ends the collector.
    async fn compare(&mut self) -> Result<usize> {
        self.deployment.collector.kill()?;
        let store = EmbeddedStore::open(&self.deployment.store, EmbeddedOptions::default())?;
        let mut found = vec![0_u64; VALUES];
        for tally in store.tallies(MeasureId(1), WindowId(0)..WindowId(u32::MAX)).await? {
            for (counter, count) in tally.counters {
                match found.get_mut(counter as usize) {
                    Some(sum) => *sum += count,
                    None => anyhow::bail!("counter {counter} is {count}, and no report belongs there"),
                }
            }
        }
        let sent = self.traffic.acknowledged.iter().map(|count| u64::from(count.load(Relaxed)));
        Ok(found.into_iter().zip(sent).filter(|(found, sent)| found != sent).count())
    }

    fn print(&self, survived: &[Survived], rate: f64) {
        println!("{rate:.0} reports a second acknowledged, {} faults", survived.len());
        println!("{} answers were errors; what they were about was sent again", self.traffic.errors.load(Relaxed));
        println!("collector: {}", self.collector.line());
        println!("relay:     {}", self.relay.line());
    }

    fn json(&self, args: &Args, capacity: f64, rate: f64, survived: &[Survived]) -> serde_json::Value {
        let faults: Vec<_> = survived
            .iter()
            .map(|one| {
                serde_json::json!({
                    "name": one.name,
                    "at": one.at.as_secs_f64(),
                    "lasted": one.lasted.as_secs_f64(),
                    "recovered": one.recovered.as_secs_f64(),
                })
            })
            .collect();
        serde_json::json!({
            "minutes": args.minutes,
            "capacity": capacity,
            "rate": rate,
            "reports": self.traffic.sum(),
            "faults": faults,
            "collector_memory": self.collector.line(),
            "relay_memory": self.relay.line(),
        })
    }
}

/// A path as an argument.
fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path is not UTF-8")
}
