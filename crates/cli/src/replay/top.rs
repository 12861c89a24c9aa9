//! The cells with the largest estimates, and whether they are the right ones.

use tacita_proto::v1;

use crate::simulation::truth::{Coverage, Truth};

/// A measure with more cells is not printed whole.
const PRINTED_WHOLE: usize = 100;

/// The largest cells of one measure, by estimate and in truth.
pub(super) struct Top<'a> {
    report: &'a v1::MeasureReport,
    /// By falling estimate, `none` aside.
    found: Vec<&'a v1::CellEstimate>,
    /// Of those, the ones that are among as many with the largest true counts; equal counts are as good.
    right: usize,
    coverage: Coverage,
}

impl<'a> Top<'a> {
    /// The `count` largest cells.
    pub(super) fn of(report: &'a v1::MeasureReport, truth: &Truth, count: u32) -> Self {
        let measure = report.measure.as_ref().map_or(0, |measure| measure.id);
        let true_count = |cell: &v1::CellEstimate| truth.count(measure, cell.cell as usize);
        let mut found: Vec<&v1::CellEstimate> = report.cells.iter().filter(|cell| cell.cell != 0).collect();
        let mut largest: Vec<u64> = found.iter().map(|cell| true_count(cell)).collect();
        largest.sort_unstable_by(|a, b| b.cmp(a));
        found.sort_by(|a, b| b.estimate.total_cmp(&a.estimate));
        found.truncate(count as usize);
        let least = largest.get(found.len().saturating_sub(1)).copied().unwrap_or(0);
        let right = found.iter().filter(|cell| true_count(cell) >= least.max(1)).count();
        let holds = |cell: &&&v1::CellEstimate| (cell.low..=cell.high).contains(&(true_count(cell) as f64));
        let coverage = Coverage { held: found.iter().filter(holds).count(), of: found.len() };
        Self { report, found, right, coverage }
    }

    /// The report to print: whole, or these cells alone.
    pub(super) fn shown(&self) -> v1::MeasureReport {
        if self.is_whole() {
            return self.report.clone();
        }
        let v1::MeasureReport { measure, reports, windows, privacy, .. } = self.report;
        let cells = self.found.iter().map(|&cell| cell.clone()).collect();
        v1::MeasureReport {
            measure: measure.clone(),
            reports: *reports,
            windows: *windows,
            cells,
            privacy: privacy.clone(),
        }
    }

    /// How good they are, in a line, where the measure is not printed whole.
    pub(super) fn told(&self) -> Option<String> {
        let Coverage { held, of } = self.coverage;
        let right = self.right;
        (!self.is_whole()).then(|| {
            format!(
                "of these {of}, {right} are of the true top {of}; the intervals of {held} hold (95 % hold of cells that are \
                 not picked for their estimates)"
            )
        })
    }

    /// The same for programs.
    pub(super) fn json(&self) -> serde_json::Value {
        let Coverage { held, of } = self.coverage;
        serde_json::json!({ "cells": of, "of_the_true_top": self.right, "intervals_that_hold_the_truth": held })
    }

    fn is_whole(&self) -> bool {
        self.report.cells.len() <= PRINTED_WHOLE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_estimates_are_held_against_the_largest_counts() {
        let mut truth = Truth::default();
        for (cell, count) in [(0, 50), (1, 9), (2, 5), (3, 5), (4, 1)] {
            (0..count).for_each(|_| truth.add(1, cell));
        }
        let cell = |cell, estimate| v1::CellEstimate {
            cell,
            estimate,
            low: estimate - 2.0,
            high: estimate + 2.0,
            ..Default::default()
        };
        let report = v1::MeasureReport {
            measure: Some(v1::Measure { id: 1, ..Default::default() }),
            cells: vec![cell(0, 50.0), cell(1, 8.0), cell(2, 1.0), cell(3, 4.0), cell(4, 6.0)],
            ..Default::default()
        };
        let top = Top::of(&report, &truth, 3);
        assert_eq!(top.found.iter().map(|cell| cell.cell).collect::<Vec<_>>(), [1, 4, 3]);
        assert_eq!((top.right, top.coverage), (2, Coverage { held: 2, of: 3 }));
    }
}
