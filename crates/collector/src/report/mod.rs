//! From a question to an answer: the only way from tallies to a number that a brand is told.
//!
//! ```text
//!  query ─ question: names become things ─┐
//!                                         ├─ answer: periods × publishers × groups ─ rows
//!  store ─ tallies: settled ones are kept ┘     merge: tallies are added, then estimated once
//! ```
//!
//! | module | holds |
//! |---|---|
//! | `question`, `ratio` | what is asked, checked against the catalogue |
//! | `period` | ranges, granularities |
//! | `axes`, `analytics` | which cells are one row |
//! | `tallies`, `merge` | reading and adding up |
//! | `histograms` | estimated once, for all rows |
//! | `rows`, `fraction` | rows of counts, rows of ratios |
//! | `costs` | what was declared for a group in a period |
//! | `notices` | what is said beside them |
//! | `answer` | the page of them |
//! | `funnel`, `reconciliation` | views: ratios and rows of queries, put side by side |
//! | `plan` | what a measure will be able to tell |
//! | `fit` | which publishers' reports can be honest |
//! | `privacy` | what is guaranteed, with the numbers of an answer |
//! | `number` | estimates, intervals, privacy as they are told |
//! | `desk` | takes questions in: reads, then answers on a thread of its own |

mod analytics;
mod answer;
mod axes;
mod costs;
#[cfg(test)]
mod coverage;
mod desk;
mod fit;
mod fraction;
pub(crate) mod funnel;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod histograms;
mod merge;
mod notices;
mod number;
mod period;
mod plan;
pub(crate) mod privacy;
mod question;
mod ratio;
pub(crate) mod reconciliation;
mod rows;
#[cfg(test)]
mod scene;
mod tallies;
#[cfg(test)]
mod tests;

pub(crate) use answer::told_measure;
pub(crate) use axes::Groups;
pub(crate) use desk::Desk;
pub(crate) use number::estimate as told_estimate;
pub use plan::plan_measure;
pub(crate) use question::Question;
pub(crate) use tallies::{Series, Tallies};

/// These without those that say again what one before says.
fn once_each<T: PartialEq>(all: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut once = Vec::new();
    for one in all {
        if !once.contains(&one) {
            once.push(one);
        }
    }
    once
}
