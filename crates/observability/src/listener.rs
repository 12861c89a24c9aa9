//! The listener for scrapers and probes: apart from the services, since it asks for no key.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use tacita_connections::{Bounds, Connections, Limit, Server, heads};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    page::{OPENMETRICS, Page},
    readiness::Unready,
};

/// The name of the limit on this listener's connections.
const METRICS_MOST: &str = "metrics_connections";
/// Of one address.
const METRICS_PER_PEER: &str = "metrics_connections_per_peer";

/// The names of the limits that refuse on this listener.
pub const METRICS_REFUSING: [&str; 3] = [METRICS_MOST, METRICS_PER_PEER, HEAD.name];

/// The most that the headers of a request may have.
const HEAD: Limit = Limit { name: "metrics_header_bytes", value: 8 << 10 };

/// Some scrapers, and the probes of a machine or a cluster: who wants more than that is none of them.
const BOUNDS: Bounds = Bounds {
    most: Limit { name: METRICS_MOST, value: 64 },
    per_peer: Limit { name: METRICS_PER_PEER, value: 16 },
    per_tenant: None,
    stranger: None,
    idle: Duration::from_secs(75),
    age: Duration::from_secs(3_600),
    grace: Some(Duration::from_secs(10)),
    streams: 16,
    head: HEAD.value,
    adaptive_window: false,
};

/// What the listener tells.
#[derive(Clone)]
struct Told {
    page: Arc<Page>,
    standing: Arc<dyn Fn() -> Vec<Unready> + Send + Sync>,
}

/// A listener that has its address and does not answer yet.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
}

/// A listener that answers until it is dropped.
pub struct Listener {
    address: SocketAddr,
    stop: CancellationToken,
}

impl Bound {
    /// Answers with `page`, and with what `standing` says stands against being ready.
    /// A connection that has no place is counted among those that `connections` refused.
    pub fn serve(
        self,
        page: Arc<Page>,
        standing: Arc<dyn Fn() -> Vec<Unready> + Send + Sync>,
        connections: &Connections,
    ) -> Listener {
        let Self { listener, address } = self;
        tracing::info!(%address, "metrics are told");
        if !address.ip().is_loopback() {
            tracing::warn!(%address, "metrics are told beyond this machine and ask for no key: let only the scraper reach them");
        }
        let routes = Router::new()
            .route("/metrics", get(metrics))
            .route("/healthz", get(async || "alive\n"))
            .route("/readyz", get(ready))
            .with_state(Told { page, standing });
        let routes = heads::bounded(routes, HEAD, connections.clone(), |_| long_headers());
        let stop = CancellationToken::new();
        let server = Server::new(BOUNDS, connections.beside(), |limit, _| farewell(limit));
        tokio::spawn(server.serve(listener, routes, stop.clone()));
        Listener { address, stop }
    }
}

impl Listener {
    /// Takes the address.
    ///
    /// # Errors
    /// When it cannot be listened on.
    pub async fn bind(address: SocketAddr) -> std::io::Result<Bound> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Bound { listener, address })
    }

    /// Where it answers.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Listener({})", self.address)
    }
}

fn farewell(Limit { name, value }: Limit) -> Response {
    let told = format!("{value} connections for metrics are open, as many as may be ({name})\n");
    (StatusCode::SERVICE_UNAVAILABLE, told).into_response()
}

fn long_headers() -> Response {
    let Limit { name, value } = HEAD;
    let told = format!("the headers are longer than {value} bytes, the most they may be ({name})\n");
    (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, told).into_response()
}

async fn metrics(State(told): State<Told>) -> Response {
    ([(header::CONTENT_TYPE, OPENMETRICS)], told.page.text()).into_response()
}

async fn ready(State(told): State<Told>) -> Response {
    let standing = (told.standing)();
    if standing.is_empty() {
        return "ready\n".into_response();
    }
    let lines: String = standing.iter().map(|one| format!("{}: {}\n", one.reason, one.told)).collect();
    (StatusCode::SERVICE_UNAVAILABLE, lines).into_response()
}
