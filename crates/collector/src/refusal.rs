//! gRPC statuses with their details: a reason for programs (`google.rpc.ErrorInfo`), a message for people.

use std::{collections::HashMap, time::Duration};

use tacita_protocol::policy::Violation;
use tacita_store::StoreError;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{
    catalogue::Refused,
    pool::{JobLost, Limit, Overload},
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

/// One field of the request goes beyond a limit.
pub(crate) fn beyond(field: &str, limit: Limit, problem: impl Into<String>) -> Status {
    beyond_because("LIMIT_REACHED", field, limit, problem)
}

/// The same, by a reason of its own.
pub(crate) fn beyond_because(reason: &str, field: &str, limit: Limit, problem: impl Into<String>) -> Status {
    let problem = problem.into();
    let mut details = ErrorDetails::with_error_info(reason, DOMAIN, named(limit.name, limit.value));
    details.add_bad_request_violation(field, problem.as_str());
    Status::with_error_details(Code::InvalidArgument, format!("{field}: {problem}"), details)
}

/// A limit is reached, and that is all there is to say.
pub(crate) fn exhausted(name: &str, value: impl ToString, message: impl Into<String>) -> Status {
    let details = ErrorDetails::with_error_info("LIMIT_REACHED", DOMAIN, named(name, value));
    Status::with_error_details(Code::ResourceExhausted, message, details)
}

/// The limit of a call's headers.
pub(crate) const HEADER_BYTES: &str = "header_bytes";

/// A call's headers are too long.
pub(crate) fn long_headers(limit: Limit) -> Status {
    let Limit { name, value } = limit;
    exhausted(
        name,
        value,
        format!("the headers of a call are longer than {value} bytes, the most they may be ({name})"),
    )
}

/// A limit as programs read it.
fn named(name: &str, value: impl ToString) -> HashMap<String, String> {
    HashMap::from([("limit".into(), name.into()), ("value".into(), value.to_string())])
}

/// One field of the request cannot be, for a reason that programs may want to know.
pub(crate) fn invalid_because(reason: &str, field: &str, problem: impl Into<String>) -> Status {
    let problem = problem.into();
    let mut details = ErrorDetails::with_error_info(reason, DOMAIN, HashMap::new());
    details.add_bad_request_violation(field, problem.as_str());
    Status::with_error_details(Code::InvalidArgument, format!("{field}: {problem}"), details)
}

/// A rule of the policy forbids it.
fn policy_broken(field: &str, broken: Violation, problem: &str) -> Status {
    let Violation { rule, asked, limit } = broken;
    let metadata = HashMap::from([
        ("rule".into(), rule.name().into()),
        ("limit".into(), rule.written(limit)),
        ("value".into(), rule.written(asked)),
    ]);
    let mut details = ErrorDetails::with_error_info("POLICY_BROKEN", DOMAIN, metadata);
    details.add_bad_request_violation(field, problem);
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
        let named = named(limit.name, limit.value);
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

/// A database that is away or a disk that is full comes back: the caller waits. Anything else is the collector's fault.
pub(crate) fn store(error: StoreError) -> Status {
    match error {
        StoreError::Unavailable(_) | StoreError::DiskFull => {
            tracing::warn!(%error, "a request was sent away");
            let message = "the collector's store takes nothing just now: nothing was lost, try again";
            status(Code::Unavailable, "STORE_UNAVAILABLE", message)
        }
        error => internal(error),
    }
}

impl From<Refused> for Status {
    fn from(refused: Refused) -> Self {
        let message = refused.to_string();
        match refused {
            Refused::Field { field, problem } => invalid(field, problem),
            Refused::Beyond { field, limit, problem } => beyond(field, limit, problem),
            Refused::Quota { quota, .. } => exhausted("tokens_per_publisher", quota, message),
            Refused::TooOften(limit) => exhausted(limit.name, limit.value, message),
            Refused::Rule { field, broken, problem } => policy_broken(field, broken, &problem),
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
            RegistryError::Store(error) => store(error),
            RegistryError::Log(error) => internal(error),
        }
    }
}
