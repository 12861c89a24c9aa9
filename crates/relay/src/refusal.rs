//! Why something is refused, as programs are told.

use tacita_connections::refusal;
pub(crate) use tacita_connections::refusal::because;
use tonic::{Code, Status};

/// A limit by the name that it has in the settings, with its value there: a number, bytes of a disk, a time.
pub(crate) type Limit = refusal::Limit<u64>;

/// Why something is refused.
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
