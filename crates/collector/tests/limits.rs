//! Every limit of spec/limits.md, met over the wire: the refusal has its name and its value.
#![allow(clippy::unwrap_used)]

use std::{collections::BTreeMap, time::Duration};

use tacita_proto::v1::{self, admin_service_client::AdminServiceClient, audit_service_client::AuditServiceClient};
use tonic::{Code, Status, transport::Channel};
use tonic_types::StatusExt as _;

use crate::support::{self, Cast, House, cells};

/// Long enough for a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Name and value of the limit that a refusal names.
fn limit(status: &Status) -> (String, u64) {
    assert!(matches!(status.code(), Code::ResourceExhausted | Code::InvalidArgument), "{status:?}");
    let info = status.get_details_error_info().unwrap_or_else(|| panic!("no details: {status:?}"));
    assert_eq!(info.domain, "tacita.v1");
    let value = info.metadata["value"].parse().unwrap();
    assert!(status.message().replace('_', "").contains(&format!("{value}")), "{}", status.message());
    (info.metadata["limit"].clone(), value)
}

/// The limits of a section of the page, each with the code that it is refused by.
fn written(section: &str) -> BTreeMap<String, String> {
    let page = include_str!("../../../spec/limits.md");
    let section = page.split("\n## ").find(|part| part.starts_with(section)).unwrap();
    let row = |row: &str| {
        let cells: Vec<&str> = row.strip_prefix("| `")?.split(" | ").collect();
        let code = cells.last()?.split('`').nth(1)?;
        Some((cells.first()?.split_once('`')?.0.to_owned(), code.to_owned()))
    };
    section.lines().filter_map(row).collect()
}

/// What was met: limits, each with the code of its refusal.
#[derive(Default)]
struct Met(BTreeMap<String, String>);

impl Met {
    /// A refusal by a limit of this value.
    fn meet(&mut self, status: &Status, value: u64) {
        let (name, found) = limit(status);
        assert_eq!(found, value, "{name}");
        let code = if status.code() == Code::InvalidArgument { "INVALID_ARGUMENT" } else { "RESOURCE_EXHAUSTED" };
        let before = self.0.insert(name.clone(), code.to_owned());
        assert!(before.is_none_or(|before| before == code), "{name}: refused by two codes");
    }
}

fn labels(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("l{number}")).collect()
}

/// Limits on what a caller asks.
async fn of_requests(met: &mut Met) {
    let mut cast = Cast::with(|config| {
        config.limits.reports_per_batch = 10;
        config.limits.message_bytes = 5_000;
        config.policy.measures_per_campaign = 1;
    })
    .await;
    let mut meet = |status: Status, value: u64| met.meet(&status, value);
    meet(cast.daily.submit(vec![vec![0; 86]; 11]).await.unwrap_err(), 10);
    let long = v1::SubmitReportsRequest { envelopes: vec![vec![0; 6_000]] };
    meet(cast.daily.collection().submit_reports(long).await.unwrap_err(), 5_000);
    let batch = v1::UploadReportsRequest { batch: 1, envelopes: vec![vec![0; 6_000]] };
    let mut answers =
        cast.daily.collection().upload_reports(futures_util::stream::iter([batch])).await.unwrap().into_inner();
    meet(answers.message().await.unwrap_err(), 5_000);
    let more = v1::CreateMeasureRequest {
        campaign: "acme/spring".into(),
        name: "more".into(),
        event: v1::Event::Share.into(),
        epsilon_micro: 1_000_000,
        ..Default::default()
    };
    meet(cast.house.admin().create_measure(more).await.unwrap_err(), 1);

    let brand = cast.acme.clone();
    let ask = async |query: v1::Query| cast.house.ask(&brand, query).await.unwrap_err();
    let (filters, ratios) = (vec![v1::Filter::default(); 65], vec![v1::RatioRequest::default(); 65]);
    for parts in [
        v1::Query { group_by: labels(65), ..cells("acme/spring") },
        v1::Query { measures: labels(65), ..cells("acme/spring") },
        v1::Query { filters, ..cells("acme/spring") },
        v1::Query { ratios, ..cells("acme/spring") },
    ] {
        meet(ask(parts).await, 64);
    }
    let filter = v1::Filter { dimension: "channel".into(), values: labels(1_001), exclude: false };
    meet(ask(v1::Query { filters: vec![filter], ..cells("acme/spring") }).await, 1_000);
    let range = Some(v1::TimeRange { from: 86_400, to: 86_400 * 200_000 });
    let granularity = v1::Granularity::Day.into();
    meet(ask(v1::Query { range, granularity, ..cells("acme/spring") }).await, 1_000_000);
    let page = v1::QueryRequest { query: Some(cells("acme/spring")), page_size: 10_001, ..Default::default() };
    meet(cast.house.reporting(&brand).query(page).await.unwrap_err(), 10_000);
    let page = v1::ListAuditEntriesRequest { from: 0, page_size: 10_001 };
    meet(
        AuditServiceClient::new(cast.house.caller(&cast.house.operator)).list_audit_entries(page).await.unwrap_err(),
        10_000,
    );
    let arrivals = cast.arrivals.clone();
    assert_eq!(cast.daily.report(&arrivals, 1).measure, arrivals.id);
}

