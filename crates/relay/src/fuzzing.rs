//! What `fuzz/` drives: the decoders of what visitors and publishers send, each behind one function. No interface:
//! nothing here is promised to anybody.

use std::{fs, net::SocketAddr, path::Path, sync::Arc};

use axum::{Router, body::Body};
use ed25519_dalek::VerifyingKey;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use prometheus_client::registry::Registry;
use rand::rngs::StdRng;
use tacita_observability::CallLayer;
use tacita_protocol::{
    id::PublisherId,
    time::{ManualClock, UnixTime},
};
use tokio::runtime::Runtime;
use tonic::{metadata::MetadataMap, transport::server::TcpConnectInfo};
use tonic_health::server::HealthReporter;
use tower::ServiceExt as _;
use url::Url;

use crate::{
    config::{BatchPolicy, RelayConfig, VisitorLimit},
    gate::{Allowances, IssuerConnection},
    links::{self, LinkTable},
    manifest::ManifestCache,
    metrics::Metrics,
    queue::Queue,
    services::Services,
    submissions::Submissions,
    upstream::Upstream,
    visitor::{TrustedProxies, Visitor},
    web::{self, Origins, ShortLinks},
};

const PEER: &str = "10.0.0.1:4431";

/// Lines of `x-forwarded-for`: they name a visitor, and only behind a proxy that is trusted.
pub fn forwarded(text: &str) {
    let mut metadata = MetadataMap::new();
    for line in text.lines().filter_map(|line| line.parse().ok()) {
        metadata.append("x-forwarded-for", line);
    }
    let peer: SocketAddr = PEER.parse().expect("an address");
    let believed = |networks: &[&str]| {
        let networks = networks.iter().map(|network| network.parse().expect("a network")).collect();
        TrustedProxies::new(networks).visitor(peer, metadata.as_ref())
    };
    assert!(believed(&[]) == Visitor::from(peer.ip()), "nobody is trusted, and somebody was believed");
    believed(&["10.0.0.0/8"]);
    believed(&["0.0.0.0/0", "::/0"]);
}

/// A file of links, the code of one, and the query of a request for it: nothing in the query leads to another site, and
/// what is wrong with a file is in one of its lines.
pub fn short_links(file: &str, code: &str, query: &str) {
    let table = match LinkTable::parse(file) {
        Ok(table) => table,
        Err(problems) => {
            let lines = 1..=1 + file.matches('\n').count();
            assert!(!problems.is_empty() && problems.iter().all(|problem| lines.contains(&problem.line)));
            return;
        }
    };
    let Some(link) = table.get(code) else { return };
    let declared = Url::parse(&link.location(None)).expect("a declared target is an address");
    // What a request line can hold.
    if query.bytes().all(|byte| byte >= 0x80 || byte.is_ascii_graphic() && byte != b'#') {
        let location = link.location(Some(query));
        assert!(location.is_ascii(), "{location:?}");
        let leads_to = Url::parse(&location).expect("a query leaves it an address");
        assert_eq!((leads_to.origin(), leads_to.path()), (declared.origin(), declared.path()));
    }
}

/// The links of the publisher, as [`short_links`] reads them.
const LINKS: &str = include_str!("../../../examples/links.toml");

/// All that the relay serves, without a collector.
#[derive(Debug)]
pub struct Edge {
    app: Router,
    runtime: Runtime,
}

impl Edge {
    /// Serves from `folder`, which is emptied.
    pub fn open(folder: &Path) -> Self {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder).expect("a folder for state");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let app = runtime.block_on(app(folder));
        Self { app, runtime }
    }

    /// A request as text: `METHOD PATH`, headers, an empty line, the body. It is answered, whatever it is.
    pub fn request(&self, bytes: &[u8]) {
        let Some(request) = request(bytes) else { return };
        let location = self.runtime.block_on(async {
            let answer = self.app.clone().oneshot(request).await.expect("the router answers");
            let location = answer.headers().get(header::LOCATION).cloned();
            // Read to its end: an answer may fail while it is written.
            let _ = axum::body::to_bytes(answer.into_body(), usize::MAX).await;
            location
        });
        if let Some(location) = location {
            let host = location.to_str().ok().and_then(|text| Url::parse(text).ok()?.host_str().map(str::to_owned));
            assert!(host.is_some_and(|host| host.ends_with(".example")), "{location:?}");
        }
    }
}

fn request(bytes: &[u8]) -> Option<Request<Body>> {
    let end = bytes.windows(2).position(|pair| pair == b"\n\n").unwrap_or(bytes.len());
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let body = bytes.get(end + 2..).unwrap_or_default().to_vec();
    let (line, headers) = head.split_once('\n').unwrap_or((head, ""));
    let (method, path) = line.split_once(' ')?;
    let mut request = Request::builder().method(Method::from_bytes(method.as_bytes()).ok()?).uri(path);
    *request.headers_mut()? = header_map(headers);
    let mut request = request.body(Body::from(body)).ok()?;
    let info = TcpConnectInfo { local_addr: None, remote_addr: PEER.parse().ok() };
    request.extensions_mut().insert(info);
    // As hyper gives it: an address within this server.
    request.uri().path().starts_with('/').then_some(request)
}

fn header_map(text: &str) -> HeaderMap {
    let pair = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((HeaderName::try_from(name.trim()).ok()?, HeaderValue::from_str(value.trim()).ok()?))
    };
    text.lines().filter_map(pair).collect()
}

async fn app(folder: &Path) -> Router {
    let key = VerifyingKey::default();
    // Port 9 discards: there is no collector.
    let config = RelayConfig::new(PublisherId(7), "http://127.0.0.1:9".into(), "tacita_1_x".into(), key, folder.into());
    let clock = Arc::new(ManualClock::new(UnixTime(1_767_614_400)));
    let upstream = Upstream::new(&config).expect("an address");
    let mut registry = Registry::default();
    let metrics = Arc::new(Metrics::new(&mut registry));
    let calls = CallLayer::new(&mut registry, web::methods().expect("the services' methods"));
    let (policy, random) = (BatchPolicy::default(), Box::new(rand::make_rng::<StdRng>()));
    let opened = Queue::open(&folder.join("queue"), 4_096, policy, metrics.queue.clone(), random);
    let (queue, _writer) = opened.expect("a queue");
    let limit = VisitorLimit::default();
    let manifest = ManifestCache::open(&config, upstream.clone(), metrics.clone(), clock.clone());
    let services = Services {
        publisher: config.publisher,
        manifest: Arc::new(manifest.expect("no manifest is kept yet")),
        tokens: Arc::new(Allowances::new(limit.of_tokens(), clock.clone()).expect("a limit")),
        envelopes: Arc::new(Allowances::new(limit.of_envelopes(), clock.clone()).expect("a limit")),
        issuer: IssuerConnection::new(upstream),
        proxies: TrustedProxies::new(vec!["10.0.0.0/8".parse().expect("a network")]),
        submissions: Submissions::new(config.requests.submit_millis),
        queue,
        metrics,
    };
    let file = folder.join("links.toml");
    fs::write(&file, LINKS).expect("a file of links");
    let shelf = Arc::new(links::LinkShelf::open(&file).expect("links"));
    let totals = Arc::new(links::Totals::open(folder, clock).expect("totals"));
    let origins = Origins::new(&["https://shop.example".to_owned()]).expect("an origin");
    let links = Some(ShortLinks { shelf, totals });
    let watched = (HealthReporter::new(), calls);
    web::app(Arc::new(services), config.requests, origins, None, links, watched).expect("the services")
}
