//! The end of a key: the next call, and the streams that are open.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use tacita_proto::v1;
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};
use tonic::{Code, Status, Streaming};
use tonic_types::StatusExt as _;

use crate::support::{Cast, NOON, cells};

/// The reason that a stream ends with, which it does within a minute.
async fn reason<T>(stream: &mut Streaming<T>) -> String {
    let ended = async {
        loop {
            match stream.next().await {
                Some(Ok(_)) => {}
                Some(Err(status)) => return status,
                None => panic!("it ended without a reason"),
            }
        }
    };
    let status: Status = tokio::time::timeout(Duration::from_secs(60), ended).await.expect("it ends with its key");
    assert_eq!(status.code(), Code::Unauthenticated);
    status.get_details_error_info().unwrap().reason
}

fn number(key: &str) -> u32 {
    key.split('_').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_revoked_key_ends_at_once() {
    let Cast { house, acme, .. } = Cast::assemble().await;
    let listed = async || house.reporting(&acme).list_campaigns(v1::ListCampaignsRequest {}).await;
    assert!(listed().await.is_ok());
    for _ in 0..2 {
        house.revoke(number(&acme)).await;
    }
    assert_eq!(listed().await.unwrap_err().code(), Code::Unauthenticated);
    let keys = house.admin().list_api_keys(v1::ListApiKeysRequest {}).await.unwrap().into_inner().api_keys;
    assert!(keys.iter().all(|key| key.revoked == (key.id == number(&acme))));
}

#[tokio::test]
async fn open_streams_end_when_their_key_is_revoked_and_what_was_taken_in_is_answered() {
    let Cast { house, mut daily, acme, arrivals, .. } = Cast::assemble().await;
    let (send, batches) = tokio::sync::mpsc::channel(4);
    let mut uploads = daily.collection().upload_reports(ReceiverStream::new(batches)).await.unwrap().into_inner();
    let envelopes = vec![daily.sealed(&arrivals, 1).await];
    send.send(v1::UploadReportsRequest { batch: 7, envelopes }).await.unwrap();
    let answer = uploads.next().await.unwrap().unwrap();
    assert_eq!((answer.batch, answer.outcomes), (7, vec![v1::Outcome::Counted.into()]));

    let request = v1::WatchQueryRequest { query: Some(cells("acme/spring")), ..Default::default() };
    let mut watched = house.reporting(&acme).watch_query(request).await.unwrap().into_inner();
    let mut alerts = house.reporting(&acme).watch_alerts(v1::WatchAlertsRequest::default()).await.unwrap().into_inner();
    assert!(watched.next().await.unwrap().is_ok());

    house.revoke(number(&daily.key)).await;
    assert_eq!(reason(&mut uploads).await, "KEY_INVALID");
    house.revoke(number(&acme)).await;
    assert_eq!(reason(&mut watched).await, "KEY_INVALID");
    assert_eq!(reason(&mut alerts).await, "KEY_INVALID");
}

#[tokio::test]
async fn open_streams_end_when_their_key_expires() {
    let Cast { house, .. } = Cast::assemble().await;
    let request = v1::CreateApiKeyRequest {
        role: v1::Role::Brand.into(),
        subject: "acme".into(),
        valid_seconds: 600,
        ..Default::default()
    };
    let (_, key) = house.make_key(request).await;
    let mut alerts = house.reporting(&key).watch_alerts(v1::WatchAlertsRequest::default()).await.unwrap().into_inner();
    house.clock.set(NOON.plus(599));
    assert!(house.reporting(&key).list_campaigns(v1::ListCampaignsRequest {}).await.is_ok());
    house.clock.set(NOON.plus(600));
    assert_eq!(reason(&mut alerts).await, "KEY_EXPIRED");
    let refused = house.reporting(&key).list_campaigns(v1::ListCampaignsRequest {}).await.unwrap_err();
    assert_eq!(refused.get_details_error_info().unwrap().reason, "KEY_EXPIRED");
}
