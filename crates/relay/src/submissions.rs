//! How many envelopes are in work between a request's admission and the answer after its fsync: as many as get through
//! in the time that the settings give them. What comes beyond is refused by the head of its request.

use std::time::Duration;

use tacita_admission::{Admission, InWork, Leave};
use tonic::{Code, Status};

use crate::{refusal::Limit, visitor::Visitor};

/// So many may be in work at any pace: where an fsync takes a tenth of a second, groups of them still make 10,000
/// durable in a second.
const LEAST: usize = 1_024;

/// Whose envelopes are in work.
#[derive(Clone)]
pub(crate) struct Submissions {
    admission: Admission<Visitor>,
    limit: Limit,
}

impl Submissions {
    /// Envelopes are to be answered in so many milliseconds.
    pub(crate) fn new(millis: u64) -> Self {
        let limit = Limit::new("requests.submit-millis", millis);
        Self { admission: Admission::new(Duration::from_millis(millis), LEAST), limit }
    }

    /// Leave to make envelopes durable; or the refusal.
    pub(crate) fn enter(&self, visitor: Visitor, envelopes: usize) -> Result<Leave<Visitor>, Status> {
        self.admission.enter(&visitor, envelopes).ok_or_else(|| self.refusal())
    }

    /// Whether there is room for what a visitor brings, as far as that can be told before it is read.
    pub(crate) fn has_room(&self, visitor: Visitor) -> bool {
        self.admission.has_room(&visitor)
    }

    /// For the metrics.
    pub(crate) fn in_work(&self) -> InWork {
        self.admission.in_work()
    }

    /// What is told where there is none.
    pub(crate) fn refusal(&self) -> Status {
        let told =
            format!("the relay is busy, and answers in {} ms: keep the reports and try again later", self.limit.value);
        self.limit.refuse(Code::ResourceExhausted, told)
    }
}
