//! A collector's double, which fails when told to, and the hands that the tests share.
//!
//! It stands in for the network peer only: it signs a real manifest, remembers what came and from which connection, and
//! counts each envelope once.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

pub mod http;

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use ed25519_dalek::SigningKey;
use rand::RngExt as _;
use tacita_proto::v1::{
    self,
    collection_service_client::CollectionServiceClient,
    collection_service_server::{CollectionService, CollectionServiceServer},
    manifest_service_server::{ManifestService, ManifestServiceServer},
    token_service_server::{TokenService, TokenServiceServer},
};
use tacita_protocol::{
    id::PublisherId,
    manifest::{DevicePolicy, Manifest},
    outcome::Outcome,
    receipt::{BatchDigest, PeriodOutcomes, Receipt},
    record::PeriodId,
    time::{Clock as _, SystemClock},
};
use tacita_relay::{BatchPolicy, Relay, RelayConfig, RunningRelay};
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{
    Request, Response, Status, Streaming,
    transport::{Channel, Endpoint, Server},
};

pub const PUBLISHER: PublisherId = PublisherId(7);
pub const API_KEY: &str = "tacita_3_verysecret";
pub const TOKEN_BATCH: u32 = 4;

pub fn signing_key() -> SigningKey {
    SigningKey::from_bytes(&[9; 32])
}

pub fn manifest(revision: u64) -> Manifest {
    Manifest {
        publisher: PUBLISHER,
        revision,
        epochs: vec![],
        measures: vec![],
        campaigns: vec![],
        policy: DevicePolicy { token_batch: TOKEN_BATCH, ledger_bound_micro: 8_000_000 },
    }
}

/// What the double saw of one call.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: &'static str,
    pub peer: SocketAddr,
    pub metadata: BTreeMap<String, String>,
}

/// What a stream does with the next batches.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Break {
    BeforeCounting,
    AfterCounting,
}

/// How a receipt is wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Forged {
    Absent,
    ByAnotherKey,
    OfAnotherBatch,
    OfAnotherPublisher,
    OfOtherCounts,
}

#[derive(Default)]
pub struct State {
    pub manifest: Mutex<Option<v1::SignedManifest>>,
    /// By digest; what is served need not be what was asked for.
    pub catalogues: Mutex<BTreeMap<Vec<u8>, Vec<u8>>>,
    pub calls: Mutex<Vec<Call>>,
    pub issued: Mutex<Vec<v1::IssueTokensRequest>>,
    /// Every batch that came, again and again.
    pub batches: Mutex<Vec<v1::UploadReportsRequest>>,
    pub counted: Mutex<HashSet<Vec<u8>>>,
    /// Batches still to be broken off, the last one first.
    pub breaks: Mutex<Vec<Break>>,
    /// Receipts still to be forged, the last one first.
    pub forgeries: Mutex<Vec<Forged>>,
    pub answers: AtomicUsize,
    /// What becomes of reports instead of being counted, by its number on the wire.
    pub refused_by: Mutex<Option<i32>>,
}

#[derive(Clone)]
struct Double(Arc<State>);

pub struct RunningDouble {
    pub address: SocketAddr,
    pub state: Arc<State>,
    server: JoinHandle<()>,
    stop: tokio_util::sync::CancellationToken,
}

impl RunningDouble {
    pub async fn start() -> Self {
        let state = Arc::new(State::default());
        *state.manifest.lock().unwrap() = Some(manifest(1).sign(&signing_key()).into());
        Self::serve("127.0.0.1:0".parse().unwrap(), state).await
    }

    pub async fn serve(address: SocketAddr, state: Arc<State>) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let double = Double(state.clone());
        let stop = tokio_util::sync::CancellationToken::new();
        let router = Server::builder()
            .add_service(ManifestServiceServer::new(double.clone()))
            .add_service(TokenServiceServer::new(double.clone()))
            .add_service(CollectionServiceServer::new(double));
        let incoming = TcpListenerStream::new(listener);
        let stopped = stop.clone().cancelled_owned();
        let server = tokio::spawn(async move {
            router.serve_with_incoming_shutdown(incoming, stopped).await.ok();
        });
        Self { address, state, server, stop }
    }

    pub fn offer(&self, signed: impl Into<v1::SignedManifest>) {
        *self.state.manifest.lock().unwrap() = Some(signed.into());
    }

    /// Stops listening; open streams are told to go.
    pub async fn stop(self) -> (SocketAddr, Arc<State>) {
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(1), self.server).await.ok();
        (self.address, self.state)
    }

    pub fn config(&self, data: &Path) -> RelayConfig {
        config(self.address, data)
    }
}

