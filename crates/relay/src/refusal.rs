//! gRPC statuses with a reason for programs (`google.rpc.ErrorInfo`) beside the message for people. Where the reason is a limit, they
//! name it, with its value (spec/limits.md).

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// Who gives the reasons.
const DOMAIN: &str = "tacita.v1";

/// A limit by the name that it has in the settings, with its value there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Limit {
    pub(crate) name: &'static str,
    pub(crate) value: u64,
}

impl Limit {
    pub(crate) const fn new(name: &'static str, value: u64) -> Self {
        Self { name, value }
    }

    /// The refusal of what goes beyond it.
    pub(crate) fn refuse(self, code: Code, message: impl Into<String>) -> Status {
        let named = HashMap::from([("limit".into(), self.name.into()), ("value".into(), self.value.to_string())]);
        Status::with_error_details(code, message, ErrorDetails::with_error_info("LIMIT_REACHED", DOMAIN, named))
    }
}

/// Why something is refused, as programs are told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cause {
    /// It goes beyond this limit.
    Limit(Limit),
    /// Any other reason, by its name.
    Reason(&'static str),
}

impl Cause {
    /// The refusal.
    pub(crate) fn refuse(self, code: Code, message: impl Into<String>) -> Status {
        match self {
            Self::Limit(limit) => limit.refuse(code, message),
            Self::Reason(reason) => because(code, reason, message),
        }
    }
}

/// A refusal with its reason.
pub(crate) fn because(code: Code, reason: &str, message: impl Into<String>) -> Status {
    Status::with_error_details(code, message, ErrorDetails::with_error_info(reason, DOMAIN, HashMap::new()))
}
