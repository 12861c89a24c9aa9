//! The doors: how many connections there may be and how long, how long the headers of a call, and what whoever goes beyond is told.

use axum::response::Response;
use http::{HeaderMap, StatusCode, header};
use tacita_connections::{Bounds, Limit, Server};
use tonic::Status;

use crate::{
    CollectorConfig, CollectorError,
    config::Limits,
    metrics::Metrics,
    pool::Overload,
    refusal::{HEADER_BYTES, long_headers},
};

/// The most that the headers of a call may have.
const HEAD: Limit = Limit { name: HEADER_BYTES, value: 16 << 10 };

/// What serves the connections of callers: whoever has shown no key does not stay.
pub(super) fn server(config: &CollectorConfig, metrics: &Metrics) -> Result<Server, CollectorError> {
    let acceptor = config.tls.clone().map(tacita_tls::Acceptor::new).transpose()?;
    let Limits { connections, connections_per_peer, connections_per_tenant, .. } = config.limits;
    let bounds = Bounds {
        most: Limit { name: "connections", value: connections },
        per_peer: Limit { name: "connections_per_peer", value: connections_per_peer },
        per_tenant: Some(Limit { name: "connections_per_tenant", value: connections_per_tenant }),
        stranger: Some(config.limits.connection_admission),
        idle: config.limits.connection_idle,
        age: config.limits.connection_age,
        // Streams last for days.
        grace: None,
        streams: config.limits.streams_per_connection,
        head: HEAD,
        adaptive_window: true,
    };
    let server = Server::new(bounds, metrics.connections.clone(), farewell);
    Ok(server.with_tls(acceptor.map(Into::into)))
}

/// A gRPC status, which gRPC-Web reads too; to pages of plain HTTP, the words.
fn farewell(limit: Limit, headers: &HeaderMap) -> Response {
    let (status, http) = match limit.name {
        HEADER_BYTES => (long_headers(limit), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
        _ => (Status::from(Overload(limit)), StatusCode::SERVICE_UNAVAILABLE),
    };
    let is_grpc =
        headers.get(header::CONTENT_TYPE).is_some_and(|media| media.as_bytes().starts_with(b"application/grpc"));
    match is_grpc {
        true => status.into_http(),
        false => {
            let mut answer = Response::new(format!("{}\n", status.message()).into());
            *answer.status_mut() = http;
            answer
        }
    }
}
