//! What a relay has seen holds the next manifest to it, whatever has become of what it keeps: also where a newer
//! program refuses it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{fs, net::SocketAddr, path::Path, sync::Arc};

use ed25519_dalek::{Signer as _, SigningKey};
use prost::Message as _;
use tacita_proto::v1::{self, manifest_service_client::ManifestServiceClient};
use tacita_protocol::{
    epoch::{EpochEntry, EpochSchedule},
    id::PublisherId,
    manifest::Manifest,
    time::{SystemClock, UnixTime},
};
use tacita_relay::{CacheError, Relay, RelayConfig, RelayError, RunningRelay};
use tacita_tokens::EpochKey;
use tokio::net::TcpListener;
use tonic::Code;

use crate::support::{http::exchange, *};

/// A directory of `count` epochs with fresh keys, which goes on from `before`.
fn epochs(before: Option<&EpochEntry>, count: usize) -> Vec<EpochEntry> {
    let mut epochs: Vec<EpochEntry> = Vec::new();
    for _ in 0..count {
        let key = EpochKey::generate(&mut rand::rng()).unwrap().public_key();
        let last = epochs.last().or(before);
        let next = EpochEntry::following(last, key, UnixTime(1_000), &EpochSchedule::default());
        epochs.push(next);
    }
    epochs
}

fn listing(revision: u64, epochs: &[EpochEntry]) -> Manifest {
    Manifest { epochs: epochs.to_vec(), ..manifest(revision) }
}

/// The manifest as one of before campaigns had policies: this program refuses it.
fn of_an_earlier_version(manifest: &Manifest) -> v1::SignedManifest {
    let mut wire = v1::Manifest::from(manifest);
    let campaign = v1::ManifestCampaign { id: 1, brand: 1, name: "spring".into(), ..Default::default() };
    wire.campaigns.push(campaign);
    let manifest = wire.encode_to_vec();
    let signature = signing_key().sign(&[b"tacita/manifest/v1", &*manifest].concat()).to_bytes().to_vec();
    v1::SignedManifest { manifest, signature }
}

/// What an earlier program has left in the folder.
fn leave(data: &Path, signed: impl Into<v1::SignedManifest>) {
    fs::write(data.join("manifest.bin"), signed.into().encode_to_vec()).unwrap();
}

async fn served(relay: SocketAddr) -> Result<v1::SignedManifest, Code> {
    let mut client = ManifestServiceClient::new(connect(relay).await);
    let answer = client.get_manifest(v1::GetManifestRequest { publisher: PUBLISHER.0 }).await;
    Ok(answer.map_err(|status| status.code())?.into_inner().signed_manifest.unwrap())
}

/// What keeps the relay from being ready, in words.
async fn unready(relay: &RunningRelay) -> String {
    let scrapers = relay.metrics_address().unwrap();
    String::from_utf8(exchange(scrapers, "GET /readyz HTTP/1.1\r\n", b"").await.1).unwrap()
}

