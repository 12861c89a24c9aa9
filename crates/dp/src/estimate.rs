//! One number with its variance, and the interval it gives.

use core::iter::Sum;
use core::ops::Add;

use crate::Confidence;

/// An unbiased count of devices (or events) and the variance of its noise.
///
/// The count is a real number and may be negative: rounding or clipping it would bias every sum it enters.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// The unbiased estimate, in reports.
    pub count: f64,
    /// The variance of the randomizer's noise given the true values, in squared reports.
    pub variance: f64,
}

impl Estimate {
    /// The square root of the variance, in reports.
    #[must_use]
    pub fn standard_error(&self) -> f64 {
        self.variance.max(0.0).sqrt()
    }

    /// count ± z·√variance: Wald's interval, at whichever level `confidence` stands for.
    #[must_use]
    pub fn interval(&self, confidence: Confidence) -> Interval {
        let half = confidence.z() * self.standard_error();
        Interval { low: self.count - half, high: self.count + half }
    }

    /// Whether the whole interval lies above zero. If not, the honest statement is "at most `interval.high`".
    #[must_use]
    pub fn is_distinguishable_from_zero(&self, confidence: Confidence) -> bool {
        self.interval(confidence).low > 0.0
    }
}

impl Add for Estimate {
    type Output = Self;

    /// The sum of two estimates with **independent** noise: other windows, other publishers, never two cells of one
    /// histogram, for which there is [`Histogram::subset_sum`](crate::Histogram::subset_sum).
    fn add(self, other: Self) -> Self {
        Self { count: self.count + other.count, variance: self.variance + other.variance }
    }
}

impl Sum for Estimate {
    /// The total over windows or publishers with independent noise. Nothing is weighted: inverse-variance weights would
    /// bias a total when rates differ.
    fn sum<I: Iterator<Item = Self>>(estimates: I) -> Self {
        estimates.fold(Self::default(), Add::add)
    }
}

/// A confidence interval, in the unit of what it is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// Whether the value lies within, ends included.
    #[must_use]
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// Half the distance between the ends.
    #[must_use]
    pub fn half_width(&self) -> f64 {
        (self.high - self.low) / 2.0
    }
}
