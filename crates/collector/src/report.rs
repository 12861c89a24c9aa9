//! From tallies to what a brand is told: a pure function, and the only way to a number.
//!
//! Each publisher and window is estimated by itself; estimates and variances of the windows and publishers in the range
//! are added, since their noises are independent. No report at all is no noise at all: every cell is then 0 from 0 to 0, and
//! not above zero.

use std::num::NonZeroU32;

use tacita_dp::{Confidence, Error, Estimate, Mechanism, Tally, amplification, planner};
use tacita_proto::v1;
use tacita_protocol::{domain::Domain, time::WindowId};
use tacita_store::SeriesTally;

use crate::catalogue::CountedMeasure;

/// The δ of the amplified guarantee.
pub(crate) const DELTA: f64 = 1e-6;

/// The level of all intervals.
const LEVEL: Confidence = Confidence::P95;

/// The report of one measure over the series of a time range, which come by rising window: all cells in order, or `none` and
/// the `top` largest.
///
/// # Errors
/// When a series cannot be a sum of valid reports of the measure: the store is damaged, and nothing may be published from it.
pub(crate) fn measure_report(
    counted: &CountedMeasure,
    series: &[SeriesTally],
    top: Option<NonZeroU32>,
) -> Result<v1::MeasureReport, Error> {
    let CountedMeasure { measure, mechanism, .. } = counted;
    let reports = series.iter().map(|tally| tally.reports).sum();
    let windows = reports_by_window(series);
    let cells = sum_of_estimates(mechanism, measure.domain.cells(), series)?;
    Ok(v1::MeasureReport {
        measure: Some(measure.into()),
        reports,
        windows: u32::try_from(windows.len()).unwrap_or(u32::MAX),
        cells: shown(&cells, top).into_iter().map(|cell| cell_estimate(counted, reports, cell, &cells[cell])).collect(),
        privacy: Some(privacy(mechanism, windows.iter().copied().min().unwrap_or(0))?),
    })
}

/// How many reports each window holds, over all publishers; none that holds nothing.
fn reports_by_window(series: &[SeriesTally]) -> Vec<u64> {
    let mut windows: Vec<(WindowId, u64)> = Vec::new();
    for tally in series.iter().filter(|tally| tally.reports > 0) {
        match windows.last_mut() {
            Some((window, reports)) if *window == tally.window => *reports += tally.reports,
            _ => windows.push((tally.window, tally.reports)),
        }
    }
    windows.into_iter().map(|(_, reports)| reports).collect()
}

fn sum_of_estimates(mechanism: &Mechanism, cells: usize, series: &[SeriesTally]) -> Result<Vec<Estimate>, Error> {
    let mut sums = vec![Estimate::default(); cells];
    for tally in series {
        let histogram = mechanism.estimate(&dense(mechanism, tally)?)?;
        for (sum, &cell) in sums.iter_mut().zip(histogram.cells()) {
            *sum = *sum + cell;
        }
    }
    Ok(sums)
}

/// The tally with its zeroes.
fn dense(mechanism: &Mechanism, tally: &SeriesTally) -> Result<Tally, Error> {
    let mut counters = vec![0; mechanism.tally_len()];
    for &(index, count) in &tally.counters {
        let outside = || Error::TallyShape { expected: mechanism.tally_len(), found: index as usize + 1 };
        *counters.get_mut(index as usize).ok_or_else(outside)? = count;
    }
    Ok(Tally::from_parts(tally.reports, counters))
}

/// The cells to report: all in order, or `none` and the `top` others with the largest estimates, largest first.
fn shown(cells: &[Estimate], top: Option<NonZeroU32>) -> Vec<usize> {
    let Some(top) = top else { return (0..cells.len()).collect() };
    let mut others: Vec<usize> = (1..cells.len()).collect();
    others.sort_by(|&a, &b| cells[b].count.total_cmp(&cells[a].count));
    others.truncate(top.get() as usize);
    std::iter::once(Domain::NONE).chain(others).collect()
}

fn cell_estimate(counted: &CountedMeasure, reports: u64, cell: usize, estimate: &Estimate) -> v1::CellEstimate {
    let CountedMeasure { measure, mechanism, contents } = counted;
    let interval = estimate.interval(LEVEL);
    let above_zero = estimate.is_distinguishable_from_zero(LEVEL);
    v1::CellEstimate {
        labels: measure.domain.labels(cell, contents.as_deref()),
        estimate: estimate.count,
        variance: estimate.variance,
        low: interval.low,
        high: interval.high,
        above_zero,
        reports_needed: if above_zero { None } else { reports_needed(mechanism, reports, estimate) },
        // A domain has at most 2¹⁷ cells.
        cell: cell as u32,
    }
}

