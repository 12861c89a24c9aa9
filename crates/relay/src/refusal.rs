//! gRPC statuses with a reason for programs (`google.rpc.ErrorInfo`) beside the message for people.

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// Who gives the reasons.
const DOMAIN: &str = "tacita.v1";

/// A refusal with its reason.
pub(crate) fn because(code: Code, reason: &str, message: impl Into<String>) -> Status {
    Status::with_error_details(code, message, ErrorDetails::with_error_info(reason, DOMAIN, HashMap::new()))
}

/// A limit is reached or passed, by its name in the settings.
pub(crate) fn limit(code: Code, limit: &str, message: impl Into<String>) -> Status {
    let named = HashMap::from([("limit".to_owned(), limit.to_owned())]);
    Status::with_error_details(code, message, ErrorDetails::with_error_info("LIMIT_REACHED", DOMAIN, named))
}
