//! What was true before noise: kept by a simulation to be put beside the estimates, never by anything real.

use std::collections::BTreeMap;

use tacita_proto::v1;
use tacita_protocol::measure::Measure;

use crate::report::rows_of;

/// How often each cell of each measure was answered, before noise.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Truth {
    cells: BTreeMap<(u32, usize), u64>,
    /// The numbers of measures by campaign and name.
    numbers: BTreeMap<(u32, String), u32>,
}

impl Truth {
    /// One slot of `measure` was closed with this cell.
    pub(crate) fn add(&mut self, measure: u32, cell: usize) {
        *self.cells.entry((measure, cell)).or_default() += 1;
    }

    /// Learns the numbers of a manifest's measures, which brands are not told.
    pub(crate) fn know(&mut self, measures: &[Measure]) {
        let number = |measure: &Measure| ((measure.campaign.0, measure.name.to_string()), measure.id.0);
        self.numbers.extend(measures.iter().map(number));
    }

    /// An answer with the numbers of its measures.
    pub(crate) fn numbered(&self, mut answer: v1::QueryResponse) -> v1::QueryResponse {
        for measure in answer.measures.iter_mut().filter_map(|about| about.measure.as_mut()) {
            let known = self.numbers.get(&(measure.campaign, measure.name.clone()));
            measure.id = known.copied().unwrap_or(measure.id);
        }
        answer
    }

    /// Adds another part of the same run.
    pub(crate) fn merge(&mut self, other: Self) {
        self.numbers.extend(other.numbers);
        for (cell, count) in other.cells {
            *self.cells.entry(cell).or_default() += count;
        }
    }

    /// How often a cell was answered.
    pub(crate) fn count(&self, measure: u32, cell: usize) -> u64 {
        self.cells.get(&(measure, cell)).copied().unwrap_or(0)
    }

    /// Every cell that was answered: ((measure, cell), count).
    pub(crate) fn cells(&self) -> impl Iterator<Item = ((u32, usize), u64)> {
        self.cells.iter().map(|(&cell, &count)| (cell, count))
    }

    /// How many slots of a measure were closed.
    pub(crate) fn reports(&self, measure: u32) -> u64 {
        self.cells.range((measure, 0)..=(measure, usize::MAX)).map(|(_, count)| count).sum()
    }

    /// How many slots were closed.
    pub(crate) fn all_reports(&self) -> u64 {
        self.cells.values().sum()
    }

    /// How many of the intervals of a measure's cells hold the truth, `none` among them, of how many.
    pub(crate) fn covered(&self, answer: &v1::QueryResponse, about: &v1::MeasureAnswer) -> Coverage {
        let measure = about.measure.as_ref().map_or(0, |measure| measure.id);
        let none = about.none.iter().map(|estimate| (0, estimate));
        let rows = rows_of(answer, about);
        let cells = rows.iter().filter_map(|row| Some((row.cell?, row.estimate.as_ref()?))).chain(none);
        let mut coverage = Coverage::default();
        for (cell, estimate) in cells {
            let truth = self.count(measure, cell as usize) as f64;
            let held = usize::from((estimate.low..=estimate.high).contains(&truth));
            coverage += Coverage { held, of: 1 };
        }
        coverage
    }
}

/// How many intervals hold the truth.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Coverage {
    /// The intervals that hold it.
    pub(crate) held: usize,
    /// All intervals.
    pub(crate) of: usize,
}

impl Coverage {
    /// As a share of 1.
    pub(crate) fn share(self) -> f64 {
        self.held as f64 / self.of.max(1) as f64
    }
}

impl std::ops::AddAssign for Coverage {
    fn add_assign(&mut self, other: Self) {
        self.held += other.held;
        self.of += other.of;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_holds_the_truth_or_misses_it() {
        let mut truth = Truth::default();
        (0..10).for_each(|_| truth.add(1, 1));
        let estimate = |low, high| Some(v1::Estimate { low, high, ..Default::default() });
        let cell = |cell, low, high| v1::Row { cell: Some(cell), estimate: estimate(low, high), ..Default::default() };
        let about = v1::MeasureAnswer {
            measure: Some(v1::Measure { id: 1, ..Default::default() }),
            none: estimate(-1.0, 1.0),
            ..Default::default()
        };
        let rows = vec![cell(1, 10.0, 12.0), cell(2, 1.0, 2.0)];
        let answer = v1::QueryResponse { rows, ..Default::default() };
        assert_eq!(truth.covered(&answer, &about), Coverage { held: 2, of: 3 });
        assert_eq!((truth.reports(1), truth.reports(2), truth.all_reports()), (10, 0, 10));
    }
}
