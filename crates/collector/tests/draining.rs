//! The end of a collector: who watches its health hears of it first, and holds nothing up; what was taken is answered.
#![allow(clippy::unwrap_used)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tacita_protocol::outcome::Outcome;
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use crate::support::{Cast, seal};

/// More than any machine takes, and far less than the drain.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn who_watches_the_health_hears_of_the_end_and_does_not_hold_it_up() {
    let cast = Cast::with(|config| config.limits.drain = Duration::from_secs(3_600)).await;
    let request = HealthCheckRequest { service: String::new() };
    let mut watch = HealthClient::new(cast.house.channel.clone()).watch(request).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    let ending = tokio::spawn(cast.house.collector.shutdown());
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    let ended = timeout(PATIENCE, watch.message()).await.expect("the watch ends");
    assert!(matches!(ended, Ok(None) | Err(_)), "{ended:?}");
    timeout(PATIENCE, ending).await.expect("nothing holds the end up").unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_report_that_is_counted_while_the_collector_ends_is_answered() {
    let mut cast = Cast::assemble().await;
    let arrivals = cast.arrivals.clone();
    let mut envelopes = Vec::new();
    while envelopes.len() < 320 {
        for token in cast.daily.tokens().await {
            let report = cast.daily.report(&arrivals, 0);
            envelopes.push(seal(token, report));
        }
    }
    let Cast { house, daily, .. } = cast;
    let (daily, answered) = (Arc::new(daily), Arc::new(AtomicU64::new(0)));
    let mut senders = JoinSet::new();
    for share in envelopes.chunks(40) {
        let (share, daily, answered) = (share.to_vec(), daily.clone(), answered.clone());
        senders.spawn(async move {
            for envelope in share {
                // Whoever comes too late is refused, and holds on to its report.
                let Ok(outcomes) = daily.submit(vec![envelope]).await else { return };
                assert_eq!(outcomes, [Outcome::Counted]);
                answered.fetch_add(1, Relaxed);
            }
        });
    }
    while answered.load(Relaxed) < 20 {
        sleep(Duration::from_millis(1)).await;
    }
    let house = house.reopen().await;
    while let Some(ended) = senders.join_next().await {
        ended.unwrap();
    }
    let counted = house.report("acme/spring").await.measures[0].reports;
    assert_eq!(counted, answered.load(Relaxed), "what was taken was answered, and what was answered is there");
}
