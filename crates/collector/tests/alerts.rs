//! A surge on its way: counted, found, listed, streamed, and posted to the brand's server until that takes it.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use support::{Cast, Device, House, seal};
use tacita_proto::v1;
use tacita_protocol::outcome::Outcome;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

/// Long enough for a loaded machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Counts one batch of reports of one cell.
async fn count(device: &mut Device, measure: &tacita_protocol::measure::Measure, cell: u32) {
    let tokens = device.tokens().await;
    let envelopes: Vec<_> = tokens.into_iter().map(|token| seal(token, device.report(measure, cell))).collect();
    let outcomes = device.submit(envelopes).await.unwrap();
    assert!(outcomes.iter().all(|&outcome| outcome == Outcome::Counted));
}

/// A brand's server that answers `statuses` in turn; the requests that it got.
async fn server(listener: TcpListener, statuses: &[&str]) -> Vec<String> {
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
    let mut cast = Cast::with(|config| {
        config.device_policy.token_batch = 128;
        config.alerts.step = Duration::from_secs(2);
        config.alerts.loopback_webhooks = true;
    })
    .await;
    let arrivals = cast.arrivals.clone();
    for _ in 0..3 {
        count(&mut cast.daily, &arrivals, 4).await;
    }
    // A start takes what is counted already for what came before.
    let Cast { house, daily, acme, rival, .. } = cast;
    let (publisher, mut rng) = (daily.publisher.0, daily.rng);
    let house = house.reopen().await;
    let mut daily = Device::of(&house, publisher, "daily").await;
    std::mem::swap(&mut daily.rng, &mut rng);

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let secret = hex::decode(&declare(&house, &acme, &url).await.webhooks[0].secret).unwrap();
    let posted = tokio::spawn(async move { server(listener, &["503 Service Unavailable", "200 OK"]).await });
    let watch = v1::WatchAlertsRequest::default();
    let mut stream = house.reporting(&acme).watch_alerts(watch).await.unwrap().into_inner();
    count(&mut daily, &arrivals, 1).await;

    let alert = tokio::time::timeout(PATIENCE, stream.message()).await.unwrap().unwrap().unwrap().alert.unwrap();
    assert_eq!((alert.campaign.as_str(), alert.measure.as_str()), ("acme/spring", "arrivals"));
    assert_eq!((alert.dimension.as_str(), alert.label.as_str()), ("channel", "whatsapp"));
    assert!(alert.score >= alert.threshold && alert.expected < 64.0, "{alert:?}");
    assert!(alert.observed.unwrap().low > alert.expected, "{alert:?}");

    let list = async |key: &str| {
        let request = v1::ListAlertsRequest { campaign: String::new(), since: 0 };
        house.reporting(key).list_alerts(request).await.unwrap().into_inner().alerts
    };
    assert_eq!(list(&acme).await, std::slice::from_ref(&alert));
    assert_eq!(list(&rival).await, [], "it is another brand's");
    let past = v1::WatchAlertsRequest { campaign: "acme/spring".into(), since: alert.found_at };
    let mut again = house.reporting(&acme).watch_alerts(past).await.unwrap().into_inner();
    assert_eq!(again.message().await.unwrap().unwrap().alert.unwrap(), alert);

    let requests = tokio::time::timeout(PATIENCE, posted).await.unwrap().unwrap();
    assert_eq!(requests[0].split_once("\r\n\r\n").unwrap().1, requests[1].split_once("\r\n\r\n").unwrap().1);
    let (signature, body) = (header(&requests[1], "tacita-signature"), requests[1].split_once("\r\n\r\n").unwrap().1);
    let (at, hex) = signature.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&secret).unwrap();
    mac.update(format!("{at}.{body}").as_bytes());
    assert_eq!(hex, hex::encode(mac.finalize().into_bytes()));
    let told: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!((told["id"].as_u64(), told["label"].as_str()), (Some(alert.id), Some("whatsapp")));
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
    assert_eq!(first, [support::NOON.0 * 1_000; 2], "each brand's first");
}
