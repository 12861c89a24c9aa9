//! The two-level output law shared by all mechanisms: with probability p a report is uniform over the `blocks` that
//! support the true cell, otherwise uniform over those that do not.

use crate::Epsilon;
use crate::epsilon::EXP_BITS;

/// Probability that a report supports the true cell, quantised to 64 bits so that the sampled law is known exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HitLaw {
    /// A hit is a uniform word below this.
    threshold: u64,
    /// Reports that support a given cell, and those that do not, in any common unit.
    supporting: u64,
    opposing: u64,
}

impl HitLaw {
    /// The largest 64-bit threshold T for which the likelihood ratio of any report between any two cells,
    /// `T·opposing / ((2⁶⁴ − T)·supporting)`, does not exceed e^ε.
    ///
    /// Needs `1 ≤ supporting, opposing < 2²²`: the products below then fit 128 bits.
    pub(crate) fn new(epsilon: Epsilon, supporting: u64, opposing: u64) -> Self {
        let one = 1u128 << EXP_BITS;
        let (hit, miss) = (u128::from(supporting) * epsilon.exp_floor(), u128::from(opposing) * one);
        // miss·2⁶⁴ needs 22 + 40 + 64 = 126 bits. The miss side is rounded up: less signal, never less privacy.
        let missing = (miss << 64).div_ceil(hit + miss);
        Self { threshold: ((1u128 << 64) - missing) as u64, supporting, opposing }
    }

    pub(crate) fn threshold(&self) -> u64 {
        self.threshold
    }

    fn miss_threshold(&self) -> u128 {
        (1u128 << 64) - u128::from(self.threshold)
    }

    /// P\[report supports the true cell\].
    pub(crate) fn hit(&self) -> f64 {
        self.threshold as f64 / 2f64.powi(64)
    }

    /// 1 − p, accurate also when p is close to 1.
    pub(crate) fn miss(&self) -> f64 {
        self.miss_threshold() as f64 / 2f64.powi(64)
    }

    /// The likelihood ratio that is really sampled: its logarithm is the realised ε.
    pub(crate) fn ratio(&self) -> f64 {
        let hit = self.threshold as f64 * self.opposing as f64;
        hit / (self.miss_threshold() as f64 * self.supporting as f64)
    }

    /// ε of the sampled law, rounded up: the true value is not larger.
    pub(crate) fn realised_epsilon(&self) -> f64 {
        // Four conversions or operations, each within half an ulp, and a logarithm within two: 2⁻⁵⁰ covers the relative
        // error of the ratio, and 2⁻⁵¹ that of the logarithm.
        (self.ratio() * (1.0 + 2f64.powi(-50))).ln() * (1.0 + 2f64.powi(-51))
    }
}

/// Whether `high / low ≤ ⌊e^ε·2⁴⁰⌋ / 2⁴⁰`, exactly: by long division, so that nothing overflows below 2¹²⁷.
#[cfg(test)]
pub(crate) fn ratio_is_within(high: u128, low: u128, epsilon: Epsilon) -> bool {
    let (mut quotient, mut remainder) = (high / low, high % low);
    for _ in 0..EXP_BITS {
        remainder *= 2;
        quotient = 2 * quotient + u128::from(remainder >= low);
        remainder %= low;
    }
    quotient + u128::from(remainder > 0) <= epsilon.exp_floor()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_sampled_ratio_is_within_epsilon_and_close_to_it(
            micro in 1u32..=20_000_000, supporting in 1u64..(1 << 22), opposing in 1u64..(1 << 22)
        ) {
            let epsilon = Epsilon::from_micro(micro).unwrap();
            let law = HitLaw::new(epsilon, supporting, opposing);
            let hit = u128::from(law.threshold) * u128::from(opposing);
            let miss = law.miss_threshold() * u128::from(supporting);
            prop_assert!(hit >= miss && ratio_is_within(hit, miss, epsilon));
            let realised = law.realised_epsilon();
            prop_assert!(realised <= epsilon.as_f64() + 1e-14, "{realised}");
            // One unit of the threshold moves ε by 2⁻⁶⁴/(p(1−p)); e^ε itself is known to 2⁻³⁹.
            let slack = 1e-11 + 2f64.powi(-63) / (law.hit() * law.miss());
            prop_assert!(realised >= epsilon.as_f64() - slack, "{realised}");
        }
    }
}
