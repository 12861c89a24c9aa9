//! The way to the collector: connections, and requests that carry the publisher's key and nothing of any visitor.

use std::time::Duration;

use tacita_tls::Server;
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    transport::Channel,
};

use crate::config::{ConfigError, RelayConfig};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// How long an answer to a single call may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// Where the collector is, and how the publisher shows itself to it.
#[derive(Clone)]
pub(crate) struct Upstream {
    collector: Server,
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
        let mut authorization: MetadataValue<Ascii> =
            format!("Bearer {}", config.api_key).parse().map_err(|_| ConfigError::ApiKey)?;
        authorization.set_sensitive(true);
        Ok(Self { collector, authorization })
    }

    /// A connection of its own, made when first used and again when it broke. Issuance, upload and manifest each hold
    /// one: what shares a connection can be linked.
    pub(crate) fn connection(&self) -> Channel {
        self.collector.connect_lazy()
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
