//! What a request may be, whatever it asks for: the length of its address, of its headers, of its body, and its time.
//! A refusal names the limit and its value.

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tacita_connections::heads;
use tonic::Code;

use super::Refusal;
use crate::{
    config::RequestLimit,
    refusal::{Cause, Limit},
};

/// The limit of a body, by its name.
const BODY_BYTES: &str = "requests.body-bytes";

/// Serves a request within its limits.
pub(super) async fn hold(State(limits): State<RequestLimit>, request: Request, next: Next) -> Response {
    let headers = request.headers().clone();
    if let Some(refusal) = beyond(&request, &limits) {
        return refusal.to(&headers);
    }
    match tokio::time::timeout(limits.time, next.run(request.map(|body| bounded(body, limits.body_bytes)))).await {
        Ok(answer) => answer,
        Err(_) => {
            let told = format!("the request was not served in {} s", limits.time.as_secs());
            let cause = Cause::Limit(Limit::new("requests.time", limits.time.as_secs()));
            Refusal { status: StatusCode::REQUEST_TIMEOUT, code: Code::DeadlineExceeded, cause, told }.to(&headers)
        }
    }
}

fn beyond(request: &Request, limits: &RequestLimit) -> Option<Refusal> {
    let address = request.uri().path_and_query().map_or(0, |text| text.as_str().len());
    let headers = heads::bytes_of(request.headers());
    let stated = stated_length(request.headers());
    [
        (address, limits.address_bytes, "an address", "requests.address-bytes", StatusCode::URI_TOO_LONG),
        (headers, limits.header_bytes, "headers", "requests.header-bytes", StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
        (stated, limits.body_bytes, "a body", BODY_BYTES, StatusCode::PAYLOAD_TOO_LARGE),
    ]
    .into_iter()
    .find(|&(bytes, most, ..)| bytes > most)
    .map(|(bytes, most, what, name, status)| Refusal {
        status,
        code: Code::ResourceExhausted,
        told: format!("{what} of {bytes} bytes: send at most {most}"),
        cause: Cause::Limit(Limit::new(name, most as u64)),
    })
}

fn stated_length(headers: &HeaderMap) -> usize {
    headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0)
}

/// A body that ends with the refusal where it passes the limit: its length need not be stated.
fn bounded(body: Body, most: usize) -> Body {
    Body::new(Limited::new(body, most).map_err(move |error| match error.is::<LengthLimitError>() {
        true => {
            let told = format!("a body of more than {most} bytes: send at most so many");
            Limit::new(BODY_BYTES, most as u64).refuse(Code::ResourceExhausted, told).into()
        }
        false => error,
    }))
}
