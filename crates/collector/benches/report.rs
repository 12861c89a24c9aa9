//! What a brand waits for: a query over gRPC to a collector with the embedded store, on loopback.
//!
//! `report/query/400d`: 400 days × 30 channels × 10 publishers, day by day and channel by channel (12,000 rows in two
//! pages of which the first is asked for). `report/top100/100k`: the 100 most shared of 100,000 contents over 30 days.
//! `tacita` is the answer as often as it is asked for: settled tallies are in memory. `floor` reads the same tallies
//! from the store, once. The first answer after a start, which does read them, and the 99th percentile are printed
//! besides.

#![allow(clippy::unwrap_used, missing_docs, reason = "a measurement stops at the first surprise")]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use criterion::{Criterion, criterion_group, criterion_main};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use serde_json::json;
use tacita_collector::{Collector, CollectorConfig, RunningCollector};
use tacita_proto::v1::{
    self, admin_service_client::AdminServiceClient, reporting_service_client::ReportingServiceClient,
};
use tacita_protocol::{
    epoch::EpochId,
    id::{MeasureId, PublisherId},
    measure::Measure,
    time::{SystemClock, WindowId},
};
use tacita_store::{
    Entry, Increments, Partition, Series, TallyStore as _,
    embedded::{EmbeddedOptions, EmbeddedStore},
};
use tacita_tokens::{Fingerprint, Nullifier};
use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Runtime};
use tonic::{Request, metadata::MetadataValue, transport::Channel};

const CHANNELS: usize = 30;
const PUBLISHERS: u32 = 10;
const DAYS: u32 = 400;
/// Reports of one publisher in one day.
const DAILY: u32 = 100;
const CONTENTS: usize = 100_000;
const CONTENT_DAYS: u32 = 30;
/// Shares of contents in one day.
const SHARES: u32 = 33_000;
/// An epoch of the bench's own, so that its tokens meet no others.
const EPOCH: EpochId = EpochId(1);
const QUERIES: usize = 200;

struct House {
    runtime: Runtime,
    dir: TempDir,
    key: String,
    arrivals: Measure,
    contents: Measure,
}

impl House {
    /// A collector's data directory with both measures and all their tallies.
    fn build() -> Self {
        let runtime = Runtime::new().unwrap();
        let dir = TempDir::new().unwrap();
        let (key, arrivals, contents) = runtime.block_on(async {
            let (collector, channel) = start(dir.path()).await;
            let key = collector.operator_key().unwrap().expose().to_owned();
            let measures = create(&channel, &key).await;
            collector.shutdown().await.unwrap();
            (key, measures.0, measures.1)
        });
        let house = Self { runtime, dir, key, arrivals, contents };
        house.fill();
        house
    }

    fn store(&self) -> EmbeddedStore {
        EmbeddedStore::open(self.dir.path().join("store"), EmbeddedOptions::default()).unwrap()
    }

    fn fill(&self) {
        let store = self.store();
        let mut generator = ChaCha20Rng::seed_from_u64(1);
        let mut number = 0_u64;
        let began = Instant::now();
        for day in 0..DAYS {
            for publisher in 1..=PUBLISHERS {
                self.count(&store, &self.arrivals, publisher, day, DAILY, &mut generator, &mut number);
            }
        }
        for day in 0..CONTENT_DAYS {
            self.count(&store, &self.contents, 1, day, SHARES, &mut generator, &mut number);
        }
        println!("{number} reports counted in {:.0} s", began.elapsed().as_secs_f64());
    }

