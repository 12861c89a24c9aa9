//! Refusals: a gRPC status with a reason for programs (`google.rpc.ErrorInfo`) beside the message for people. Where the
//! reason is a limit, they name it, with its value (`spec/limits.md`).

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// Who gives the reasons.
pub const DOMAIN: &str = "tacita.v1";

/// The reason where a limit is one.
pub const LIMIT_REACHED: &str = "LIMIT_REACHED";

/// A limit, as it is named to whoever meets it. `V` is what it is counted in: places and bytes in memory unless it is
/// told otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limit<V = usize> {
    /// What it is called in refusals, in metrics and in `spec/limits.md`, which says the setting that it has, if it has one.
    pub name: &'static str,
    /// How many there may be, or how much.
    pub value: V,
}

impl<V> Limit<V> {
    /// One of this name and value.
    pub const fn new(name: &'static str, value: V) -> Self {
        Self { name, value }
    }
}

impl<V: ToString> Limit<V> {
    /// The refusal of what goes beyond it.
    pub fn refuse(&self, code: Code, message: impl Into<String>) -> Status {
        Status::with_error_details(code, message, self.details(LIMIT_REACHED))
    }

    /// Its name and its value, as programs are told of them.
    pub fn details(&self, reason: &str) -> ErrorDetails {
        details(reason, [("limit", self.name.to_owned()), ("value", self.value.to_string())])
    }
}

/// A refusal with its reason.
pub fn because(code: Code, reason: &str, message: impl Into<String>) -> Status {
    Status::with_error_details(code, message, details(reason, []))
}

/// A reason, and what else programs are told.
pub fn details<const N: usize>(reason: &str, told: [(&str, String); N]) -> ErrorDetails {
    let told = told.map(|(name, value)| (name.to_owned(), value));
    ErrorDetails::with_error_info(reason, DOMAIN, told)
}
