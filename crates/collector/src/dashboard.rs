//! The brand's page on the collector's own port: whatever no service takes goes to it.

use axum::{body::Body, extract::Request, response::Response};
use http::header;
use tonic::{Status, service::Routes};

/// The services, and the page beside them.
pub(crate) fn beside(services: Routes) -> Routes {
    services.into_axum_router().reset_fallback().fallback(answer).into()
}

/// To who speaks gRPC: there is no such service. To anybody else: the page, or what a browser can read.
async fn answer(request: Request) -> Response {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    match kind.is_some_and(|kind| kind.starts_with("application/grpc")) {
        true => Status::unimplemented("this collector has no such service or method").into_http(),
        false => tacita_dashboard::answer(&request).map(Body::from),
    }
}
