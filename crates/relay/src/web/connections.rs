//! Connections: how many at a time, how long a silent or slow one is borne, and what whoever has no place is told.

use std::sync::Arc;

use axum::response::Response;
use http::{HeaderMap, StatusCode};
use tacita_connections::{Bounds, Limit as Full, Server};
use tacita_tls::Acceptor;
use tonic::Code;

use super::Refusal;
use crate::{
    config::{ConnectionLimit, RequestLimit},
    metrics::Metrics,
    refusal::{Cause, Limit},
    visitor::TrustedProxies,
};

/// The names of the limits on connections.
pub(crate) const MOST: &str = "connections.most";
/// Of one address.
pub(crate) const PER_VISITOR: &str = "connections.per-visitor";

/// What serves the connections of visitors. A trusted proxy may have as many as there may be.
pub(crate) fn server(
    (limit, requests): (ConnectionLimit, RequestLimit),
    proxies: TrustedProxies,
    metrics: &Metrics,
    acceptor: Option<Arc<Acceptor>>,
) -> Server {
    let ConnectionLimit { most, per_visitor, idle, streams, age } = limit;
    let bounds = Bounds {
        most: Full { name: MOST, value: most },
        per_peer: Full { name: PER_VISITOR, value: per_visitor },
        per_tenant: None,
        // Visitors do not say who they are.
        stranger: None,
        idle,
        age,
        grace: Some(requests.time),
        streams,
        head: requests.header_bytes,
        adaptive_window: false,
    };
    Server::new(bounds, metrics.connections.clone(), farewell)
        .with_tls(acceptor)
        .with_shared(move |address| proxies.trusts(address))
}

fn farewell(Full { name, value }: Full, headers: &HeaderMap) -> Response {
    let told = match name {
        PER_VISITOR => format!("{value} connections of one address are open, as many as may be"),
        _ => format!("{value} connections are open, as many as may be; try again later"),
    };
    let cause = Cause::Limit(Limit::new(name, value as u64));
    Refusal { status: StatusCode::SERVICE_UNAVAILABLE, code: Code::ResourceExhausted, told, cause }.to(headers)
}
