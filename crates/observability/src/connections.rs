//! Connections, counted while they are open.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::transport::server::Connected;

/// How many connections were taken, and how many are open.
#[derive(Clone, Debug, Default)]
pub struct Connections {
    taken: Counter,
    open: Gauge,
}

/// One more open connection, until dropped.
#[derive(Debug)]
pub struct OpenConnection(Gauge);

impl Connections {
    /// Counts, in `registry`.
    pub fn new(registry: &mut Registry) -> Self {
        let connections = Self::default();
        registry.register("connections", "Connections taken", connections.taken.clone());
        registry.register("connections_open", "Connections that are open", connections.open.clone());
        connections
    }

    /// One more.
    pub fn opened(&self) -> OpenConnection {
        self.taken.inc();
        self.open.inc();
        OpenConnection(self.open.clone())
    }

    /// A stream that is counted until it is dropped.
    pub fn count<T>(&self, stream: T) -> CountedStream<T> {
        CountedStream { stream, _open: self.opened() }
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A connection that is counted until it is dropped.
#[derive(Debug)]
pub struct CountedStream<T> {
    stream: T,
    _open: OpenConnection,
}

impl<T: Connected> Connected for CountedStream<T> {
    type ConnectInfo = T::ConnectInfo;

    fn connect_info(&self) -> T::ConnectInfo {
        self.stream.connect_info()
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for CountedStream<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for CountedStream<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
