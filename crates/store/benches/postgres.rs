//! What a commit to PostgreSQL costs, durable, as ingest makes it: a request's reports fall into eight lanes, which commit side by
//! side. Prints the bytes of WAL per nullifier and how often a call was tried again.
//!
//! Starts a server of its own, or takes the one at `TACITA_TEST_DATABASE_URL`. `TACITA_BENCH_SPENT=1000000` spends that many first.

#![allow(clippy::unwrap_used)]

#[path = "../tests/server/mod.rs"]
mod server;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use server::Fresh;
use tacita_protocol::{
    epoch::EpochId,
    id::{MeasureId, PublisherId},
    time::WindowId,
};
use tacita_store::{Entry, Increments, Partition, PostgresOptions, PostgresStore, Series, TallyStore, Verdict};
use tacita_tokens::{Fingerprint, Nullifier};
use tokio::{runtime::Runtime, task::JoinSet};

const REQUEST: u64 = 1024;
const CALLERS: u64 = 4;
const PUBLISHER: PublisherId = PublisherId(1);

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
    nullifier[..8].copy_from_slice(&mixed(number).to_be_bytes());
    nullifier[8..].copy_from_slice(&mixed(!number).to_be_bytes());
    Entry {
        nullifier: Nullifier::from_bytes(nullifier),
        fingerprint: Fingerprint::from_bytes(number.to_be_bytes()),
        series: Series { measure: MeasureId((number % 4) as u32), window: WindowId(20_000) },
        increments: Increments::Mask((0..6).fold(0, |mask, place| mask | 1 << (mixed(number ^ place << 60) % 64))),
    }
}

/// Commits a request's reports, each lane by itself.
async fn commit(store: &Arc<PostgresStore>, entries: Vec<Entry>) {
    let mut lanes: [Vec<Entry>; Partition::LANES as usize] = Default::default();
    for entry in entries {
        lanes[usize::from(Partition::of(PUBLISHER, &entry.nullifier).lane)].push(entry);
    }
    let commits = lanes.into_iter().zip(0..).filter(|(entries, _)| !entries.is_empty()).map(|(entries, lane)| {
        let store = Arc::clone(store);
        async move { store.commit(Partition { publisher: PUBLISHER, lane }, EpochId(1), entries).await.unwrap() }
    });
    let verdicts = JoinSet::from_iter(commits).join_all().await;
    assert!(verdicts.iter().flatten().all(|&verdict| verdict == Verdict::Counted));
}

/// Commits requests of `size` from several callers at once; the time from the first to the last answer.
fn run(
    runtime: &Runtime,
    store: &Arc<PostgresStore>,
    next: &AtomicU64,
    requests: u64,
    size: u64,
    callers: u64,
) -> Duration {
    let mut all: Vec<Vec<Entry>> = (0..requests)
        .map(|_| {
            let first = next.fetch_add(size, Ordering::Relaxed);
            (first..first + size).map(entry).collect()
        })
        .collect();
    runtime.block_on(async {
        let started = Instant::now();
        let mut tasks = JoinSet::new();
        let share = all.len().div_ceil(callers as usize);
        while !all.is_empty() {
            let mine = all.split_off(all.len().saturating_sub(share));
            let store = Arc::clone(store);
            tasks.spawn(async move {
                for entries in mine {
                    commit(&store, entries).await;
                }
            });
        }
        tasks.join_all().await;
        started.elapsed()
    })
}

fn postgres(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let Some(database) = runtime.block_on(Fresh::durable()) else { return };
    let store = Arc::new(runtime.block_on(database.open(PostgresOptions::default())));
    let next = AtomicU64::new(0);
    let spent = std::env::var("TACITA_BENCH_SPENT").ok().and_then(|n| n.parse::<u64>().ok()).unwrap_or(100_000);
    let written = || {
        let lsn = runtime.block_on(database.sql("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')")).remove(0);
        lsn.parse::<u64>().unwrap()
    };
    // Once warm: the first to touch a page after a checkpoint writes it whole.
    run(&runtime, &store, &next, 32, REQUEST, CALLERS);
    let (before, already) = (written(), next.load(Ordering::Relaxed));
    let elapsed = run(&runtime, &store, &next, spent.div_ceil(REQUEST), REQUEST, CALLERS);
    let counted = next.load(Ordering::Relaxed) - already;
    println!(
        "{counted} nullifiers: {:.0} a second, {} bytes of WAL each, {} retries",
        counted as f64 / elapsed.as_secs_f64(),
        (written() - before) / counted,
        store.retries(),
    );

    let mut group = criterion.benchmark_group("store/postgres");
    group.sample_size(10).measurement_time(Duration::from_secs(6));
    group.throughput(Throughput::Elements(REQUEST));
    group.bench_function("batched", |bencher| {
        bencher.iter_custom(|requests| run(&runtime, &store, &next, requests, REQUEST, CALLERS));
    });
    group.throughput(Throughput::Elements(1));
    group
        .bench_function("lone", |bencher| bencher.iter_custom(|requests| run(&runtime, &store, &next, requests, 1, 1)));
    group.finish();
    drop(store);
}

criterion_group!(benches, postgres);
criterion_main!(benches);
