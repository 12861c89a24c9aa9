//! One connection, from its first byte to its end. What goes wrong on it is the peer's affair.

use std::{convert::Infallible, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Router, response::Response};
use http::{Extensions, HeaderValue, header};
use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto,
};
use tacita_tls::{Acceptor, Stream};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tonic::transport::server::{Connected as _, TcpConnectInfo};
use tower::ServiceExt as _;

use crate::{
    Bounds, Limit, Stay,
    beginnings::Beginnings,
    server::Farewell,
    standing::{Call, Standing},
};

/// A peer over HTTP/2 that does not answer a ping for as long again is gone.
const PING_EVERY: Duration = Duration::from_secs(20);

/// How long who is turned away may take to read why; and a stranger, once the server is told to stop.
pub(crate) const FAREWELL: Duration = Duration::from_secs(1);

/// What is answered to whoever is turned away comes no sooner than the next try should.
const TRY_AGAIN_SECONDS: HeaderValue = HeaderValue::from_static("10");

/// How every HTTP/2 connection begins.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection that speaks: in the clear or over TLS, in one version of HTTP.
enum Speaking {
    Plain(TcpStream, Version),
    Tls(Box<Stream>, Version),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Version {
    Http1,
    Http2,
}

/// Serves a connection that has its place.
pub(crate) async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    acceptor: Option<Arc<Acceptor>>,
    app: Router,
    (bounds, standing): (Bounds, Arc<Standing>),
    stop: CancellationToken,
) {
    let patience = bounds.stranger.unwrap_or(bounds.idle).min(bounds.idle);
    let begun = timeout(patience, begin(stream, acceptor));
    let Some(Ok(Some(speaking))) = stop.run_until_cancelled(begun).await else { return };
    let mut extensions = Extensions::new();
    extensions.insert(Stay(standing.clone()));
    match speaking {
        Speaking::Plain(stream, version) => {
            extensions.insert(TcpConnectInfo { local_addr: stream.local_addr().ok(), remote_addr: Some(peer) });
            answer(stream, version, extensions, app, (bounds, standing), stop).await;
        }
        Speaking::Tls(stream, version) => {
            let plain = stream.get_ref().0;
            extensions.insert(TcpConnectInfo { local_addr: plain.local_addr().ok(), remote_addr: Some(peer) });
            extensions.insert(stream.connect_info());
            answer(stream, version, extensions, app, (bounds, standing), stop).await;
        }
    }
}

/// Says why to the first call of a connection that has no place, in the words that it speaks, and closes.
pub(crate) async fn turn_away(
    stream: TcpStream,
    acceptor: Option<Arc<Acceptor>>,
    limit: Limit,
    farewell: Arc<Farewell>,
    bounds: Bounds,
) {
    let Ok(Some(speaking)) = timeout(FAREWELL, begin(stream, acceptor)).await else { return };
    let bounds = Bounds { idle: FAREWELL, ..bounds };
    match speaking {
        Speaking::Plain(stream, version) => tell(stream, version, limit, farewell, bounds).await,
        Speaking::Tls(stream, version) => tell(stream, version, limit, farewell, bounds).await,
    }
}

/// Waits for its first bytes, and shakes hands where that is asked for. `None` when the peer went away, or said what is none.
async fn begin(stream: TcpStream, acceptor: Option<Arc<Acceptor>>) -> Option<Speaking> {
    // Without it answers wait for more to send; a socket that cannot have it works all the same.
    stream.set_nodelay(true).ok();
    let Some(acceptor) = acceptor else {
        let version = version_of(&stream).await?;
        return Some(Speaking::Plain(stream, version));
    };
    match acceptor.accept(stream).await {
        Ok(stream) => {
            let version = match stream.get_ref().1.alpn_protocol() {
                Some(b"h2") => Version::Http2,
                _ => Version::Http1,
            };
            Some(Speaking::Tls(Box::new(stream), version))
        }
        Err(error) => {
            tracing::debug!(%error, "a handshake failed");
            None
        }
    }
}

async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    version: Version,
    extensions: Extensions,
    app: Router,
    (bounds, standing): (Bounds, Arc<Standing>),
    stop: CancellationToken,
) {
    let known = standing.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().extend(extensions.clone());
        let (app, call): (Router, Call) = (app.clone(), known.call());
        async move {
            let answer = app.oneshot(request).await.unwrap_or_else(|never| match never {});
            Ok::<Response, Infallible>(answer.map(|body| call.answered_by(body)))
        }
    });
    let beginnings = Beginnings::default();
    let builder = builder(version, &bounds, beginnings.clone());
    let mut connection = pin!(beginnings.of(builder.serve_connection(TokioIo::new(stream), service)));
    let for_strangers = tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.cancelled() => FAREWELL,
        () = sleep(bounds.age) => FAREWELL,
        () = standing.outstayed(&bounds) => bounds.stranger.unwrap_or(FAREWELL),
    };
    connection.as_mut().connection().graceful_shutdown();
    match if standing.is_strangers(&bounds) { Some(for_strangers) } else { bounds.grace } {
        Some(grace) => drop(timeout(grace, connection).await),
        None => drop(connection.await),
    }
}

async fn tell(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    version: Version,
    limit: Limit,
    farewell: Arc<Farewell>,
    bounds: Bounds,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let mut answer = farewell(limit, request.headers());
        answer.headers_mut().insert(header::RETRY_AFTER, TRY_AGAIN_SECONDS);
        if request.version() <= http::Version::HTTP_11 {
            answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        async move { Ok::<Response, Infallible>(answer) }
    });
    let beginnings = Beginnings::default();
    let builder = builder(version, &bounds, beginnings.clone());
    let mut connection = pin!(beginnings.of(builder.serve_connection(TokioIo::new(stream), service)));
    tokio::select! {
        _ = connection.as_mut() => return,
        () = sleep(FAREWELL) => {}
    }
    connection.as_mut().connection().graceful_shutdown();
    timeout(FAREWELL, connection).await.ok();
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

fn builder(version: Version, bounds: &Bounds, calls: Beginnings) -> auto::Builder<Beginnings> {
    // Past the limit of headers a head is still read, so that the refusal can name the limit.
    let head = bounds.head.saturating_mul(4);
    let mut builder = auto::Builder::new(calls);
    builder.http1().timer(TokioTimer::new()).header_read_timeout(bounds.idle).max_buf_size(head);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_EVERY)
        .adaptive_window(bounds.adaptive_window)
        .max_concurrent_streams(bounds.streams)
        .max_header_list_size(u32::try_from(head).unwrap_or(u32::MAX));
    match version {
        Version::Http1 => builder.http1_only(),
        Version::Http2 => builder.http2_only(),
    }
}
