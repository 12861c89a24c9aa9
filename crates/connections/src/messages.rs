//! The messages of a call: tonic says in words that one is too long (`OUT_OF_RANGE`), and here it gets the name of its limit.

use axum::{
    Router,
    extract::Request,
    middleware::{Next, from_fn},
};
use tonic::{Code, Status};

use crate::Limit;

/// How tonic's refusal of a long message begins.
const TOO_LONG: &str = "Error, decoded message length too large";

/// `services`, whose refusals of long messages name the limit that holds for the call's path.
pub fn bounded(services: Router, limit: impl Fn(&str) -> Limit + Clone + Send + Sync + 'static) -> Router {
    services.layer(from_fn(move |call: Request, next: Next| {
        let limit = limit(call.uri().path());
        async move {
            let mut answer = next.run(call).await;
            if let Some(status) = Status::from_header_map(answer.headers()).filter(is_too_long)
                && refusal(limit).add_header(answer.headers_mut()).is_err()
            {
                tracing::warn!(%status, "a status could not be written into headers");
            }
            answer
        }
    }))
}

/// A status in the midst of a stream: the refusal of a message that is longer than `limit` names it, any other is as it was.
pub fn named(status: Status, limit: Limit) -> Status {
    if is_too_long(&status) { refusal(limit) } else { status }
}

fn is_too_long(status: &Status) -> bool {
    status.code() == Code::OutOfRange && status.message().starts_with(TOO_LONG)
}

fn refusal(limit: Limit) -> Status {
    limit.refuse(Code::ResourceExhausted, format!("a message is too long: send at most {} bytes", limit.value))
}
