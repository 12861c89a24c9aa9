//! A message that is longer than a limit: tonic says `OUT_OF_RANGE` in words, and here it gets the name of the limit.

use axum::{
    extract::Request,
    middleware::{Next, from_fn},
    response::Response,
};
use tonic::{Code, Status, service::Routes};

use crate::refusal;

/// How tonic's refusal of a long message begins, and what stands before the limit in it.
const TOO_LONG: &str = "Error, decoded message length too large";
const BEFORE_LIMIT: &str = "the limit is: ";

/// The service whose messages may be longer than others'.
const ADMIN: &str = "/tacita.v1.AdminService/";

/// Services whose refusals of long messages name the limit.
pub(crate) fn named(services: Routes) -> Routes {
    services.into_axum_router().layer(from_fn(name_limit)).into()
}

async fn name_limit(request: Request, next: Next) -> Response {
    let name = if request.uri().path().starts_with(ADMIN) { "admin_message_bytes" } else { "message_bytes" };
    let mut answer = next.run(request).await;
    if let Some(status) = Status::from_header_map(answer.headers()).filter(is_too_long)
        && named_limit(status, name).add_header(answer.headers_mut()).is_err()
    {
        tracing::warn!("a status could not be written into headers");
    }
    answer
}

fn is_too_long(status: &Status) -> bool {
    status.code() == Code::OutOfRange && status.message().starts_with(TOO_LONG)
}

/// The refusal of a message that is too long, by its limit's name; any other as it is.
pub(crate) fn of_message(status: Status) -> Status {
    named_limit(status, "message_bytes")
}

fn named_limit(status: Status, name: &str) -> Status {
    let said = Some(status.message()).filter(|_| is_too_long(&status)).and_then(|said| said.split_once(BEFORE_LIMIT));
    match said.and_then(|(_, rest)| rest.split(' ').next()) {
        Some(limit) => {
            let message = format!("a message is too long: send at most {limit} bytes");
            refusal::exhausted(name, limit, message)
        }
        None => status,
    }
}
