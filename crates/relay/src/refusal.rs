//! Limits as a caller reads them: a gRPC status that names the limit and its value (spec/limits.md).

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

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
    pub(crate) fn refuse(self, code: Code, told: impl Into<String>) -> Status {
        let named = HashMap::from([("limit".into(), self.name.into()), ("value".into(), self.value.to_string())]);
        Status::with_error_details(code, told, ErrorDetails::with_error_info("LIMIT_REACHED", "tacita.v1", named))
    }
}
