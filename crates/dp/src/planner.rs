//! What a campaign can know before it starts: how wide, how small, how long.
//!
//! Pure functions of the mechanism, the traffic and a share; all from V(f), the per-report variance.

use crate::{Confidence, Error, Mechanism};

/// Half the expected width of one cell's interval, as a share of all reports, when the cell's true share is `share`.
///
/// # Errors
/// [`Error::NoReports`] without reports, [`Error::Share`] outside 0 … 1.
pub fn expected_half_width(
    mechanism: &Mechanism,
    reports: u64,
    share: f64,
    confidence: Confidence,
) -> Result<f64, Error> {
    check(reports, share)?;
    Ok(confidence.z() * (mechanism.variance(share) / reports as f64).sqrt())
}

/// The relative standard error of one cell: the noise's standard deviation over the true count.
///
/// # Errors
/// [`Error::NoReports`] without reports, [`Error::Share`] outside 0 … 1.
pub fn relative_standard_error(mechanism: &Mechanism, reports: u64, share: f64) -> Result<f64, Error> {
    check(reports, share)?;
    Ok((mechanism.variance(share) / reports as f64).sqrt() / share)
}

/// The smallest share whose expected interval stays above zero: f = z·√(V(f)/n). `None` if not even f = 1 does.
///
/// # Errors
/// [`Error::NoReports`] without reports.
pub fn smallest_detectable_share(
    mechanism: &Mechanism,
    reports: u64,
    confidence: Confidence,
) -> Result<Option<f64>, Error> {
    check(reports, 0.0)?;
    // V is linear: n·f² = z²(V₀ + (V₁ − V₀)f), whose one positive root is sought.
    let (at_zero, at_one) = (mechanism.variance(0.0), mechanism.variance(1.0));
    let scale = confidence.z().powi(2) / reports as f64;
    let half = scale * (at_one - at_zero) / 2.0;
    let share = half + (half * half + scale * at_zero).sqrt();
    Ok((share <= 1.0).then_some(share))
}

/// The reports after which a cell of this share has an expected interval above zero: n = z²·V(f)/f².
///
/// # Errors
/// [`Error::Share`] unless 0 < share ≤ 1.
pub fn reports_to_detect(mechanism: &Mechanism, share: f64, confidence: Confidence) -> Result<u64, Error> {
    reports_for_precision(mechanism, share, 1.0, confidence)
}

/// The reports after which the expected half-width is at most `relative` times the cell's count.
///
/// # Errors
/// [`Error::Share`] unless 0 < share ≤ 1 and `relative` > 0.
pub fn reports_for_precision(
    mechanism: &Mechanism,
    share: f64,
    relative: f64,
    confidence: Confidence,
) -> Result<u64, Error> {
    if !(share > 0.0 && share <= 1.0) {
        return Err(Error::Share(share));
    }
    if !(relative > 0.0 && relative.is_finite()) {
        return Err(Error::Share(relative));
    }
    let width = relative * share;
    // A float too large for u64 saturates, which is what "never" should look like.
    Ok((confidence.z().powi(2) * mechanism.variance(share) / (width * width)).ceil() as u64)
}

/// How many reports are still due before a cell of this share is expected to be told from zero; 0 if there are enough.
///
/// # Errors
/// [`Error::Share`] unless 0 < share ≤ 1.
pub fn reports_still_needed(
    mechanism: &Mechanism,
    have: u64,
    share: f64,
    confidence: Confidence,
) -> Result<u64, Error> {
    Ok(reports_to_detect(mechanism, share, confidence)?.saturating_sub(have))
}

fn check(reports: u64, share: f64) -> Result<(), Error> {
    if reports == 0 {
        return Err(Error::NoReports);
    }
    if !(0.0..=1.0).contains(&share) {
        return Err(Error::Share(share));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DomainSize;

    fn mechanism(cells: u32, epsilon: &str) -> Mechanism {
        Mechanism::choose(DomainSize::new(cells).unwrap(), epsilon.parse().unwrap()).unwrap()
    }

    #[test]
    fn relative_errors_are_those_of_the_brief() {
        for (epsilon, reports, share, expected) in [
            ("1", 10_000, 0.02, 0.88),
            ("2", 100_000, 0.005, 0.46),
            ("3", 1_000_000, 0.001, 0.31),
            ("6", 10_000, 0.001, 0.51),
        ] {
            let found = relative_standard_error(&mechanism(16, epsilon), reports, share).unwrap();
            assert!((found / expected - 1.0).abs() < 0.02, "{epsilon} {reports} {share}: {found}");
        }
    }

    #[test]
    fn the_smallest_detectable_share_is_where_the_interval_touches_zero() {
        for epsilon in ["1", "3", "6"] {
            for cells in [4, 16, 64, 1024] {
                let mechanism = mechanism(cells, epsilon);
                let share = smallest_detectable_share(&mechanism, 50_000, Confidence::P95).unwrap().unwrap();
                let half = expected_half_width(&mechanism, 50_000, share, Confidence::P95).unwrap();
                assert!((half / share - 1.0).abs() < 1e-9);
                let needed = reports_to_detect(&mechanism, share, Confidence::P95).unwrap();
                assert!((needed as i64 - 50_000).abs() <= 1, "{needed}");
                assert_eq!(reports_still_needed(&mechanism, 60_000, share, Confidence::P95).unwrap(), 0);
            }
        }
        assert_eq!(smallest_detectable_share(&mechanism(16, "0.01"), 2, Confidence::P95).unwrap(), None);
    }

    #[test]
    fn impossible_questions_are_refused() {
        let mechanism = mechanism(16, "1");
        assert_eq!(expected_half_width(&mechanism, 0, 0.1, Confidence::P95), Err(Error::NoReports));
        assert!(reports_to_detect(&mechanism, 0.0, Confidence::P95).is_err());
        assert!(reports_for_precision(&mechanism, 0.1, 0.0, Confidence::P95).is_err());
        assert!(relative_standard_error(&mechanism, 10, 1.5).is_err());
    }
}