async fn until_ready(relay: &RunningRelay) {
    for _ in 0..6_000 {
        if unready(relay).await == "ready\n" {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("not ready within a minute: {}", unready(relay).await);
}

/// With a listener that says what keeps a relay from being ready.
fn watched(config: RelayConfig) -> RelayConfig {
    RelayConfig { metrics: Some("127.0.0.1:0".parse().unwrap()), ..config }
}

async fn refused_start(config: RelayConfig) -> RelayError {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    Relay::start(config, listener, Arc::new(SystemClock)).await.map(drop).unwrap_err()
}

/// Waits until what the double offers was refused: the first refusal may be of what it offered before.
async fn refuses(relay: &RunningRelay) {
    let before = relay.seen().manifests_refused;
    until("it is refused", || relay.seen().manifests_refused >= before + 2).await;
}

async fn serves(relay: &RunningRelay, manifest: &Manifest) {
    let expected = Ok(manifest.sign(&signing_key()).into());
    for _ in 0..6_000 {
        if served(relay.address()).await == expected {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("revision {} was never served", manifest.revision);
}

#[tokio::test]
async fn a_manifest_that_a_newer_program_refuses_holds_the_next_one_to_its_revision_its_content_and_its_keys() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let known = epochs(None, 3);
    leave(data.path(), of_an_earlier_version(&listing(5, &known)));
    double.offer(listing(4, &known).sign(&signing_key()));
    let relay = start(double.config(data.path())).await;
    let (forged, not_linked) = (epochs(None, 3), epochs(None, 4));
    for offered in [
        listing(4, &known),
        listing(5, &known),
        listing(6, &forged),
        listing(6, &[&known[..2], &epochs(Some(&known[1]), 1)].concat()),
        listing(6, &not_linked[3..]),
    ] {
        double.offer(offered.sign(&signing_key()));
        refuses(&relay).await;
        assert_eq!(served(relay.address()).await, Err(Code::Unavailable), "revision {}", offered.revision);
    }
    assert!(submit(&connect(relay.address()).await, envelopes(3)).await.is_ok(), "envelopes are taken meanwhile");

    relay.shutdown().await;
    double.offer(listing(5, &known).sign(&signing_key()));
    let relay = start(double.config(data.path())).await;
    refuses(&relay).await;
    assert_eq!(served(relay.address()).await, Err(Code::Unavailable), "a restart forgets nothing of it");

    let next = listing(6, &[&known[1..], &epochs(known.last(), 1)].concat());
    double.offer(next.sign(&signing_key()));
    serves(&relay, &next).await;
}

#[tokio::test]
async fn a_relay_that_has_taken_one_starts_also_where_the_collector_still_offers_what_it_refuses() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let known = epochs(None, 3);
    let before = of_an_earlier_version(&listing(5, &known));
    leave(data.path(), before.clone());
    double.offer(before);
    let relay = start(watched(double.config(data.path()))).await;
    assert_eq!(served(relay.address()).await, Err(Code::Unavailable));
    let told = unready(&relay).await;
    assert!(told.contains("manifest: none is in service, and the collector's manifest is refused: "), "{told}");
    assert!(told.contains("campaign 1 has no policy") && told.contains("Upgrade it first"), "{told}");
    assert!(submit(&connect(relay.address()).await, envelopes(3)).await.is_ok(), "envelopes are taken meanwhile");

    let next = listing(6, &known);
    double.offer(next.sign(&signing_key()));
    serves(&relay, &next).await;
    until_ready(&relay).await;
}

#[tokio::test]
async fn a_first_start_ends_with_what_is_refused_and_the_remedy() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    double.offer(of_an_earlier_version(&listing(5, &epochs(None, 3))));
    let refused = refused_start(double.config(data.path())).await;
    assert!(matches!(refused, RelayError::Manifest(CacheError::Refused(_))), "{refused:?}");
    assert!(refused.to_string().contains("campaign 1 has no policy; is the collector of an earlier"), "{refused}");

    let mut config = double.config(data.path());
    config.signing_key = SigningKey::from_bytes(&[1; 32]).verifying_key();
    let refused = refused_start(config).await.to_string();
    assert!(refused.contains("not by the pinned key; check the key"), "{refused}");
}

#[tokio::test]
async fn why_none_is_served_is_told_as_it_is() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    // Nobody listens there.
    let away = config("127.0.0.1:1".parse().unwrap(), data.path());
    let relay = start(watched(away.clone())).await;
    let told = unready(&relay).await;
    assert_eq!(
        told,
        "manifest: none was fetched yet: is the collector reachable, and the API key right? The log says more\n"
    );
    relay.shutdown().await;

    let known = epochs(None, 3);
    leave(data.path(), of_an_earlier_version(&listing(5, &known)));
    let relay = start(watched(away)).await;
    let told = unready(&relay).await;
    assert!(told.contains("the one from disk cannot be served") && told.contains("is the collector reach"), "{told}");
    relay.shutdown().await;

    double.offer(listing(4, &known).sign(&signing_key()));
    let relay = start(watched(double.config(data.path()))).await;
    let told = unready(&relay).await;
    let older = "none is in service, and the collector offers manifest revision 4, older than 5; compare with other";
    assert!(told.contains(older), "{told}");
}

#[tokio::test]
async fn keys_that_do_not_go_on_from_those_in_service_are_refused_also_after_a_restart() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let first = listing(5, &epochs(None, 3));
    double.offer(first.sign(&signing_key()));
    let relay = start(double.config(data.path())).await;
    double.offer(listing(6, &epochs(None, 3)).sign(&signing_key()));
    refuses(&relay).await;
    serves(&relay, &first).await;

    relay.shutdown().await;
    let relay = start(double.config(data.path())).await;
    refuses(&relay).await;
    serves(&relay, &first).await;

    let next = listing(6, &epochs(first.epochs.last(), 2));
    double.offer(next.sign(&signing_key()));
    serves(&relay, &next).await;
}

#[tokio::test]
async fn what_is_by_another_key_or_anothers_or_no_manifest_holds_nobody_to_anything() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let (others, mine) = (epochs(None, 2), listing(5, &epochs(None, 2)));
    double.offer(mine.sign(&signing_key()));
    let another = Manifest { publisher: PublisherId(8), ..listing(5, &others) };
    let no_manifest = v1::SignedManifest { manifest: b"damaged".to_vec(), signature: vec![1; 64] };
    for kept in [
        listing(9, &others).sign(&SigningKey::from_bytes(&[1; 32])).into(),
        another.sign(&signing_key()).into(),
        of_an_earlier_version(&another),
        no_manifest,
    ] {
        leave(data.path(), kept);
        let relay = start(double.config(data.path())).await;
        assert_eq!(served(relay.address()).await, Ok(mine.sign(&signing_key()).into()));
        relay.shutdown().await;
    }
}

#[tokio::test]
async fn a_relay_that_cannot_read_what_it_has_seen_does_not_start_without_it() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let path = data.path().join("manifest.bin");
    fs::create_dir(&path).unwrap();
    let refused = refused_start(double.config(data.path())).await;
    let RelayError::Manifest(CacheError::Unreadable { path: named, .. }) = &refused else { panic!("{refused:?}") };
    assert_eq!(*named, path);
    assert!(refused.to_string().contains("move it away"));

    fs::remove_dir(path).unwrap();
    start(double.config(data.path())).await;
}
