//! Who may be connected, and for how long: nobody without a key can hold a place, and nobody with one can hold all of them.
#![allow(clippy::unwrap_used)]

use std::{net::SocketAddr, time::Duration};

use futures_util::future::join_all;
use tacita_collector::CollectorConfig;
use tacita_proto::v1::{self, reporting_service_client::ReportingServiceClient};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};
use tonic::{Code, Status, service::interceptor::InterceptedService, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_types::StatusExt as _;

use crate::support::{self, Bearer, Cast, House, PATIENCE, get, limit_of, until_free};

/// How every HTTP/2 connection begins: the preface, then settings without any.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

fn short_patience(config: &mut CollectorConfig) {
    let limits = &mut config.limits;
    (limits.connection_admission, limits.connection_idle) = (Duration::from_secs(1), Duration::from_secs(1));
    config.metrics.listen = Some(([127, 0, 0, 1], 0).into());
    config.metrics.grain = Duration::ZERO;
}

async fn page(house: &House) -> String {
    get(house.collector.metrics_address().unwrap(), "/metrics").await.1
}

/// Waits until the metrics say so.
async fn until(house: &House, line: &str) {
    let told = async {
        while !page(house).await.contains(line) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    if tokio::time::timeout(PATIENCE, told).await.is_err() {
        panic!("'{line}' is not in\n{}", page(house).await);
    }
}

/// Connects, says something, and waits to be hung up on.
async fn hung_up(address: SocketAddr, said: &[&[u8]]) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    for part in said {
        stream.write_all(part).await.unwrap();
    }
    let mut rest = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("it was borne").ok();
}

#[tokio::test]
async fn whoever_says_nothing_or_half_a_thing_is_hung_up_on() {
    let house = House::open(short_patience).await;
    let said: [&[&[u8]]; 6] = [
        &[],
        &[&PREFACE[..9]],
        &[PREFACE],
        &[PREFACE, SETTINGS],
        &[b"GET / HTTP/1.1\r\nhost: c\r\n"],
        &[b"POST /tacita.v1.AdminService/GetStatus HTTP/1.1\r\nhost: c\r\ncontent-length: 9\r\n\r\n"],
    ];
    join_all(said.map(|said| hung_up(house.collector.address(), said))).await;
    until(&house, "tacita_collector_connections_open 0").await;
}

#[tokio::test]
async fn a_stranger_does_not_stay_for_a_method_that_asks_for_no_key() {
    let house = House::open(short_patience).await;
    let channel = Channel::from_shared(format!("http://{}", house.collector.address())).unwrap().connect_lazy();
    let mut watch = HealthClient::new(channel).watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    let to_its_end = async { while let Ok(Some(_)) = watch.message().await {} };
    tokio::time::timeout(PATIENCE, to_its_end).await.expect("it was borne");
}

#[tokio::test]
async fn a_connection_with_a_call_stays_and_one_without_ends() {
    let cast = Cast::with(short_patience).await;
    let reach = || {
        let channel = Channel::from_shared(format!("http://{}", cast.house.collector.address())).unwrap();
        ReportingServiceClient::new(InterceptedService::new(channel.connect_lazy(), Bearer::new(&cast.acme)))
    };
    let mut follower = reach();
    let mut alerts = follower.watch_alerts(v1::WatchAlertsRequest::default()).await.unwrap().into_inner();
    // Those of the cast and this one end, though it is the youngest.
    let mut idle = reach();
    idle.list_campaigns(v1::ListCampaignsRequest {}).await.unwrap();
    until(&cast.house, "tacita_collector_connections_open 1").await;
    assert!(futures_util::FutureExt::now_or_never(alerts.message()).is_none(), "the stream goes on");
    // Whoever comes again is served over a new one.
    idle.list_campaigns(v1::ListCampaignsRequest {}).await.unwrap();
}

#[tokio::test]
async fn a_connection_that_has_no_place_is_counted_by_its_limit() {
    let house = House::open(|config| {
        short_patience(config);
        config.limits.connection_admission = PATIENCE;
        config.limits.connections = 3;
        config.limits.connections_per_peer = 2;
    })
    .await;
    let address = house.collector.address();
    let from = async |host: u8| {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, host], 0).into()).unwrap();
        let mut stream = socket.connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: c\r\n").await.unwrap();
        stream
    };
    let mut held = vec![from(1).await, from(1).await];
    until(&house, "tacita_collector_connections_open 2").await;
    let mut refused = from(1).await;
    refused.write_all(b"\r\n").await.unwrap();
    let mut said = String::new();
    refused.read_to_string(&mut said).await.unwrap();
    assert!(said.starts_with("HTTP/1.1 503") && said.contains("connections_per_peer = 2"), "{said}");
    until(&house, "tacita_collector_connections_refused_total{limit=\"connections_per_peer\"} 1").await;
    held.push(from(2).await);
    until(&house, "tacita_collector_connections_open 3").await;
    held.push(from(3).await);
    until(&house, "tacita_collector_connections_refused_total{limit=\"connections\"} 1").await;
}

