//! A collector on loopback with a small cast, and devices that seal reports for it without a relay.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use tacita_collector::{Collector, CollectorConfig, RunningCollector};
use tacita_proto::v1::{
    self, admin_service_client::AdminServiceClient, audit_service_client::AuditServiceClient,
    collection_service_client::CollectionServiceClient, manifest_service_client::ManifestServiceClient,
    reporting_service_client::ReportingServiceClient, token_service_client::TokenServiceClient,
};
use tacita_protocol::{
    epoch::EpochEntry,
    id::{MeasureId, PublisherId},
    manifest::{Manifest, SignedManifest},
    measure::Measure,
    outcome::Outcome,
    report::Report,
    time::{Clock as _, ManualClock, UnixTime, WindowId},
};
use tacita_tokens::{Envelope, IssuedBatch, Pending, Token};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tonic::{
    Code, Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::Channel,
};
use tonic_types::StatusExt as _;

/// Noon of some day.
pub const NOON: UnixTime = UnixTime(20_000 * 86_400 + 43_200);

/// Long enough for a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Tries until it works: a place that was left is free a moment later.
pub async fn until_free<T>(attempt: impl AsyncFn() -> Result<T, Status>) -> T {
    let tried = async {
        loop {
            match attempt().await {
                Ok(free) => break free,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, tried).await.expect("the place was never free again")
}

/// Shows an API key with every call.
#[derive(Clone)]
pub struct Bearer(Option<MetadataValue<Ascii>>);

impl Bearer {
    pub fn new(key: &str) -> Self {
        Self((!key.is_empty()).then(|| format!("Bearer {key}").parse().unwrap()))
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(key) = &self.0 {
            request.metadata_mut().insert("authorization", key.clone());
        }
        Ok(request)
    }
}

pub type Caller = InterceptedService<Channel, Bearer>;

/// A collector with its clock and its data.
pub struct House {
    pub dir: TempDir,
    pub clock: ManualClock,
    pub config: CollectorConfig,
    pub collector: RunningCollector,
    pub channel: Channel,
    pub operator: String,
}

impl House {
    pub async fn open(change: impl FnOnce(&mut CollectorConfig)) -> Self {
        let dir = TempDir::new().unwrap();
        let mut config = CollectorConfig::new(dir.path().join("data"));
        // A test counts few reports, and looks at them.
        config.policy.reports_per_window = 1;
        change(&mut config);
        let clock = ManualClock::new(NOON);
        let (collector, channel) = start(&config, &clock).await;
        let operator = collector.operator_key().unwrap().expose().to_owned();
        Self { dir, clock, config, collector, channel, operator }
    }

    /// Another collector of the same store and vault, with a data directory of its own.
    pub async fn another(&self) -> Self {
        let dir = TempDir::new().unwrap();
        let config = CollectorConfig { data: dir.path().join("data"), ..self.config.clone() };
        let (clock, operator) = (self.clock.clone(), self.operator.clone());
        let (collector, channel) = start(&config, &clock).await;
        Self { dir, clock, config, collector, channel, operator }
    }

    /// Ends the collector in order and starts another one in the same data directory.
    pub async fn reopen(self) -> Self {
        let Self { dir, clock, config, collector, operator, .. } = self;
        collector.shutdown().await.unwrap();
        let (collector, channel) = start(&config, &clock).await;
        Self { dir, clock, config, collector, channel, operator }
    }

    /// Ends the collector, has something done to its data, and starts another one there.
    pub async fn reopen_after(self, between: impl AsyncFnOnce(&CollectorConfig, &ManualClock)) -> Self {
        let Self { dir, clock, config, collector, operator, .. } = self;
        collector.shutdown().await.unwrap();
        between(&config, &clock).await;
        let (collector, channel) = start(&config, &clock).await;
        Self { dir, clock, config, collector, channel, operator }
    }

    pub fn caller(&self, key: &str) -> Caller {
        InterceptedService::new(self.channel.clone(), Bearer::new(key))
    }

    pub fn admin(&self) -> AdminServiceClient<Caller> {
        AdminServiceClient::new(self.caller(&self.operator))
    }

    pub fn reporting(&self, key: &str) -> ReportingServiceClient<Caller> {
        ReportingServiceClient::new(self.caller(key))
    }

    pub async fn create_publisher(&self, name: &str) -> u32 {
        let request = v1::CreatePublisherRequest { name: name.into() };
        self.admin().create_publisher(request).await.unwrap().into_inner().publisher.unwrap().id
    }

    pub async fn create_brand(&self, name: &str) {
        self.admin().create_brand(v1::CreateBrandRequest { name: name.into() }).await.unwrap();
    }

    pub async fn create_campaign(&self, brand: &str, name: &str, publishers: &[&str]) {
        self.ask_for_campaign(brand, name, publishers, None).await.unwrap();
    }

    pub async fn ask_for_campaign(
        &self,
        brand: &str,
        name: &str,
        publishers: &[&str],
        policy: Option<v1::CampaignPolicy>,
    ) -> Result<v1::ManifestCampaign, Status> {
        let publishers = publishers.iter().map(|&name| name.into()).collect();
        let (brand, name) = (brand.into(), name.into());
        let request = v1::CreateCampaignRequest { brand, name, publishers, attribution_seconds: 0, policy };
        Ok(self.admin().create_campaign(request).await?.into_inner().campaign.unwrap())
    }

    pub async fn create_measure(&self, campaign: &str, name: &str, epsilon_micro: u32) -> Measure {
        let request = v1::CreateMeasureRequest {
            campaign: campaign.into(),
            name: name.into(),
            event: v1::Event::Arrival.into(),
            dimensions: vec![v1::Dimension {
                name: "channel".into(),
                labels: ["whatsapp", "telegram", "email", "direct", "other"].map(Into::into).to_vec(),
                catalogue: None,
            }],
            epsilon_micro,
            ..Default::default()
        };
        let measure = self.admin().create_measure(request).await.unwrap().into_inner().measure.unwrap();
        Measure::try_from(&measure).unwrap()
    }

    pub async fn create_key(&self, role: v1::Role, subject: &str) -> String {
        let request = v1::CreateApiKeyRequest { role: role.into(), subject: subject.into(), ..Default::default() };
        self.admin().create_api_key(request).await.unwrap().into_inner().secret
    }

    /// Makes the key that is asked for: its number and its text.
    pub async fn make_key(&self, request: v1::CreateApiKeyRequest) -> (u32, String) {
        let answer = self.admin().create_api_key(request).await.unwrap().into_inner();
        (answer.api_key.unwrap().id, answer.secret)
    }

    pub async fn revoke(&self, id: u32) {
        self.admin().revoke_api_key(v1::RevokeApiKeyRequest { id }).await.unwrap();
    }

    pub async fn status(&self) -> v1::GetStatusResponse {
        self.admin().get_status(v1::GetStatusRequest {}).await.unwrap().into_inner()
    }

    /// The entries of the audit log, which are those of one page.
    pub async fn audited(&self) -> Vec<serde_json::Value> {
        let mut audit = AuditServiceClient::new(self.caller(&self.operator));
        let page = audit.list_audit_entries(v1::ListAuditEntriesRequest::default()).await.unwrap().into_inner();
        assert!(!page.more);
        page.entries.iter().map(|entry| serde_json::from_slice(&entry.entry).unwrap()).collect()
    }

    /// Who made the first change of this kind in the audit log.
    pub async fn who_made(&self, kind: &str) -> serde_json::Value {
        let mut entries = self.audited().await.into_iter();
        let found = entries.find(|entry| entry["change"].get(kind).is_some());
        found.unwrap_or_else(|| panic!("no {kind}"))["by"].clone()
    }

    /// The counted outcomes of a publisher.
    pub async fn outcomes(&self, publisher: PublisherId) -> BTreeMap<Outcome, u64> {
        let status = self.status().await;
        let own = status.publishers.iter().find(|status| status.publisher.as_ref().unwrap().id == publisher.0).unwrap();
        own.outcomes.iter().map(|count| (Outcome::from_wire(count.outcome).unwrap(), count.reports)).collect()
    }

    /// Every cell of every measure of a campaign.
    pub async fn report(&self, campaign: &str) -> v1::QueryResponse {
        self.ask(&self.operator, cells(campaign)).await.unwrap()
    }

    /// The first page of an answer.
    pub async fn ask(&self, key: &str, query: v1::Query) -> Result<v1::QueryResponse, Status> {
        let request = v1::QueryRequest { query: Some(query), ..Default::default() };
        Ok(self.reporting(key).query(request).await?.into_inner())
    }

    /// Waits until the keeper has brought the key directory where `holds` wants it.
    pub async fn until(&self, holds: impl Fn(&v1::GetStatusResponse) -> bool) {
        for _ in 0..100 {
            if holds(&self.status().await) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the epoch keeper did not get there: {:?}", self.status().await.epochs);
    }
}

/// Every cell of every measure of a campaign.
pub fn cells(campaign: &str) -> v1::Query {
    v1::Query { campaign: campaign.into(), group_by: vec!["*".into()], ..Default::default() }
}

async fn start(config: &CollectorConfig, clock: &ManualClock) -> (RunningCollector, Channel) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let collector = Collector::start(config.clone(), listener, Arc::new(clock.clone())).await.unwrap();
    let channel = Channel::from_shared(format!("http://{}", collector.address())).unwrap().connect_lazy();
    (collector, channel)
}

/// One publisher's visitors: they take tokens and seal reports.
pub struct Device {
    pub publisher: PublisherId,
    pub key: String,
    caller: Caller,
    pinned: ed25519_dalek::VerifyingKey,
    clock: ManualClock,
    pub rng: ChaCha20Rng,
}

impl Device {
    /// The same visitors, at another collector of the same store.
    pub fn at(&self, house: &House) -> Self {
        Self {
            publisher: self.publisher,
            key: self.key.clone(),
            caller: house.caller(&self.key),
            pinned: self.pinned,
            clock: self.clock.clone(),
            rng: self.rng.clone(),
        }
    }

    /// From now on over another connection.
    pub fn reach_by(&mut self, channel: Channel) {
        self.caller = InterceptedService::new(channel, Bearer::new(&self.key));
    }

    pub async fn of(house: &House, publisher: u32, name: &str) -> Self {
        let key = house.create_key(v1::Role::Publisher, name).await;
        Self {
            publisher: PublisherId(publisher),
            caller: house.caller(&key),
            key,
            pinned: house.collector.signing_key(),
            clock: house.clock.clone(),
            rng: ChaCha20Rng::from_seed([publisher as u8; 32]),
        }
    }

    pub fn collection(&self) -> CollectionServiceClient<Caller> {
        CollectionServiceClient::new(self.caller.clone())
    }

    pub async fn signed_manifest(&self) -> v1::SignedManifest {
        let request = v1::GetManifestRequest { publisher: self.publisher.0 };
        let response = ManifestServiceClient::new(self.caller.clone()).get_manifest(request).await.unwrap();
        response.into_inner().signed_manifest.unwrap()
    }

    pub async fn manifest(&self) -> Manifest {
        SignedManifest::from(self.signed_manifest().await).verify(&self.pinned, self.publisher).unwrap()
    }

    pub async fn active_epoch(&self) -> EpochEntry {
        self.manifest().await.active_epoch(self.clock.now()).unwrap().clone()
    }

    /// One batch of tokens of an epoch.
    pub async fn tokens_of(&self, epoch: &EpochEntry, count: usize) -> Result<Vec<Token>, Status> {
        let context = epoch.context(self.publisher);
        let (pending, blinded) = Pending::new(&epoch.public_key, &context, count, &mut rand::rngs::SysRng).unwrap();
        let request = v1::IssueTokensRequest {
            publisher: self.publisher.0,
            epoch: epoch.epoch.0,
            blinded_batch: blinded.to_bytes(),
        };
        let response = TokenServiceClient::new(self.caller.clone()).issue_tokens(request).await?;
        let issued = IssuedBatch::from_bytes(&response.into_inner().issued_batch).unwrap();
        Ok(pending.finish(&issued).unwrap())
    }

    /// One batch of tokens of the active epoch.
    pub async fn tokens(&self) -> Vec<Token> {
        let manifest = self.manifest().await;
        let epoch = manifest.active_epoch(self.clock.now()).unwrap().clone();
        self.tokens_of(&epoch, manifest.policy.token_batch as usize).await.unwrap()
    }

    pub async fn token(&self) -> Token {
        self.tokens().await.remove(0)
    }

    /// A report of cell `cell`, randomized, of the present window.
    pub fn report(&mut self, measure: &Measure, cell: u32) -> Report {
        let mechanism = measure.mechanism();
        let cell = mechanism.domain().cell(cell).unwrap();
        let value = mechanism.randomize(cell, &mut self.rng).raw();
        Report { measure: measure.id, window: measure.window.window_at(self.clock.now()), value }
    }

    /// A sealed report that counts.
    pub async fn sealed(&mut self, measure: &Measure, cell: u32) -> Vec<u8> {
        let token = self.token().await;
        seal(token, self.report(measure, cell))
    }

    pub async fn submit(&self, envelopes: Vec<Vec<u8>>) -> Result<Vec<Outcome>, Status> {
        let response = self.collection().submit_reports(v1::SubmitReportsRequest { envelopes }).await?;
        Ok(response.into_inner().outcomes.into_iter().map(|number| Outcome::from_wire(number).unwrap()).collect())
    }
}

pub fn seal(token: Token, report: Report) -> Vec<u8> {
    bytes_of(&token.seal(&report.to_bytes()))
}

pub fn bytes_of(envelope: &Envelope) -> Vec<u8> {
    envelope.as_bytes().to_vec()
}

/// The same token again: what a client must never do.
pub fn copy_of(token: &Token) -> Token {
    Token::from_bytes(&token.to_bytes()).unwrap()
}

/// Two publishers, two brands, `acme/spring` with one measure at the first publisher.
pub struct Cast {
    pub house: House,
    pub daily: Device,
    pub weekly: Device,
    pub acme: String,
    pub rival: String,
    pub arrivals: Measure,
    /// A measure that only the second publisher takes part in.
    pub elsewhere: Measure,
}

impl Cast {
    pub async fn assemble() -> Self {
        Self::with(|_| ()).await
    }

    pub async fn with(change: impl FnOnce(&mut CollectorConfig)) -> Self {
        let house = House::open(change).await;
        let (daily, weekly) = (house.create_publisher("daily").await, house.create_publisher("weekly").await);
        house.create_brand("acme").await;
        house.create_brand("rival").await;
        house.create_campaign("acme", "spring", &["daily"]).await;
        house.create_campaign("rival", "summer", &["weekly"]).await;
        let arrivals = house.create_measure("acme/spring", "arrivals", 2_000_000).await;
        let elsewhere = house.create_measure("rival/summer", "arrivals", 2_000_000).await;
        let acme = house.create_key(v1::Role::Brand, "acme").await;
        let rival = house.create_key(v1::Role::Brand, "rival").await;
        let (daily, weekly) = (Device::of(&house, daily, "daily").await, Device::of(&house, weekly, "weekly").await);
        Self { house, daily, weekly, acme, rival, arrivals, elsewhere }
    }

    /// Submits one envelope as the first publisher; checks the answer, that it is counted as such and nothing else is, and
    /// that no estimate of any campaign moved.
    pub async fn expect_refusal(&self, envelope: Vec<u8>, refusal: tacita_protocol::outcome::Refusal) {
        let refusal = Outcome::Refused(refusal);
        let mut counts = self.house.outcomes(self.daily.publisher).await;
        let reports = [self.house.report("acme/spring").await, self.house.report("rival/summer").await];

        assert_eq!(self.daily.submit(vec![envelope]).await.unwrap(), [refusal]);

        *counts.entry(refusal).or_default() += 1;
        assert_eq!(self.house.outcomes(self.daily.publisher).await, counts);
        assert_eq!(reports, [self.house.report("acme/spring").await, self.house.report("rival/summer").await]);
    }
}

pub fn unknown_measure() -> MeasureId {
    MeasureId(999)
}

pub fn window_after(window: WindowId, windows: i64) -> WindowId {
    WindowId(u32::try_from(i64::from(window.0) + windows).unwrap())
}

/// Name and value of the limit that a refusal names.
pub fn limit_of(status: &Status) -> (String, u64) {
    assert!(matches!(status.code(), Code::ResourceExhausted | Code::InvalidArgument), "{status:?}");
    let info = status.get_details_error_info().unwrap_or_else(|| panic!("no details: {status:?}"));
    assert_eq!(info.domain, "tacita.v1");
    let value = info.metadata["value"].parse().unwrap();
    assert!(status.message().replace('_', "").contains(&format!("{value}")), "{}", status.message());
    (info.metadata["limit"].clone(), value)
}

/// What a server of HTTP/1.1 answers to a GET: the status and the body.
pub async fn get(address: SocketAddr, what: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("GET {what} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split_whitespace().nth(1).unwrap().parse().unwrap(), body.to_owned())
}
