//! Why a wish is not granted.

use tacita_protocol::{
    domain::{Domain, InvalidDomain},
    epoch::EpochId,
    excerpt,
    measure::InvalidMeasure,
    policy::Violation,
    profile::Profile,
};

use crate::pool::Limit;

/// The most cells of a measure, without `none`.
const MAX_CELLS: Limit = Limit { name: "cells", value: Domain::MAX_CELLS as usize };

/// A wish that cannot be granted. Says which field, why, and what to do.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// A field's value is none that can be.
    #[error("{field}: {problem}")]
    Field { field: &'static str, problem: String },
    /// The name belongs to somebody.
    #[error("name: there is already a {what} named '{name}': choose another name")]
    Taken { what: &'static str, name: String },
    /// What the field refers to does not exist.
    #[error("{field}: there is no {what} '{name}': {remedy}")]
    Unknown { field: &'static str, what: &'static str, name: String, remedy: &'static str },
    /// It is so already: there is nothing to change.
    #[error("it is so already")]
    AlreadySo,
    /// A rule of the policy forbids it.
    #[error("{field}: {problem}")]
    Rule { field: &'static str, broken: Violation, problem: String },
    /// A limit forbids it.
    #[error("{field}: {problem}")]
    Beyond { field: &'static str, limit: Limit, problem: String },
    /// The publisher has had all tokens of the epoch.
    #[error(
        "the limit tokens_per_publisher = {quota} of epoch {epoch} is reached: no more tokens are issued to this publisher before the \
         next epoch"
    )]
    Quota { quota: u64, epoch: EpochId },
    /// The campaign was declared as often as it may be on one day.
    #[error(
        "the limit {} = {} of this campaign is reached: each declaration is kept for good; declare it again tomorrow, in one piece",
        .0.name, .0.value
    )]
    TooOften(Limit),
    /// Granting it would break the order of things.
    #[error("{0}")]
    Precondition(String),
}

impl Refused {
    pub(super) fn field(field: &'static str, problem: impl ToString) -> Self {
        Self::Field { field, problem: problem.to_string() }
    }

    pub(crate) fn broken(field: &'static str, broken: Violation) -> Self {
        Self::Rule { field, broken, problem: broken.to_string() }
    }

    /// There is none of this name; what was written is told in part.
    pub(super) fn unknown(field: &'static str, what: &'static str, name: &str, remedy: &'static str) -> Self {
        Self::Unknown { field, what, name: excerpt(name), remedy }
    }

    /// Of [`InvalidDomain::TooManyCells`], which tells how many there are.
    pub(crate) fn too_many_cells(field: &'static str, problem: impl ToString) -> Self {
        Self::Beyond { field, limit: MAX_CELLS, problem: problem.to_string() }
    }

    /// Names the request's field. The messages of [`InvalidMeasure`] begin with the measure's own word for it.
    pub(super) fn measure(error: InvalidMeasure) -> Self {
        let (field, problem) = match &error {
            InvalidMeasure::Name(cause) => ("name", cause.to_string()),
            InvalidMeasure::Domain(cause @ InvalidDomain::TooManyCells(_)) => {
                return Self::too_many_cells("dimensions", cause);
            }
            InvalidMeasure::Domain(cause) => ("dimensions", cause.to_string()),
            InvalidMeasure::Epsilon(cause) => ("epsilon_micro", cause.clone()),
            InvalidMeasure::Window(cause) => ("window_seconds", cause.to_string()),
            InvalidMeasure::NoContents => {
                ("contents", "name the contents that it tells apart, or give the dimension 'content'".into())
            }
            InvalidMeasure::Event => {
                ("event", "choose arrival, reach, share, conversion, content-share or sharer-profile".into())
            }
            InvalidMeasure::Participation => ("participation", "choose event or session".into()),
            InvalidMeasure::OncePerWindow(event) => {
                let name = event.name();
                (
                    "participation",
                    format!("{name} opens its slot with the first session of a window: leave it at event"),
                )
            }
            InvalidMeasure::Profile => {
                let labels = Profile::LABELS.join(",");
                let problem = format!(
                    "sharer-profile tells devices apart by profile={labels}, in this order, and may add cohort: leave out \
                     channel, grade, generation, value and content"
                );
                ("dimensions", problem)
            }
        };
        Self::Field { field, problem }
    }
}
