//! The listener for scrapers and probes: apart from the services, since it asks for no key.

use std::{fmt, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    page::{OPENMETRICS, Page},
    readiness::Unready,
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
    pub fn serve(self, page: Arc<Page>, standing: Arc<dyn Fn() -> Vec<Unready> + Send + Sync>) -> Listener {
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
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        tokio::spawn(async move { axum::serve(listener, routes).with_graceful_shutdown(stopped).await });
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
