//! A surge on its way: counted, found, listed, streamed, and posted to the brand's server until that takes it.
#![allow(clippy::unwrap_used)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tacita_collector::{CollectorConfig, StoreConfig};
use tacita_proto::v1;
use tacita_protocol::{measure::Measure, outcome::Outcome, time::Clock as _};
use tacita_store::{ChangeLog as _, PostgresOptions, PostgresStore, PostgresUrl};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tonic::Streaming;

use crate::{
    server::Fresh,
    support::{Cast, Device, House, seal},
};

/// Long enough for a loaded machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Counts one batch of reports of one cell.
async fn count(device: &mut Device, measure: &Measure, cell: u32) {
    let tokens = device.tokens().await;
    let envelopes: Vec<_> = tokens.into_iter().map(|token| seal(token, device.report(measure, cell))).collect();
    let outcomes = device.submit(envelopes).await.unwrap();
    assert!(outcomes.iter().all(|&outcome| outcome == Outcome::Counted));
}

/// A collector that looks every two seconds and may tell this machine, with e-mails counted to forecast from.
async fn cast(change: impl FnOnce(&mut CollectorConfig)) -> Cast {
    let mut cast = Cast::with(|config| {
        config.device_policy.token_batch = 128;
        config.alerts.step = Duration::from_secs(2);
        config.alerts.loopback_webhooks = true;
        change(config);
    })
    .await;
    let arrivals = cast.arrivals.clone();
    for _ in 0..4 {
        count(&mut cast.daily, &arrivals, 4).await;
    }
    cast
}

/// Counts more and more until a surge is told. The first of them may be what a collector that has just started begins with.
async fn surge(
    device: &mut Device,
    measure: &Measure,
    cell: u32,
    alerts: &mut Streaming<v1::WatchAlertsResponse>,
) -> v1::Alert {
    let told = tokio::time::timeout(PATIENCE, alerts.message());
    tokio::pin!(told);
    loop {
        tokio::select! {
            told = &mut told => return told.unwrap().unwrap().unwrap().alert.unwrap(),
            () = tokio::time::sleep(Duration::from_secs(3)) => count(device, measure, cell).await,
        }
    }
}

async fn watch(house: &House, key: &str, since: u64) -> Streaming<v1::WatchAlertsResponse> {
    let request = v1::WatchAlertsRequest { campaign: String::new(), since };
    house.reporting(key).watch_alerts(request).await.unwrap().into_inner()
}

async fn list(house: &House, key: &str) -> Vec<v1::Alert> {
    let request = v1::ListAlertsRequest { campaign: String::new(), since: 0 };
    house.reporting(key).list_alerts(request).await.unwrap().into_inner().alerts
}

/// A brand's server that answers `statuses` in turn; the requests that it got.
async fn server(listener: &TcpListener, statuses: &[&str]) -> Vec<String> {
    let mut requests = Vec::new();
    for status in statuses {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        let mut buffer = [0; 4_096];
        loop {
            let read = socket.read(&mut buffer).await.unwrap();
            request.extend_from_slice(&buffer[..read]);
            let text = String::from_utf8_lossy(&request).into_owned();
            let length = text
                .to_lowercase()
                .split_once("content-length: ")
                .and_then(|(_, rest)| rest.split_once('\r')?.0.parse().ok());
            if text.split_once("\r\n\r\n").is_some_and(|(_, body)| Some(body.len()) == length) || read == 0 {
                requests.push(text);
                break;
            }
        }
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        socket.write_all(answer.as_bytes()).await.unwrap();
    }
    requests
}

fn body(request: &str) -> &str {
    request.split_once("\r\n\r\n").unwrap().1
}

fn header<'a>(request: &'a str, name: &str) -> &'a str {
    let line = request.lines().find(|line| line.to_lowercase().starts_with(&format!("{name}: "))).unwrap();
    line.split_once(": ").unwrap().1
}

