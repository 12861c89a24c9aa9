//! A relay between devices and a collector that are newer than itself (`spec/README.md`, versions).

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use ed25519_dalek::Signer as _;
use prost::Message as _;
use tacita_proto::v1::{self, manifest_service_client::ManifestServiceClient};
use tacita_protocol::{
    catalogue::Contents,
    outcome::{Outcome, Refusal},
};
use tacita_relay::receipts;

use crate::support::*;

/// A field that no version knows: number 99, three bytes.
const NEW_FIELD: [u8; 6] = [0x9a, 0x06, 3, b'n', b'e', b'w'];

/// A manifest of a later version: an event and a participation that are not known, over a catalogue; a field more.
fn of_a_later_version(contents: &Contents) -> v1::SignedManifest {
    let mut wire = v1::Manifest::from(&manifest(2));
    let named = contents.reference(5);
    let catalogue = v1::CatalogueRef { digest: named.digest.0.to_vec(), contents: named.contents, tail: named.tail };
    let dimension = v1::Dimension { name: "content".into(), labels: vec![], catalogue: Some(catalogue) };
    let measure = v1::Measure { id: 1, event: 77, participation: 9, dimensions: vec![dimension], ..Default::default() };
    wire.measures.push(measure);
    let manifest = [wire.encode_to_vec(), NEW_FIELD.to_vec()].concat();
    let signature = signing_key().sign(&[b"tacita/manifest/v1", &*manifest].concat()).to_bytes().to_vec();
    v1::SignedManifest { manifest, signature }
}

#[tokio::test]
async fn a_manifest_of_a_later_version_is_passed_on_to_the_byte_with_every_catalogue_that_it_names() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let contents = Contents::new(vec!["/one".into(), "/two".into()]).unwrap();
    let (digest, bytes) = (contents.reference(5).digest.0.to_vec(), contents.catalogue().as_bytes().to_vec());
    double.state.catalogues.lock().unwrap().insert(digest.clone(), bytes.clone());
    let offered = of_a_later_version(&contents);
    double.offer(offered.clone());
    let relay = start(double.config(data.path())).await;
    let mut visitor = ManifestServiceClient::new(connect(relay.address()).await);
    let request = v1::GetManifestRequest { publisher: PUBLISHER.0 };
    assert_eq!(visitor.get_manifest(request).await.unwrap().into_inner().signed_manifest, Some(offered.clone()));
    let request = v1::GetCatalogueRequest { publisher: PUBLISHER.0, digest };
    assert_eq!(visitor.get_catalogue(request).await.unwrap().into_inner().catalogue, bytes);

    // And from its disk, without the collector.
    relay.shutdown().await;
    double.stop().await;
    let relay = start(config("127.0.0.1:9".parse().unwrap(), data.path())).await;
    let mut visitor = ManifestServiceClient::new(connect(relay.address()).await);
    let request = v1::GetManifestRequest { publisher: PUBLISHER.0 };
    assert_eq!(visitor.get_manifest(request).await.unwrap().into_inner().signed_manifest, Some(offered));
}

#[tokio::test]
async fn a_reason_of_a_later_version_is_a_final_refusal_and_its_receipt_is_kept() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    *double.state.refused_by.lock().unwrap() = Some(99);
    let relay = start(double.config(data.path())).await;
    submit(&connect(relay.address()).await, envelopes(5)).await.unwrap();
    until("the batch is answered", || relay.seen().held == 0).await;
    assert_eq!(double.state.batches().len(), 1, "it was sent once");
    let kept = receipts::read(data.path(), PUBLISHER, &signing_key().verifying_key()).unwrap();
    assert_eq!(kept.receipts[0].outcomes(), [(Outcome::Refused(Refusal::Newer(99)), 5)].into());
}

#[tokio::test]
async fn what_a_newer_device_says_more_is_left_out_and_the_rest_is_served() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let relay = start(double.config(data.path())).await;
    let message = v1::SubmitReportsRequest { envelopes: envelopes(3) }.encode_to_vec();
    let message = [message, NEW_FIELD.to_vec()].concat();
    let body = [&[0][..], &(message.len() as u32).to_be_bytes(), &message].concat();
    let head =
        "POST /tacita.v1.CollectionService/SubmitReports HTTP/1.1\r\ncontent-type: application/grpc-web+proto\r\n";
    let (_, answer) = http::exchange(relay.address(), head, &body).await;
    let (message, trailers) = http::frames(&answer);
    let outcomes = v1::SubmitReportsResponse::decode(&*message).unwrap().outcomes;
    assert_eq!((outcomes, trailers.contains("grpc-status:0")), (vec![Outcome::Queued.to_wire(); 3], true));
    until("the three are counted", || double.state.counted() == 3).await;
}
