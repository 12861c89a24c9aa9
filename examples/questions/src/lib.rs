//! What a brand asks of dark social: each question as a query, its answer, and the truth of a simulation beside it.

mod questions;
mod simulation;

use anyhow::Result;

/// One number that was asked for.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What was asked, in words.
    pub question: &'static str,
    /// What the number is of.
    pub about: String,
    /// The answer and its 95 % interval; none where it is not estimable.
    pub found: Option<[f64; 3]>,
    /// What the simulation knows.
    pub truth: f64,
}

impl Answer {
    /// The interval holds the truth.
    pub fn holds(&self) -> bool {
        self.found.is_some_and(|[_, low, high]| low <= self.truth && self.truth <= high)
    }

    /// The truth is no further from the answer than twice the interval's end on that side: what a seed may make of it.
    pub fn is_near(&self) -> bool {
        self.found.is_some_and(|[value, low, high]| {
            value - 2.0 * (value - low) <= self.truth && self.truth <= value + 2.0 * (high - value)
        })
    }
}

/// Simulates, asks everything, and gives the answers.
///
/// # Errors
/// When the collector does not start or does not answer.
pub async fn ask_everything(seed: u64) -> Result<Vec<Answer>> {
    let stage = simulation::Stage::build(seed).await?;
    let answers = questions::ask(&stage).await;
    stage.close().await?;
    answers
}
