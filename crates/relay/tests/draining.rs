//! The end of a relay: who watches its health hears of it first, and holds nothing up.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use tokio::time::timeout;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use crate::support::{RunningDouble, connect, start};

/// More than any machine takes, and far less than the drain.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn who_watches_the_health_hears_of_the_end_and_does_not_hold_it_up() {
    let folder = tempfile::tempdir().unwrap();
    let collector = RunningDouble::start().await;
    let mut config = collector.config(folder.path());
    config.drain = Duration::from_secs(3_600);
    let relay = start(config).await;
    let request = HealthCheckRequest { service: String::new() };
    let mut health = HealthClient::new(connect(relay.address()).await);
    let mut watch = health.watch(request).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    let ending = tokio::spawn(relay.shutdown());
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    let ended = timeout(PATIENCE, watch.message()).await.expect("the watch ends");
    assert!(matches!(ended, Ok(None) | Err(_)), "{ended:?}");
    timeout(PATIENCE, ending).await.expect("nothing holds the end up").unwrap();
}
