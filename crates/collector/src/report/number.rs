//! Estimates as they are told: with interval, "can it be told from zero", and how many reports are missing if not.

use std::collections::HashMap;

use parking_lot::Mutex;
use tacita_dp::{Confidence, Difference, Error, Estimate, Leverage, Mechanism, Ratio, amplification};
use tacita_proto::v1;
use tacita_protocol::id::MeasureId;

/// The δ of the amplified guarantee.
pub(crate) const DELTA: f64 = 1e-6;

/// The level of all intervals.
pub(crate) const LEVEL: Confidence = Confidence::P95;

/// One report in so many is taken for a lie, where it is told what lies could have done.
const REPORTS_PER_LIE: u64 = 100;

/// An estimate out of so many reports.
pub(crate) fn estimate(estimate: Estimate, reports: u64) -> v1::Estimate {
    let interval = estimate.interval(LEVEL);
    let above_zero = estimate.is_distinguishable_from_zero(LEVEL);
    v1::Estimate {
        value: estimate.count,
        variance: estimate.variance,
        low: interval.low,
        high: interval.high,
        above_zero,
        reports_needed: if above_zero { None } else { reports_needed(estimate, reports) },
        lies: None,
    }
}

/// The same for a total of cells, with what lies could have done to it.
pub(crate) fn total(found: Estimate, reports: u64, leverage: Leverage) -> v1::Estimate {
    let liars = reports.div_ceil(REPORTS_PER_LIE);
    let lies = v1::Lies { reports: liars, up: leverage.up * liars as f64, down: leverage.down * liars as f64 };
    v1::Estimate { lies: Some(lies), ..estimate(found, reports) }
}

/// How many more reports would tell the estimate from zero if its share and its noise per report stayed as they are:
/// count and variance grow with n, so n' = n·z²·Var ÷ count². None for what seems to be nothing, which no number of
/// reports tells from zero.
fn reports_needed(estimate: Estimate, reports: u64) -> Option<u64> {
    if reports == 0 || estimate.count <= 0.0 {
        return None;
    }
    let times = LEVEL.z().powi(2) * estimate.variance / (estimate.count * estimate.count);
    more(reports, times)
}

/// `times` as many reports are needed as there are: how many are missing.
fn more(reports: u64, times: f64) -> Option<u64> {
    let needed = (reports as f64 * times).ceil();
    // A float too large for u64 saturates, which is what "never" looks like.
    let missing = (needed as u64).saturating_sub(reports);
    (1..u64::MAX - reports).contains(&missing).then_some(missing)
}

/// A ratio whose denominator rests on so many reports.
pub(crate) fn ratio(ratio: Ratio, reports: u64) -> v1::RatioEstimate {
    match ratio {
        Ratio::Estimable { ratio, interval } => v1::RatioEstimate {
            value: Some(ratio),
            low: Some(interval.low),
            high: Some(interval.high),
            g: None,
            reports_needed: None,
        },
        Ratio::NotEstimable { g } => v1::RatioEstimate {
            g: g.is_finite().then_some(g),
            reports_needed: Some(g).filter(|g| g.is_finite()).and_then(|g| more(reports, g)),
            ..Default::default()
        },
    }
}

/// This − that, whose noises are independent.
pub(crate) fn change(this: Estimate, that: Estimate) -> v1::Change {
    let difference = Difference::of(this, that, LEVEL);
    v1::Change {
        value: difference.value,
        low: difference.interval.low,
        high: difference.interval.high,
        significant: difference.is_significant(),
        p_value: difference.p_value,
    }
}

/// This ratio − that one, of independent noises, from their intervals: Newcombe's square-and-add.
pub(crate) fn change_of_ratios(this: &v1::RatioEstimate, that: &v1::RatioEstimate) -> Option<v1::Change> {
    let (a, a_low, a_high) = (this.value?, this.low?, this.high?);
    let (b, b_low, b_high) = (that.value?, that.low?, that.high?);
    let value = a - b;
    let low = value - (a - a_low).hypot(b_high - b);
    let high = value + (a_high - a).hypot(b - b_low);
    // The side on which zero lies is the one that decides.
    let reach = if value > 0.0 { value - low } else { high - value };
    let error = reach / LEVEL.z();
    let p_value =
        Difference::of(Estimate { count: value, variance: error * error }, Estimate::default(), LEVEL).p_value;
    Some(v1::Change { value, low, high, significant: low > 0.0 || high < 0.0, p_value })
}

