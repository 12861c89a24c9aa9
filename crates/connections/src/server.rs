//! Accepting, and the drain.

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::{Router, response::Response};
use http::HeaderMap;
use tacita_tls::Acceptor;
use tokio::{net::TcpListener, sync::Semaphore, task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    Bounds, Connections, Limit,
    conversation::{converse, turn_away},
    places::Places,
    standing::Standing,
};

/// How many are told why at a time; others find their connection closed.
const FAREWELLS: usize = 256;

/// The pause after the operating system gave no connection (no descriptors are left).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What is answered to the first call, with these headers, of a connection to which a limit leaves no place.
pub type Farewell = dyn Fn(Limit, &HeaderMap) -> Response + Send + Sync;

/// Serves the connections of a listener.
pub struct Server {
    bounds: Bounds,
    metrics: Connections,
    acceptor: Option<Arc<Acceptor>>,
    shared: Box<dyn Fn(IpAddr) -> bool + Send + Sync>,
    farewell: Arc<Farewell>,
}

impl Server {
    /// One without TLS, whose addresses are all alike.
    pub fn new(
        bounds: Bounds,
        metrics: Connections,
        farewell: impl Fn(Limit, &HeaderMap) -> Response + Send + Sync + 'static,
    ) -> Self {
        let (shared, farewell) = (Box::new(|_| false), Arc::new(farewell));
        Self { bounds, metrics, acceptor: None, shared, farewell }
    }

    /// With TLS, if there is to be.
    #[must_use]
    pub fn with_tls(self, acceptor: Option<Arc<Acceptor>>) -> Self {
        Self { acceptor, ..self }
    }

    /// Addresses that many callers share (a proxy's) may have as many connections as there may be in all.
    #[must_use]
    pub fn with_shared(self, shared: impl Fn(IpAddr) -> bool + Send + Sync + 'static) -> Self {
        Self { shared: Box::new(shared), ..self }
    }

    /// Serves `app` until told to stop, then lets open calls end.
    pub async fn serve(self, listener: TcpListener, app: Router, stop: CancellationToken) {
        let Self { bounds, metrics, acceptor, shared, farewell } = self;
        let (places, farewells) = (Places::new(bounds), Arc::new(Semaphore::new(FAREWELLS)));
        let mut conversations = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                Some(_) = conversations.join_next(), if !conversations.is_empty() => continue,
                accepted = listener.accept() => accepted,
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "no connection could be accepted");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let peer = address.ip().to_canonical();
            let acceptor = acceptor.clone();
            match places.take((!shared(peer)).then(|| peer.into())) {
                Ok(place) => {
                    let (known, open) = ((bounds, Standing::new(place)), metrics.opened());
                    let conversation = converse(stream, address, acceptor, app.clone(), known, stop.clone());
                    conversations.spawn(async move {
                        conversation.await;
                        drop(open);
                    });
                }
                Err(limit) => {
                    metrics.refuse(limit);
                    if let Ok(told) = farewells.clone().try_acquire_owned() {
                        let farewell = turn_away(stream, acceptor, limit, farewell.clone(), bounds);
                        conversations.spawn(async move {
                            farewell.await;
                            drop(told);
                        });
                    }
                }
            }
        }
        drop(listener);
        while conversations.join_next().await.is_some() {}
    }
}