pub fn config(collector: SocketAddr, data: &Path) -> RelayConfig {
    let mut config = RelayConfig::new(
        PUBLISHER,
        format!("http://{collector}"),
        API_KEY.into(),
        signing_key().verifying_key(),
        data.to_owned(),
    );
    config.batch = BatchPolicy { least: 1, age: Duration::from_millis(50), most: 64 };
    config.manifest_refresh = Duration::from_millis(100);
    // All of a test's devices have one address.
    config.visitor_limit.envelopes = u32::MAX;
    config
}

pub async fn start(config: RelayConfig) -> RunningRelay {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    Relay::start(config, listener, Arc::new(SystemClock)).await.unwrap()
}

impl State {
    fn note<T>(&self, method: &'static str, request: &Request<T>) {
        let metadata = request.metadata().clone().into_headers();
        let metadata = metadata.iter().map(|(k, v)| (k.to_string(), v.to_str().unwrap().to_owned())).collect();
        self.calls.lock().unwrap().push(Call { method, peer: request.remote_addr().unwrap(), metadata });
    }

    pub fn calls_of(&self, method: &str) -> Vec<Call> {
        self.calls.lock().unwrap().iter().filter(|call| call.method == method).cloned().collect()
    }

    pub fn counted(&self) -> usize {
        self.counted.lock().unwrap().len()
    }

    pub fn batches(&self) -> Vec<v1::UploadReportsRequest> {
        self.batches.lock().unwrap().clone()
    }

    /// Counts what was not counted before, as a collector does.
    fn count(&self, batch: &v1::UploadReportsRequest) -> v1::UploadReportsResponse {
        let mut counted = self.counted.lock().unwrap();
        let refused_by = *self.refused_by.lock().unwrap();
        let mut outcome = |envelope: &Vec<u8>| match refused_by {
            Some(number) => Outcome::from_wire(number).unwrap(),
            None if counted.insert(envelope.clone()) => Outcome::Counted,
            None => Outcome::AlreadyCounted,
        };
        let outcomes: Vec<Outcome> = batch.envelopes.iter().map(&mut outcome).collect();
        let mut counts = PeriodOutcomes::new();
        outcomes.iter().for_each(|&outcome| *counts.entry((PeriodId(0), outcome)).or_default() += 1);
        let digest = BatchDigest::of(batch.envelopes.iter().map(Vec::as_slice));
        let mut receipt = Receipt { publisher: PUBLISHER, batch: digest, answered_at: SystemClock.now(), counts };
        let mut key = signing_key();
        let forged = self.forgeries.lock().unwrap().pop();
        match forged {
            Some(Forged::ByAnotherKey) => key = SigningKey::from_bytes(&[1; 32]),
            Some(Forged::OfAnotherBatch) => receipt.batch = BatchDigest([0; 32]),
            Some(Forged::OfAnotherPublisher) => receipt.publisher = PublisherId(8),
            Some(Forged::OfOtherCounts) => *receipt.counts.values_mut().next().unwrap() += 1,
            Some(Forged::Absent) | None => {}
        }
        let receipt = (forged != Some(Forged::Absent)).then(|| receipt.sign(&key).into());
        v1::UploadReportsResponse {
            batch: batch.batch,
            outcomes: outcomes.into_iter().map(Outcome::to_wire).collect(),
            receipt,
        }
    }

    /// A batch that comes again is the same batch.
    pub fn assert_batches_keep_their_members(&self) {
        let mut known: BTreeMap<u64, Vec<Vec<u8>>> = BTreeMap::new();
        for batch in self.batches() {
            let members = known.entry(batch.batch).or_insert_with(|| batch.envelopes.clone());
            assert!(*members == batch.envelopes, "batch {} came again with other members", batch.batch);
        }
        let all: Vec<_> = known.values().flatten().collect();
        assert_eq!(all.len(), all.iter().collect::<BTreeSet<_>>().len(), "an envelope was drawn twice");
    }
}

