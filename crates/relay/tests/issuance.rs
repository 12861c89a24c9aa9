//! The gate: a limit per visitor, and a forward that says nothing of the visitor.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{collections::BTreeSet, time::Duration};

use tacita_proto::v1::{self, token_service_client::TokenServiceClient};
use tacita_relay::VisitorLimit;
use tonic::{Code, Request, Status, transport::Channel};

use crate::support::*;

fn asked(tokens: u32) -> v1::IssueTokensRequest {
    v1::IssueTokensRequest { publisher: PUBLISHER.0, epoch: 1, blinded_batch: vec![3; 32 * tokens as usize] }
}

async fn issue(device: &Channel, forwarded_for: &[&str]) -> Result<Vec<u8>, Status> {
    let mut request = Request::new(asked(TOKEN_BATCH));
    for line in forwarded_for {
        request.metadata_mut().append("x-forwarded-for", line.parse().unwrap());
    }
    Ok(TokenServiceClient::new(device.clone()).issue_tokens(request).await?.into_inner().issued_batch)
}

const TWO_BATCHES: VisitorLimit =
    VisitorLimit { tokens: 2 * TOKEN_BATCH, envelopes: 128, per: Duration::from_secs(86_400) };

#[tokio::test]
async fn a_visitor_gets_tokens_up_to_the_limit_and_no_claim_of_another_address_helps() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let mut config = double.config(data.path());
    config.visitor_limit = TWO_BATCHES;
    let relay = start(config).await;

    let device = connect_from([127, 0, 0, 1], relay.address()).await;
    assert_eq!(issue(&device, &[]).await.unwrap(), asked(TOKEN_BATCH).blinded_batch);
    assert!(issue(&device, &["198.51.100.1"]).await.is_ok());
    let refused = issue(&device, &["198.51.100.2"]).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.message().contains("8 tokens per visitor in 86400 s"), "{}", refused.message());

    let other = connect_from([127, 0, 0, 2], relay.address()).await;
    assert!(issue(&other, &[]).await.is_ok());
    let seen = relay.seen();
    assert_eq!((seen.visitors, seen.token_requests, seen.token_requests_over_limit), (2, 4, 1));
    assert_eq!(double.state.issued.lock().unwrap().len(), 3, "what is refused is not forwarded");
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_address_that_the_proxy_saw_counts() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let mut config = double.config(data.path());
    config.visitor_limit = TWO_BATCHES;
    config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    let relay = start(config).await;

    let proxy = connect_from([127, 0, 0, 1], relay.address()).await;
    for claim in ["1.1.1.1", "2.2.2.2"] {
        assert!(issue(&proxy, &[claim, "192.0.2.1"]).await.is_ok());
    }
    let spoofed = issue(&proxy, &["3.3.3.3, 192.0.2.1"]).await.unwrap_err();
    assert_eq!(spoofed.code(), Code::ResourceExhausted);
    assert!(issue(&proxy, &["192.0.2.2"]).await.is_ok());

    let stranger = connect_from([127, 0, 0, 9], relay.address()).await;
    for claim in ["192.0.2.3", "192.0.2.4"] {
        assert!(issue(&stranger, &[claim]).await.is_ok());
    }
    assert_eq!(issue(&stranger, &["192.0.2.5"]).await.unwrap_err().code(), Code::ResourceExhausted);
}

#[tokio::test]
async fn a_batch_of_any_other_size_or_publisher_is_refused_and_costs_nothing() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let mut config = double.config(data.path());
    config.visitor_limit = TWO_BATCHES;
    let relay = start(config).await;
    let device = connect(relay.address()).await;
    let mut client = TokenServiceClient::new(device.clone());
    for tokens in [0, TOKEN_BATCH - 1, TOKEN_BATCH + 1, 128] {
        let refused = client.issue_tokens(asked(tokens)).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().contains("4 tokens, 128 bytes"), "{}", refused.message());
    }
    let other = v1::IssueTokensRequest { publisher: 8, ..asked(TOKEN_BATCH) };
    assert_eq!(client.issue_tokens(other).await.unwrap_err().code(), Code::InvalidArgument);
    assert!(issue(&device, &[]).await.is_ok() && issue(&device, &[]).await.is_ok());
    assert_eq!(double.state.issued.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_forwarded_holds_nothing_of_the_visitor() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let relay = start(double.config(data.path())).await;
    let device = connect_from([127, 0, 0, 77], relay.address()).await;
    let mut request = Request::new(asked(TOKEN_BATCH));
    for (key, value) in [
        ("cookie", "session=tracked"),
        ("x-forwarded-for", "192.0.2.1"),
        ("user-agent", "tracked"),
        ("accept-language", "tracked"),
        ("authorization", "Bearer tracked"),
        ("traceparent", "tracked"),
    ] {
        request.metadata_mut().insert(key, value.parse().unwrap());
    }
    request.set_timeout(Duration::from_secs(7));
    TokenServiceClient::new(device.clone()).issue_tokens(request).await.unwrap();
    submit(&device, envelopes(3)).await.unwrap();
    until("the upload", || double.state.counted() == 3).await;

    let expected = BTreeSet::from(["authorization", "content-type", "te", "user-agent"]);
    let calls = double.state.calls.lock().unwrap().clone();
    for call in &calls {
        let keys: BTreeSet<&str> = call.metadata.keys().map(String::as_str).collect();
        assert!(keys.is_subset(&expected), "{}: {keys:?}", call.method);
        assert_eq!(call.metadata["authorization"], format!("Bearer {API_KEY}"));
        assert!(call.metadata.values().all(|value| !value.contains("tracked") && !value.contains("127.0.0.77")));
    }
    assert_eq!(*double.state.issued.lock().unwrap(), [asked(TOKEN_BATCH)]);
}

#[tokio::test]
async fn issuance_upload_and_manifest_never_share_a_connection() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let relay = start(double.config(data.path())).await;
    let device = connect(relay.address()).await;
    for _ in 0..5 {
        issue(&device, &[]).await.unwrap();
        submit(&device, envelopes(3)).await.unwrap();
    }
    until("the upload", || double.state.counted() == 15).await;
    let peers = |method| double.state.calls_of(method).iter().map(|call| call.peer).collect::<BTreeSet<_>>();
    let (issue, upload, manifest) = (peers("issue"), peers("upload"), peers("manifest"));
    assert_eq!((issue.len(), upload.len(), manifest.len()), (1, 1, 1));
    assert!(issue.is_disjoint(&upload) && issue.is_disjoint(&manifest) && upload.is_disjoint(&manifest));
}

#[tokio::test]
async fn the_collectors_refusal_reaches_the_device_and_a_collector_that_is_away_is_said() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let relay = start(double.config(data.path())).await;
    let device = connect(relay.address()).await;
    let inactive = v1::IssueTokensRequest { epoch: 0, ..asked(TOKEN_BATCH) };
    let refused = TokenServiceClient::new(device.clone()).issue_tokens(inactive).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    double.stop().await;
    assert_eq!(issue(&device, &[]).await.unwrap_err().code(), Code::Unavailable);
}
