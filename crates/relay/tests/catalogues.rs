//! A manifest is served with the catalogues that it names, or not at all.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{net::SocketAddr, time::Duration};

use tacita_dp::Epsilon;
use tacita_proto::v1::{self, manifest_service_client::ManifestServiceClient};
use tacita_protocol::{
    catalogue::{CatalogueRef, Contents},
    domain::{Dimension, Domain, Values},
    id::{BrandId, CampaignId, MeasureId},
    manifest::{Manifest, ManifestCampaign},
    measure::{Event, Measure, Participation},
    policy::CampaignPolicy,
    time::WindowLength,
};
use tacita_relay::{CacheError, RelayError};
use tonic::{Code, Status};

use crate::support::*;

fn contents(count: usize) -> Contents {
    Contents::new((0..count).map(|number| format!("/story/{number}")).collect()).unwrap()
}

fn manifest_over(revision: u64, named: CatalogueRef) -> Manifest {
    let epsilon = Epsilon::from_micro(4_000_000).unwrap();
    let dimension = Dimension { name: Dimension::CONTENT.parse().unwrap(), values: Values::Catalogue(named) };
    let shared = Measure {
        id: MeasureId(1),
        campaign: CampaignId(1),
        name: "contents".parse().unwrap(),
        event: Event::ContentShare,
        participation: Participation::Event,
        domain: Domain::new(vec![dimension], epsilon).unwrap(),
        epsilon,
        window: WindowLength::DAY,
    };
    let campaign = ManifestCampaign {
        id: CampaignId(1),
        brand: BrandId(1),
        name: "spring".parse().unwrap(),
        attribution_seconds: 86_400,
        policy: CampaignPolicy::default(),
    };
    Manifest { measures: vec![shared], campaigns: vec![campaign], ..manifest(revision) }
}

/// The double has the catalogue, and a manifest over it.
fn offer(double: &RunningDouble, revision: u64, contents: &Contents) -> CatalogueRef {
    let named = contents.reference(5);
    let bytes = contents.catalogue().as_bytes().to_vec();
    double.state.catalogues.lock().unwrap().insert(named.digest.0.to_vec(), bytes);
    double.offer(manifest_over(revision, named).sign(&signing_key()));
    named
}

async fn get(relay: SocketAddr, publisher: u32, digest: &[u8]) -> Result<Vec<u8>, Status> {
    let request = v1::GetCatalogueRequest { publisher, digest: digest.to_vec() };
    let mut client = ManifestServiceClient::new(connect(relay).await);
    Ok(client.get_catalogue(request).await?.into_inner().catalogue)
}

async fn served_revision(relay: SocketAddr) -> Result<u64, Status> {
    let request = v1::GetManifestRequest { publisher: PUBLISHER.0 };
    let answer = ManifestServiceClient::new(connect(relay).await).get_manifest(request).await?.into_inner();
    let signed = tacita_protocol::manifest::SignedManifest::from(answer.signed_manifest.unwrap());
    Ok(signed.verify(&signing_key().verifying_key(), PUBLISHER).unwrap().revision)
}

#[tokio::test]
async fn every_visitor_gets_the_bytes_that_the_manifest_names() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let contents = contents(22_000);
    let named = offer(&double, 2, &contents);
    let relay = start(double.config(data.path())).await;
    for _ in 0..3 {
        let bytes = get(relay.address(), PUBLISHER.0, &named.digest.0).await.unwrap();
        assert_eq!(bytes, contents.catalogue().as_bytes());
    }
    assert_eq!(double.state.calls_of("catalogue").len(), 1, "fetched once, not for each visitor");
    assert!(double.state.calls_of("catalogue")[0].metadata.contains_key("authorization"));
    let code = async |publisher, digest: &[u8]| get(relay.address(), publisher, digest).await.unwrap_err().code();
    assert_eq!(code(8, &named.digest.0).await, Code::NotFound);
    assert_eq!(code(PUBLISHER.0, &[7; 32]).await, Code::NotFound);
    assert_eq!(code(PUBLISHER.0, &[7; 31]).await, Code::InvalidArgument);
}

