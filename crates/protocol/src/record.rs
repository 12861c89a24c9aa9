//! The record: what a collector did with a publisher's reports, period by period, in a chain that cannot be rewritten unseen.
//!
//! Each publisher has a chain of its own, so that it can be checked without knowing of any other publisher. A period in which nothing
//! came has no entry.

use std::fmt;

/// The number of a period. Numbers are consecutive, begin with 0 and are never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PeriodId(pub u32);

impl PeriodId {
    /// The period after this one.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for PeriodId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
