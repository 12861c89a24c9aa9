//! What a commit costs, durable: in batches from several callers at once, and alone.
//!
//! `TACITA_BENCH_SPENT=10000000` spends that many tokens first, to see how the rates hold as an epoch grows; the time it takes is
//! printed million by million, with the memory and CPU time used so far.

#![allow(clippy::unwrap_used)]

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tacita_protocol::{
    epoch::EpochId,
    id::{MeasureId, PublisherId},
    time::WindowId,
};
use tacita_store::{
    Entry, Increments, Partition, Series, TallyStore, Verdict,
    embedded::{EmbeddedOptions, EmbeddedStore},
};
use tacita_tokens::{Fingerprint, Nullifier};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const BATCH: u64 = 1024;
const CALLERS: u64 = 4;
const EPOCH: EpochId = EpochId(1);

/// A bijection of the numbers that looks random (splitmix64): nullifiers without repeats and without order.
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The report with this number: six of 64 cells, one of four series.
fn entry(number: u64) -> Entry {
    let mut nullifier = [0; 16];
    // All in lane 0.
    nullifier[..8].copy_from_slice(&(mixed(number) >> 3).to_be_bytes());
    nullifier[8..].copy_from_slice(&mixed(!number).to_be_bytes());
    Entry {
        nullifier: Nullifier::from_bytes(nullifier),
        fingerprint: Fingerprint::from_bytes(number.to_be_bytes()),
        series: Series { measure: MeasureId((number % 4) as u32), window: WindowId(20_000) },
        increments: Increments::Mask((0..6).fold(0, |mask, place| mask | 1 << (mixed(number ^ place << 60) % 64))),
    }
}

/// A store and the numbers of the reports still to come.
#[derive(Clone)]
struct Load {
    store: Arc<EmbeddedStore>,
    next: Arc<AtomicU64>,
}

impl Load {
    fn open(dir: &Path) -> Self {
        let store = EmbeddedStore::open(dir, EmbeddedOptions::default()).unwrap();
        Self { store: Arc::new(store), next: Arc::default() }
    }

    fn take(&self, size: u64) -> Vec<Entry> {
        let first = self.next.fetch_add(size, Ordering::Relaxed);
        (first..first + size).map(entry).collect()
    }

    async fn commit(&self, entries: Vec<Entry>) {
        let partition = Partition { publisher: PublisherId(1), lane: 0 };
        let verdicts = self.store.commit(partition, EPOCH, entries).await.unwrap();
        assert!(verdicts.iter().all(|&verdict| verdict == Verdict::Counted));
    }

    /// Commits `batches` of `size` from several callers at once; the time from the first to the last answer.
    fn run(&self, runtime: &Runtime, batches: u64, size: u64, callers: u64) -> Duration {
        runtime.block_on(async {
            let mut batches: Vec<Vec<Entry>> = (0..batches).map(|_| self.take(size)).collect();
            let started = Instant::now();
            let mut tasks = tokio::task::JoinSet::new();
            let share = batches.len().div_ceil(callers as usize);
            while !batches.is_empty() {
                let mine = batches.split_off(batches.len().saturating_sub(share));
                let load = self.clone();
                tasks.spawn(async move {
                    for entries in mine {
                        load.commit(entries).await;
                    }
                });
            }
            tasks.join_all().await;
            started.elapsed()
        })
    }
}

/// (resident memory in MB, CPU seconds) of this process, as Linux tells them.
fn resources() -> (u64, f64) {
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let pages = read("/proc/self/statm").split(' ').nth(1).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
    let stat = read("/proc/self/stat");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: f64 = [11, 12].iter().filter_map(|&field| fields.get(field)?.parse::<f64>().ok()).sum();
    (pages * 4096 / 1_000_000, ticks / 100.0)
}

/// Spends as many tokens as `TACITA_BENCH_SPENT` says.
fn spend_first(load: &Load, runtime: &Runtime) {
    let wanted: u64 = std::env::var("TACITA_BENCH_SPENT").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
    let mut slowest = Duration::ZERO;
    let mut taken = Duration::ZERO;
    let mut cpu = resources().1;
    while load.next.load(Ordering::Relaxed) < wanted {
        let elapsed = load.run(runtime, 8 * CALLERS, BATCH, CALLERS);
        slowest = slowest.max(elapsed);
        taken += elapsed;
        let spent = load.next.load(Ordering::Relaxed);
        if spent.is_multiple_of(1 << 20) {
            let (memory, cpu_now) = resources();
            println!(
                "{:>3} Mi spent: {:>7.0} nullifiers/s, {:.1} µs CPU each, slowest 32 batches {slowest:.0?}, {memory} MB",
                spent >> 20,
                (1 << 20) as f64 / taken.as_secs_f64(),
                (cpu_now - cpu) * 1e6 / (1 << 20) as f64,
            );
            (slowest, taken, cpu) = (Duration::ZERO, Duration::ZERO, cpu_now);
        }
    }
}

fn commit(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let dir = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let load = Load::open(dir.path());
    spend_first(&load, &runtime);

    let mut group = criterion.benchmark_group("store/commit");
    group.sample_size(20).measurement_time(Duration::from_secs(8));
    group.throughput(Throughput::Elements(BATCH));
    group.bench_function("batched", |bencher| {
        bencher.iter_custom(|batches| load.run(&runtime, batches, BATCH, CALLERS));
    });
    group.throughput(Throughput::Elements(1));
    group.bench_function("lone", |bencher| bencher.iter_custom(|batches| load.run(&runtime, batches, 1, 1)));
    group.finish();
}

criterion_group!(benches, commit);
criterion_main!(benches);
