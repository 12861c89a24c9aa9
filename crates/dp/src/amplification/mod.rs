//! Amplification by shuffling: the central (ε, δ) of a shuffled batch, as certified upper bounds.
//!
//! [`general`] holds for any ε₀-private randomizer (Feldman, McMillan and Talwar, FOCS 2021, Theorem 3.2); [`blanket()`] is
//! tighter and holds for the mechanisms of this crate (Balle, Bell, Gascón and Nissim, CRYPTO 2019). The "stronger clone"
//! and variation-ratio numbers of FMT 2023 are deliberately absent: exhaustive enumeration violates them
//! (spec/statistics/amplification.md).
//!
//! What the numbers assume: `reports` are honest and from distinct devices (subtract the forged with [`honest`]), each
//! device sends one message per batch (otherwise compose), and the shuffler removes metadata and does not collude with the
//! aggregator. The local ε remains the promise that needs no such assumption.

mod binomial;
mod blanket;
mod clones;
mod excess;
mod search;

use core::fmt;

pub use blanket::Blanket;

use crate::{Epsilon, Error, Mechanism};

/// The central privacy of one shuffled batch: (ε, δ)-differential privacy towards whoever sees only the batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Amplified {
    /// An upper bound of the central ε; never above the local one.
    pub epsilon: f64,
    /// δ, as asked for.
    pub delta: f64,
    /// The honest reports that the bound rests on.
    pub reports: u64,
}

impl Amplified {
    /// ε rounded **up** to two significant digits: the number to publish.
    #[must_use]
    pub fn published(&self) -> f64 {
        round_up(self.epsilon)
    }
}

impl fmt::Display for Amplified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}, {:e})", self.published(), self.delta)
    }
}

/// The central ε of a batch of reports of **any** local randomizer of this ε (FMT 2021, Theorem 3.2).
///
/// # Errors
/// [`Error::NoReports`] for an empty batch, [`Error::Delta`] unless 0 < δ < 1.
pub fn general(eps: Epsilon, reports: u64, delta: f64) -> Result<Amplified, Error> {
    check(reports, delta)?;
    let local = eps.as_f64();
    // More reports never hurt: beyond 10⁸ the bound of 10⁸ is valid, and saves a longer sum.
    let counted = reports.min(100_000_000);
    let epsilon = search::smallest_epsilon(local, delta, |e| clones::divergence(local, e, counted, delta));
    Ok(Amplified { epsilon, delta, reports })
}

/// The central ε of a batch of reports of this mechanism (privacy blanket).
///
/// # Errors
/// [`Error::NoReports`] for an empty batch, [`Error::Delta`] unless 0 < δ < 1.
pub fn blanket(mechanism: &Mechanism, reports: u64, delta: f64) -> Result<Amplified, Error> {
    let amplified = mechanism.blanket().amplify(reports, delta)?;
    Ok(Amplified { epsilon: amplified.epsilon.min(mechanism.epsilon().as_f64()), ..amplified })
}

/// The reports left to rely on when a share of them may be forged, rounded down.
///
/// # Errors
/// [`Error::Share`] unless 0 ≤ `forged_share` ≤ 1.
pub fn honest(reports: u64, forged_share: f64) -> Result<u64, Error> {
    if !(0.0..=1.0).contains(&forged_share) {
        return Err(Error::Share(forged_share));
    }
    Ok(reports.saturating_sub((reports as f64 * forged_share).ceil() as u64))
}

fn check(reports: u64, delta: f64) -> Result<(), Error> {
    if reports == 0 {
        return Err(Error::NoReports);
    }
    if !(delta > 0.0 && delta < 1.0) {
        return Err(Error::Delta(delta));
    }
    Ok(())
}

/// The least number with two significant decimal digits that is not below x > 0.
fn round_up(x: f64) -> f64 {
    // Decimal text and back: the only way to a double that prints as two digits.
    let mut exponent = x.log10().floor() as i32 - 1;
    let mut digits = (x / 10f64.powi(exponent)).ceil() as i64;
    loop {
        let rounded = format!("{digits}e{exponent}").parse().unwrap_or(f64::INFINITY);
        if rounded >= x {
            return rounded;
        }
        digits += 1;
        if digits > 99 {
            (digits, exponent) = (10, exponent + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_value_has_two_digits_and_is_never_below() {
        for (x, expected) in
            [(0.0015, 0.0015), (0.001_470_1, 0.0015), (0.998, 1.0), (3.0, 3.0), (1.01, 1.1), (12.3, 13.0), (0.1, 0.1)]
        {
            assert_eq!(round_up(x), expected, "{x}");
        }
        let mut x: f64 = 1e-6;
        while x < 20.0 {
            let rounded = round_up(x);
            assert!(rounded >= x && rounded <= x * 1.1, "{x} {rounded}");
            x *= 1.0137;
        }
    }

    #[test]
    fn impossible_questions_are_refused() {
        let epsilon = Epsilon::from_micro(1_000_000).unwrap();
        assert_eq!(general(epsilon, 0, 1e-6), Err(Error::NoReports));
        for delta in [0.0, 1.0, -1.0, f64::NAN] {
            assert!(general(epsilon, 10, delta).is_err());
        }
        assert_eq!(honest(1000, 0.0101).unwrap(), 989);
        assert!(honest(1000, 1.5).is_err());
    }
}
