//! Connections: how many there may be in all and from one address, and how whoever comes when there are as many is told.

use std::{
    collections::HashMap,
    io,
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{Router, extract::Request, response::Response};
use futures_util::{Stream, StreamExt as _, stream::poll_fn};
use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;
use tonic::{
    Status,
    service::Routes,
    transport::{Server, server::Connected},
};

use crate::pool::{Limit, Overload};

/// How many are told at a time that there is no place; others find their connection closed.
const FAREWELLS: usize = 256;

/// How long who has no place may take to read why.
const FAREWELL: Duration = Duration::from_secs(2);

/// The open connections, and how many there may be.
#[derive(Debug)]
pub(crate) struct Connections {
    most: Limit,
    per_peer: Limit,
    open: Arc<Mutex<Open>>,
}

#[derive(Default, Debug)]
struct Open {
    all: usize,
    by_peer: HashMap<IpAddr, usize>,
}

/// A connection's place, until dropped.
struct Place {
    open: Arc<Mutex<Open>>,
    peer: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.open.lock();
        open.all -= 1;
        if let Some(of_peer) = open.by_peer.get_mut(&self.peer) {
            *of_peer -= 1;
            if *of_peer == 0 {
                open.by_peer.remove(&self.peer);
            }
        }
    }
}

impl Connections {
    pub(crate) fn new(most: usize, per_peer: usize) -> Self {
        let most = Limit { name: "connections", value: most };
        let per_peer = Limit { name: "connections_per_peer", value: per_peer };
        Self { most, per_peer, open: Arc::default() }
    }

    fn take_place(&self, peer: IpAddr) -> Result<Place, Limit> {
        let mut open = self.open.lock();
        if open.all >= self.most.value {
            return Err(self.most);
        }
        let of_peer = open.by_peer.entry(peer).or_default();
        if *of_peer >= self.per_peer.value {
            return Err(self.per_peer);
        }
        *of_peer += 1;
        open.all += 1;
        Ok(Place { open: self.open.clone(), peer })
    }

    /// The connections that have a place. The others are answered by a server of their own, which says why, until `stop`.
    pub(crate) fn admit<S: Peer>(
        self,
        incoming: impl Stream<Item = io::Result<S>> + Send + 'static,
        stop: CancellationToken,
    ) -> impl Stream<Item = io::Result<Held<S>>> + Send + 'static {
        let (turned_away, told) = mpsc::channel(FAREWELLS);
        tokio::spawn(tell(told, stop));
        incoming.filter_map(move |accepted| {
            let held = match accepted {
                Ok(stream) => self.held(stream, &turned_away),
                Err(error) => Some(Err(error)),
            };
            std::future::ready(held)
        })
    }

    fn held<S: Peer>(&self, stream: S, turned_away: &mpsc::Sender<TurnedAway<S>>) -> Option<io::Result<Held<S>>> {
        // A peer that is gone already has no address, and needs no place.
        let peer = stream.peer()?.to_canonical();
        match self.take_place(peer) {
            Ok(place) => Some(Ok(Held { stream, _place: place })),
            Err(limit) => {
                // Where too many are being told, this one finds its connection closed.
                let _ = turned_away.try_send(TurnedAway { stream, limit });
                None
            }
        }
    }
}

/// A connection that says whose it is, in the clear or over TLS.
pub(crate) trait Peer: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static {
    /// The address at its other end, while there is one.
    fn peer(&self) -> Option<IpAddr>;
}

impl Peer for TcpStream {
    fn peer(&self) -> Option<IpAddr> {
        self.peer_addr().ok().map(|address| address.ip())
    }
}

impl Peer for tacita_tls::Stream {
    fn peer(&self) -> Option<IpAddr> {
        self.get_ref().0.peer()
    }
}

/// A connection with its place.
pub(crate) struct Held<S> {
    stream: S,
    _place: Place,
}

impl<S: Connected> Connected for Held<S> {
    type ConnectInfo = S::ConnectInfo;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.stream.connect_info()
    }
}

/// A connection without one.
struct TurnedAway<S> {
    stream: S,
    limit: Limit,
}

impl<S> Connected for TurnedAway<S> {
    type ConnectInfo = Limit;

    fn connect_info(&self) -> Limit {
        self.limit
    }
}

/// Answers every call on these connections by the limit that left no place.
async fn tell<S: Peer>(mut told: mpsc::Receiver<TurnedAway<S>>, stop: CancellationToken) {
    let refuse = async |request: Request| -> Response {
        match request.extensions().get::<Limit>() {
            Some(&limit) => Status::from(Overload(limit)).into_http(),
            None => Status::unavailable("there is no place for this connection: try again").into_http(),
        }
    };
    let routes = Routes::from(Router::new().fallback(refuse));
    let incoming = poll_fn(move |context| told.poll_recv(context).map(|next| next.map(io::Result::Ok)));
    let mut server =
        Server::builder().accept_http1(true).max_connection_age(FAREWELL).max_connection_age_grace(FAREWELL);
    let served = server.add_routes(routes).serve_with_incoming_shutdown(incoming, stop.cancelled_owned());
    if let Err(error) = served.await {
        tracing::warn!(%error, "who has no place is not told why");
    }
}

macro_rules! pass_on {
    ($connection:ty) => {
        impl<S: AsyncRead + Unpin> AsyncRead for $connection {
            fn poll_read(
                mut self: Pin<&mut Self>,
                context: &mut Context<'_>,
                buffer: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                Pin::new(&mut self.stream).poll_read(context, buffer)
            }
        }

        impl<S: AsyncWrite + Unpin> AsyncWrite for $connection {
            fn poll_write(
                mut self: Pin<&mut Self>,
                context: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.stream).poll_write(context, bytes)
            }

            fn poll_write_vectored(
                mut self: Pin<&mut Self>,
                context: &mut Context<'_>,
                parts: &[io::IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.stream).poll_write_vectored(context, parts)
            }

            fn is_write_vectored(&self) -> bool {
                self.stream.is_write_vectored()
            }

            fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut self.stream).poll_flush(context)
            }

            fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut self.stream).poll_shutdown(context)
            }
        }
    };
}

pass_on!(Held<S>);
pass_on!(TurnedAway<S>);