/// The time in work: of 0, so that nothing has to be timed. A stream is refused where there will never be a turn.
async fn of_time(met: &mut Met) {
    let cast = Cast::with(|config| config.limits.upload_millis = 0).await;
    let batch = v1::UploadReportsRequest { batch: 1, envelopes: vec![vec![0; 86]] };
    let mut answers =
        cast.daily.collection().upload_reports(futures_util::stream::iter([batch])).await.unwrap().into_inner();
    for status in [cast.daily.submit(vec![vec![0; 86]]).await.unwrap_err(), answers.message().await.unwrap_err()] {
        assert_eq!(limit(&status).0, "upload_millis");
        assert!(status.get_details_retry_info().is_some());
        met.meet(&status, 0);
    }
}

/// Limits on what is in work at once: of 0, so that nothing has to be timed.
async fn of_work(met: &mut Met) {
    let cast = Cast::with(|config| {
        let limits = &mut config.limits;
        limits.upload_streams = 0;
        limits.uploads_in_flight = 0;
        limits.issuances_in_flight = 0;
        limits.queries_in_flight = 0;
        limits.followers = 0;
    })
    .await;
    let follow = v1::WatchQueryRequest { query: Some(cells("acme/spring")), ..Default::default() };
    let manifest = cast.daily.manifest().await;
    let epoch = cast.daily.active_epoch().await;
    let refusals = [
        cast.daily.collection().upload_reports(futures_util::stream::empty()).await.unwrap_err(),
        cast.daily.submit(vec![vec![0; 86]]).await.unwrap_err(),
        cast.daily.tokens_of(&epoch, manifest.policy.token_batch as usize).await.unwrap_err(),
        cast.house.ask(&cast.acme, cells("acme/spring")).await.unwrap_err(),
        cast.house.reporting(&cast.acme).watch_query(follow).await.unwrap_err(),
    ];
    for status in refusals {
        met.meet(&status, 0);
    }
}

async fn of_tokens(met: &mut Met) {
    let cast = Cast::with(|config| config.limits.tokens_per_publisher = 70).await;
    let epoch = cast.daily.active_epoch().await;
    let batch = cast.daily.manifest().await.policy.token_batch as usize;
    let revision = cast.daily.manifest().await.revision;
    assert_eq!(batch, 32);
    cast.daily.tokens_of(&epoch, batch).await.unwrap();
    cast.daily.tokens_of(&epoch, batch).await.unwrap();
    let status = cast.daily.tokens_of(&epoch, batch).await.unwrap_err();
    met.meet(&status, 70);
    cast.weekly.tokens_of(&epoch, batch).await.unwrap();
    assert_eq!(cast.daily.manifest().await.revision, revision, "manifests say nothing of it");

    let daily = cast.daily.publisher;
    let house = cast.house.reopen().await;
    let again = support::Device::of(&house, daily.0, "daily").await;
    assert_eq!(limit(&again.tokens_of(&epoch, batch).await.unwrap_err()).1, 70, "a restart forgets nothing");
    house.admin().rotate_epoch(v1::RotateEpochRequest {}).await.unwrap();
    let next = again.active_epoch().await;
    again.tokens_of(&next, batch).await.unwrap();
}

/// A connection of its own, that answers.
async fn connected(house: &House) -> Result<AdminServiceClient<Channel>, Status> {
    let address = format!("http://{}", house.collector.address());
    let mut client = AdminServiceClient::new(Channel::from_shared(address).unwrap().connect_lazy());
    match client.get_status(v1::GetStatusRequest {}).await {
        Err(status) if status.code() == Code::Unauthenticated => Ok(client),
        Err(status) => Err(status),
        Ok(_) => panic!("it was answered without a key"),
    }
}

async fn of_connections(met: &mut Met) {
    for (most, per_peer, name) in [(2, 9, "connections"), (9, 2, "connections_per_peer")] {
        let house = House::open(|config| {
            config.limits.connections = most;
            config.limits.connections_per_peer = per_peer;
        })
        .await;
        let (first, _second) = (connected(&house).await.unwrap(), connected(&house).await.unwrap());
        let status = connected(&house).await.unwrap_err();
        assert_eq!(limit(&status).0, name);
        met.meet(&status, 2);
        drop(first);
        let free_again = async {
            while connected(&house).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, free_again).await.expect("the place was never free again");
    }
}

#[tokio::test]
async fn every_limit_of_the_page_is_met_and_named_with_its_value() {
    let mut met = Met::default();
    of_requests(&mut met).await;
    of_work(&mut met).await;
    of_time(&mut met).await;
    of_tokens(&mut met).await;
    of_connections(&mut met).await;
    assert_eq!(met.0, written("Collector"));
}
