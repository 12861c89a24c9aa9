//! Pages that ask as brands do: gRPC-Web, for the origins that the operator names.
//!
//! A page shows its key in a header that it puts there itself; credentials that a browser adds by itself are not taken.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, header};
use tonic::service::{LayerExt as _, Layered};
use tonic_web::{GrpcWebLayer, GrpcWebService};
use tower::ServiceBuilder;
use tower_http::cors::{AllowOrigin, Cors, CorsLayer};

/// How long a browser remembers that it may ask.
const PREFLIGHT_AGE: Duration = Duration::from_secs(3_600);

/// A service that also speaks gRPC-Web, to pages of these origins.
pub(crate) fn for_pages<S: Clone>(service: S, origins: &[String]) -> Layered<Cors<GrpcWebService<S>>, S> {
    ServiceBuilder::new().layer(cors(origins)).layer(GrpcWebLayer::new()).named_layer(service)
}

/// An origin as a browser sends it.
pub(crate) fn origin_header(origin: &str) -> Option<HeaderValue> {
    let is_origin = origin.split_once("://").is_some_and(|(_, host)| !host.is_empty() && !host.contains('/'));
    is_origin.then(|| HeaderValue::from_str(origin).ok()).flatten()
}

/// For those that are origins: `CollectorConfig::problems` names others.
fn cors(origins: &[String]) -> CorsLayer {
    let allowed: Vec<HeaderValue> = origins.iter().filter_map(|origin| origin_header(origin)).collect();
    let named = |names: &[&'static str]| names.iter().map(|name| HeaderName::from_static(name)).collect::<Vec<_>>();
    let asked =
        [vec![header::CONTENT_TYPE, header::AUTHORIZATION], named(&["x-grpc-web", "x-user-agent", "grpc-timeout"])];
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(allowed))
        .allow_methods([Method::POST])
        .allow_headers(asked.concat())
        .expose_headers(named(&["grpc-status", "grpc-message", "grpc-status-details-bin"]))
        .max_age(PREFLIGHT_AGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_origin_is_refused() {
        for good in ["https://dash.example", "http://localhost:5173"] {
            assert!(origin_header(good).is_some(), "{good}");
        }
        for bad in ["dash.example", "https://dash.example/", "https://", "*", "https://a\nb"] {
            assert!(origin_header(bad).is_none(), "{bad}");
        }
    }
}
