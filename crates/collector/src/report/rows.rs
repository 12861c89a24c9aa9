//! The rows of counts: each is the sum of a group of cells of one histogram, with its exact variance. No report at all
//! is no noise at all: every total is then 0 from 0 to 0.

use std::ops::Range;

use tacita_dp::{CellIndex, Estimate};
use tacita_proto::v1;
use tacita_protocol::{domain::Domain, id::PublisherId};

use super::{
    answer::{Answer, Unanswered, told_measure},
    axes::Groups,
    histograms::Histograms,
    number,
    period::Period,
};
use crate::catalogue::CountedMeasure;

/// The rows of one measure: by period, then by publisher, then by group.
pub(super) struct Table<'a> {
    answer: &'a Answer<'a>,
    counted: &'a CountedMeasure,
    groups: Groups<'a>,
    publishers: Vec<Option<PublisherId>>,
    per_period: usize,
}

impl<'a> Table<'a> {
    pub(super) fn new(answer: &'a Answer<'a>, counted: &'a CountedMeasure) -> Result<Self, Unanswered> {
        let question = answer.question;
        let axes = question.grouping.of(counted);
        let groups = Groups::new(counted, &question.campaign.declaration, &axes, &question.filters)?;
        let publishers = answer.publishers();
        let per_period = groups.len().saturating_mul(publishers.len()).min(question.top.unwrap_or(usize::MAX));
        Ok(Self { answer, counted, groups, publishers, per_period })
    }

    pub(super) fn len(&self) -> usize {
        self.per_period.saturating_mul(self.answer.periods.len())
    }

    /// Adds the rows `part` of this table.
    pub(super) fn rows(&self, part: Range<usize>, rows: &mut Vec<v1::Row>) -> Result<(), Unanswered> {
        let mut next = part.start;
        while next < part.end {
            self.answer.go_on()?;
            let period = next / self.per_period;
            let end = part.end.min((period + 1) * self.per_period);
            let first = period * self.per_period;
            self.rows_of_period(period, next - first..end - first, rows)?;
            next = end;
        }
        Ok(())
    }

    fn rows_of_period(&self, period: usize, part: Range<usize>, rows: &mut Vec<v1::Row>) -> Result<(), Unanswered> {
        let id = self.counted.measure.id;
        let mut histograms = Histograms::new(&self.answer.slices[&id], self.counted, period);
        let mut compared = self.answer.compared.get(&id).map(|slices| Histograms::new(slices, self.counted, period));
        let order = match self.answer.question.top {
            Some(_) => Some(self.largest(&mut histograms)?),
            None => None,
        };
        for place in part {
            let (publisher, group) = match &order {
                Some(order) => order[place],
                None => (place / self.groups.len(), place % self.groups.len()),
            };
            rows.push(self.row(period, self.publishers[publisher], group, &mut histograms, compared.as_mut())?);
        }
        Ok(())
    }

    /// Publishers and groups with the largest estimates, largest first.
    fn largest(&self, histograms: &mut Histograms<'_>) -> Result<Vec<(usize, usize)>, Unanswered> {
        let mut all: Vec<(f64, usize, usize)> = Vec::with_capacity(self.groups.len() * self.publishers.len());
        for (place, &publisher) in self.publishers.iter().enumerate() {
            self.answer.go_on()?;
            let histogram = histograms.get(publisher)?;
            let count = |&cell: &CellIndex| histogram.cells()[cell.get() as usize].count;
            let count = |group: usize| -> f64 { self.groups.cells(group).iter().map(count).sum() };
            all.extend((0..self.groups.len()).map(|group| (count(group), place, group)));
        }
        let descending =
            |a: &(f64, usize, usize), b: &(f64, usize, usize)| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2)));
        if self.per_period < all.len() && self.per_period > 0 {
            all.select_nth_unstable_by(self.per_period - 1, descending);
            all.truncate(self.per_period);
        }
        all.sort_unstable_by(descending);
        Ok(all.into_iter().map(|(_, publisher, group)| (publisher, group)).collect())
    }

    fn row(
        &self,
        period: usize,
        publisher: Option<PublisherId>,
        group: usize,
        histograms: &mut Histograms<'_>,
        compared: Option<&mut Histograms<'_>>,
    ) -> Result<v1::Row, Unanswered> {
        let id = self.counted.measure.id;
        let cells = self.groups.cells(group);
        let slice = self.answer.slices[&id].get(period, publisher);
        let found = histograms.get(publisher)?.subset_sum(cells)?;
        let leverage = self.groups.leverage(&self.counted.mechanism, group)?;
        let compared = match (compared, self.answer.compared_with(period)) {
            (Some(histograms), Some(earlier)) => {
                let that = histograms.get(publisher)?.subset_sum(cells)?;
                let told = number::total(that, histograms.reports(publisher), leverage);
                Some(compared_row(found, that, earlier, told, histograms.reports(publisher)))
            }
            _ => None,
        };
        let amplified = self.answer.amplification.of(id, &self.counted.mechanism, slice.smallest)?;
        Ok(v1::Row {
            measure: self.counted.measure.name.to_string(),
            period: Some(self.answer.periods[period].into()),
            labels: self.answer.with_publisher(self.groups.labels(group), publisher),
            estimate: Some(number::total(found, slice.reports, leverage)),
            reports: slice.reports,
            share: if slice.reports == 0 { 0.0 } else { found.count / slice.reports as f64 },
            amplified_epsilon: amplified,
            settled: self.answer.is_settled(self.counted, self.answer.periods[period]),
            compared,
            cell: if let [only] = cells { Some(only.get()) } else { None },
            hidden: slice.hidden(self.answer.question.campaign.policy.reports_per_window),
        })
    }

    /// What holds for all rows.
    pub(super) fn about(&self) -> Result<v1::MeasureAnswer, Unanswered> {
        let (id, mechanism) = (self.counted.measure.id, &self.counted.mechanism);
        let slices = &self.answer.slices[&id];
        let whole = slices.whole();
        let none = match whole.reports {
            0 => Estimate::default(),
            _ => slices.whole_histogram(self.counted)?.cells()[Domain::NONE],
        };
        Ok(v1::MeasureAnswer {
            measure: Some(told_measure(&self.counted.measure)),
            group_by: self.answer.question.grouping.of(self.counted),
            reports: whole.reports,
            windows: whole.windows,
            none: Some(number::estimate(none, whole.reports)),
            privacy: Some(self.answer.amplification.privacy(id, mechanism, whole.smallest)?),
            fits: self.answer.fits_of(self.counted)?,
            hidden: whole.hidden(self.answer.question.campaign.policy.reports_per_window),
        })
    }
}

fn compared_row(this: Estimate, that: Estimate, period: Period, told: v1::Estimate, reports: u64) -> v1::ComparedRow {
    v1::ComparedRow {
        period: Some(period.into()),
        estimate: Some(told),
        reports,
        difference: Some(number::change(this, that)),
        ratio: Some(number::ratio(tacita_dp::fieller(this, that, number::LEVEL), reports)),
    }
}
