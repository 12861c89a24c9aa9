//! TLS 1.3 on real sockets: nothing older, certificates that are renewed while connections are open, publishers that show theirs.
#![allow(clippy::unwrap_used)]

use std::{fs, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    version::{TLS12, TLS13},
};
use tacita_collector::{ClientCertificates, Collector, CollectorConfig, Identity, ServerTls};
use tacita_proto::v1::{
    self, manifest_service_client::ManifestServiceClient, reporting_service_client::ReportingServiceClient,
};
use tacita_protocol::outcome::Outcome;
use tacita_tls::{ClientTls, Server, trial::TrialAuthority};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tonic::{Code, Status, service::interceptor::InterceptedService, transport::Channel};
use tonic_types::StatusExt as _;

use crate::support::{self, Bearer, Cast, House};

const HOSTS: [&str; 2] = ["localhost", "127.0.0.1"];

/// Authorities, and the server's certificate where the collector finds it.
struct Papers {
    _dir: TempDir,
    servers: TrialAuthority,
    clients: TrialAuthority,
    server: Identity,
}

impl Papers {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let servers = TrialAuthority::new(&dir.path().join("servers")).unwrap();
        let clients = TrialAuthority::new(&dir.path().join("clients")).unwrap();
        let server = servers.issue("collector", &HOSTS).unwrap();
        Self { _dir: dir, servers, clients, server }
    }

    /// A cast set up without TLS, whose collector is started again with it.
    async fn cast(&self, clients: Option<bool>) -> Cast {
        let authority = self.clients.file();
        let clients = clients.map(|required| ClientCertificates { authority, required });
        let Cast { house, daily, weekly, acme, rival, arrivals, elsewhere } = Cast::assemble().await;
        let House { dir, clock, mut config, collector, operator, .. } = house;
        collector.shutdown().await.unwrap();
        config.tls = Some(ServerTls { identity: self.server.clone(), clients });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let collector = Collector::start(config.clone(), listener, Arc::new(clock.clone())).await.unwrap();
        let channel = self.reach(&collector.address().to_string(), None);
        let house = House { dir, clock, config, collector, channel, operator };
        Cast { house, daily, weekly, acme, rival, arrivals, elsewhere }
    }

    fn tls(&self, identity: Option<Identity>) -> ClientTls {
        ClientTls { authority: Some(self.servers.file()), identity }
    }

    fn reach(&self, address: &str, identity: Option<Identity>) -> Channel {
        Server::new(&format!("https://{address}"), &self.tls(identity)).unwrap().connect_lazy()
    }
}

/// What a caller with this key is told when it asks for a publisher's manifest.
async fn manifest(channel: Channel, key: &str) -> Result<(), Status> {
    let caller = InterceptedService::new(channel, Bearer::new(key));
    ManifestServiceClient::new(caller).get_manifest(v1::GetManifestRequest { publisher: 1 }).await.map(drop)
}

async fn campaigns(channel: &Channel, key: &str) -> Result<(), Status> {
    let caller = InterceptedService::new(channel.clone(), Bearer::new(key));
    ReportingServiceClient::new(caller).list_campaigns(v1::ListCampaignsRequest {}).await.map(drop)
}

/// No collector answered: there was no connection to one.
fn assert_unreached(refused: Result<(), Status>) {
    let status = refused.unwrap_err();
    assert!(matches!(status.code(), Code::Unavailable | Code::Unknown) && status.details().is_empty(), "{status:?}");
}

fn reason(refused: Result<(), Status>) -> String {
    let status = refused.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied, "{status:?}");
    status.get_details_error_info().unwrap().reason
}

#[tokio::test]
async fn tls_1_3_is_spoken_and_nothing_older() {
    let papers = Papers::new();
    let Cast { house, acme, .. } = papers.cast(None).await;
    campaigns(&house.channel, &acme).await.unwrap();

    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(papers.servers.file()).unwrap()).unwrap();
    let shake = async |version| {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        let stream = TcpStream::connect(house.collector.address()).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await.map(drop)
    };
    shake(&TLS13).await.unwrap();
    let refused = shake(&TLS12).await.unwrap_err().to_string();
    assert!(refused.contains("ProtocolVersion") || refused.contains("Version"), "{refused}");

    // Nor is it spoken to without TLS, or by who does not trust its authority, or under another name.
    let plain = Channel::from_shared(format!("http://{}", house.collector.address())).unwrap().connect_lazy();
    assert_unreached(campaigns(&plain, &acme).await);
    let address = format!("https://{}", house.collector.address());
    let distrustful = ClientTls { authority: Some(papers.clients.file()), identity: None };
    assert!(Server::new(&address, &distrustful).unwrap().connect().await.is_err());
    assert!(Server::new(&address, &ClientTls::default()).unwrap().connect().await.is_err());
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_to_the_next_and_open_connections_go_on() {
    let papers = Papers::new();
    let Cast { house, acme, .. } = papers.cast(None).await;
    let address = format!("https://{}", house.collector.address());
    let before = Server::new(&address, &papers.tls(None)).unwrap();
    let open = before.connect().await.unwrap();
    let request = v1::WatchAlertsRequest::default();
    let caller = InterceptedService::new(open.clone(), Bearer::new(&acme));
    let mut stream = ReportingServiceClient::new(caller).watch_alerts(request).await.unwrap().into_inner();

    // Another authority's certificate, in the same files.
    let new = TrialAuthority::new(&house.dir.path().join("new")).unwrap();
    let fresh = new.issue("collector", &HOSTS).unwrap();
    fs::copy(&fresh.key, &papers.server.key).unwrap();
    fs::copy(&fresh.certificate, &papers.server.certificate).unwrap();
    let trusting_new = ClientTls { authority: Some(new.file()), identity: None };
    let after = Server::new(&address, &trusting_new).unwrap();
    campaigns(&after.connect().await.unwrap(), &acme).await.unwrap();
    assert!(before.connect().await.is_err(), "a new connection is shown the new certificate");
    campaigns(&open, &acme).await.unwrap();

    // A broken file changes nothing; nor does a certificate whose key is another.
    fs::write(&papers.server.certificate, "nonsense").unwrap();
    campaigns(&after.connect().await.unwrap(), &acme).await.unwrap();
    fs::copy(papers.servers.issue("other", &HOSTS).unwrap().certificate, &papers.server.certificate).unwrap();
    campaigns(&after.connect().await.unwrap(), &acme).await.unwrap();
    fs::remove_file(&papers.server.key).unwrap();
    campaigns(&after.connect().await.unwrap(), &acme).await.unwrap();

    house.collector.shutdown().await.unwrap();
    let ended = stream.message().await.unwrap_err();
    assert_eq!(ended.get_details_error_info().unwrap().reason, "SHUTTING_DOWN", "it was open all the time");
}

