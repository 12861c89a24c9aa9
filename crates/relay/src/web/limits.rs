//! What a request may be, whatever it asks for: the length of its address, of its headers, of its body, and its time.
//! A refusal names the limit and its value.

use std::time::Duration;

use axum::{body::Body, extract::Request, middleware::Next, response::Response};
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tonic::{Code, Status};

use super::Refusal;

/// Path and query.
const ADDRESS_BYTES: usize = 8 << 10;

/// Names and values of all headers.
pub(super) const HEADER_BYTES: usize = 16 << 10;

/// A message of 64 KiB and its frame, also in base64.
const BODY_BYTES: usize = 96 << 10;

/// From the end of the headers to the beginning of the answer.
pub(super) const REQUEST_TIME: Duration = Duration::from_secs(30);

/// Serves a request within its limits.
pub(super) async fn hold(request: Request, next: Next) -> Response {
    let headers = request.headers().clone();
    if let Some(refusal) = beyond(&request) {
        return refusal.to(&headers);
    }
    match tokio::time::timeout(REQUEST_TIME, next.run(request.map(bounded))).await {
        Ok(answer) => answer,
        Err(_) => {
            let told = format!("the request was not served in {} s", REQUEST_TIME.as_secs());
            let (status, code) = (StatusCode::REQUEST_TIMEOUT, Code::DeadlineExceeded);
            Refusal { status, code, reason: "REQUEST_TIME", told }.to(&headers)
        }
    }
}

fn beyond(request: &Request) -> Option<Refusal> {
    let address = request.uri().path_and_query().map_or(0, |text| text.as_str().len());
    let headers = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    let stated = stated_length(request.headers());
    [
        (address, ADDRESS_BYTES, "an address", "ADDRESS_BYTES", StatusCode::URI_TOO_LONG),
        (headers, HEADER_BYTES, "headers", "HEADER_BYTES", StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
        (stated, BODY_BYTES, "a body", "BODY_BYTES", StatusCode::PAYLOAD_TOO_LARGE),
    ]
    .into_iter()
    .find(|&(bytes, most, ..)| bytes > most)
    .map(|(bytes, most, what, reason, status)| Refusal {
        status,
        code: Code::ResourceExhausted,
        reason,
        told: format!("{what} of {bytes} bytes: send at most {most}"),
    })
}

fn stated_length(headers: &HeaderMap) -> usize {
    headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0)
}

/// A body that ends with the refusal where it passes the limit: its length need not be stated.
fn bounded(body: Body) -> Body {
    Body::new(Limited::new(body, BODY_BYTES).map_err(|error| match error.is::<LengthLimitError>() {
        true => {
            Status::resource_exhausted(format!("a body of more than {BODY_BYTES} bytes: send at most so many")).into()
        }
        false => error,
    }))
}