/// How many more reports would tell the cell from zero if its share stayed what it seems to be; none for a share that seems
/// to be nothing, which no number of reports tells from zero.
fn reports_needed(mechanism: &Mechanism, reports: u64, estimate: &Estimate) -> Option<u64> {
    if reports == 0 {
        return None;
    }
    let share = (estimate.count / reports as f64).min(1.0);
    let needed = planner::reports_still_needed(mechanism, reports, share, LEVEL).ok()?;
    (1..u64::MAX).contains(&needed).then_some(needed)
}

/// What one report reveals: the local ε to everyone, the amplified one to who sees only the smallest window's total.
fn privacy(mechanism: &Mechanism, smallest_window: u64) -> Result<v1::Privacy, Error> {
    let epsilon = round_up(mechanism.realised_epsilon());
    let amplified = match smallest_window {
        // Nothing was counted, so nothing hides in a crowd yet.
        0 => epsilon,
        reports => amplification::blanket(mechanism, reports, DELTA)?.published().min(epsilon),
    };
    Ok(v1::Privacy {
        mechanism: mechanism.name().to_owned(),
        epsilon,
        amplified_epsilon: amplified,
        delta: DELTA,
        amplified_over: smallest_window,
    })
}

/// Up to the next millionth, the unit that budgets are counted in.
fn round_up(epsilon: f64) -> f64 {
    (epsilon * 1e6).ceil() / 1e6
}

#[cfg(test)]
mod tests {
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
    use tacita_protocol::{id::PublisherId, measure::Measure};

    use super::*;

    fn counted() -> CountedMeasure {
        let wire = v1::Measure {
            id: 1,
            campaign: 1,
            name: "arrivals".into(),
            event: v1::Event::Arrival.into(),
            dimensions: vec![v1::Dimension {
                name: "channel".into(),
                labels: ["whatsapp", "direct", "other"].map(Into::into).to_vec(),
                catalogue: None,
            }],
            epsilon_micro: 2_000_000,
            window_seconds: 86_400,
            ..Default::default()
        };
        let measure = Measure::try_from(&wire).unwrap();
        let mechanism = measure.mechanism();
        CountedMeasure { measure, mechanism, contents: None }
    }

    fn series(counted: &CountedMeasure, publisher: u32, window: u32, truth: [u64; 4], seed: u8) -> SeriesTally {
        series_from(counted, publisher, window, truth, &mut ChaCha20Rng::from_seed([seed; 32]))
    }

    fn series_from(
        counted: &CountedMeasure,
        publisher: u32,
        window: u32,
        truth: [u64; 4],
        rng: &mut ChaCha20Rng,
    ) -> SeriesTally {
        let mut counters = vec![0_u64; counted.mechanism.tally_len()];
        for (cell, &count) in truth.iter().enumerate() {
            let cell = counted.mechanism.domain().cell(cell as u32).unwrap();
            for _ in 0..count {
                let report = counted.mechanism.randomize(cell, rng);
                counted.mechanism.counters(report).for_each(|index| counters[index as usize] += 1);
            }
        }
        let counters = counters.into_iter().enumerate().filter(|(_, count)| *count > 0);
        SeriesTally {
            publisher: PublisherId(publisher),
            window: WindowId(window),
            reports: truth.iter().sum(),
            counters: counters.map(|(index, count)| (index as u32, count)).collect(),
        }
    }

    #[test]
    fn windows_and_publishers_add_up_with_their_variances() {
        let counted = counted();
        let parts = [
            series(&counted, 1, 5, [100, 900, 500, 0], 1),
            series(&counted, 2, 5, [0, 400, 400, 0], 2),
            series(&counted, 1, 6, [0, 300, 0, 0], 3),
        ];
        let whole = measure_report(&counted, &parts, None).unwrap();
        let each: Vec<_> =
            parts.iter().map(|part| measure_report(&counted, std::slice::from_ref(part), None).unwrap()).collect();
        assert_eq!((whole.reports, whole.windows), (2_600, 2));
        assert_eq!(whole.privacy.as_ref().unwrap().amplified_over, 300);
        for (cell, truth) in [100.0, 1_600.0, 900.0, 0.0].into_iter().enumerate() {
            let sum =
                |field: fn(&v1::CellEstimate) -> f64| each.iter().map(|report| field(&report.cells[cell])).sum::<f64>();
            let found = &whole.cells[cell];
            assert!((found.estimate - sum(|c| c.estimate)).abs() < 1e-6);
            assert!((found.variance - sum(|c| c.variance)).abs() < 1e-6);
            assert!(found.low <= truth && truth <= found.high, "cell {cell}: {found:?}");
        }
        assert!(whole.cells[1].above_zero && whole.cells[1].reports_needed.is_none());
        assert_eq!(whole.cells[1].labels, ["whatsapp"]);
        assert!(whole.cells[0].labels.is_empty());
    }

