//! A message that is longer than the settings allow: tonic says `OUT_OF_RANGE` in words, and here it gets the name of the limit.

use axum::{extract::Request, middleware::Next, response::Response};
use tonic::{Code, Status};

use crate::refusal::Limit;

/// How tonic's refusal of a long message begins, and what stands before the limit in it.
const TOO_LONG: &str = "Error, decoded message length too large";
const BEFORE_LIMIT: &str = "the limit is: ";

/// Names the limit in the answer to a message that is too long.
pub(super) async fn name_limit(request: Request, next: Next) -> Response {
    let mut answer = next.run(request).await;
    if let Some(status) = Status::from_header_map(answer.headers()).as_ref().and_then(named)
        && status.add_header(answer.headers_mut()).is_err()
    {
        tracing::warn!("a status could not be written into headers");
    }
    answer
}

fn named(status: &Status) -> Option<Status> {
    let said = Some(status.message()).filter(|said| status.code() == Code::OutOfRange && said.starts_with(TOO_LONG))?;
    let limit = said.split_once(BEFORE_LIMIT)?.1.split(' ').next()?.parse().ok()?;
    let told = format!("a message is too long: send at most {limit} bytes");
    Some(Limit::new("requests.message-bytes", limit).refuse(Code::ResourceExhausted, told))
}
