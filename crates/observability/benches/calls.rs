//! What observing costs: a call through the layer beside the same call without it, and the metrics of one batch.
//!
//! `call/bare` is a service that answers at once; `call/counted` the same one in the layer, with the log's filter at
//! `warn` as in service. `batch` is what a collector records for one batch of reports: two histograms, a wait, a
//! counter of publisher and outcome.

#![allow(clippy::unwrap_used, missing_docs, reason = "a measurement stops at the first surprise")]

use std::{convert::Infallible, hint::black_box, time::Instant};

use axum::body::Body;
use criterion::{Criterion, criterion_group, criterion_main};
use http::{Request, Response};
use prometheus_client::{
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};
use tacita_observability::{CallLayer, LogFilter, LogFormat, Methods, seconds, sizes};
use tower::{Layer as _, ServiceExt as _, service_fn};

fn call(criterion: &mut Criterion) {
    LogFilter::to_stderr(LogFormat::Text, "warn").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let bare = service_fn(async |request: Request<()>| {
        black_box(request);
        Ok::<_, Infallible>(Response::builder().header("grpc-status", "0").body(Body::empty()).unwrap())
    });
    let methods = Methods::new(&[tonic_health::pb::FILE_DESCRIPTOR_SET], &["other"], |_| "other").unwrap();
    let counted = CallLayer::new(&mut Registry::default(), methods).layer(bare);
    let request = || Request::get("/grpc.health.v1.Health/Check").body(()).unwrap();
    let mut group = criterion.benchmark_group("call");
    group.bench_function("bare", |bencher| bencher.iter(|| runtime.block_on(bare.oneshot(request())).unwrap()));
    group.bench_function("counted", |bencher| {
        bencher.iter(|| runtime.block_on(counted.clone().oneshot(request())).unwrap());
    });
}

fn batch(criterion: &mut Criterion) {
    let (batch_seconds, batch_reports, wait) = (seconds(), sizes(), seconds());
    let reports = Family::<Vec<(String, String)>, Counter>::default();
    let labels = vec![("publisher".to_owned(), "1".to_owned()), ("outcome".to_owned(), "counted".to_owned())];
    criterion.bench_function("batch", |bencher| {
        bencher.iter(|| {
            let since = Instant::now();
            wait.observe(since.elapsed().as_secs_f64());
            batch_seconds.observe(since.elapsed().as_secs_f64());
            batch_reports.observe(256.0);
            reports.get_or_create(black_box(&labels)).inc_by(256);
        });
    });
}

criterion_group!(benches, call, batch);
criterion_main!(benches);
