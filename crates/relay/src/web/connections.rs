//! Connections: how many at a time, how long a silent or slow one is borne, and the drain.

use std::{
    collections::HashMap,
    convert::Infallible,
    net::SocketAddr,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{Router, response::Response};
use http::{HeaderValue, StatusCode, header};
use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tacita_tls::Acceptor;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tonic::{Code, transport::server::TcpConnectInfo};
use tower::ServiceExt as _;

use super::Refusal;
use crate::{
    config::{ConnectionLimit, RequestLimit},
    metrics::Metrics,
    refusal::{Cause, Limit},
    visitor::{TrustedProxies, Visitor},
};

/// A peer over HTTP/2 that does not answer a ping for as long again is gone.
const PING_EVERY: Duration = Duration::from_secs(20);

/// How long who is turned away may take to read why.
const FAREWELL: Duration = Duration::from_secs(1);

/// How many are told why at a time; others find their connection closed.
const FAREWELLS: usize = 256;

/// The pause after the operating system gave no connection (no descriptors are left).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How every HTTP/2 connection begins.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The open connections, and how many there may be.
pub(crate) struct Connections {
    limit: ConnectionLimit,
    requests: RequestLimit,
    proxies: TrustedProxies,
    metrics: Arc<Metrics>,
    /// None: without TLS.
    acceptor: Option<Arc<Acceptor>>,
    open: Arc<Mutex<Open>>,
}

#[derive(Default)]
struct Open {
    all: usize,
    by_visitor: HashMap<Visitor, usize>,
}

/// A connection's place, until dropped.
struct Place {
    open: Arc<Mutex<Open>>,
    visitor: Option<Visitor>,
}

impl Connections {
    pub(crate) fn new(
        (limit, requests): (ConnectionLimit, RequestLimit),
        proxies: TrustedProxies,
        metrics: Arc<Metrics>,
        acceptor: Option<Arc<Acceptor>>,
    ) -> Self {
        Self { limit, requests, proxies, metrics, acceptor, open: Arc::default() }
    }

    /// Serves `app` until told to stop, then lets open requests end.
    pub(crate) async fn serve(self, listener: TcpListener, app: Router, stop: CancellationToken) {
        let mut conversations = JoinSet::new();
        let farewells = Arc::new(Semaphore::new(FAREWELLS));
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                Some(_) = conversations.join_next(), if !conversations.is_empty() => continue,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => match self.take_place(peer) {
                    Ok(place) => {
                        let (acceptor, limits) = (self.acceptor.clone(), (self.limit, self.requests));
                        let conversation = begin(stream, peer, acceptor, app.clone(), limits, stop.clone());
                        let open = self.metrics.connections.opened();
                        conversations.spawn(async move {
                            conversation.await;
                            drop((place, open));
                        });
                    }
                    Err(told) => {
                        self.metrics.connections_refused.inc();
                        // Over TLS it would take a handshake to say so.
                        let place = self.acceptor.is_none().then(|| farewells.clone().try_acquire_owned().ok());
                        if let Some(place) = place.flatten() {
                            let limits = (ConnectionLimit { idle: FAREWELL, ..self.limit }, self.requests);
                            conversations.spawn(async move {
                                turn_away(stream, told, limits).await;
                                drop(place);
                            });
                        }
                    }
                },
                Err(error) => {
                    tracing::warn!(%error, "no connection could be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(listener);
        while conversations.join_next().await.is_some() {}
    }

    /// A place for a connection from `peer`, or which limit leaves none.
    fn take_place(&self, peer: SocketAddr) -> Result<Place, (Limit, String)> {
        let ConnectionLimit { most, per_visitor, .. } = self.limit;
        let visitor = (!self.proxies.trusts(peer.ip().to_canonical())).then(|| Visitor::from(peer.ip()));
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.all >= most {
            let told = format!("{most} connections are open, as many as may be; try again later");
            return Err((Limit::new("connections.most", most as u64), told));
        }
        if let Some(visitor) = visitor {
            let of_visitor = open.by_visitor.entry(visitor).or_default();
            if *of_visitor >= per_visitor {
                let told = format!("{per_visitor} connections of one address are open, as many as may be");
                return Err((Limit::new("connections.per-visitor", per_visitor as u64), told));
            }
            *of_visitor += 1;
        }
        open.all += 1;
        Ok(Place { open: self.open.clone(), visitor })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.all -= 1;
        if let Some(visitor) = self.visitor
            && let Some(of_visitor) = open.by_visitor.get_mut(&visitor)
        {
            *of_visitor -= 1;
            if *of_visitor == 0 {
                open.by_visitor.remove(&visitor);
            }
        }
    }
}

/// Serves one connection to its end. What goes wrong on it is the peer's affair.
async fn begin(
    stream: TcpStream,
    peer: SocketAddr,
    acceptor: Option<Arc<Acceptor>>,
    app: Router,
    limits: (ConnectionLimit, RequestLimit),
    stop: CancellationToken,
) {
    stream.set_nodelay(true).ok();
    let info = TcpConnectInfo { local_addr: stream.local_addr().ok(), remote_addr: Some(peer) };
    match acceptor {
        None => {
            let Ok(Some(version)) = timeout(limits.0.idle, version_of(&stream)).await else { return };
            converse(stream, version, info, app, limits, stop).await;
        }
        Some(acceptor) => {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let version = match stream.get_ref().1.alpn_protocol() {
                Some(b"h2") => Version::Http2,
                _ => Version::Http1,
            };
            converse(stream, version, info, app, limits, stop).await;
        }
    }
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    version: Version,
    info: TcpConnectInfo,
    app: Router,
    limits: (ConnectionLimit, RequestLimit),
    stop: CancellationToken,
) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(info.clone());
        let app = app.clone();
        async move { Ok::<Response, Infallible>(app.oneshot(request).await.unwrap_or_else(|never| match never {})) }
    });
    let (age, time) = (limits.0.age, limits.1.time);
    let builder = builder(version, limits);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.cancelled() => {}
        () = sleep(age) => {}
    }
    connection.as_mut().graceful_shutdown();
    timeout(time, connection).await.ok();
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Version {
    Http1,
    Http2,
}