#[tokio::test]
async fn one_brand_cannot_hold_what_all_need() {
    let cast = Cast::with(|config| config.limits.connections_per_tenant = 2).await;
    let connect = async |key: &str| -> Result<_, Status> {
        let channel = Channel::from_shared(format!("http://{}", cast.house.collector.address())).unwrap();
        let caller = InterceptedService::new(channel.connect_lazy(), Bearer::new(key));
        let mut client = ReportingServiceClient::new(caller);
        client.list_campaigns(v1::ListCampaignsRequest {}).await?;
        Ok(client)
    };
    let (first, _second) = (connect(&cast.acme).await.unwrap(), connect(&cast.acme).await.unwrap());
    let status = connect(&cast.acme).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    let info = status.get_details_error_info().unwrap();
    assert_eq!((info.metadata["limit"].as_str(), info.metadata["value"].as_str()), ("connections_per_tenant", "2"));
    connect(&cast.rival).await.unwrap();
    drop(first);
    until_free(async || connect(&cast.acme).await).await;
}

#[tokio::test]
async fn the_listener_for_metrics_takes_few_connections_of_one_address() {
    let house = House::open(short_patience).await;
    let address = house.collector.metrics_address().unwrap();
    let mut held = Vec::new();
    let refused = async {
        loop {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let mut said = [0; 12];
            stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: c\r\n\r\n").await.unwrap();
            stream.read_exact(&mut said).await.unwrap();
            if &said == b"HTTP/1.1 503" {
                return;
            }
            held.push(stream);
        }
    };
    tokio::time::timeout(PATIENCE, refused).await.expect("as many as one wants");
    assert_eq!(held.len(), 16);
    drop(held);
    until(&house, "tacita_collector_connections_refused_total{limit=\"metrics_connections_per_peer\"}").await;
}

#[tokio::test]
async fn long_headers_are_refused_by_the_name_of_their_limit() {
    let house = House::open(short_patience).await;
    let said_to = async |address: SocketAddr, bytes: usize| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let long = "a".repeat(bytes);
        let head = format!("GET /healthz HTTP/1.1\r\nhost: c\r\nconnection: close\r\nx-long: {long}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).await.unwrap();
        said
    };
    let metrics = house.collector.metrics_address().unwrap();
    for (address, most, name) in
        [(house.collector.address(), 16_384, "header_bytes"), (metrics, 8_192, "metrics_header_bytes")]
    {
        let said = said_to(address, most - 100).await;
        assert!(!said.starts_with("HTTP/1.1 431"), "{said}");
        let said = said_to(address, most).await;
        assert!(said.starts_with("HTTP/1.1 431") && said.contains(&format!("{most} bytes")), "{said}");
        assert!(said.contains(name), "{said}");
        until(&house, &format!("tacita_collector_connections_refused_total{{limit=\"{name}\"}} 1")).await;
    }
}

#[tokio::test]
async fn one_brand_or_publisher_takes_no_place_of_anothers() {
    let cast = Cast::with(|config| {
        config.limits.upload_streams = 4;
        config.limits.followers = 8;
    })
    .await;
    let follow = async |key: &str| {
        let asked = cast.house.reporting(key).watch_alerts(v1::WatchAlertsRequest::default()).await;
        asked.map(tonic::Response::into_inner)
    };
    let _followed = [follow(&cast.acme).await.unwrap(), follow(&cast.acme).await.unwrap()];
    let refused = follow(&cast.acme).await.map(drop).unwrap_err();
    assert_eq!(limit_of(&refused), ("followers_per_tenant".into(), 2));
    follow(&cast.rival).await.unwrap();

    let upload = async |device: &support::Device| {
        let opened = device.collection().upload_reports(futures_util::stream::pending()).await;
        opened.map(tonic::Response::into_inner)
    };
    let _uploading = upload(&cast.daily).await.unwrap();
    let refused = upload(&cast.daily).await.map(drop).unwrap_err();
    assert_eq!(limit_of(&refused), ("upload_streams_per_tenant".into(), 1));
    upload(&cast.weekly).await.unwrap();
}

#[tokio::test]
async fn an_upload_stream_without_batches_ends_in_order_and_leaves_its_place() {
    let mut cast = Cast::with(|config| {
        config.limits.upload_streams = 1;
        config.limits.upload_idle = Duration::from_secs(1);
    })
    .await;
    let arrivals = cast.arrivals.clone();
    let envelopes = vec![cast.daily.sealed(&arrivals, 1).await];
    let batch = futures_util::stream::iter([v1::UploadReportsRequest { batch: 7, envelopes }]);
    let batches = futures_util::StreamExt::chain(batch, futures_util::stream::pending());
    let mut answers = cast.daily.collection().upload_reports(batches).await.unwrap().into_inner();
    assert_eq!(answers.message().await.unwrap().unwrap().batch, 7);
    let ended = tokio::time::timeout(PATIENCE, answers.message()).await.expect("it was borne");
    assert!(ended.unwrap().is_none(), "it ends without a fault");
    until_free(async || cast.weekly.collection().upload_reports(futures_util::stream::empty()).await).await;
}
