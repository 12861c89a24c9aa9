//! Submission as a request that browsers call simple: a page that is being left can send it to another origin, since no
//! leave is asked for first.
//!
//! It is gRPC-Web's text framing under the name of `text/plain`, one of the three media types that need no preflight. It is given
//! its right name here and goes the way of every other call.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderValue, StatusCode, header};
use tacita_proto::SUBMIT_REPORTS;
use tonic::Code;

use super::{Origins, Refusal, media_type};
use crate::refusal::Cause;

const GRPC_WEB_TEXT: HeaderValue = HeaderValue::from_static("application/grpc-web-text");

/// Passes gRPC on, simple submissions under their right name, and nothing else.
pub(super) async fn take(State(origins): State<Origins>, mut request: Request, next: Next) -> Response {
    let media = media_type(request.headers()).unwrap_or_default();
    if media.starts_with("application/grpc") {
        return next.run(request).await;
    }
    if media != "text/plain" || request.uri().path() != SUBMIT_REPORTS {
        let told = format!(
            "content-type '{media}': send application/grpc, application/grpc-web+proto, application/grpc-web-text or, \
             for SubmitReports, text/plain"
        );
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        let cause = Cause::Reason("MEDIA_TYPE");
        return Refusal { status, code: Code::InvalidArgument, cause, told }.to(request.headers());
    }
    if !origins.allow(request.uri(), request.headers()) {
        let told =
            "this origin may not submit here; the relay's operator lists those that may in allowed-origins".into();
        let (status, code, cause) = (StatusCode::FORBIDDEN, Code::PermissionDenied, Cause::Reason("ORIGIN"));
        return Refusal { status, code, cause, told }.to(request.headers());
    }
    request.headers_mut().insert(header::CONTENT_TYPE, GRPC_WEB_TEXT);
    next.run(request).await
}