    #[allow(clippy::too_many_arguments, reason = "called twice, above")]
    fn count(
        &self,
        store: &EmbeddedStore,
        measure: &Measure,
        publisher: u32,
        day: u32,
        reports: u32,
        generator: &mut ChaCha20Rng,
        number: &mut u64,
    ) {
        let (mechanism, window) = (measure.mechanism(), WindowId(today() - day));
        let cells = mechanism.domain().get();
        let entries: Vec<Entry> = (0..reports)
            .map(|report| {
                *number += 1;
                // The first cells are the popular ones.
                let cell = mechanism.domain().cell(report * report % cells).unwrap();
                let value = mechanism.randomize(cell, generator);
                let mut nullifier = [0; 16];
                // All in lane 0.
                nullifier[8..].copy_from_slice(&number.to_be_bytes());
                Entry {
                    nullifier: Nullifier::from_bytes(nullifier),
                    fingerprint: Fingerprint::from_bytes(number.to_be_bytes()),
                    series: Series { measure: measure.id, window },
                    increments: mechanism.counters(value).collect::<Increments>(),
                }
            })
            .collect();
        let partition = Partition { publisher: PublisherId(publisher), lane: 0 };
        for part in entries.chunks(4_096) {
            self.runtime.block_on(store.commit(partition, EPOCH, part.to_vec())).unwrap();
        }
    }

    /// How long the tallies of a measure take to read.
    fn read(&self, store: &EmbeddedStore, measure: MeasureId) -> usize {
        let windows = WindowId(today() - DAYS)..WindowId(today() + 1);
        self.runtime.block_on(store.tallies(measure, windows)).unwrap().len()
    }
}

fn today() -> u32 {
    (SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 86_400) as u32
}

async fn start(dir: &Path) -> (RunningCollector, Channel) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let collector = Collector::start(CollectorConfig::new(dir), listener, Arc::new(SystemClock)).await.unwrap();
    let channel = Channel::from_shared(format!("http://{}", collector.address())).unwrap().connect_lazy();
    (collector, channel)
}

fn with_key<T>(key: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", MetadataValue::try_from(format!("Bearer {key}")).unwrap());
    request
}

/// Publishers, brand, campaign and the two measures.
async fn create(channel: &Channel, key: &str) -> (Measure, Measure) {
    let mut admin = AdminServiceClient::new(channel.clone()).max_encoding_message_size(32 << 20);
    let publishers: Vec<String> = (1..=PUBLISHERS).map(|number| format!("publisher-{number}")).collect();
    for name in &publishers {
        let request = v1::CreatePublisherRequest { name: name.clone() };
        admin.create_publisher(with_key(key, request)).await.unwrap();
    }
    admin.create_brand(with_key(key, v1::CreateBrandRequest { name: "acme".into() })).await.unwrap();
    let request = v1::CreateCampaignRequest {
        brand: "acme".into(),
        name: "spring".into(),
        publishers,
        attribution_seconds: 0,
        policy: None,
    };
    admin.create_campaign(with_key(key, request)).await.unwrap();
    let channels = (1..CHANNELS).map(|number| format!("channel-{number}")).chain(["other".into()]).collect();
    let arrivals = v1::CreateMeasureRequest {
        campaign: "acme/spring".into(),
        name: "arrivals".into(),
        event: v1::Event::Arrival.into(),
        dimensions: vec![v1::Dimension { name: "channel".into(), labels: channels, catalogue: None }],
        epsilon_micro: 3_000_000,
        ..Default::default()
    };
    let contents = v1::CreateMeasureRequest {
        name: "contents".into(),
        event: v1::Event::ContentShare.into(),
        dimensions: Vec::new(),
        epsilon_micro: 4_000_000,
        contents: Some(v1::Contents { ids: (0..CONTENTS).map(|number| format!("/story/{number}")).collect(), tail: 0 }),
        ..arrivals.clone()
    };
    let mut measures = Vec::new();
    for request in [arrivals, contents] {
        let made = admin.create_measure(with_key(key, request)).await.unwrap().into_inner().measure.unwrap();
        measures.push(Measure::try_from(&made).unwrap());
    }
    (measures.remove(0), measures.remove(0))
}

