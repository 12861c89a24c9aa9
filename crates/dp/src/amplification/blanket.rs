//! The privacy-blanket bound for block-design mechanisms.
//!
//! δ(ε) ≤ E[(S)₊]/n, S a sum of n independent copies of a loss L with five atoms (Balle et al., CRYPTO 2019, Lemma 5.3;
//! the optimal blanket of an extremal design: Su, Cheng and Wang, arXiv:2504.07414). The expectation is bounded from above
//! by `excess`.

use super::excess::Loss;
use super::{Amplified, check, search};
use crate::Error;

/// What the blanket bound needs to know of a randomizer: for two inputs x and x', the probabilities that a report's blanket
/// part supports only one of them, both or neither.
///
/// For a block design with K blocks, r through a point and λ through a pair, and Z = K + (E − 1)r:
/// one = (r − λ)/Z, both = λ/Z, neither = (K − 2r + λ)/Z.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Blanket {
    /// E: the likelihood ratio of the sampled law.
    likelihood: f64,
    pub(crate) one: f64,
    pub(crate) both: f64,
    pub(crate) neither: f64,
}

impl Blanket {
    /// The blanket of a block design: E = e^ε₀ > 1, the share r/K of blocks through a point and λ/K through a pair.
    #[must_use]
    pub fn of_design(likelihood: f64, point_share: f64, pair_share: f64) -> Self {
        let weight = 1.0 + (likelihood - 1.0) * point_share;
        Self {
            likelihood,
            one: (point_share - pair_share) / weight,
            both: pair_share / weight,
            neither: (1.0 - 2.0 * point_share + pair_share).max(0.0) / weight,
        }
    }

    /// The central ε of a shuffled batch; see [`blanket`](super::blanket()).
    ///
    /// # Errors
    /// [`Error::NoReports`] for an empty batch, [`Error::Delta`] unless 0 < δ < 1.
    pub fn amplify(&self, reports: u64, delta: f64) -> Result<Amplified, Error> {
        check(reports, delta)?;
        // Rounded up, since the local ε is the fallback.
        let local = self.likelihood.ln() * (1.0 + 4.0 * f64::EPSILON);
        let (n, target) = (reports as f64, reports as f64 * delta);
        let bound = |epsilon: f64| self.loss(epsilon).expected_excess(n, target) / n;
        Ok(Amplified { epsilon: search::smallest_epsilon(local, delta, bound), delta, reports })
    }

    /// L at ε, e = e^ε: E − e or 1 − eE if only one input is supported, (1 − e)E if both are, 1 − e if neither is, and 0
    /// where the report is not part of the blanket.
    fn loss(&self, epsilon: f64) -> Loss {
        let (big, e, less) = (self.likelihood, epsilon.exp(), -epsilon.exp_m1());
        Loss::new([(big - e, self.one), (1.0 - e * big, self.one), (less * big, self.both), (less, self.neither)])
    }
}
