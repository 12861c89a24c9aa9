//! What a commit to PostgreSQL costs, durable. Prints the bytes of WAL per nullifier and how often a call was tried again.
//!
//! Starts a server of its own, or takes the one at `TACITA_TEST_DATABASE_URL`. `TACITA_BENCH_SPENT=1000000` spends that
//! many first.

#![allow(clippy::unwrap_used)]

mod load;
#[path = "../tests/server/mod.rs"]
mod server;

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use load::{CALLERS, Load, REQUEST};
use server::Fresh;
use tacita_store::{PostgresOptions, TallyStore as _};
use tokio::runtime::Runtime;

fn postgres(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let Some(database) = runtime.block_on(Fresh::durable()) else { return };
    let load = Load::on(runtime.block_on(database.open(PostgresOptions::default())), 0);
    let spent = std::env::var("TACITA_BENCH_SPENT").ok().and_then(|n| n.parse::<u64>().ok()).unwrap_or(100_000);
    let written = || {
        let lsn = runtime.block_on(database.sql("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')")).remove(0);
        lsn.parse::<u64>().unwrap()
    };
    // Once warm: the first to touch a page after a checkpoint writes it whole.
    load.run(&runtime, 32, REQUEST, CALLERS);
    let (before, already) = (written(), load.spent());
    let elapsed = load.run(&runtime, spent.div_ceil(REQUEST), REQUEST, CALLERS);
    let counted = load.spent() - already;
    println!(
        "{counted} nullifiers: {:.0} a second, {} bytes of WAL each, {} retries",
        counted as f64 / elapsed.as_secs_f64(),
        (written() - before) / counted,
        load.store.retries(),
    );

    let mut group = criterion.benchmark_group("store/postgres");
    group.sample_size(10).measurement_time(Duration::from_secs(6));
    group.throughput(Throughput::Elements(REQUEST));
    group.bench_function("batched", |bencher| {
        bencher.iter_custom(|requests| load.run(&runtime, requests, REQUEST, CALLERS));
    });
    group.throughput(Throughput::Elements(1));
    group.bench_function("lone", |bencher| bencher.iter_custom(|requests| load.run(&runtime, requests, 1, 1)));
    group.finish();
    drop(load);
}

criterion_group!(benches, postgres);
criterion_main!(benches);
