//! The manifest cache: the same bytes for all, verified, never older, served while the collector is away.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{net::SocketAddr, sync::Arc, time::Duration};

use ed25519_dalek::SigningKey;
use prost::Message as _;
use tacita_proto::v1::{self, manifest_service_client::ManifestServiceClient};
use tacita_protocol::{
    manifest::{Manifest, SignedManifest},
    time::SystemClock,
};
use tacita_relay::{CacheError, Relay, RelayConfig, RelayError, RunningRelay};
use tokio::net::TcpListener;
use tonic::Code;

use crate::support::*;

async fn get_manifest(relay: SocketAddr, publisher: u32) -> Result<v1::SignedManifest, tonic::Status> {
    let mut client = ManifestServiceClient::new(connect(relay).await);
    let answer = client.get_manifest(v1::GetManifestRequest { publisher }).await?.into_inner();
    Ok(answer.signed_manifest.unwrap())
}

fn revision(signed: &v1::SignedManifest) -> u64 {
    let signed = SignedManifest::from(signed.clone());
    signed.verify(&signing_key().verifying_key(), PUBLISHER).unwrap().revision
}

async fn refused(config: RelayConfig) -> RelayError {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    Relay::start(config, listener, Arc::new(SystemClock)).await.err().expect("the relay should not start")
}

#[tokio::test]
async fn every_visitor_gets_the_same_bytes() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let relay = start(double.config(data.path())).await;
    let first = get_manifest(relay.address(), PUBLISHER.0).await.unwrap();
    assert_eq!(Some(&first), double.state.manifest.lock().unwrap().as_ref());
    for _ in 0..5 {
        let again = get_manifest(relay.address(), PUBLISHER.0).await.unwrap();
        assert_eq!(again.encode_to_vec(), first.encode_to_vec());
    }
    assert_eq!(get_manifest(relay.address(), 8).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn a_manifest_that_does_not_verify_is_not_served() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let mut tampered: v1::SignedManifest = manifest(1).sign(&signing_key()).into();
    tampered.manifest[3] ^= 1;
    double.offer(tampered.clone());
    assert!(matches!(refused(double.config(data.path())).await, RelayError::Manifest(CacheError::Refused(_))));

    double.offer(manifest(1).sign(&SigningKey::from_bytes(&[8; 32])));
    assert!(matches!(refused(double.config(data.path())).await, RelayError::Manifest(CacheError::Refused(_))));

    double.offer(manifest(2).sign(&signing_key()));
    let relay = start(double.config(data.path())).await;
    double.offer(tampered);
    until("it is refused", || relay.seen().manifests_refused > 0).await;
    assert_eq!(revision(&get_manifest(relay.address(), PUBLISHER.0).await.unwrap()), 2);
}

#[tokio::test]
async fn a_newer_manifest_replaces_and_an_older_one_does_not() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    double.offer(manifest(5).sign(&signing_key()));
    let relay = start(double.config(data.path())).await;
    double.offer(manifest(4).sign(&signing_key()));
    until("it is refused", || relay.seen().manifests_refused > 0).await;
    assert_eq!(revision(&get_manifest(relay.address(), PUBLISHER.0).await.unwrap()), 5);

    double.offer(manifest(6).sign(&signing_key()));
    serves(&relay, &manifest(6)).await;
}

#[tokio::test]
async fn other_bytes_of_the_revision_in_service_are_refused_also_after_a_restart() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    double.offer(manifest(5).sign(&signing_key()));
    let relay = start(double.config(data.path())).await;
    let mut other = manifest(5);
    other.policy.ledger_bound_micro += 1;
    double.offer(other.sign(&signing_key()));
    until("it is refused", || relay.seen().manifests_refused > 0).await;
    assert_eq!(get_manifest(relay.address(), PUBLISHER.0).await.unwrap(), manifest(5).sign(&signing_key()).into());

    relay.shutdown().await;
    let relay = start(double.config(data.path())).await;
    assert_eq!(get_manifest(relay.address(), PUBLISHER.0).await.unwrap(), manifest(5).sign(&signing_key()).into());
    until("it is refused again", || relay.seen().manifests_refused > 0).await;
    assert_eq!(get_manifest(relay.address(), PUBLISHER.0).await.unwrap(), manifest(5).sign(&signing_key()).into());

    // Two of one revision differ for ever; what comes after them is taken.
    other.revision = 6;
    double.offer(other.sign(&signing_key()));
    serves(&relay, &other).await;
}

/// Waits until the relay serves `manifest`.
async fn serves(relay: &RunningRelay, manifest: &Manifest) {
    let expected = v1::SignedManifest::from(manifest.sign(&signing_key()));
    for _ in 0..3_000 {
        if get_manifest(relay.address(), PUBLISHER.0).await.unwrap() == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("revision {} was never served", manifest.revision);
}

#[tokio::test]
async fn the_relay_serves_and_queues_while_the_collector_is_away() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let config = double.config(data.path());
    start(config.clone()).await.shutdown().await;
    let (address, state) = double.stop().await;

    let relay = start(config).await;
    assert_eq!(revision(&get_manifest(relay.address(), PUBLISHER.0).await.unwrap()), 1);
    let device = connect(relay.address()).await;
    assert!(submit(&device, envelopes(5)).await.is_ok());

    let double = RunningDouble::serve(address, state).await;
    until("the queue reaches the collector", || double.state.counted() == 5).await;
}

#[tokio::test]
async fn a_first_start_without_a_collector_waits_for_it() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let config = double.config(data.path());
    let (address, state) = double.stop().await;

    let relay = start(config).await;
    assert_eq!(get_manifest(relay.address(), PUBLISHER.0).await.unwrap_err().code(), Code::Unavailable);
    let _double = RunningDouble::serve(address, state).await;
    for _ in 0..100 {
        if get_manifest(relay.address(), PUBLISHER.0).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the manifest was never fetched");
}

#[tokio::test]
async fn a_refused_api_key_ends_the_start_with_the_remedy() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let mut config = double.config(data.path());
    config.api_key = "tacita_3_wrong".into();
    let told = refused(config).await.to_string();
    assert!(told.contains("check the API key") && !told.contains("tacita_3_wrong"), "{told}");
}