fn range(days: u32) -> Option<v1::TimeRange> {
    let end = u64::from(today() + 1) * 86_400;
    Some(v1::TimeRange { from: end - u64::from(days) * 86_400, to: end })
}

/// 400 days, 30 channels, 10 publishers.
fn by_day_and_channel() -> v1::QueryRequest {
    let query = v1::Query {
        campaign: "acme/spring".into(),
        measures: vec!["arrivals".into()],
        range: range(DAYS),
        granularity: v1::Granularity::Day.into(),
        group_by: vec!["channel".into()],
        ..Default::default()
    };
    v1::QueryRequest { query: Some(query), page_size: 10_000, page_token: String::new() }
}

fn most_shared() -> v1::QueryRequest {
    let query = v1::Query {
        campaign: "acme/spring".into(),
        measures: vec!["contents".into()],
        range: range(CONTENT_DAYS),
        group_by: vec!["content".into()],
        top: 100,
        ..Default::default()
    };
    v1::QueryRequest { query: Some(query), ..Default::default() }
}

fn measure(criterion: &mut Criterion, house: &House, name: &str, id: MeasureId, query: &v1::QueryRequest, rows: usize) {
    {
        let store = house.store();
        let mut group = criterion.benchmark_group(name);
        group.sample_size(10).measurement_time(Duration::from_secs(5));
        group.bench_function("floor", |bencher| bencher.iter(|| house.read(&store, id)));
    }
    let (collector, channel) = house.runtime.block_on(start(house.dir.path()));
    let ask = async || {
        let mut reporting = ReportingServiceClient::new(channel.clone()).max_decoding_message_size(64 << 20);
        reporting.query(with_key(&house.key, query.clone())).await.unwrap().into_inner()
    };
    let began = Instant::now();
    assert_eq!(house.runtime.block_on(ask()).rows.len(), rows);
    let first = began.elapsed();
    println!("{name}: the first answer after a start takes {:.1} ms", first.as_secs_f64() * 1e3);
    let mut times: Vec<Duration> = (0..QUERIES)
        .map(|_| {
            let began = Instant::now();
            house.runtime.block_on(ask());
            began.elapsed()
        })
        .collect();
    times.sort_unstable();
    let millis = |place: usize| times[place].as_secs_f64() * 1e3;
    println!(
        "{name}: of {QUERIES} answers, median {:.1} ms, p99 {:.1} ms",
        millis(QUERIES / 2),
        millis(QUERIES * 99 / 100)
    );
    note(name, first, times[QUERIES / 2], times[QUERIES * 99 / 100]);
    let mut group = criterion.benchmark_group(name);
    group.sample_size(20).measurement_time(Duration::from_secs(5));
    group.bench_function("tacita", |bencher| bencher.iter(|| house.runtime.block_on(ask())));
    group.finish();
    house.runtime.block_on(collector.shutdown()).unwrap();
}

/// Puts what a median does not tell beside criterion's results, where `cargo xtask bench` takes it for the row's parameters.
fn note(name: &str, first: Duration, median: Duration, p99: Duration) {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "../../target".into(), PathBuf::from);
    let folder = target.join("criterion").join(name.replace('/', "_"));
    fs::create_dir_all(&folder).unwrap();
    let nanoseconds = |time: Duration| time.as_nanos() as u64;
    let parameters = json!({
        "queries": QUERIES,
        "first_ns": nanoseconds(first),
        "median_ns": nanoseconds(median),
        "p99_ns": nanoseconds(p99),
    });
    let noted = json!({ "group_id": name, "parameters": parameters });
    fs::write(folder.join("parameters.json"), noted.to_string()).unwrap();
}

fn report(criterion: &mut Criterion) {
    let house = House::build();
    measure(criterion, &house, "report/query/400d", house.arrivals.id, &by_day_and_channel(), 10_000);
    measure(criterion, &house, "report/top100/100k", house.contents.id, &most_shared(), 100);
}

criterion_group!(benches, report);
criterion_main!(benches);
