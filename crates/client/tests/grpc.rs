//! The gRPC transport, against a relay on loopback.

#![allow(missing_docs, clippy::unwrap_used)]

mod double;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
};

use double::*;
use ed25519_dalek::Signer as _;
use prost::Message as _;
use tacita_client::{
    ClientError, Device, DeviceConfig, GrpcTransport, MemoryStorage, Occurrence, Transport, TransportError,
};
use tacita_proto::v1::{
    self,
    collection_service_server::{CollectionService, CollectionServiceServer},
    manifest_service_server::{ManifestService, ManifestServiceServer},
    token_service_server::{TokenService, TokenServiceServer},
};
use tacita_protocol::{catalogue::CatalogueDigest, epoch::EpochId, id::PublisherId, measure::Event, time::ManualClock};
use tacita_tokens::{BlindedBatch, Envelope};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, Streaming, transport::Server};

/// The test double behind a socket; notes which connection and which visitor asked for what.
#[derive(Clone)]
struct Socket {
    relay: Relay,
    asked: Arc<Mutex<BTreeMap<&'static str, BTreeSet<SocketAddr>>>>,
    visitors: Arc<Mutex<BTreeSet<String>>>,
    limited: bool,
    /// What becomes of reports, by its number on the wire, whatever the double says.
    outcome: Option<i32>,
}

impl Socket {
    fn note<T>(&self, what: &'static str, request: &Request<T>) {
        self.asked.lock().unwrap().entry(what).or_default().insert(request.remote_addr().unwrap());
        if let Some(visitor) = request.metadata().get("x-forwarded-for") {
            self.visitors.lock().unwrap().insert(visitor.to_str().unwrap().to_owned());
        }
    }
}

#[tonic::async_trait]
impl ManifestService for Socket {
    async fn get_manifest(
        &self,
        request: Request<v1::GetManifestRequest>,
    ) -> Result<Response<v1::GetManifestResponse>, Status> {
        self.note("manifest", &request);
        let publisher = PublisherId(request.get_ref().publisher);
        if publisher != PUBLISHER {
            return Err(Status::not_found("no such publisher"));
        }
        let signed = self.relay.manifest(publisher).await.unwrap();
        Ok(Response::new(v1::GetManifestResponse { signed_manifest: Some(signed.into()) }))
    }

    async fn get_catalogue(
        &self,
        request: Request<v1::GetCatalogueRequest>,
    ) -> Result<Response<v1::GetCatalogueResponse>, Status> {
        self.note("catalogue", &request);
        let digest = CatalogueDigest::try_from(request.get_ref().digest.as_slice()).unwrap();
        let served = self.relay.catalogue(PUBLISHER, digest).await;
        let catalogue = served.map_err(|error| Status::not_found(error.to_string()))?;
        Ok(Response::new(v1::GetCatalogueResponse { catalogue }))
    }
}

#[tonic::async_trait]
impl TokenService for Socket {
    async fn issue_tokens(
        &self,
        request: Request<v1::IssueTokensRequest>,
    ) -> Result<Response<v1::IssueTokensResponse>, Status> {
        self.note("issue", &request);
        if self.limited {
            return Err(Status::resource_exhausted("come back in an hour"));
        }
        let asked = request.into_inner();
        let batch = BlindedBatch::from_bytes(&asked.blinded_batch).unwrap();
        let issued = self.relay.issue(PublisherId(asked.publisher), EpochId(asked.epoch), batch).await.unwrap();
        Ok(Response::new(v1::IssueTokensResponse { issued_batch: issued.to_bytes() }))
    }
}

#[tonic::async_trait]
impl CollectionService for Socket {
    type UploadReportsStream =
        Pin<Box<dyn tokio_stream::Stream<Item = Result<v1::UploadReportsResponse, Status>> + Send>>;

    async fn submit_reports(
        &self,
        request: Request<v1::SubmitReportsRequest>,
    ) -> Result<Response<v1::SubmitReportsResponse>, Status> {
        self.note("submit", &request);
        let envelopes = request.into_inner().envelopes;
        let envelopes = envelopes.iter().map(|bytes| Envelope::from_bytes(bytes).unwrap()).collect();
        let outcomes = self.relay.submit(envelopes).await.unwrap();
        let outcomes = outcomes.into_iter().map(|outcome| self.outcome.unwrap_or(outcome.to_wire())).collect();
        Ok(Response::new(v1::SubmitReportsResponse { outcomes }))
    }

    async fn upload_reports(
        &self,
        _: Request<Streaming<v1::UploadReportsRequest>>,
    ) -> Result<Response<Self::UploadReportsStream>, Status> {
        Err(Status::unimplemented("devices submit"))
    }
}

