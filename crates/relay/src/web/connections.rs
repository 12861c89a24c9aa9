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
use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tacita_tls::Acceptor;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tonic::transport::server::TcpConnectInfo;
use tower::ServiceExt as _;

use super::limits::{HEADER_BYTES, REQUEST_TIME};
use crate::{
    config::ConnectionLimit,
    metrics::Metrics,
    visitor::{TrustedProxies, Visitor},
};

/// A peer over HTTP/2 that does not answer a ping for as long again is gone.
const PING_EVERY: Duration = Duration::from_secs(20);

/// After this a connection takes no more requests: who reads or writes a byte at a time does not hold a place for ever.
const CONNECTION_AGE: Duration = Duration::from_secs(600);

const STREAMS_PER_CONNECTION: u32 = 128;

/// The room for a head: past [`HEADER_BYTES`] it is still read, so that the refusal can name the limit.
const HEAD_BUFFER: usize = 4 * HEADER_BYTES;

/// The pause after the operating system gave no connection (no descriptors are left).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How every HTTP/2 connection begins.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The open connections, and how many there may be.
pub(crate) struct Connections {
    limit: ConnectionLimit,
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
        limit: ConnectionLimit,
        proxies: TrustedProxies,
        metrics: Arc<Metrics>,
        acceptor: Option<Arc<Acceptor>>,
    ) -> Self {
        Self { limit, proxies, metrics, acceptor, open: Arc::default() }
    }

    /// Serves `app` until told to stop, then lets open requests end.
    pub(crate) async fn serve(self, listener: TcpListener, app: Router, stop: CancellationToken) {
        let mut conversations = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                Some(_) = conversations.join_next(), if !conversations.is_empty() => continue,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => match self.take_place(peer) {
                    Ok(place) => {
                        let acceptor = self.acceptor.clone();
                        let conversation = begin(stream, peer, acceptor, app.clone(), self.limit.idle, stop.clone());
                        let open = self.metrics.connections.opened();
                        conversations.spawn(async move {
                            conversation.await;
                            drop((place, open));
                        });
                    }
                    Err(told) => {
                        self.metrics.connections_refused.inc();
                        // Over TLS it would take a handshake to say so.
                        if self.acceptor.is_none() {
                            conversations.spawn(turn_away(stream, told));
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
    fn take_place(&self, peer: SocketAddr) -> Result<Place, String> {
        let ConnectionLimit { most, per_visitor, .. } = self.limit;
        let visitor = (!self.proxies.trusts(peer.ip().to_canonical())).then(|| Visitor::from(peer.ip()));
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.all >= most {
            return Err(format!("{most} connections are open, as many as may be; try again later"));
        }
        if let Some(visitor) = visitor {
            let of_visitor = open.by_visitor.entry(visitor).or_default();
            if *of_visitor >= per_visitor {
                return Err(format!("{per_visitor} connections of one address are open, as many as may be"));
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
    idle: Duration,
    stop: CancellationToken,
) {
    stream.set_nodelay(true).ok();
    let info = TcpConnectInfo { local_addr: stream.local_addr().ok(), remote_addr: Some(peer) };
    match acceptor {
        None => {
            let Ok(Some(version)) = timeout(idle, version_of(&stream)).await else { return };
            converse(stream, version, info, app, idle, stop).await;
        }
        Some(acceptor) => {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let version = match stream.get_ref().1.alpn_protocol() {
                Some(b"h2") => Version::Http2,
                _ => Version::Http1,
            };
            converse(stream, version, info, app, idle, stop).await;
        }
    }
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    version: Version,
    info: TcpConnectInfo,
    app: Router,
    idle: Duration,
    stop: CancellationToken,
) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(info.clone());
        let app = app.clone();
        async move { Ok::<Response, Infallible>(app.oneshot(request).await.unwrap_or_else(|never| match never {})) }
    });
    let builder = builder(version, idle);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.cancelled() => {}
        () = sleep(CONNECTION_AGE) => {}
    }
    connection.as_mut().graceful_shutdown();
    timeout(REQUEST_TIME, connection).await.ok();
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

fn builder(version: Version, idle: Duration) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(idle).max_buf_size(HEAD_BUFFER);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_EVERY)
        .max_concurrent_streams(STREAMS_PER_CONNECTION)
        .max_header_list_size(HEAD_BUFFER as u32);
    match version {
        Version::Http1 => builder.http1_only(),
        Version::Http2 => builder.http2_only(),
    }
}

/// Says why, and closes. A peer over HTTP/2 finds its connection closed.
async fn turn_away(mut stream: TcpStream, told: String) {
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\nretry-after: 10\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{told}\n",
        told.len() + 1
    );
    let farewell = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await?;
        // Closing on unread bytes would reset the connection and take the answer with it.
        tokio::io::copy(&mut stream, &mut tokio::io::sink()).await
    };
    timeout(Duration::from_secs(1), farewell).await.ok();
}
