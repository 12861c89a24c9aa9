//! The cells with the largest estimates, and whether they are the right ones.

use tacita_proto::v1;

use crate::{
    report::rows_of,
    simulation::truth::{Coverage, Truth},
};

/// A measure with more cells is not printed whole.
const PRINTED_WHOLE: usize = 100;

/// The largest cells of one measure, by estimate and in truth.
pub(super) struct Top<'a> {
    about: &'a v1::MeasureAnswer,
    rows: Vec<&'a v1::Row>,
    /// By falling estimate.
    found: Vec<&'a v1::Row>,
    /// Of those, the ones that are among as many with the largest true counts; equal counts are as good.
    right: usize,
    coverage: Coverage,
}

impl<'a> Top<'a> {
    /// The `count` largest cells.
    pub(super) fn of(answer: &'a v1::QueryResponse, about: &'a v1::MeasureAnswer, truth: &Truth, count: u32) -> Self {
        let measure = about.measure.as_ref().map_or(0, |measure| measure.id);
        let true_count = |row: &v1::Row| truth.count(measure, row.cell.unwrap_or(0) as usize);
        let rows = rows_of(answer, about);
        let mut found = rows.clone();
        let mut largest: Vec<u64> = found.iter().map(|row| true_count(row)).collect();
        largest.sort_unstable_by(|a, b| b.cmp(a));
        let estimate = |row: &v1::Row| row.estimate.unwrap_or_default();
        found.sort_by(|a, b| estimate(b).value.total_cmp(&estimate(a).value));
        found.truncate(count as usize);
        let least = largest.get(found.len().saturating_sub(1)).copied().unwrap_or(0);
        let right = found.iter().filter(|row| true_count(row) >= least.max(1)).count();
        let holds = |row: &&&v1::Row| (estimate(row).low..=estimate(row).high).contains(&(true_count(row) as f64));
        let coverage = Coverage { held: found.iter().filter(holds).count(), of: found.len() };
        Self { about, rows, found, right, coverage }
    }

    /// What to print: the measure whole, or these cells alone.
    pub(super) fn shown(&self) -> v1::QueryResponse {
        let rows = if self.is_whole() { &self.rows } else { &self.found };
        let rows = rows.iter().map(|&row| row.clone()).collect();
        v1::QueryResponse { measures: vec![self.about.clone()], rows, ..Default::default() }
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
        self.rows.len() <= PRINTED_WHOLE
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
        let row = |cell, value: f64| {
            let estimate = v1::Estimate { value, low: value - 2.0, high: value + 2.0, ..Default::default() };
            v1::Row { cell: Some(cell), estimate: Some(estimate), ..Default::default() }
        };
        let rows = vec![row(1, 8.0), row(2, 1.0), row(3, 4.0), row(4, 6.0)];
        let answer = v1::QueryResponse { rows, ..Default::default() };
        let about =
            v1::MeasureAnswer { measure: Some(v1::Measure { id: 1, ..Default::default() }), ..Default::default() };
        let top = Top::of(&answer, &about, &truth, 3);
        assert_eq!(top.found.iter().map(|row| row.cell.unwrap()).collect::<Vec<_>>(), [1, 4, 3]);
        assert_eq!((top.right, top.coverage), (2, Coverage { held: 2, of: 3 }));
    }
}
