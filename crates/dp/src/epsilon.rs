//! The privacy parameter ε as an integer, and e^ε as a certified integer lower bound.

use core::fmt;
use core::str::FromStr;

use crate::Error;

/// Micro-units in one ε.
const MICRO: u32 = 1_000_000;

/// Fractional bits of [`Epsilon::exp_floor`].
pub(crate) const EXP_BITS: u32 = 40;

/// A local privacy parameter ε, held as an integer number of micro-ε so that budgets add up exactly.
///
/// Range: one micro-ε to [`Epsilon::MAX`], which is ε = 20.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "u32", into = "u32"))]
pub struct Epsilon(u32);

impl Epsilon {
    /// The largest ε that a mechanism accepts: 20.
    pub const MAX: Self = Self(20 * MICRO);

    /// ε from micro-units: `from_micro(500_000)` is ε = 0.5.
    ///
    /// # Errors
    /// [`Error::EpsilonOutOfRange`] outside `1 ..= 20_000_000`.
    pub const fn from_micro(micro: u32) -> Result<Self, Error> {
        if micro == 0 || micro > Self::MAX.0 {
            return Err(Error::EpsilonOutOfRange(micro as u64));
        }
        Ok(Self(micro))
    }

    /// ε in micro-units.
    #[must_use]
    pub const fn micro(self) -> u32 {
        self.0
    }

    /// ε as a real number, for display and for formulas; never for budgets.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / f64::from(MICRO)
    }

    /// A lower bound of e^ε in units of 2⁻⁴⁰, less than 2⁻³⁹·⁹ below it.
    ///
    /// The Taylor series with every term rounded down: all terms are positive, so nothing cancels and the sum cannot
    /// exceed e^ε. Integers only, so that every language gets the same mechanism from the same ε.
    pub(crate) fn exp_floor(self) -> u128 {
        // Terms stay below 20²⁰/20! · 2⁷² < 2⁹⁸, and times ε in micro-units below 2¹²³.
        let mut term: u128 = 1 << 72;
        let mut sum: u128 = 0;
        let mut order: u128 = 1;
        while term > 0 {
            sum += term;
            term = term * u128::from(self.0) / (u128::from(MICRO) * order);
            order += 1;
        }
        sum >> (72 - EXP_BITS)
    }

    /// [`exp_floor`](Self::exp_floor) as a real number: the e^ε from which mechanisms derive their shape.
    pub(crate) fn exp(self) -> f64 {
        self.exp_floor() as f64 / (1u64 << EXP_BITS) as f64
    }
}

impl fmt::Display for Epsilon {
    /// The shortest exact decimal: `2`, `0.5`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.0 / MICRO, self.0 % MICRO);
        if fraction == 0 {
            return write!(f, "{whole}");
        }
        write!(f, "{whole}.{}", format!("{fraction:06}").trim_end_matches('0'))
    }
}

impl FromStr for Epsilon {
    type Err = Error;

    /// Parses what [`Display`](fmt::Display) prints: digits, and at most six after a point.
    fn from_str(text: &str) -> Result<Self, Error> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        if fraction.len() > 6 {
            return Err(Error::EpsilonSyntax);
        }
        let micro = digits(whole)? * u64::from(MICRO) + digits(fraction)? * 10u64.pow(6 - fraction.len() as u32);
        u32::try_from(micro).map_err(|_| Error::EpsilonOutOfRange(micro)).and_then(Self::from_micro)
    }
}

/// One to nine decimal digits.
fn digits(text: &str) -> Result<u64, Error> {
    if text.is_empty() || text.len() > 9 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Error::EpsilonSyntax);
    }
    text.parse().map_err(|_| Error::EpsilonSyntax)
}

impl TryFrom<u32> for Epsilon {
    type Error = Error;

    fn try_from(micro: u32) -> Result<Self, Error> {
        Self::from_micro(micro)
    }
}

impl From<Epsilon> for u32 {
    fn from(epsilon: Epsilon) -> Self {
        epsilon.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_and_bad_text_is_refused() {
        for (text, micro) in
            [("2", 2_000_000), ("0.5", 500_000), ("0.000001", 1), ("20", 20_000_000), ("3.141592", 3_141_592)]
        {
            let epsilon: Epsilon = text.parse().unwrap();
            assert_eq!(epsilon.micro(), micro);
            assert_eq!(epsilon.to_string(), text);
        }
        for text in ["", ".", ".5", "1.", "-1", "+1", "1e3", "0.0000001", "٣", "1.2.3", "99999999999999999999"] {
            assert_eq!(text.parse::<Epsilon>(), Err(Error::EpsilonSyntax), "{text:?}");
        }
        for text in ["0", "0.0", "20.000001", "999999999"] {
            assert!(matches!(text.parse::<Epsilon>(), Err(Error::EpsilonOutOfRange(_))), "{text:?}");
        }
    }

    #[test]
    fn exp_floor_is_the_integer_part_of_the_exponential() {
        // ⌊e^ε·2⁴⁰⌋ from 60-digit decimal arithmetic.
        let exact = [
            (1, 1_099_512_727_288),
            (500_000, 1_812_788_208_096),
            (1_000_000, 2_988_782_477_962),
            (7_654_321, 2_319_685_990_249_043),
            (20_000_000, 533_444_773_745_279_631_896),
        ];
        for (micro, floor) in exact {
            assert_eq!(Epsilon::from_micro(micro).unwrap().exp_floor(), floor, "{micro} micro-epsilon");
        }
    }

    #[test]
    fn exp_floor_is_close_to_the_exponential_everywhere() {
        for micro in (1..=20_000_000).step_by(99_991) {
            let epsilon = Epsilon::from_micro(micro).unwrap();
            // ε as a double, and f64::exp, each carry a relative error of a few parts in 10¹⁵.
            assert!(
                (epsilon.exp() / epsilon.as_f64().exp() - 1.0).abs() < 1e-11 / f64::from(micro).min(10.0),
                "{micro}"
            );
        }
    }
}
