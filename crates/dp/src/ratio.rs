//! Ratios of two estimates by Fieller's theorem, which knows when there is no answer.

use crate::{Confidence, Estimate, Interval};

/// A ratio of two noisy counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ratio {
    /// The denominator is away from zero.
    Estimable {
        /// Numerator over denominator.
        ratio: f64,
        /// Fieller's interval, which need not be symmetric around the ratio.
        interval: Interval,
    },
    /// The denominator cannot be told from zero: every interval would be unbounded. Gather more reports.
    NotEstimable {
        /// g = z²·Var(b)/b²: not below 1 (infinite if the denominator is not positive). Reports needed grow about with g.
        g: f64,
    },
}

/// The ratio of two estimates with **independent** noise, such as conversions over arrivals.
///
/// Fieller, "Some problems in interval estimation", J. R. Stat. Soc. B 16(2), 1954: all ρ with
/// (a − ρb)² ≤ z²(Var a + ρ²·Var b).
#[must_use]
pub fn fieller(numerator: Estimate, denominator: Estimate, confidence: Confidence) -> Ratio {
    fieller_correlated(numerator, denominator, 0.0, confidence)
}

/// The ratio of two estimates whose noises have the given covariance, such as two totals of one histogram:
/// all ρ with (a − ρb)² ≤ z²(Var a − 2ρ·Cov + ρ²·Var b).
#[must_use]
pub fn fieller_correlated(
    numerator: Estimate,
    denominator: Estimate,
    covariance: f64,
    confidence: Confidence,
) -> Ratio {
    let (a, b, z2) = (numerator.count, denominator.count, confidence.z() * confidence.z());
    let leading = b * b - z2 * denominator.variance;
    // The negation also refuses NaN.
    if !(b > 0.0 && leading > 0.0) {
        return Ratio::NotEstimable { g: if b > 0.0 { z2 * denominator.variance / (b * b) } else { f64::INFINITY } };
    }
    let middle = a * b - z2 * covariance;
    let constant = a * a - z2 * numerator.variance;
    let root = (middle * middle - leading * constant).max(0.0).sqrt();
    let interval = Interval { low: (middle - root) / leading, high: (middle + root) / leading };
    Ratio::Estimable { ratio: a / b, interval }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_ends_of_the_interval_are_the_roots_of_fiellers_quadratic(
            a in -1e4f64..1e5, b in 1e3f64..1e5, sd_a in 1.0f64..3e3, g in 0.01f64..0.9, correlation in -0.9f64..0.9
        ) {
            let confidence = Confidence::P95;
            let sd_b = b * g.sqrt() / confidence.z();
            let covariance = correlation * sd_a * sd_b;
            let (over, under) = (Estimate { count: a, variance: sd_a * sd_a }, Estimate { count: b, variance: sd_b * sd_b });
            let Ratio::Estimable { ratio, interval } = fieller_correlated(over, under, covariance, confidence) else {
                return Err(TestCaseError::fail("estimable"));
            };
            prop_assert!(interval.contains(ratio));
            for rho in [interval.low, interval.high] {
                let distance = (a - rho * b).powi(2);
                let reach = confidence.z().powi(2) * (sd_a * sd_a - 2.0 * rho * covariance + rho * rho * sd_b * sd_b);
                prop_assert!((distance - reach).abs() <= 1e-6 * (a * a + rho * rho * b * b));
            }
        }
    }

    #[test]
    fn a_denominator_within_its_noise_of_zero_is_not_estimable() {
        let over = Estimate { count: 10.0, variance: 4.0 };
        for (count, variance) in [(100.0, 2_604.0), (0.0, 0.0), (-500.0, 1.0), (f64::NAN, 1.0)] {
            assert!(matches!(fieller(over, Estimate { count, variance }, Confidence::P95), Ratio::NotEstimable { .. }));
        }
        // 100²/1.96² = 2603.1: just inside.
        let inside = fieller(over, Estimate { count: 100.0, variance: 2_603.0 }, Confidence::P95);
        assert!(matches!(inside, Ratio::Estimable { .. }));
    }
}
