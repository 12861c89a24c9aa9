//! How sure an interval is, and the normal quantile that this takes.

use crate::{DomainSize, Error};

/// A two-sided confidence level, kept as its normal quantile z.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Confidence {
    z: f64,
}

impl Confidence {
    /// 95 %: z = 1.959964.
    pub const P95: Self = Self { z: 1.959_963_984_540_054 };

    /// The level that an interval covers the truth with, such as 0.95.
    ///
    /// # Errors
    /// [`Error::Confidence`] unless 0 < level < 1.
    pub fn two_sided(level: f64) -> Result<Self, Error> {
        if !(level > 0.0 && level < 1.0) {
            return Err(Error::Confidence(level));
        }
        Ok(Self { z: upper_quantile((1.0 - level) / 2.0) })
    }

    /// The level at which **all** cells of a histogram are covered at once (Bonferroni: α/(2k) in each tail).
    ///
    /// # Errors
    /// [`Error::Confidence`] unless 0 < level < 1.
    pub fn simultaneous(level: f64, domain: DomainSize) -> Result<Self, Error> {
        if !(level > 0.0 && level < 1.0) {
            return Err(Error::Confidence(level));
        }
        Ok(Self { z: upper_quantile((1.0 - level) / (2.0 * f64::from(domain.get()))) })
    }

    /// Standard errors on either side.
    #[must_use]
    pub const fn z(&self) -> f64 {
        self.z
    }
}

/// z with P\[N(0,1) > z\] = `tail`, for 0 < tail ≤ 1/2, to 16 digits.
///
/// Wichura, "Algorithm AS 241: The percentage points of the normal distribution", Applied Statistics 37(3), 1988, PPND16.
fn upper_quantile(tail: f64) -> f64 {
    let q = 0.5 - tail;
    if q <= 0.425 {
        let r = 0.180_625 - q * q;
        return q * ratio(&CENTRAL_NUMERATOR, &CENTRAL_DENOMINATOR, r);
    }
    let r = (-tail.ln()).sqrt();
    if r <= 5.0 {
        ratio(&MIDDLE_NUMERATOR, &MIDDLE_DENOMINATOR, r - 1.6)
    } else {
        ratio(&FAR_NUMERATOR, &FAR_DENOMINATOR, r - 5.0)
    }
}

fn ratio(numerator: &[f64; 8], denominator: &[f64; 8], x: f64) -> f64 {
    let at_x = |coefficients: &[f64; 8]| coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c);
    at_x(numerator) / at_x(denominator)
}

const CENTRAL_NUMERATOR: [f64; 8] = [
    3.387_132_872_796_366_5,
    133.141_667_891_784_38,
    1_971.590_950_306_551_3,
    13_731.693_765_509_46,
    45_921.953_931_549_87,
    67_265.770_927_008_7,
    33_430.575_583_588_13,
    2_509.080_928_730_122_7,
];
const CENTRAL_DENOMINATOR: [f64; 8] = [
    1.0,
    42.313_330_701_600_91,
    687.187_007_492_057_9,
    5_394.196_021_424_751,
    21_213.794_301_586_597,
    39_307.895_800_092_71,
    28_729.085_735_721_943,
    5_226.495_278_852_545,
];
const MIDDLE_NUMERATOR: [f64; 8] = [
    1.423_437_110_749_683_5,
    4.630_337_846_156_546,
    5.769_497_221_460_691,
    3.647_848_324_763_204_5,
    1.270_458_252_452_368_4,
    0.241_780_725_177_450_6,
    0.022_723_844_989_269_184,
    0.000_774_545_014_278_341_4,
];
const MIDDLE_DENOMINATOR: [f64; 8] = [
    1.0,
    2.053_191_626_637_759,
    1.676_384_830_183_803_8,
    0.689_767_334_985_1,
    0.148_103_976_427_480_08,
    0.015_198_666_563_616_457,
    0.000_547_593_808_499_534_5,
    1.050_750_071_644_416_9e-9,
];
const FAR_NUMERATOR: [f64; 8] = [
    6.657_904_643_501_103,
    5.463_784_911_164_114,
    1.784_826_539_917_291_3,
    0.296_560_571_828_504_87,
    0.026_532_189_526_576_124,
    0.001_242_660_947_388_078_4,
    2.711_555_568_743_487_6e-5,
    2.010_334_399_292_288_1e-7,
];
const FAR_DENOMINATOR: [f64; 8] = [
    1.0,
    0.599_832_206_555_888,
    0.136_929_880_922_735_8,
    0.014_875_361_290_850_615,
    0.000_786_869_131_145_613_3,
    1.846_318_317_510_054_7e-5,
    1.421_511_758_316_446e-7,
    2.044_263_103_389_939_8e-15,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_match_the_published_values() {
        // Wichura 1988, and standard tables.
        for (tail, z) in [
            (0.25, 0.674_489_750_196_081_7),
            (0.025, 1.959_963_984_540_054),
            (0.005, 2.575_829_303_548_901),
            (0.001, 3.090_232_306_167_813_5),
            (1e-20, 9.262_340_089_798_408),
        ] {
            assert!((upper_quantile(tail) / z - 1.0).abs() < 1e-14, "{tail}: {}", upper_quantile(tail));
        }
    }

    #[test]
    fn a_level_must_lie_inside_the_unit_interval() {
        for level in [0.0, 1.0, -0.5, 2.0, f64::NAN] {
            assert!(Confidence::two_sided(level).is_err());
            assert!(Confidence::simultaneous(level, DomainSize::MAX).is_err());
        }
        assert!((Confidence::two_sided(0.95).unwrap().z() - Confidence::P95.z()).abs() < 1e-12);
    }
}