    /// Truths that lie in their intervals, of 1,200 independent ones: 1,140 ± 3.3 standard deviations.
    #[test]
    fn nineteen_of_twenty_intervals_hold_the_truth() {
        let counted = counted();
        let truth = [100, 900, 400, 72];
        let held = |seed: u16| {
            let parts = [0_u8, 1].map(|half| {
                let seed = seed.to_be_bytes();
                let mut rng = ChaCha20Rng::from_seed(std::array::from_fn(|i| [seed[0], seed[1], half][i % 3]));
                series_from(&counted, 1, u32::from(half), truth.map(|count| count / 2), &mut rng)
            });
            let report = measure_report(&counted, &parts, None).unwrap();
            let inside =
                |(cell, &truth): (&v1::CellEstimate, &u64)| cell.low <= truth as f64 && truth as f64 <= cell.high;
            report.cells.iter().zip(&truth).filter(|&pair| inside(pair)).count()
        };
        let held: usize = (0..300).map(held).sum();
        assert!((1_115..=1_165).contains(&held), "{held} of 1200");
    }

    #[test]
    fn the_largest_cells_come_first_and_none_before_them() {
        let counted = counted();
        let tally = [series(&counted, 1, 5, [0, 100, 4_000, 900], 6)];
        let whole = measure_report(&counted, &tally, None).unwrap();
        let top = |top| measure_report(&counted, &tally, NonZeroU32::new(top)).unwrap().cells;
        assert_eq!(top(2).iter().map(|cell| cell.cell).collect::<Vec<_>>(), [0, 2, 3]);
        assert_eq!(top(2)[1], whole.cells[2]);
        assert_eq!(top(99).len(), 4);
    }

    #[test]
    fn no_reports_are_zeroes_without_noise() {
        let report = measure_report(&counted(), &[], None).unwrap();
        assert_eq!((report.reports, report.windows, report.cells.len()), (0, 0, 4));
        for cell in &report.cells {
            assert_eq!((cell.estimate, cell.variance, cell.low, cell.high), (0.0, 0.0, 0.0, 0.0));
            assert!(!cell.above_zero && cell.reports_needed.is_none());
        }
        let privacy = report.privacy.unwrap();
        assert_eq!((privacy.amplified_over, privacy.amplified_epsilon), (0, privacy.epsilon));
    }

    #[test]
    fn privacy_is_rounded_up_and_grows_stronger_with_the_crowd() {
        let counted = counted();
        let privacy =
            |n| measure_report(&counted, &[series(&counted, 1, 5, [0, n, 0, 0], 4)], None).unwrap().privacy.unwrap();
        let (few, many) = (privacy(10), privacy(20_000));
        assert!(few.epsilon >= counted.mechanism.realised_epsilon() && few.epsilon < 2.000_002);
        assert!(few.amplified_epsilon <= few.epsilon);
        assert!(many.amplified_epsilon < few.amplified_epsilon / 5.0);
        assert_eq!(many.delta, DELTA);
    }

    #[test]
    fn a_small_share_says_how_many_reports_it_takes() {
        let counted = counted();
        let report = measure_report(&counted, &[series(&counted, 1, 5, [0, 97, 0, 3], 9)], None).unwrap();
        for cell in &report.cells {
            assert_eq!(cell.reports_needed.is_some(), !cell.above_zero && cell.estimate > 0.0, "{cell:?}");
        }
    }

    #[test]
    fn a_damaged_tally_is_no_report() {
        let counted = counted();
        let tally = SeriesTally { publisher: PublisherId(1), window: WindowId(5), reports: 3, counters: vec![(99, 3)] };
        assert!(matches!(measure_report(&counted, std::slice::from_ref(&tally), None), Err(Error::TallyShape { .. })));
        let tally = SeriesTally { counters: vec![(0, 100)], ..tally };
        assert!(matches!(measure_report(&counted, &[tally], None), Err(Error::TallyInconsistent { .. })));
    }
}
