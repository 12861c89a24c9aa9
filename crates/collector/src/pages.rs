//! Pages that ask as brands do: gRPC-Web, for the origins that the operator names.
//!
//! A page shows its key in a header that it puts there itself; credentials that a browser adds by itself are not taken.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, header};
use tonic::service::{LayerExt as _, Layered};
use tonic_web::{GrpcWebLayer, GrpcWebService};
use tower::ServiceBuilder;
use tower_http::cors::{AllowOrigin, Cors, CorsLayer};

use crate::CollectorError;

/// How long a browser remembers that it may ask.
const PREFLIGHT_AGE: Duration = Duration::from_secs(3_600);

/// A service that also speaks gRPC-Web, to pages of these origins.
pub(crate) fn for_pages<S>(
    service: S,
    origins: &[String],
) -> Result<Layered<Cors<GrpcWebService<S>>, S>, CollectorError>
where
    S: Clone,
{
    let cors = cors(origins)?;
    Ok(ServiceBuilder::new().layer(cors).layer(GrpcWebLayer::new()).named_layer(service))
}

fn cors(origins: &[String]) -> Result<CorsLayer, CollectorError> {
    let remedy = "write each origin as a browser does: scheme, host and port, for example https://dash.example";
    let header = |origin: &String| {
        let is_origin = origin.split_once("://").is_some_and(|(_, host)| !host.is_empty() && !host.contains('/'));
        let value = is_origin.then(|| HeaderValue::from_str(origin).ok()).flatten();
        value.ok_or(CollectorError::Config { setting: "dashboard_origins", remedy })
    };
    let allowed = origins.iter().map(header).collect::<Result<Vec<_>, _>>()?;
    let named = |names: &[&'static str]| names.iter().map(|name| HeaderName::from_static(name)).collect::<Vec<_>>();
    let asked =
        [vec![header::CONTENT_TYPE, header::AUTHORIZATION], named(&["x-grpc-web", "x-user-agent", "grpc-timeout"])];
    Ok(CorsLayer::new()
        .allow_origin(AllowOrigin::list(allowed))
        .allow_methods([Method::POST])
        .allow_headers(asked.concat())
        .expose_headers(named(&["grpc-status", "grpc-message", "grpc-status-details-bin"]))
        .max_age(PREFLIGHT_AGE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_origin_is_refused() {
        assert!(cors(&["https://dash.example".into(), "http://localhost:5173".into()]).is_ok());
        for bad in ["dash.example", "https://dash.example/", "https://", "*", "https://a\nb"] {
            assert!(cors(&[bad.into()]).is_err(), "{bad}");
        }
    }
}
