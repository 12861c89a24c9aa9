//! gRPC statuses with their details: a reason for programs (`google.rpc.ErrorInfo`), a message for people.

use std::{collections::HashMap, time::Duration};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{
    catalogue::Refused,
    pool::{JobLost, Overload},
    registry::RegistryError,
};

/// Who gives the reasons.
const DOMAIN: &str = "tacita.v1";

fn status(code: Code, reason: &str, message: impl Into<String>) -> Status {
    Status::with_error_details(code, message, ErrorDetails::with_error_info(reason, DOMAIN, HashMap::new()))
}

pub(crate) fn unauthenticated(reason: &str, message: impl Into<String>) -> Status {
    status(Code::Unauthenticated, reason, message)
}

pub(crate) fn permission_denied(reason: &str, message: impl Into<String>) -> Status {
    status(Code::PermissionDenied, reason, message)
}

pub(crate) fn not_found(reason: &str, message: impl Into<String>) -> Status {
    status(Code::NotFound, reason, message)
}

pub(crate) fn failed_precondition(reason: &str, message: impl Into<String>) -> Status {
    status(Code::FailedPrecondition, reason, message)
}

/// One field of the request cannot be.
pub(crate) fn invalid(field: &str, problem: impl Into<String>) -> Status {
    invalid_because("INVALID_FIELD", field, problem)
}

/// One field of the request cannot be, for a reason that programs may want to know.
pub(crate) fn invalid_because(reason: &str, field: &str, problem: impl Into<String>) -> Status {
    let problem = problem.into();
    let mut details = ErrorDetails::with_error_info(reason, DOMAIN, HashMap::new());
    details.add_bad_request_violation(field, problem.as_str());
    Status::with_error_details(Code::InvalidArgument, format!("{field}: {problem}"), details)
}

pub(crate) fn unavailable(reason: &str, message: impl Into<String>) -> Status {
    status(Code::Unavailable, reason, message)
}

pub(crate) fn aborted(reason: &str, message: impl Into<String>) -> Status {
    status(Code::Aborted, reason, message)
}

/// The collector's own fault. The cause is for its log; the caller learns only that nothing is lost by trying again.
pub(crate) fn internal(cause: impl std::fmt::Display) -> Status {
    tracing::error!(%cause, "a request failed");
    Status::internal(
        "the collector failed to do this: nothing was lost, try again; its operator finds the cause in its log",
    )
}

impl From<Overload> for Status {
    fn from(overload: Overload) -> Self {
        let Overload(limit) = overload;
        let named = HashMap::from([("limit".into(), limit.name.into()), ("value".into(), limit.value.to_string())]);
        let mut details = ErrorDetails::with_error_info("LIMIT_REACHED", DOMAIN, named);
        details.set_retry_info(Some(Duration::from_secs(1)));
        Self::with_error_details(Code::ResourceExhausted, overload.to_string(), details)
    }
}

impl From<JobLost> for Status {
    fn from(lost: JobLost) -> Self {
        internal(lost)
    }
}

impl From<Refused> for Status {
    fn from(refused: Refused) -> Self {
        let message = refused.to_string();
        match refused {
            Refused::Field { field, problem } => invalid(field, problem),
            Refused::Taken { .. } => status(Code::AlreadyExists, "NAME_TAKEN", message),
            Refused::Unknown { .. } => not_found("UNKNOWN_REFERENCE", message),
            Refused::AlreadySo | Refused::Precondition(_) => failed_precondition("NOT_NOW", message),
        }
    }
}

impl From<RegistryError> for Status {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::Refused(refused) => refused.into(),
            RegistryError::Store(error) => internal(error),
            RegistryError::Log(error) => internal(error),
        }
    }
}
