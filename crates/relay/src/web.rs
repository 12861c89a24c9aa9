//! HTTP around the relay's services: one port for gRPC, gRPC-Web and what a page loads (`spec/relay.md`).
//!
//! | module | holds |
//! |---|---|
//! | `connections` | accepting, how many at a time, how long, the drain |
//! | `links` | short links |
//! | `message` | a message that is too long, told by its limit's name |
//! | `limits` | what a request may be: address, headers, body, time |
//! | `origins` | pages of other origins (CORS) |
//! | `sdk` | the SDK's files |
//! | `simple` | submission that a browser sends without asking leave first |

mod connections;
mod limits;
mod links;
mod message;
mod origins;
mod sdk;
mod simple;

use std::sync::Arc;

use axum::{
    Router,
    middleware::{from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, header};
use tacita_proto::{
    DESCRIPTORS,
    v1::{
        collection_service_server::CollectionServiceServer, manifest_service_server::ManifestServiceServer,
        token_service_server::TokenServiceServer,
    },
};
use tonic::{Code, Status, service::Routes};
use tonic_web::GrpcWebLayer;

pub(crate) use self::{connections::Connections, links::ShortLinks, origins::Origins};
use crate::{config::RequestLimit, refusal::Limit, sdk::Sdk, services::Services};

/// All that is served. Limits stand inside CORS, so that a page may read which one it broke.
pub(crate) async fn app(
    services: Arc<Services>,
    requests: RequestLimit,
    origins: Origins,
    sdk: Option<&Sdk>,
    links: Option<ShortLinks>,
) -> Result<Router, tonic_reflection::server::Error> {
    let calls = grpc(services, requests.message_bytes)
        .await?
        .into_axum_router()
        .reset_fallback()
        .layer(from_fn(message::name_limit))
        .layer(GrpcWebLayer::new())
        .layer(from_fn_with_state(origins.clone(), simple::take))
        .layer(from_fn_with_state(requests, limits::hold))
        .layer(origins.layer());
    let pages = sdk.map(sdk::routes).into_iter().chain(links.map(links::routes)).fold(Router::new(), Router::merge);
    Ok(calls.merge(pages.fallback(nothing_here).layer(from_fn_with_state(requests, limits::hold))))
}

async fn grpc(services: Arc<Services>, message_bytes: usize) -> Result<Routes, tonic_reflection::server::Error> {
    let reflection =
        tonic_reflection::server::Builder::configure().register_encoded_file_descriptor_set(DESCRIPTORS).build_v1()?;
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<ManifestServiceServer<Services>>().await;
    reporter.set_serving::<TokenServiceServer<Services>>().await;
    reporter.set_serving::<CollectionServiceServer<Services>>().await;
    Ok(Routes::new(ManifestServiceServer::from_arc(services.clone()).max_decoding_message_size(message_bytes))
        .add_service(TokenServiceServer::from_arc(services.clone()).max_decoding_message_size(message_bytes))
        .add_service(CollectionServiceServer::from_arc(services).max_decoding_message_size(message_bytes))
        .add_service(health)
        .add_service(reflection))
}

async fn nothing_here(headers: HeaderMap) -> Response {
    let told = "nothing is served at this address; spec/relay.md lists what is";
    Refusal { status: StatusCode::NOT_FOUND, code: Code::Unimplemented, told: told.into(), limit: None }.to(&headers)
}

/// Why a request is not served, in HTTP's words and in gRPC's.
struct Refusal {
    status: StatusCode,
    code: Code,
    told: String,
    /// The limit that it goes beyond, if it is one.
    limit: Option<Limit>,
}

impl Refusal {
    /// The answer to a request with these headers: a gRPC status to who speaks gRPC, plain text to others.
    fn to(self, headers: &HeaderMap) -> Response {
        let grpc = media_type(headers).filter(|media| media.starts_with("application/grpc"));
        match grpc {
            // A gRPC-Web answer that holds its status in the headers has no body: both kinds read it.
            Some(media) => {
                let status = match self.limit {
                    Some(limit) => limit.refuse(self.code, self.told),
                    None => Status::new(self.code, self.told),
                };
                let mut answer = status.into_http::<axum::body::Body>();
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