#[tokio::test]
async fn a_manifest_waits_for_its_catalogue_and_the_one_in_service_stays() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let (first, second) = (contents(10), contents(20));
    let old = offer(&double, 2, &first);
    let relay = start(double.config(data.path())).await;
    let missing = second.reference(0);
    double.offer(manifest_over(3, missing).sign(&signing_key()));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(served_revision(relay.address()).await.unwrap(), 2);
    assert!(get(relay.address(), PUBLISHER.0, &old.digest.0).await.is_ok());

    let wrong = first.catalogue().as_bytes().to_vec();
    double.state.catalogues.lock().unwrap().insert(missing.digest.0.to_vec(), wrong);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(served_revision(relay.address()).await.unwrap(), 2, "other bytes than those named");

    let right = second.catalogue().as_bytes().to_vec();
    double.state.catalogues.lock().unwrap().insert(missing.digest.0.to_vec(), right.clone());
    for _ in 0..100 {
        if served_revision(relay.address()).await.unwrap() == 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(get(relay.address(), PUBLISHER.0, &missing.digest.0).await.unwrap(), right);
    assert_eq!(get(relay.address(), PUBLISHER.0, &old.digest.0).await.unwrap_err().code(), Code::NotFound);
    let files = std::fs::read_dir(data.path().join("catalogues")).unwrap().count();
    assert_eq!(files, 1, "what is out of service is forgotten");
}

#[tokio::test]
async fn catalogues_are_served_from_disk_while_the_collector_is_away() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let contents = contents(100);
    let named = offer(&double, 2, &contents);
    let config = double.config(data.path());
    start(config.clone()).await.shutdown().await;
    double.stop().await;
    let relay = start(config.clone()).await;
    assert_eq!(served_revision(relay.address()).await.unwrap(), 2);
    let bytes = get(relay.address(), PUBLISHER.0, &named.digest.0).await.unwrap();
    assert_eq!(bytes, contents.catalogue().as_bytes());
    relay.shutdown().await;

    let file = data.path().join("catalogues").join(format!("{}.bin", named.digest));
    std::fs::write(file, b"damaged").unwrap();
    let relay = start(config).await;
    assert_eq!(served_revision(relay.address()).await.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn a_manifest_whose_catalogue_is_lost_still_holds_the_next_one_to_it() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let (contents, others) = (contents(10), contents(20));
    let named = offer(&double, 5, &contents);
    let kept = double.state.manifest.lock().unwrap().clone().unwrap();
    start(double.config(data.path())).await.shutdown().await;
    std::fs::remove_dir_all(data.path().join("catalogues")).unwrap();

    for (revision, contents) in [(4, &contents), (5, &others)] {
        offer(&double, revision, contents);
        let relay = start(double.config(data.path())).await;
        until("it is refused", || relay.seen().manifests_refused > 0).await;
        assert_eq!(served_revision(relay.address()).await.unwrap_err().code(), Code::Unavailable);
        relay.shutdown().await;
    }
    double.offer(kept);
    let key = named.digest.0.to_vec();
    let right = double.state.catalogues.lock().unwrap().insert(key.clone(), vec![1; 80]).unwrap();
    let relay = start(double.config(data.path())).await;
    assert_eq!(served_revision(relay.address()).await.unwrap_err().code(), Code::Unavailable, "a wrong catalogue");
    relay.shutdown().await;

    double.state.catalogues.lock().unwrap().insert(key, right);
    let relay = start(double.config(data.path())).await;
    assert_eq!(served_revision(relay.address()).await.unwrap(), 5, "it is that very manifest");
    assert!(get(relay.address(), PUBLISHER.0, &named.digest.0).await.is_ok());
}

#[tokio::test]
async fn a_first_start_with_a_wrong_catalogue_is_refused() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let named = offer(&double, 2, &contents(10));
    double.state.catalogues.lock().unwrap().insert(named.digest.0.to_vec(), vec![1; 80]);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let clock = std::sync::Arc::new(tacita_protocol::time::SystemClock);
    let refused = tacita_relay::Relay::start(double.config(data.path()), listener, clock).await.map(drop);
    assert!(matches!(refused, Err(RelayError::Manifest(CacheError::Catalogue(_)))), "{refused:?}");
}
