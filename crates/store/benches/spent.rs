//! How the embedded engine holds as an epoch grows: the rate of commits at 1 million spent tokens and at many, memory,
//! the time to drop the epoch, and the time to open again after kill -9.
//!
//! Takes many minutes, so it runs only when told to: `cargo bench -p tacita-store --bench spent -- --long [--json FILE]`, or
//! `cargo xtask bench ingest/embedded/50m`. `TACITA_BENCH_SPENT=1000000` instead of 50,000,000 for a short look.

#![allow(clippy::unwrap_used)]

mod load;

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use load::{CALLERS, EPOCH, Load, REQUEST};
use tacita_store::{
    TallyStore as _,
    embedded::{EmbeddedOptions, EmbeddedStore},
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// How many tokens a process spends before it says so; then it goes on until it is killed.
const CHILD_SPENDS: &str = "TACITA_BENCH_CHILD_SPENDS";
/// Where.
const CHILD_DIR: &str = "TACITA_BENCH_CHILD_DIR";

const MILLION: u64 = 1_000_000;
/// Requests between two looks at the clock.
const STRETCH: u64 = 16 * CALLERS;

fn main() {
    let args: Vec<String> = env::args().collect();
    if let (Ok(dir), Ok(spends)) = (env::var(CHILD_DIR), env::var(CHILD_SPENDS)) {
        return spend_until_killed(dir.as_ref(), spends.parse().unwrap());
    }
    if !args.iter().any(|arg| arg == "--long") {
        println!("spent: takes many minutes, so only with `-- --long`");
        return;
    }
    let spent = env::var("TACITA_BENCH_SPENT").ok().and_then(|n| n.parse().ok()).unwrap_or(50 * MILLION);
    let measured = measure(spent);
    println!("{measured:#}");
    if let Some(place) = args.iter().position(|arg| arg == "--json") {
        fs::write(&args[place + 1], measured.to_string()).unwrap();
    }
}

fn open(dir: &Path) -> EmbeddedStore {
    EmbeddedStore::open(dir, EmbeddedOptions::default()).unwrap()
}

fn scratch() -> TempDir {
    TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn measure(spent: u64) -> serde_json::Value {
    let many = (spent / 5).min(10 * MILLION);
    let reopen = reopen_after_kill(many);
    println!("reopened after kill -9 with {many} tokens in {reopen:.2?}");

    let (runtime, dir) = (Runtime::new().unwrap(), scratch());
    let load = Load::on(open(dir.path()), 0);
    // The rate over as many tokens as it takes to level out what merging costs at an instant.
    let window = (spent / 10).min(2 * MILLION);
    spend(&load, &runtime, window / 2);
    let early = spend(&load, &runtime, window / 2 + window);
    spend(&load, &runtime, spent - window / 2);
    let late = spend(&load, &runtime, spent + window / 2);
    let used = Used::now();
    let began = Instant::now();
    runtime.block_on(load.store.drop_epoch(EPOCH)).unwrap();
    let dropped = began.elapsed();
    serde_json::json!({
        "spent": spent,
        "early_per_second": early,
        "late_per_second": late,
        "ratio": late / early,
        "peak_memory_bytes": used.peak_bytes,
        "written_bytes_per_report": used.written_bytes as f64 / load.spent() as f64,
        "cpu_seconds_per_report": used.cpu_seconds / load.spent() as f64,
        "drop_seconds": dropped.as_secs_f64(),
        "reopened_spent": many,
        "reopen_seconds": reopen.as_secs_f64(),
    })
}

/// Spends until `wanted` tokens are spent; the rate. Prints how it goes, million by million.
fn spend(load: &Load<EmbeddedStore>, runtime: &Runtime, wanted: u64) -> f64 {
    let (first, mut all) = (load.spent(), Duration::ZERO);
    let (mut from, mut taken, mut slowest, mut before) = (first, Duration::ZERO, Duration::ZERO, Used::now());
    while load.spent() < wanted {
        let elapsed = load.run(runtime, STRETCH, REQUEST, CALLERS);
        (all, taken, slowest) = (all + elapsed, taken + elapsed, slowest.max(elapsed));
        let spent = load.spent() - from;
        if spent >= MILLION || load.spent() >= wanted {
            let now = Used::now();
            println!(
                "{:>5.1} million spent: {:>7.0} a second, {:>4.1} µs CPU and {:>4.0} bytes written each, slowest {} requests {slowest:.0?}, {} MB",
                load.spent() as f64 / MILLION as f64,
                spent as f64 / taken.as_secs_f64(),
                (now.cpu_seconds - before.cpu_seconds) * 1e6 / spent as f64,
                (now.written_bytes - before.written_bytes) as f64 / spent as f64,
                STRETCH,
                now.peak_bytes / MILLION,
            );
            (from, taken, slowest, before) = (load.spent(), Duration::ZERO, Duration::ZERO, now);
        }
    }
    (load.spent() - first) as f64 / all.as_secs_f64()
}

fn spend_until_killed(dir: &Path, spends: u64) {
    let (runtime, load) = (Runtime::new().unwrap(), Load::on(open(dir), 0));
    while load.spent() < spends {
        load.run(&runtime, STRETCH, REQUEST, CALLERS);
    }
    println!("spent");
    loop {
        load.run(&runtime, STRETCH, REQUEST, CALLERS);
    }
}

/// How long it takes to open a store of so many tokens whose process was killed in mid-load.
fn reopen_after_kill(spends: u64) -> Duration {
    let dir = scratch();
    let mut child = Command::new(env::current_exe().unwrap())
        .env(CHILD_DIR, dir.path())
        .env(CHILD_SPENDS, spends.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(child.stdout.take().unwrap()).lines().next();
    assert_eq!(said.unwrap().unwrap(), "spent");
    child.kill().unwrap();
    child.wait().unwrap();
    let began = Instant::now();
    let store = open(dir.path());
    let elapsed = began.elapsed();
    drop(store);
    elapsed
}

/// What this process has used, as Linux tells it.
struct Used {
    peak_bytes: u64,
    written_bytes: u64,
    cpu_seconds: f64,
}

impl Used {
    fn now() -> Self {
        let read = |file: &str| fs::read_to_string(format!("/proc/self/{file}")).unwrap_or_default();
        let number = |text: &str, key: &str| -> u64 {
            let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
            line.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0)
        };
        let stat = read("stat");
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks: f64 = [11, 12].iter().filter_map(|&field| fields.get(field)?.parse::<f64>().ok()).sum();
        Self {
            peak_bytes: 1_024 * number(&read("status"), "VmHWM:"),
            written_bytes: number(&read("io"), "write_bytes:"),
            cpu_seconds: ticks / 100.0,
        }
    }
}
