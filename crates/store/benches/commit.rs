//! What a commit costs in the embedded engine, durable: in batches from several callers at once, and alone.

#![allow(clippy::unwrap_used)]

mod load;

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use load::{CALLERS, Load, REQUEST};
use tacita_store::embedded::{EmbeddedOptions, EmbeddedStore};
use tempfile::TempDir;
use tokio::runtime::Runtime;

fn commit(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let dir = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let load = Load::on(EmbeddedStore::open(dir.path(), EmbeddedOptions::default()).unwrap(), 0);

    let mut group = criterion.benchmark_group("store/commit");
    group.sample_size(20).measurement_time(Duration::from_secs(8));
    group.throughput(Throughput::Elements(REQUEST));
    group.bench_function("batched", |bencher| {
        bencher.iter_custom(|requests| load.run(&runtime, requests, REQUEST, CALLERS));
    });
    group.throughput(Throughput::Elements(1));
    group.bench_function("lone", |bencher| bencher.iter_custom(|requests| load.run(&runtime, requests, 1, 1)));
    group.finish();
}

criterion_group!(benches, commit);
criterion_main!(benches);
