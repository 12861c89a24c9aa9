//! gRPC statuses with their details: a reason for programs (`google.rpc.ErrorInfo`), a message for people.

use std::time::Duration;

use tacita_connections::refusal::{LIMIT_REACHED, because, details};
use tacita_protocol::policy::Violation;
use tacita_store::StoreError;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{
    catalogue::Refused,
    pool::{JobLost, Limit, Overload},
    registry::RegistryError,
};

pub(crate) fn unauthenticated(reason: &str, message: impl Into<String>) -> Status {
    because(Code::Unauthenticated, reason, message)
}

pub(crate) fn permission_denied(reason: &str, message: impl Into<String>) -> Status {
    because(Code::PermissionDenied, reason, message)
}

pub(crate) fn not_found(reason: &str, message: impl Into<String>) -> Status {
    because(Code::NotFound, reason, message)
}

pub(crate) fn failed_precondition(reason: &str, message: impl Into<String>) -> Status {
    because(Code::FailedPrecondition, reason, message)
}

/// One field of the request cannot be.
pub(crate) fn invalid(field: &str, problem: impl Into<String>) -> Status {
    invalid_because("INVALID_FIELD", field, problem)
}

/// The same, for a reason that programs may want to know.
pub(crate) fn invalid_because(reason: &str, field: &str, problem: impl Into<String>) -> Status {
    of_field(field, problem, details(reason, []))
}

/// One field of the request goes beyond a limit.
pub(crate) fn beyond(field: &str, limit: Limit, problem: impl Into<String>) -> Status {
    beyond_because(LIMIT_REACHED, field, limit, problem)
}

/// The same, by a reason of its own.
pub(crate) fn beyond_because(reason: &str, field: &str, limit: Limit, problem: impl Into<String>) -> Status {
    of_field(field, problem, limit.details(reason))
}

/// A rule of the policy forbids what a field of the request says.
fn policy_broken(field: &str, broken: Violation, problem: &str) -> Status {
    let Violation { rule, asked, limit } = broken;
    let told = [("rule", rule.name().to_owned()), ("limit", rule.written(limit)), ("value", rule.written(asked))];
    of_field(field, problem, details("POLICY_BROKEN", told))
}

/// The refusal of a field; `why` is for programs.
fn of_field(field: &str, problem: impl Into<String>, mut why: ErrorDetails) -> Status {
    let problem = problem.into();
    let message = format!("{field}: {problem}");
    why.add_bad_request_violation(field, problem);
    Status::with_error_details(Code::InvalidArgument, message, why)
}

pub(crate) fn unavailable(reason: &str, message: impl Into<String>) -> Status {
    because(Code::Unavailable, reason, message)
}

pub(crate) fn aborted(reason: &str, message: impl Into<String>) -> Status {
    because(Code::Aborted, reason, message)
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
        let mut why = overload.0.details(LIMIT_REACHED);
        why.set_retry_info(Some(Duration::from_secs(1)));
        Self::with_error_details(Code::ResourceExhausted, overload.to_string(), why)
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
            because(Code::Unavailable, "STORE_UNAVAILABLE", message)
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
            Refused::Quota { quota, .. } => {
                let limit = Limit { name: "tokens_per_publisher", value: quota };
                limit.refuse(Code::ResourceExhausted, message)
            }
            Refused::TooOften(limit) => limit.refuse(Code::ResourceExhausted, message),
            Refused::Rule { field, broken, problem } => policy_broken(field, broken, &problem),
            Refused::Taken { .. } => because(Code::AlreadyExists, "NAME_TAKEN", message),
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
