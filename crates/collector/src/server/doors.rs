//! The doors: how many connections there may be and how long, how long the headers of a call, and what whoever goes
//! beyond is told.

use axum::{Router, response::Response};
use http::{HeaderMap, StatusCode, header};
use tacita_connections::{Bounds, Limit, Server, heads};
use tonic::{Code, Status};

use crate::{CollectorConfig, CollectorError, config::Limits, metrics::Metrics, pool::Overload};

const CONNECTIONS: &str = "connections";
const PER_PEER: &str = "connections_per_peer";

/// The most that the headers of a call may have.
const HEAD: Limit = Limit { name: "header_bytes", value: 16 << 10 };

/// The names of the limits that refuse here, before it is known whose call it is.
pub(crate) const REFUSING: [&str; 3] = [CONNECTIONS, PER_PEER, HEAD.name];

/// What serves the connections of callers: whoever has shown no key does not stay.
pub(super) fn server(config: &CollectorConfig, metrics: &Metrics) -> Result<Server, CollectorError> {
    let acceptor = config.tls.clone().map(tacita_tls::Acceptor::new).transpose()?;
    let Limits { connections, connections_per_peer, connections_per_tenant, .. } = config.limits;
    let bounds = Bounds {
        most: Limit { name: CONNECTIONS, value: connections },
        per_peer: Limit { name: PER_PEER, value: connections_per_peer },
        per_tenant: Some(Limit { name: "connections_per_tenant", value: connections_per_tenant }),
        stranger: Some(config.limits.connection_admission),
        idle: config.limits.connection_idle,
        age: config.limits.connection_age,
        // Streams last for days.
        grace: None,
        streams: config.limits.streams_per_connection,
        head: HEAD.value,
        adaptive_window: true,
    };
    let farewell = |limit, headers: &HeaderMap| {
        let status = Status::from(Overload(limit));
        told(status, StatusCode::SERVICE_UNAVAILABLE, headers)
    };
    let server = Server::new(bounds, metrics.connections.clone(), farewell);
    Ok(server.with_tls(acceptor.map(Into::into)))
}

/// `app`, which no call with too long headers reaches.
pub(super) fn bounded(app: Router, metrics: &Metrics) -> Router {
    heads::bounded(app, HEAD, metrics.connections.clone(), |headers| {
        told(long_headers(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, headers)
    })
}

fn long_headers() -> Status {
    let Limit { name, value } = HEAD;
    let message = format!("the headers of a call are longer than {value} bytes, the most they may be ({name})");
    HEAD.refuse(Code::ResourceExhausted, message)
}

/// A gRPC status, which gRPC-Web reads too; to pages of plain HTTP, the words.
fn told(status: Status, http: StatusCode, asked: &HeaderMap) -> Response {
    let is_grpc =
        asked.get(header::CONTENT_TYPE).is_some_and(|media| media.as_bytes().starts_with(b"application/grpc"));
    match is_grpc {
        true => status.into_http(),
        false => {
            let mut answer = Response::new(format!("{}\n", status.message()).into());
            *answer.status_mut() = http;
            answer
        }
    }
}
