//! HTTP around the relay's services: one port for gRPC, gRPC-Web and what a page loads (`spec/relay.md`).
//!
//! | module | holds |
//! |---|---|
//! | `busy` | submissions that are refused by their heads |
//! | `connections` | accepting, how many at a time, how long, the drain |
//! | `links` | short links |
//! | `limits` | what a request may be: address, headers, body, time |
//! | `origins` | pages of other origins (CORS) |
//! | `sdk` | the SDK's files |
//! | `simple` | submission that a browser sends without asking leave first |

mod busy;
pub(crate) mod connections;
mod limits;
mod links;
mod origins;
mod sdk;
mod simple;

use std::sync::Arc;

use axum::{
    Router,
    extract::Request,
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, header};
use tacita_admission::Door;
use tacita_connections::{Limit, messages};
use tacita_observability::{CallLayer, Methods};
use tacita_proto::{
    DESCRIPTORS,
    v1::{
        collection_service_server::CollectionServiceServer, manifest_service_server::ManifestServiceServer,
        token_service_server::TokenServiceServer,
    },
};
use tonic::{Code, service::Routes};
use tonic_health::{
    pb::health_server::HealthServer,
    server::{HealthReporter, HealthService},
};
use tonic_web::GrpcWebLayer;
use tower::Layer as _;

use self::busy::Busy;
pub(crate) use self::{links::ShortLinks, origins::Origins};
use crate::{config::RequestLimit, refusal::Cause, sdk::Sdk, services::Services};

/// All that is served. The door stands before everything but the counting: what is refused there passes nothing else.
/// Limits stand inside CORS, so that a page may read which one it broke.
pub(crate) fn app(
    services: Arc<Services>,
    requests: RequestLimit,
    origins: Origins,
    sdk: Option<&Sdk>,
    links: Option<ShortLinks>,
    (health, count): (HealthReporter, CallLayer),
) -> Result<Router, tonic_reflection::server::Error> {
    let busy = Arc::new(Busy::new(services.submissions.clone(), services.proxies.clone(), origins.clone()));
    let message = Limit { name: "requests.message-bytes", value: requests.message_bytes };
    let calls = grpc(services, message.value, health)?.into_axum_router().reset_fallback();
    let calls = messages::bounded(calls, move |_| message)
        .layer(GrpcWebLayer::new())
        .layer(from_fn_with_state(origins.clone(), simple::take))
        .layer(from_fn_with_state(requests, limits::hold))
        .layer(origins.layer());
    let pages = sdk.map(sdk::routes).into_iter().chain(links.map(links::routes)).fold(Router::new(), Router::merge);
    let pages = pages.fallback(nothing_here).layer(from_fn_with_state(requests, limits::hold));
    let door = Door::new(calls.merge(pages), move |request: &Request| busy.refuse(request));
    Ok(Router::new().fallback_service(count.layer(door)))
}

fn grpc(
    services: Arc<Services>,
    message_bytes: usize,
    health: HealthReporter,
) -> Result<Routes, tonic_reflection::server::Error> {
    let reflection =
        tonic_reflection::server::Builder::configure().register_encoded_file_descriptor_set(DESCRIPTORS).build_v1()?;
    let health = HealthService::from_health_reporter(health);
    let health = HealthServer::new(health).max_decoding_message_size(message_bytes);
    let collection = CollectionServiceServer::from_arc(services.clone()).max_decoding_message_size(message_bytes);
    Ok(Routes::new(ManifestServiceServer::from_arc(services.clone()).max_decoding_message_size(message_bytes))
        .add_service(TokenServiceServer::from_arc(services).max_decoding_message_size(message_bytes))
        .add_service(collection)
        .add_service(health)
        .add_service(reflection.max_decoding_message_size(message_bytes)))
}

/// What calls are counted by: the services' methods, and what else a path may be.
pub(crate) fn methods() -> Result<Methods, tonic_reflection::server::Error> {
    let sets = [DESCRIPTORS, tonic_health::pb::FILE_DESCRIPTOR_SET, tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET];
    let other = |path: &str| match path {
        _ if path.starts_with("/s/") => "short_link",
        _ if path.starts_with("/tacita/") || path.starts_with("/tacita.js") || path.starts_with("/tacita-") => "sdk",
        _ => "other",
    };
    Ok(Methods::new(&sets, &["short_link", "sdk", "other"], other)?)
}

async fn nothing_here(headers: HeaderMap) -> Response {
    let told = "nothing is served at this address; spec/relay.md lists what is";
    let (status, code) = (StatusCode::NOT_FOUND, Code::Unimplemented);
    Refusal { status, code, cause: Cause::Reason("NOT_SERVED"), told: told.into() }.to(&headers)
}

/// Why a request is not served, in HTTP's words and in gRPC's.
struct Refusal {
    status: StatusCode,
    code: Code,
    cause: Cause,
    told: String,
}

impl Refusal {
    /// The answer to a request with these headers: a gRPC status to who speaks gRPC, plain text to others.
    fn to(self, headers: &HeaderMap) -> Response {
        let grpc = media_type(headers).filter(|media| media.starts_with("application/grpc"));
        match grpc {
            // A gRPC-Web answer that holds its status in the headers has no body: both kinds read it.
            Some(media) => {
                let mut answer = self.cause.refuse(self.code, self.told).into_http::<axum::body::Body>();
                if let Ok(media) = media.parse() {
                    answer.headers_mut().insert(header::CONTENT_TYPE, media);
                }
                answer
            }
            None => (self.status, [(header::CACHE_CONTROL, "no-store")], self.told + "\n").into_response(),
        }
    }
}

/// `type/subtype` of the body, in lower case, without parameters.
fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next()?.trim().to_ascii_lowercase())
}