/// Tells the version by the first bytes, which stay unread. `None` when the peer went away.
async fn version_of(stream: &TcpStream) -> Option<Version> {
    let mut first = [0; PREFACE.len()];
    loop {
        let length = stream.peek(&mut first).await.ok().filter(|&length| length > 0)?;
        match &first[..length] {
            whole if whole == PREFACE => return Some(Version::Http2),
            part if PREFACE.starts_with(part) => sleep(Duration::from_millis(10)).await,
            _ => return Some(Version::Http1),
        }
    }
}

fn builder(version: Version, (limit, requests): (ConnectionLimit, RequestLimit)) -> auto::Builder<TokioExecutor> {
    // Past the limit of headers a head is still read, so that the refusal can name the limit.
    let head = 4 * requests.header_bytes;
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limit.idle).max_buf_size(head);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_EVERY)
        .max_concurrent_streams(limit.streams)
        .max_header_list_size(u32::try_from(head).unwrap_or(u32::MAX));
    match version {
        Version::Http1 => builder.http1_only(),
        Version::Http2 => builder.http2_only(),
    }
}

/// Says why to the first request, in the words that it speaks, and closes.
async fn turn_away(stream: TcpStream, (limit, told): (Limit, String), limits: (ConnectionLimit, RequestLimit)) {
    let Ok(Some(version)) = timeout(FAREWELL, version_of(&stream)).await else { return };
    let service = service_fn(move |request: Request<Incoming>| {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let refusal = Refusal { status, code: Code::ResourceExhausted, told: told.clone(), cause: Cause::Limit(limit) };
        let mut answer = refusal.to(request.headers());
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
        if request.version() <= http::Version::HTTP_11 {
            answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        async move { Ok::<Response, Infallible>(answer) }
    });
    let builder = builder(version, limits);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        _ = connection.as_mut() => return,
        () = sleep(FAREWELL) => {}
    }
    connection.as_mut().graceful_shutdown();
    timeout(FAREWELL, connection).await.ok();
}
