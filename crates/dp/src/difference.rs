//! Whether two independent estimates differ.

use crate::{Confidence, Estimate, Interval};

/// One estimate minus another of independent noise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// a − b.
    pub value: f64,
    /// At the level asked for.
    pub interval: Interval,
    /// How likely a difference at least as large would be, either way, if there were none: P\[|N(0, 1)| ≥ |a − b| ÷ σ\].
    pub p_value: f64,
}

impl Difference {
    /// `a` − `b`, whose variances add.
    #[must_use]
    pub fn of(a: Estimate, b: Estimate, confidence: Confidence) -> Self {
        let difference = Estimate { count: a.count - b.count, variance: a.variance + b.variance };
        let p_value = match difference.standard_error() {
            error if error > 0.0 => libm::erfc(difference.count.abs() / (error * core::f64::consts::SQRT_2)),
            // Without noise every difference is one.
            _ => f64::from(u8::from(difference.count == 0.0)),
        };
        Self { value: difference.count, interval: difference.interval(confidence), p_value }
    }

    /// The interval does not hold zero.
    #[must_use]
    pub fn is_significant(&self) -> bool {
        !self.interval.contains(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_of_two_standard_errors_is_significant_at_95_percent() {
        let of = |a, b| {
            let estimate = |count| Estimate { count, variance: 50.0 };
            Difference::of(estimate(a), estimate(b), Confidence::P95)
        };
        // σ = 10.
        let (just, not) = (of(119.7, 100.0), of(119.5, 100.0));
        assert!(just.is_significant() && just.p_value < 0.05, "{just:?}");
        assert!(!not.is_significant() && not.p_value > 0.05, "{not:?}");
        assert!((of(100.0, 110.0).p_value - 0.317_310_5).abs() < 1e-6, "one standard error");
        assert_eq!(of(3.0, 3.0).p_value, 1.0);
    }

    #[test]
    fn without_noise_every_difference_is_one() {
        let exact = |count| Estimate { count, variance: 0.0 };
        assert_eq!(Difference::of(exact(0.0), exact(0.0), Confidence::P95).p_value, 1.0);
        assert_eq!(Difference::of(exact(1.0), exact(0.0), Confidence::P95).p_value, 0.0);
    }
}