/// Serves until the test's runtime ends; gives the address.
async fn serve(limited: bool) -> (Socket, String) {
    serve_with(limited, None).await
}

async fn serve_with(limited: bool, outcome: Option<i32>) -> (Socket, String) {
    let relay = Relay::new(&manifest());
    let socket = Socket { relay, asked: Arc::default(), visitors: Arc::default(), limited, outcome };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = Server::builder()
        .add_service(ManifestServiceServer::new(socket.clone()))
        .add_service(TokenServiceServer::new(socket.clone()))
        .add_service(CollectionServiceServer::new(socket.clone()))
        .serve_with_incoming(TcpListenerStream::new(listener));
    tokio::spawn(server);
    (socket, url)
}

fn device(publisher: PublisherId, transport: GrpcTransport) -> Device {
    let config = DeviceConfig::new(publisher, pinned());
    Device::open(config, MemoryStorage::new(), transport, Arc::new(ManualClock::new(START))).unwrap()
}

#[tokio::test]
async fn many_devices_share_two_connections_and_none_carries_both_tokens_and_reports() {
    let (socket, url) = serve(false).await;
    let transport = GrpcTransport::connect(&url).unwrap();
    for visitor in ["192.0.2.1", "192.0.2.2", "2001:db8::1"] {
        let device = device(PUBLISHER, transport.for_visitor(visitor.parse().unwrap()));
        device.refresh().await.unwrap();
        device.record(&Occurrence::new(Event::Arrival).label("channel", "search")).unwrap();
        assert_eq!(device.flush().await.delivered(), 1);
    }
    assert_eq!(socket.relay.reports().len(), 3);
    let asked = socket.asked.lock().unwrap();
    assert_eq!([&asked["manifest"], &asked["issue"], &asked["submit"]].map(BTreeSet::len), [1, 1, 1]);
    assert_eq!(asked["manifest"], asked["issue"]);
    assert!(asked["issue"].is_disjoint(&asked["submit"]));
    let visitors: Vec<_> = socket.visitors.lock().unwrap().iter().cloned().collect();
    assert_eq!(visitors, ["192.0.2.1", "192.0.2.2", "2001:db8::1"]);
}

#[tokio::test]
async fn a_reason_of_a_later_version_is_a_refusal_and_final() {
    let (socket, url) = serve_with(false, Some(99)).await;
    let device = device(PUBLISHER, GrpcTransport::connect(&url).unwrap());
    device.refresh().await.unwrap();
    device.record(&Occurrence::new(Event::Arrival).label("channel", "search")).unwrap();
    let flushed = device.flush().await;
    assert_eq!((flushed.refused(), flushed.left), (1, 0), "{:?}", flushed.trouble);
    assert_eq!(device.flush().await.refused(), 0);
    assert_eq!(socket.relay.reports().len(), 1, "it was sent once");
}

#[tokio::test]
async fn a_device_answers_what_it_knows_of_a_manifest_of_a_later_version() {
    let (socket, url) = serve(false).await;
    let mut wire = v1::Manifest::from(&manifest());
    let known = wire.measures.len();
    // An event, a participation and a field that this version does not know.
    let later = |id, event, participation| v1::Measure { id, event, participation, ..wire.measures[0].clone() };
    let later = [later(900, 77, 1), later(901, v1::Event::Arrival.into(), 9)];
    wire.measures.extend(later);
    wire.revision += 1;
    let manifest = [wire.encode_to_vec(), [&[0x9a, 0x06, 3][..], b"new"].concat()].concat();
    let signature = signing_key().sign(&[b"tacita/manifest/v1", &*manifest].concat()).to_bytes().to_vec();
    socket.relay.inside().manifest = v1::SignedManifest { manifest, signature }.into();
    let device = device(PUBLISHER, GrpcTransport::connect(&url).unwrap());
    device.refresh().await.unwrap();
    device.record(&Occurrence::new(Event::Arrival).label("channel", "search")).unwrap();
    assert!(device.flush().await.delivered() >= 1);
    let counts = socket.relay.counts();
    assert!(
        !counts.is_empty() && counts.keys().all(|&measure| measure < 900),
        "{known} measures are known: {counts:?}"
    );
}

#[tokio::test]
async fn a_status_becomes_what_the_device_can_do_about_it() {
    let (_, url) = serve(true).await;
    let transport = GrpcTransport::connect(&url).unwrap();
    let error = device(PublisherId(8), transport.clone()).refresh().await.unwrap_err();
    assert!(matches!(error, ClientError::Transport(TransportError::UnknownPublisher(_))), "{error}");
    let error = device(PUBLISHER, transport).refresh().await.unwrap_err();
    assert!(matches!(error, ClientError::Transport(TransportError::Limited(_))), "{error}");
    assert!(error.to_string().contains("come back in an hour"));
}
