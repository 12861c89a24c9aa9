//! How far forged reports could have moved a count.

use crate::{Error, Estimate, Interval, Mechanism};

/// How many reports' worth one forged report can move a cell: (1 − q)/(p − q) up.
///
/// Cao, Jia and Gong, "Data poisoning attacks to local differential privacy protocols", USENIX Security 2021, §4.
#[must_use]
pub fn gain(mechanism: &Mechanism) -> f64 {
    (1.0 - mechanism.q()) / (mechanism.p() - mechanism.q())
}

/// Where the honest part of one cell's estimate lies if a share β of the `reports` was forged, in reports: each forgery
/// added between −q/(p−q) and (1−q)/(p−q). It is a worst case over attackers, not an interval of chance: show it beside
/// the confidence interval, never merged into it.
///
/// # Errors
/// [`Error::Share`] unless 0 ≤ `forged_share` ≤ 1.
pub fn band(mechanism: &Mechanism, estimate: Estimate, reports: u64, forged_share: f64) -> Result<Interval, Error> {
    if !(0.0..=1.0).contains(&forged_share) {
        return Err(Error::Share(forged_share));
    }
    let forged = (forged_share * reports as f64).ceil();
    let lift = gain(mechanism);
    let drop = mechanism.q() / (mechanism.p() - mechanism.q());
    Ok(Interval { low: estimate.count - forged * lift, high: estimate.count + forged * drop })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DomainSize;

    #[test]
    fn the_gain_of_one_forged_report_is_that_of_the_brief() {
        let domain = DomainSize::new(16).unwrap();
        for (epsilon, expected) in [("1", 3.18), ("2", 2.17), ("3", 1.79), ("4", 1.28)] {
            let mechanism = Mechanism::choose(domain, epsilon.parse().unwrap()).unwrap();
            assert!((gain(&mechanism) - expected).abs() < 0.006, "{epsilon}: {}", gain(&mechanism));
        }
    }

    #[test]
    fn the_band_contains_the_honest_count_whatever_the_forgers_send() {
        let mechanism = Mechanism::choose(DomainSize::new(16).unwrap(), "2".parse().unwrap()).unwrap();
        let mut honest = crate::Tally::new(&mechanism);
        let masks: Vec<_> = (0..900).map(|i| mechanism.validate(0b11 << (i % 15)).unwrap()).collect();
        honest.absorb(&mechanism, &masks).unwrap();
        let clean = mechanism.estimate(&honest).unwrap().cells()[3].count;
        for attack in [0b1001, 0b0110] {
            let mut poisoned = honest.clone();
            poisoned.absorb(&mechanism, &vec![mechanism.validate(attack).unwrap(); 100]).unwrap();
            let seen = mechanism.estimate(&poisoned).unwrap().cells()[3];
            let band = band(&mechanism, seen, poisoned.reports(), 0.1).unwrap();
            assert!(band.low - 1e-9 <= clean && clean <= band.high + 1e-9, "{band:?} {clean}");
        }
    }

    #[test]
    fn an_impossible_share_is_refused() {
        let mechanism = Mechanism::choose(DomainSize::new(16).unwrap(), "2".parse().unwrap()).unwrap();
        for share in [-0.1, 1.1, f64::NAN] {
            assert!(band(&mechanism, Estimate::default(), 10, share).is_err());
        }
    }
}
