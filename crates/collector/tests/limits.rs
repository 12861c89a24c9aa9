//! Every limit of spec/limits.md, met over the wire: the refusal has its name and its value.
#![allow(clippy::unwrap_used)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use futures_util::future::join_all;
use tacita_collector::{
    Limits,
    access::{Role, TABLE},
};
use tacita_proto::v1::{
    self, admin_service_client::AdminServiceClient, audit_service_client::AuditServiceClient,
    reporting_service_client::ReportingServiceClient,
};
use tonic::{Code, Request, Status, service::interceptor::InterceptedService, transport::Channel};
use tonic_types::StatusExt as _;

use crate::{
    limits_page,
    support::{self, Cast, House, PATIENCE, cells, limit_of, until_free},
};

/// What was met: limits, each with the code of its refusal.
#[derive(Default)]
struct Met(BTreeMap<String, String>);

impl Met {
    /// A refusal by a limit of this value.
    fn meet(&mut self, status: &Status, value: u64) {
        let (name, found) = limit_of(status);
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
    let cast = Cast::with(|config| {
        config.limits.reports_per_batch = 10;
        config.limits.message_bytes = 20_000;
        config.policy.measures_per_campaign = 1;
    })
    .await;
    let mut meet = |status: Status, value: u64| met.meet(&status, value);
    meet(cast.daily.submit(vec![vec![0; 86]; 11]).await.unwrap_err(), 10);
    let long = v1::SubmitReportsRequest { envelopes: vec![vec![0; 30_000]] };
    meet(cast.daily.collection().submit_reports(long).await.unwrap_err(), 20_000);
    let batch = v1::UploadReportsRequest { batch: 1, envelopes: vec![vec![0; 30_000]] };
    let mut answers =
        cast.daily.collection().upload_reports(futures_util::stream::iter([batch])).await.unwrap().into_inner();
    meet(answers.message().await.unwrap_err(), 20_000);
    let mut long = Request::new(v1::GetStatusRequest {});
    for name in ["x-one", "x-two"] {
        long.metadata_mut().insert(name, "a".repeat(9_000).parse().unwrap());
    }
    meet(cast.house.admin().get_status(long).await.unwrap_err(), 16_384);
    let more = v1::CreateMeasureRequest {
        campaign: "acme/spring".into(),
        name: "more".into(),
        event: v1::Event::Share.into(),
        epsilon_micro: 1_000_000,
        ..Default::default()
    };
    meet(cast.house.admin().create_measure(more.clone()).await.unwrap_err(), 1);
    let square = ["one", "two"].map(|name| v1::Dimension { name: name.into(), labels: labels(400), catalogue: None });
    let wide = v1::CreateMeasureRequest { dimensions: square.to_vec(), ..more };
    meet(cast.house.admin().create_measure(wide).await.unwrap_err(), 131_071);

    let compromise = Some(v1::Compromise { reason: "x".repeat(201), grace_seconds: 0 });
    meet(cast.house.admin().rotate_epoch(v1::RotateEpochRequest { compromise }).await.unwrap_err(), 200);
    let lasting =
        v1::CreateApiKeyRequest { role: v1::Role::Auditor.into(), valid_seconds: u64::MAX, ..Default::default() };
    meet(cast.house.admin().create_api_key(lasting).await.unwrap_err(), 315_532_800);
    let lasting = v1::CreateCampaignRequest {
        brand: "acme".into(),
        name: "autumn".into(),
        publishers: vec!["daily".into()],
        attribution_seconds: u32::MAX,
        ..Default::default()
    };
    meet(cast.house.admin().create_campaign(lasting).await.unwrap_err(), 7_776_000);
    let measure = v1::Measure {
        event: v1::Event::Arrival.into(),
        epsilon_micro: 1_000_000,
        name: "arrivals".into(),
        ..Default::default()
    };
    let shares = vec![v1::ExpectedShare::default(); 1_001];
    let wide = v1::Measure { dimensions: square.to_vec(), ..measure.clone() };
    let plan = v1::PlanMeasureRequest { measure: Some(measure), reports_per_window: 1, shares, ..Default::default() };
    meet(cast.house.reporting(&cast.acme).plan_measure(plan.clone()).await.unwrap_err(), 1_000);
    let plan = v1::PlanMeasureRequest { measure: Some(wide), ..plan };
    meet(cast.house.reporting(&cast.acme).plan_measure(plan).await.unwrap_err(), 131_071);

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
    meet(ask(v1::Query { range, granularity, ..cells("acme/spring") }).await, 100_000);
    let page = v1::QueryRequest { query: Some(cells("acme/spring")), page_size: 10_001, ..Default::default() };
    meet(cast.house.reporting(&brand).query(page).await.unwrap_err(), 10_000);
    let page = v1::ListAuditEntriesRequest { from: 0, page_size: 10_001 };
    meet(
        AuditServiceClient::new(cast.house.caller(&cast.house.operator)).list_audit_entries(page).await.unwrap_err(),
        10_000,
    );
}

/// Limits on what is answered. A funnel has no pages: of more groups than it has room for it is refused.
async fn of_answers(met: &mut Met) {
    let cast = Cast::with(|_| {}).await;
    cast.house.create_campaign("acme", "autumn", &["daily"]).await;
    let shares = v1::CreateMeasureRequest {
        campaign: "acme/autumn".into(),
        name: "shares".into(),
        event: v1::Event::Share.into(),
        dimensions: vec![v1::Dimension { name: "channel".into(), labels: labels(10_001), catalogue: None }],
        epsilon_micro: 1_000_000,
        ..Default::default()
    };
    cast.house.admin().create_measure(shares).await.unwrap();
    let by_channel =
        v1::GetFunnelRequest { campaign: "acme/autumn".into(), group_by: "channel".into(), ..Default::default() };
    met.meet(&cast.house.reporting(&cast.acme).get_funnel(by_channel).await.unwrap_err(), 10_000);
    let range = Some(v1::TimeRange { from: support::NOON.0 - 200 * 86_400, to: support::NOON.0 });
    let daily = v1::Query { range, granularity: v1::Granularity::Day.into(), ..cells("acme/autumn") };
    met.meet(&cast.house.ask(&cast.acme, daily).await.unwrap_err(), 1_000_000);
}

/// Limits on what a brand leaves behind.
async fn of_declarations(met: &mut Met) {
    let cast = Cast::with(|config| config.limits.declarations_per_day = 2).await;
    let revision = cast.daily.manifest().await.revision;
    let declare = async |campaign: &str, declaration| {
        let request = v1::DeclareCampaignRequest { campaign: campaign.into(), declaration: Some(declaration) };
        cast.house.reporting(&cast.acme).declare_campaign(request).await.map(drop)
    };
    let market = |market: &str| v1::Declaration { market: market.into(), ..Default::default() };
    let contents = labels(30_000);
    let long =
        v1::Declaration { categories: vec![v1::Category { name: "all".into(), contents }], ..Default::default() };
    let status = declare("acme/spring", long).await.unwrap_err();
    assert_eq!(limit_of(&status).0, "declaration_bytes");
    met.meet(&status, 65_536);
    let cost = v1::Cost { range: Some(v1::TimeRange { from: 1, to: 2 }), ..Default::default() };
    let webhook = |url: String| v1::Webhook { url, secret: String::new() };
    let named = |name: String| v1::Category { name, contents: Vec::new() };
    let bucket = |bucket: String| v1::BucketValue { bucket, value: 1.0 };
    let long = format!("https://acme.example/{}", "x".repeat(300));
    let some = |declaration| v1::Declaration { currency: "EUR".into(), ..declaration };
    for (name, value, said) in [
        ("declared_costs", 1_000, v1::Declaration { costs: vec![cost; 1_001], ..Default::default() }),
        (
            "declared_categories",
            256,
            v1::Declaration { categories: labels(257).into_iter().map(named).collect(), ..Default::default() },
        ),
        (
            "declared_bucket_values",
            256,
            v1::Declaration { bucket_values: labels(257).into_iter().map(bucket).collect(), ..Default::default() },
        ),
        (
            "declared_webhooks",
            5,
            v1::Declaration { webhooks: labels(6).into_iter().map(webhook).collect(), ..Default::default() },
        ),
        ("declared_text_bytes", 256, market(&"x".repeat(257))),
        ("declared_text_bytes", 256, v1::Declaration { webhooks: vec![webhook(long)], ..Default::default() }),
    ] {
        let status = declare("acme/spring", some(said)).await.unwrap_err();
        assert_eq!(limit_of(&status).0, name);
        met.meet(&status, value);
    }
    for said in ["France", "Spain", "Spain"] {
        declare("acme/spring", market(said)).await.unwrap();
    }
    let status = declare("acme/spring", market("France")).await.unwrap_err();
    assert_eq!(limit_of(&status).0, "declarations_per_day");
    met.meet(&status, 2);
    assert_eq!(cast.daily.manifest().await.revision, revision, "manifests say nothing of it");
    cast.house.clock.set(support::NOON.plus(86_400));
    declare("acme/spring", market("France")).await.unwrap();
}

/// One method after another of each service: no message is read that is longer than the limit.
async fn of_messages(met: &mut Met) {
    let cast = Cast::with(|config| {
        config.limits.reports_per_batch = 10;
        config.limits.message_bytes = 5_000;
    })
    .await;
    let house = &cast.house;
    let send = async |key: &str, method: &str, bytes: usize| -> Result<(), Status> {
        let mut client = tonic::client::Grpc::new(house.caller(key));
        client.ready().await.unwrap();
        let request = tonic::Request::new(tokio_stream::once(vec![7_u8; bytes]));
        let path = format!("/{method}").parse().unwrap();
        let codec = tonic_prost::ProstCodec::<Vec<u8>, ()>::default();
        client.streaming(request, path, codec).await?.into_inner().message().await.map(drop)
    };
    for row in TABLE {
        let key = match Role::ALL.into_iter().find(|role| row.admits(*role, false)) {
            _ if row.open => String::new(),
            Some(Role::Publisher) => cast.daily.key.clone(),
            Some(Role::Brand) => cast.acme.clone(),
            Some(Role::Operator) => house.operator.clone(),
            Some(Role::Auditor) | None => house.create_key(v1::Role::Auditor, "").await,
        };
        let refused = send(&key, row.method, 6_000).await;
        if row.method.contains(".AdminService/") {
            let told = refused.err().and_then(|status| status.get_details_error_info());
            assert!(
                told.is_none_or(|info| info.reason != "LIMIT_REACHED"),
                "{}: the contents of a measure are longer",
                row.method
            );
        } else if row.method.contains(".ServerReflection/") {
            // It reads no further, and says nothing of it.
            assert!(refused.is_ok(), "{}: {refused:?}", row.method);
        } else {
            let status = refused.expect_err(row.method);
            assert_eq!(limit_of(&status), ("message_bytes".into(), 5_000), "{}", row.method);
        }
    }
    let status = send(&house.operator, "tacita.v1.AdminService/CreateMeasure", 33 << 20).await.unwrap_err();
    assert_eq!(limit_of(&status).0, "admin_message_bytes");
    met.meet(&status, 32 << 20);
}

/// The time in work: of 0, so that nothing has to be timed. A stream is refused where there will never be a turn.
async fn of_time(met: &mut Met) {
    let cast = Cast::with(|config| config.limits.upload_millis = 0).await;
    let batch = v1::UploadReportsRequest { batch: 1, envelopes: vec![vec![0; 86]] };
    let mut answers =
        cast.daily.collection().upload_reports(futures_util::stream::iter([batch])).await.unwrap().into_inner();
    for status in [cast.daily.submit(vec![vec![0; 86]]).await.unwrap_err(), answers.message().await.unwrap_err()] {
        assert_eq!(limit_of(&status).0, "upload_millis");
        assert!(status.get_details_retry_info().is_some());
        met.meet(&status, 0);
    }
}

/// As many places for each kind of work.
fn set_places(limits: &mut Limits, places: usize) {
    limits.upload_streams = places;
    limits.uploads_in_flight = places;
    limits.issuances_in_flight = places;
    limits.queries_in_flight = places;
    limits.followers = places;
    limits.backups = places;
}

/// Limits on what is in work at once: of 0, so that nothing has to be timed.
async fn of_work(met: &mut Met) {
    let cast = Cast::with(|config| set_places(&mut config.limits, 0)).await;
    let follow = v1::WatchQueryRequest { query: Some(cells("acme/spring")), ..Default::default() };
    let manifest = cast.daily.manifest().await;
    let epoch = cast.daily.active_epoch().await;
    let refusals = [
        cast.daily.collection().upload_reports(futures_util::stream::empty()).await.unwrap_err(),
        cast.daily.submit(vec![vec![0; 86]]).await.unwrap_err(),
        cast.daily.tokens_of(&epoch, manifest.policy.token_batch as usize).await.unwrap_err(),
        cast.house.ask(&cast.acme, cells("acme/spring")).await.unwrap_err(),
        cast.house.reporting(&cast.acme).watch_query(follow).await.unwrap_err(),
        cast.house.admin().backup(v1::BackupRequest {}).await.unwrap_err(),
    ];
    for status in refusals {
        met.meet(&status, 0);
    }
}

/// The refusal of one of several calls at once. Where each came after the one before had ended, they come again.
async fn refused_at_once<T>(call: impl AsyncFn() -> Result<T, Status>) -> Status {
    let refused = async {
        loop {
            let answers = join_all((0..16).map(|_| call())).await;
            if let Some(status) = answers.into_iter().find_map(Result::err) {
                break status;
            }
        }
    };
    tokio::time::timeout(PATIENCE, refused).await.expect("as many as one wants")
}

/// Limits on what one publisher or brand has in work: one of a hundred places.
async fn of_shares(met: &mut Met) {
    let cast = Cast::with(|config| {
        config.limits.tenant_percent = 1;
        set_places(&mut config.limits, 100);
    })
    .await;
    let (daily, house) = (&cast.daily, &cast.house);
    let batch = daily.manifest().await.policy.token_batch as usize;
    let epoch = daily.active_epoch().await;
    let streams = async || daily.collection().upload_reports(futures_util::stream::pending()).await;
    let follow = async || house.reporting(&cast.acme).watch_alerts(v1::WatchAlertsRequest::default()).await;
    let refusals = [
        refused_at_once(streams).await,
        refused_at_once(async || daily.submit(vec![vec![0; 86]]).await).await,
        refused_at_once(async || daily.tokens_of(&epoch, batch).await).await,
        refused_at_once(async || house.ask(&cast.acme, cells("acme/spring")).await).await,
        refused_at_once(follow).await,
    ];
    for status in refusals {
        assert!(limit_of(&status).0.ends_with("_per_tenant"), "{status:?}");
        met.meet(&status, 1);
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
    assert_eq!(limit_of(&again.tokens_of(&epoch, batch).await.unwrap_err()).1, 70, "a restart forgets nothing");
    house.admin().rotate_epoch(v1::RotateEpochRequest::default()).await.unwrap();
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
    let cast = Cast::with(|config| config.limits.connections_per_tenant = 1).await;
    cast.house.ask(&cast.acme, cells("acme/spring")).await.unwrap();
    let other = Channel::from_shared(format!("http://{}", cast.house.collector.address())).unwrap().connect_lazy();
    let caller = InterceptedService::new(other, support::Bearer::new(&cast.acme));
    let asked = ReportingServiceClient::new(caller).list_campaigns(v1::ListCampaignsRequest {}).await;
    let status = asked.unwrap_err();
    assert_eq!(limit_of(&status).0, "connections_per_tenant");
    met.meet(&status, 1);
    for (most, per_peer, name) in [(2, 9, "connections"), (9, 2, "connections_per_peer")] {
        let house = House::open(|config| {
            config.limits.connections = most;
            config.limits.connections_per_peer = per_peer;
        })
        .await;
        let (first, _second) = (connected(&house).await.unwrap(), connected(&house).await.unwrap());
        let status = connected(&house).await.unwrap_err();
        assert_eq!(limit_of(&status).0, name);
        met.meet(&status, 2);
        drop(first);
        until_free(async || connected(&house).await).await;
    }
}

#[tokio::test]
async fn every_limit_of_the_page_is_met_and_named_with_its_value() {
    let mut met = Met::default();
    of_requests(&mut met).await;
    of_answers(&mut met).await;
    of_work(&mut met).await;
    of_shares(&mut met).await;
    of_time(&mut met).await;
    of_tokens(&mut met).await;
    of_connections(&mut met).await;
    of_declarations(&mut met).await;
    of_messages(&mut met).await;
    assert_eq!(met.0, limits_page::written("Collector"));
}

/// What is quoted between `before` and `after`, everywhere in the sources of a crate.
fn named_in(folder: &Path, before: &str, after: char) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            names.extend(named_in(&entry, before, after));
        } else {
            let source = fs::read_to_string(&entry).unwrap();
            let source = source.split("#[cfg(test)]").next().unwrap();
            let within = source.split(before).skip(1).filter_map(|part| part.split(after).next());
            names.extend(within.flat_map(|part| part.split('"').skip(1).step_by(2)).map(str::to_owned));
        }
    }
    names
}

/// The other way round: from the code to the page.
#[test]
fn every_limit_of_the_code_is_on_the_page() {
    let section = limits_page::section("Collector");
    let told = format!("{:?}", Limits::default());
    let fields = told.trim_start_matches("Limits { ").split(", ").map(|field| field.split(": ").next().unwrap());
    for field in fields {
        let setting = match field {
            "drain" => "`drain`".to_owned(),
            field => format!("`limits.{}`", field.replace('_', "-")),
        };
        assert!(section.contains(&setting), "spec/limits.md says nothing of {setting}");
    }
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut refusing = named_in(&sources, "Limit { name: ", ',');
    refusing.extend(named_in(&sources, "Names(", ')'));
    assert!(refusing.len() > 30 && refusing.contains("followers_per_tenant"), "{refusing:?}");
    for name in refusing {
        assert!(section.contains(&format!("`{name}`")), "spec/limits.md has no row for {name}");
    }
}
