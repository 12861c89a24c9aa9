//! The way to the collector: connections, and requests that carry the publisher's key and nothing of any visitor.

use std::{sync::Arc, time::Duration};

use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
};
use tower::{ServiceExt as _, util::BoxCloneSyncService};

use crate::config::{ConfigError, RelayConfig};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// How long an answer to a single call may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// What calls to the collector go out on: an HTTP/2 connection, or what a simulation puts in its place.
#[cfg_attr(not(feature = "simulation"), expect(unreachable_pub, reason = "a simulation brings its own"))]
pub type Line = BoxCloneSyncService<http::Request<tonic::body::Body>, http::Response<tonic::body::Body>, Status>;

/// Where the collector is, and how the publisher shows itself to it.
#[derive(Clone)]
pub(crate) struct Upstream {
    connect: Arc<dyn Fn() -> Line + Send + Sync>,
    authorization: MetadataValue<Ascii>,
}

impl Upstream {
    pub(crate) fn new(config: &RelayConfig) -> Result<Self, ConfigError> {
        let collector = config.collector()?.with(|endpoint| {
            endpoint
                .connect_timeout(CONNECT_TIMEOUT)
                .tcp_nodelay(true)
                .http2_keep_alive_interval(KEEP_ALIVE)
                .keep_alive_while_idle(true)
        });
        let connect = move || {
            let channel = collector.connect_lazy();
            Line::new(channel.map_err(|error| Status::from_error(error.into())))
        };
        Self::over(connect, config)
    }

    /// Over lines that `connect` makes.
    pub(crate) fn over(
        connect: impl Fn() -> Line + Send + Sync + 'static,
        config: &RelayConfig,
    ) -> Result<Self, ConfigError> {
        let mut authorization: MetadataValue<Ascii> =
            format!("Bearer {}", config.api_key).parse().map_err(|_| ConfigError::ApiKey)?;
        authorization.set_sensitive(true);
        Ok(Self { connect: Arc::new(connect), authorization })
    }

    /// A connection of its own, made when first used and again when it broke. Issuance, upload and manifest each hold
    /// one: what shares a connection can be linked.
    pub(crate) fn connection(&self) -> Line {
        (self.connect)()
    }

    /// A request with the publisher's key. There is no way to add anything else.
    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", self.authorization.clone());
        request
    }
}

/// Waits for a single call's answer, within bounds.
pub(crate) async fn answer<T>(call: impl Future<Output = Result<tonic::Response<T>, Status>>) -> Result<T, Status> {
    match tokio::time::timeout(ANSWER_TIMEOUT, call).await {
        Ok(answered) => answered.map(tonic::Response::into_inner),
        Err(_) => Err(Status::deadline_exceeded("the collector did not answer in time")),
    }
}