/// The amplified ε of one report among so many, by measure; remembered, since each takes a search.
///
/// The crowd is rounded down to three digits: a smaller crowd hides less, so the answer stays an upper bound.
#[derive(Default, Debug)]
pub(crate) struct Amplification {
    known: Mutex<HashMap<(MeasureId, u64), f64>>,
}

impl Amplification {
    /// ε against whoever sees only totals; the local one where nothing hides in a crowd yet.
    pub(crate) fn of(&self, id: MeasureId, mechanism: &Mechanism, crowd: u64) -> Result<f64, Error> {
        let local = local_epsilon(mechanism);
        if crowd == 0 {
            return Ok(local);
        }
        let key = (id, three_digits(crowd));
        if let Some(&known) = self.known.lock().get(&key) {
            return Ok(known);
        }
        let amplified = amplification::blanket(mechanism, key.1, DELTA)?.published().min(local);
        self.known.lock().insert(key, amplified);
        Ok(amplified)
    }

    /// What one report of a measure reveals, and to whom.
    pub(crate) fn privacy(&self, id: MeasureId, mechanism: &Mechanism, crowd: u64) -> Result<v1::Privacy, Error> {
        Ok(v1::Privacy {
            mechanism: mechanism.name().to_owned(),
            epsilon: local_epsilon(mechanism),
            amplified_epsilon: self.of(id, mechanism, crowd)?,
            delta: DELTA,
            amplified_over: crowd,
        })
    }
}

/// As realised, up to the next millionth, the unit that budgets are counted in.
fn local_epsilon(mechanism: &Mechanism) -> f64 {
    (mechanism.realised_epsilon() * 1e6).ceil() / 1e6
}

/// The largest number of three digits and zeroes that is not above `number`.
fn three_digits(number: u64) -> u64 {
    let unit = 10_u64.pow(number.max(1).ilog10().saturating_sub(2));
    number / unit * unit
}

#[cfg(test)]
mod tests {
    use tacita_dp::{DomainSize, planner};

    use super::*;

    fn mechanism() -> Mechanism {
        Mechanism::choose(DomainSize::new(16).unwrap(), "2".parse().unwrap()).unwrap()
    }

    #[test]
    fn the_reports_still_needed_are_the_planners() {
        let mechanism = mechanism();
        let (reports, share) = (5_000_u64, 0.01);
        let estimated =
            Estimate { count: share * reports as f64, variance: mechanism.variance(share) * reports as f64 };
        let told = estimate(estimated, reports);
        let planned = planner::reports_still_needed(&mechanism, reports, share, LEVEL).unwrap();
        assert!(!told.above_zero);
        assert!(told.reports_needed.unwrap().abs_diff(planned) <= 1, "{told:?} {planned}");
        for count in [0.0, -5.0] {
            assert_eq!(estimate(Estimate { count, variance: 9.0 }, reports).reports_needed, None);
        }
    }

    #[test]
    fn privacy_is_rounded_up_and_grows_stronger_with_the_crowd() {
        let (known, mechanism) = (Amplification::default(), mechanism());
        let of = |crowd| known.privacy(MeasureId(1), &mechanism, crowd).unwrap();
        let (none, few, many) = (of(0), of(10), of(20_000));
        assert!(few.epsilon >= mechanism.realised_epsilon() && few.epsilon < 2.000_002);
        assert_eq!(none.amplified_epsilon, none.epsilon);
        assert!(few.amplified_epsilon <= few.epsilon);
        assert!(many.amplified_epsilon < few.amplified_epsilon / 5.0);
        assert_eq!(of(20_049).amplified_epsilon, many.amplified_epsilon);
    }

    #[test]
    fn a_crowd_is_rounded_down_to_three_digits() {
        for (crowd, rounded) in [(1, 1), (99, 99), (999, 999), (1_234, 1_230), (u64::MAX, 18_400_000_000_000_000_000)] {
            assert_eq!(three_digits(crowd), rounded);
        }
    }

    #[test]
    fn ratios_that_differ_by_more_than_their_noise_differ() {
        let of = |value: f64, half: f64| v1::RatioEstimate {
            value: Some(value),
            low: Some(value - half),
            high: Some(value + half),
            ..Default::default()
        };
        assert!(change_of_ratios(&of(0.5, 0.1), &of(0.3, 0.1)).unwrap().significant);
        let close = change_of_ratios(&of(0.5, 0.1), &of(0.4, 0.1)).unwrap();
        assert!(!close.significant && close.p_value > 0.05);
        assert_eq!(change_of_ratios(&of(0.5, 0.1), &v1::RatioEstimate::default()), None);
    }
}
