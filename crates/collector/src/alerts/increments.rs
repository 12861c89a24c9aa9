//! What came between two readings of a measure's open windows.
//!
//! Counters only grow, and each report raises its own: the difference of two tallies of a window is the tally of the reports in between.

use std::collections::HashMap;

use tacita_dp::{Error, Tally};
use tacita_protocol::{domain::Dimension, time::WindowId};

use super::detector::{Detector, Step, Surge};
use crate::{
    catalogue::CountedMeasure,
    report::{Groups, Series},
};

/// One measure that is watched.
#[derive(Debug)]
pub(super) struct Watched {
    detector: Detector,
    before: HashMap<WindowId, Tally>,
}

/// By which dimension a measure is watched.
pub(super) fn axis_of(counted: &CountedMeasure) -> Option<&'static str> {
    let has = |name: &str| counted.measure.domain.dimensions().iter().any(|one| one.name.as_str() == name);
    [Dimension::CONTENT, Dimension::CHANNEL].into_iter().find(|name| has(name))
}

/// A surge with its label's name.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Named {
    pub(super) label: String,
    pub(super) surge: Surge,
}

impl Watched {
    /// Begins with the windows that are open now as what came before.
    pub(super) fn begin(counted: &CountedMeasure, axis: &str, series: &Series) -> Result<Self, Error> {
        let before = by_window(counted, series)?;
        let mut whole = Tally::new(&counted.mechanism);
        before.values().try_for_each(|tally| whole.merge(tally))?;
        let jump = 1.0 / (counted.mechanism.p() - counted.mechanism.q());
        Ok(Self { detector: Detector::new(jump, &step(counted, axis, &whole)?.0), before })
    }

    /// What surges in the reports that came since the last reading.
    pub(super) fn read_on(
        &mut self,
        counted: &CountedMeasure,
        axis: &str,
        series: &Series,
    ) -> Result<Vec<Named>, Error> {
        let now = by_window(counted, series)?;
        let mut came = Tally::new(&counted.mechanism);
        for (window, tally) in &now {
            came.merge(&match self.before.get(window) {
                None => tally.clone(),
                Some(before) => difference(tally, before),
            })?;
        }
        self.before = now;
        let (step, groups) = step(counted, axis, &came)?;
        let named = |surge: Surge| Named { label: groups.labels(surge.label).concat(), surge };
        Ok(self.detector.observe(step).into_iter().map(named).collect())
    }
}

/// The tallies of each window, all publishers together.
fn by_window(counted: &CountedMeasure, series: &Series) -> Result<HashMap<WindowId, Tally>, Error> {
    let mut windows: HashMap<WindowId, Tally> = HashMap::new();
    for one in series.iter() {
        let mut counters = vec![0; counted.mechanism.tally_len()];
        for &(index, count) in &one.counters {
            let outside = || Error::TallyShape { expected: counted.mechanism.tally_len(), found: index as usize + 1 };
            *counters.get_mut(index as usize).ok_or_else(outside)? = count;
        }
        let tally = Tally::from_parts(one.reports, counters);
        windows.entry(one.window).or_insert_with(|| Tally::new(&counted.mechanism)).merge(&tally)?;
    }
    Ok(windows)
}

fn difference(now: &Tally, before: &Tally) -> Tally {
    let counters = now.counters().iter().zip(before.counters()).map(|(now, before)| now.saturating_sub(*before));
    Tally::from_parts(now.reports().saturating_sub(before.reports()), counters.collect())
}

/// The estimates of each label.
fn step<'a>(counted: &'a CountedMeasure, axis: &str, tally: &Tally) -> Result<(Step, Groups<'a>), Error> {
    let histogram = counted.mechanism.estimate(tally)?;
    let groups = Groups::of_dimension(counted, axis);
    let estimate = |group: usize| histogram.subset_sum(groups.cells(group));
    let estimates = (0..groups.len()).map(estimate).collect::<Result<_, _>>()?;
    Ok((Step { reports: tally.reports(), estimates }, groups))
}