#[tokio::test]
async fn a_publisher_shows_its_own_certificate_and_others_need_none() {
    let papers = Papers::new();
    let Cast { house, mut daily, weekly, acme, arrivals, .. } = papers.cast(Some(false)).await;
    let address = house.collector.address().to_string();
    let issued = |name: &str, names: &[&str]| Some(papers.clients.issue(name, names).unwrap());
    let of_daily = papers.reach(&address, issued("daily", &["tacita://publisher/daily"]));
    manifest(of_daily.clone(), &daily.key).await.unwrap();
    assert_eq!(reason(manifest(of_daily.clone(), &weekly.key).await), "WRONG_CERTIFICATE");
    for names in [&["daily"][..], &["tacita://publisher/daily2"], &["tacita://brand/daily"], &[]] {
        let channel = papers.reach(&address, issued("almost", names));
        assert_eq!(reason(manifest(channel, &daily.key).await), "WRONG_CERTIFICATE", "{names:?}");
    }
    assert_eq!(reason(manifest(house.channel.clone(), &daily.key).await), "CERTIFICATE_MISSING");
    campaigns(&house.channel, &acme).await.unwrap();
    assert!(house.admin().list_brands(v1::ListBrandsRequest {}).await.is_ok());

    // A certificate alone is nothing, and one of another authority is no certificate.
    assert_eq!(manifest(of_daily.clone(), "").await.unwrap_err().code(), Code::Unauthenticated);
    let foreign = papers.servers.issue("daily", &["tacita://publisher/daily"]).unwrap();
    assert_unreached(manifest(papers.reach(&address, Some(foreign)), &daily.key).await);

    // With it, the publisher's whole work is done.
    daily.reach_by(of_daily);
    let envelope = daily.sealed(&arrivals, 1).await;
    assert_eq!(daily.submit(vec![envelope]).await.unwrap(), [Outcome::Counted]);
}

#[tokio::test]
async fn where_everyone_must_show_a_certificate_nobody_connects_without_one() {
    let papers = Papers::new();
    let Cast { house, acme, .. } = papers.cast(Some(true)).await;
    assert_unreached(campaigns(&house.channel, &acme).await);
    let analyst = papers.clients.issue("analyst", &["analyst.acme.example"]).unwrap();
    campaigns(&papers.reach(&house.collector.address().to_string(), Some(analyst)), &acme).await.unwrap();
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named_at_the_start() {
    let papers = Papers::new();
    let dir = TempDir::new().unwrap();
    let empty = dir.path().join("empty.pem");
    fs::write(&empty, "").unwrap();
    let other = papers.servers.issue("other", &HOSTS).unwrap();
    let refused = async |change: &dyn Fn(&mut ServerTls)| {
        let clients = Some(ClientCertificates { authority: papers.clients.file(), required: false });
        let mut tls = ServerTls { identity: papers.server.clone(), clients };
        change(&mut tls);
        let config = CollectorConfig { tls: Some(tls), ..CollectorConfig::new(dir.path().join("data")) };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let clock = tacita_protocol::time::ManualClock::new(support::NOON);
        Collector::start(config, listener, Arc::new(clock)).await.map(drop).unwrap_err().to_string()
    };
    let nowhere = || "/nowhere/at/all".into();
    assert!(refused(&|tls| tls.identity.certificate = nowhere()).await.contains("/nowhere/at/all: No such file"));
    assert!(refused(&|tls| tls.identity.key = nowhere()).await.contains("/nowhere/at/all"));
    assert!(refused(&|tls| tls.identity.certificate = empty.clone()).await.contains("holds no certificate"));
    assert!(refused(&|tls| tls.identity.key = empty.clone()).await.contains("holds no private key"));
    assert!(refused(&|tls| tls.identity.key = other.key.clone()).await.contains("not taken with the key"));
    assert!(refused(&|tls| tls.clients.as_mut().unwrap().authority = empty.clone()).await.contains("empty.pem"));
}