#[tonic::async_trait]
impl ManifestService for Double {
    async fn get_manifest(
        &self,
        request: Request<v1::GetManifestRequest>,
    ) -> Result<Response<v1::GetManifestResponse>, Status> {
        self.0.note("manifest", &request);
        if request.metadata().get("authorization").and_then(|v| v.to_str().ok()) != Some(&format!("Bearer {API_KEY}")) {
            return Err(Status::unauthenticated("no such key"));
        }
        let signed_manifest = self.0.manifest.lock().unwrap().clone();
        Ok(Response::new(v1::GetManifestResponse { signed_manifest }))
    }

    async fn get_catalogue(
        &self,
        request: Request<v1::GetCatalogueRequest>,
    ) -> Result<Response<v1::GetCatalogueResponse>, Status> {
        self.0.note("catalogue", &request);
        let catalogues = self.0.catalogues.lock().unwrap();
        let found = catalogues.get(&request.into_inner().digest).cloned();
        let catalogue = found.ok_or_else(|| Status::unavailable("it cannot be had for now"))?;
        Ok(Response::new(v1::GetCatalogueResponse { catalogue }))
    }
}

#[tonic::async_trait]
impl TokenService for Double {
    async fn issue_tokens(
        &self,
        request: Request<v1::IssueTokensRequest>,
    ) -> Result<Response<v1::IssueTokensResponse>, Status> {
        self.0.note("issue", &request);
        let asked = request.into_inner();
        self.0.issued.lock().unwrap().push(asked.clone());
        if asked.epoch == 0 {
            return Err(Status::failed_precondition("epoch 0 is not active; fetch the manifest again"));
        }
        Ok(Response::new(v1::IssueTokensResponse { issued_batch: asked.blinded_batch }))
    }
}

#[tonic::async_trait]
impl CollectionService for Double {
    async fn submit_reports(
        &self,
        _: Request<v1::SubmitReportsRequest>,
    ) -> Result<Response<v1::SubmitReportsResponse>, Status> {
        Err(Status::unimplemented("a double"))
    }

    type UploadReportsStream = ReceiverStream<Result<v1::UploadReportsResponse, Status>>;

    async fn upload_reports(
        &self,
        request: Request<Streaming<v1::UploadReportsRequest>>,
    ) -> Result<Response<Self::UploadReportsStream>, Status> {
        self.0.note("upload", &request);
        let (answers, stream) = mpsc::channel(1);
        let state = self.0.clone();
        tokio::spawn(async move {
            let mut batches = request.into_inner();
            while let Ok(Some(batch)) = batches.message().await {
                state.batches.lock().unwrap().push(batch.clone());
                let broken = state.breaks.lock().unwrap().pop();
                if broken == Some(Break::BeforeCounting) {
                    return;
                }
                let answer = state.count(&batch);
                if broken == Some(Break::AfterCounting) {
                    return;
                }
                state.answers.fetch_add(1, SeqCst);
                if answers.send(Ok(answer)).await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

/// A connection to the relay from one of the loopback's addresses.
pub async fn connect_from(source: [u8; 4], relay: SocketAddr) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{relay}")).unwrap();
    endpoint.local_address(Some(IpAddr::from(source))).connect().await.unwrap()
}

pub async fn connect(relay: SocketAddr) -> Channel {
    connect_from([127, 0, 0, 1], relay).await
}

/// An envelope with a right header and a body of noise.
pub fn envelope() -> Vec<u8> {
    let mut bytes = vec![1, 1];
    bytes.extend(PUBLISHER.0.to_be_bytes());
    bytes.extend(1_u32.to_be_bytes());
    let mut rest = [0; 76];
    rand::rng().fill(&mut rest);
    bytes.extend(rest);
    bytes
}

pub fn envelopes(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|_| envelope()).collect()
}

pub async fn submit(relay: &Channel, envelopes: Vec<Vec<u8>>) -> Result<Vec<Outcome>, Status> {
    let request = v1::SubmitReportsRequest { envelopes };
    let answer = CollectionServiceClient::new(relay.clone()).submit_reports(request).await?.into_inner();
    Ok(answer.outcomes.into_iter().map(|number| Outcome::from_wire(number).unwrap()).collect())
}

pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..6_000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not within a minute: {what}");
}