async fn declare(house: &House, key: &str, url: &str) -> v1::Declaration {
    let webhooks = vec![v1::Webhook { url: url.into(), secret: String::new() }];
    let declaration = Some(v1::Declaration { webhooks, ..Default::default() });
    let request = v1::DeclareCampaignRequest { campaign: "acme/spring".into(), declaration };
    house.reporting(key).declare_campaign(request).await.unwrap().into_inner().declaration.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_surge_is_listed_streamed_and_posted_until_it_is_taken() {
    let Cast { house, mut daily, acme, rival, arrivals, .. } = cast(|_| ()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let secret = hex::decode(&declare(&house, &acme, &url).await.webhooks[0].secret).unwrap();
    let posted = tokio::spawn(async move { server(&listener, &["503 Service Unavailable", "200 OK"]).await });
    let mut stream = watch(&house, &acme, 0).await;
    let alert = surge(&mut daily, &arrivals, 1, &mut stream).await;
    assert_eq!((alert.campaign.as_str(), alert.measure.as_str()), ("acme/spring", "arrivals"));
    assert_eq!((alert.dimension.as_str(), alert.label.as_str()), ("channel", "whatsapp"));
    assert!(alert.score >= alert.threshold, "{alert:?}");
    assert!(alert.observed.unwrap().low > alert.expected, "{alert:?}");

    assert_eq!(list(&house, &acme).await, std::slice::from_ref(&alert));
    assert_eq!(list(&house, &rival).await, [], "it is another brand's");
    let mut again = watch(&house, &acme, alert.found_at).await;
    assert_eq!(again.message().await.unwrap().unwrap().alert.unwrap(), alert);

    let requests = tokio::time::timeout(PATIENCE, posted).await.unwrap().unwrap();
    assert_eq!(body(&requests[0]), body(&requests[1]));
    let signature = header(&requests[1], "tacita-signature");
    let (at, hex) = signature.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&secret).unwrap();
    mac.update(format!("{at}.{}", body(&requests[1])).as_bytes());
    assert_eq!(hex, hex::encode(mac.finalize().into_bytes()));
    let told: serde_json::Value = serde_json::from_str(body(&requests[1])).unwrap();
    assert_eq!((told["id"].as_u64(), told["label"].as_str()), (Some(alert.id), Some("whatsapp")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_forgets_no_surge_and_tells_whom_it_had_not_told() {
    let Cast { house, mut daily, acme, arrivals, .. } = cast(|_| ()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    declare(&house, &acme, &url).await;
    let first = tokio::spawn(async move {
        let requests = server(&listener, &["503 Service Unavailable"]).await;
        (listener, requests)
    });
    let mut stream = watch(&house, &acme, 0).await;
    let alert = surge(&mut daily, &arrivals, 1, &mut stream).await;
    let (listener, refused) = tokio::time::timeout(PATIENCE, first).await.unwrap().unwrap();
    drop(stream);

    house.clock.set(house.clock.now().plus(10));
    let house = house.reopen().await;
    assert_eq!(list(&house, &acme).await, std::slice::from_ref(&alert));
    let taken = tokio::time::timeout(PATIENCE, server(&listener, &["204 No Content"])).await.unwrap();
    assert_eq!(body(&taken[0]), body(&refused[0]), "the same surge with the same id");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_collectors_of_one_database_find_a_surge_and_one_tells_it() {
    let Some(database) = Fresh::new().await else { return };
    let address: PostgresUrl = database.url().parse().unwrap();
    PostgresStore::init(&address, false).await.unwrap();
    let Cast { house, mut daily, acme, arrivals, .. } =
        cast(|config| config.store = StoreConfig::Postgres(address.clone())).await;
    let other = house.another().await;
    // What is found from here on was found after both had started.
    house.clock.set(house.clock.now().plus(1));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    declare(&house, &acme, &format!("http://{}/hook", listener.local_addr().unwrap())).await;
    let posts = Arc::new(AtomicUsize::new(0));
    tokio::spawn({
        let posts = posts.clone();
        async move {
            loop {
                server(&listener, &["200 OK"]).await;
                posts.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let (mut here, mut there) = (watch(&house, &acme, 0).await, watch(&other, &acme, 0).await);
    let alert = surge(&mut daily, &arrivals, 1, &mut here).await;
    let heard = tokio::time::timeout(PATIENCE, there.message()).await.unwrap().unwrap().unwrap();
    assert_eq!(heard.alert.as_ref(), Some(&alert), "whoever found it");

    let log = PostgresStore::open(&address, PostgresOptions::default()).await.unwrap();
    let entries = async |kind: &str| {
        let entries = log.read(0).await.unwrap();
        entries.iter().filter(|entry| String::from_utf8_lossy(entry).contains(kind)).count()
    };
    let noted = async {
        while entries("surge-told").await == 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, noted).await.unwrap();
    // Both looked again and again meanwhile.
    for house in [&house, &other] {
        assert_eq!(list(house, &acme).await, std::slice::from_ref(&alert));
    }
    assert_eq!((entries("surge-found").await, posts.load(Ordering::Relaxed)), (1, 1));
}

#[tokio::test]
async fn alerts_of_another_brands_campaign_do_not_exist() {
    let cast = Cast::assemble().await;
    let request = v1::ListAlertsRequest { campaign: "rival/summer".into(), since: 0 };
    let status = cast.house.reporting(&cast.acme).list_alerts(request).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alerts_are_numbered_for_each_brand_and_so_count_no_other() {
    let mut cast = Cast::with(|config| {
        config.device_policy.token_batch = 128;
        config.alerts.step = Duration::from_secs(2);
    })
    .await;
    let (arrivals, elsewhere) = (cast.arrivals.clone(), cast.elsewhere.clone());
    for _ in 0..3 {
        count(&mut cast.daily, &arrivals, 4).await;
        count(&mut cast.weekly, &elsewhere, 4).await;
    }
    let Cast { house, daily, weekly, acme, rival, .. } = cast;
    let house = house.reopen().await;
    let mut first = Vec::new();
    for (device, measure, brand) in [(&weekly, &elsewhere, &rival), (&daily, &arrivals, &acme)] {
        let mut device = device.at(&house);
        let watch = v1::WatchAlertsRequest::default();
        let mut stream = house.reporting(brand).watch_alerts(watch).await.unwrap().into_inner();
        count(&mut device, measure, 1).await;
        let told = tokio::time::timeout(PATIENCE, stream.message()).await.unwrap().unwrap().unwrap();
        first.push(told.alert.unwrap().id);
    }
    assert_eq!(first, [1; 2], "each brand's first");
}
