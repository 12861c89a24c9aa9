//! The rows of a ratio: by period, then by publisher, then by group; only groups that both sides have.

use std::{collections::HashMap, ops::Range};

use tacita_dp::{CellIndex, Estimate, Leverage, fieller_correlated};
use tacita_proto::v1;
use tacita_protocol::{
    domain::Dimension,
    id::{MeasureId, PublisherId},
};

use super::{
    answer::{Answer, Unanswered},
    axes::{Groups, LabelFilter, possible_cells, worth_of_cells},
    costs,
    histograms::Histograms,
    merge::Slices,
    number,
    period::Period,
    ratio::{Ratio, Side},
};
use crate::catalogue::{CountedMeasure, Declaration};

pub(crate) struct Fractions<'a> {
    answer: &'a Answer<'a>,
    ratio: &'a Ratio,
    numerator: Part<'a>,
    denominator: Part<'a>,
    groups: Vec<Pair>,
    untold: Untold,
    publishers: Vec<Option<PublisherId>>,
    per_period: usize,
}

/// The labels of a group, and its place on either side.
type Pair = (Vec<String>, usize, usize);

/// Groups that have no row.
pub(crate) struct Untold {
    /// Nothing that is counted can change the ratio: all of the denominator stands above the line, or nothing of it.
    pub(crate) fixed: Vec<String>,
    /// No cost was declared for them anywhere in the range.
    pub(crate) without_cost: Vec<String>,
}

/// A side with its groups of cells.
enum Part<'a> {
    Cells { counted: &'a CountedMeasure, groups: Groups<'a>, worth: Option<Vec<f64>> },
    Cost,
}

/// One side's number, and what it was made of.
struct Found {
    estimate: Estimate,
    reports: u64,
    /// What one lie can do, where it is a total of cells.
    leverage: Option<Leverage>,
}

impl Found {
    fn told(&self) -> v1::Estimate {
        match self.leverage {
            Some(leverage) => number::total(self.estimate, self.reports, leverage),
            // A cost does not grow with the reports, as a count does.
            None => v1::Estimate { reports_needed: None, ..number::estimate(self.estimate, self.reports) },
        }
    }
}

impl<'a> Part<'a> {
    fn new(answer: &'a Answer<'a>, side: &'a Side) -> Result<Self, Unanswered> {
        let question = answer.question;
        let declaration = &*question.campaign.declaration;
        let (counted, own, has_worth) = match side {
            Side::Cost => return Ok(Self::Cost),
            Side::Count(counted, own) => (counted, own, false),
            Side::Profit(counted, own) => (counted, own, true),
        };
        let filters: Vec<LabelFilter> = question.filters.iter().chain(own).cloned().collect();
        let groups = Groups::new(counted, declaration, question.grouping.axes(), &filters)?;
        let worth =
            has_worth.then(|| worth_of_cells(counted, Dimension::VALUE, |bucket| worth(declaration, bucket))).flatten();
        Ok(Self::Cells { counted, groups, worth })
    }

    fn labels(&self) -> Option<Vec<Vec<String>>> {
        match self {
            Self::Cells { groups, .. } => Some((0..groups.len()).map(|group| groups.labels(group)).collect()),
            Self::Cost => None,
        }
    }

    fn counted(&self) -> Option<&'a CountedMeasure> {
        match self {
            Self::Cells { counted, .. } => Some(counted),
            Self::Cost => None,
        }
    }

    fn histograms<'s>(&self, all: &'s HashMap<MeasureId, Slices>, period: usize) -> Option<Histograms<'s>>
    where
        'a: 's,
    {
        let counted = self.counted()?;
        Some(Histograms::new(all.get(&counted.measure.id)?, counted, period))
    }

    fn cells(&self, group: usize) -> &[CellIndex] {
        match self {
            Self::Cells { groups, .. } => groups.cells(group),
            Self::Cost => &[],
        }
    }

    /// The number of one group. `cost` is what was declared for it; without one there is no number that takes it.
    fn find(
        &self,
        group: usize,
        publisher: Option<PublisherId>,
        histograms: Option<&mut Histograms<'_>>,
        cost: Option<f64>,
    ) -> Result<Option<Found>, Unanswered> {
        let (Self::Cells { counted, groups, worth }, Some(histograms)) = (self, histograms) else {
            let exact = |count| Found { estimate: Estimate { count, variance: 0.0 }, reports: 0, leverage: None };
            return Ok(cost.map(exact));
        };
        let histogram = histograms.get(publisher)?;
        let estimate = match (worth, cost) {
            (None, _) => histogram.subset_sum(groups.cells(group))?,
            (Some(worth), Some(cost)) => {
                let value = histogram.weighted_sum(&groups.weighted(group, worth))?;
                Estimate { count: value.count - cost, ..value }
            }
            (Some(_), None) => return Ok(None),
        };
        let leverage = match worth {
            None => Some(groups.leverage(&counted.mechanism, group)?),
            Some(_) => None,
        };
        Ok(Some(Found { estimate, reports: histograms.reports(publisher), leverage }))
    }
}

/// The groups that both sides have, and those of one measure whose ratio is fixed.
fn pair(numerator: &Part<'_>, denominator: &Part<'_>) -> (Vec<Pair>, Vec<String>) {
    let (above, below) = match (numerator.labels(), denominator.labels()) {
        (Some(above), Some(below)) => (above, below),
        // A cost stands beside every group of the other side.
        (Some(only), None) | (None, Some(only)) => {
            return (only.into_iter().enumerate().map(|(place, labels)| (labels, place, place)).collect(), Vec::new());
        }
        (None, None) => return (Vec::new(), Vec::new()),
    };
    let places: HashMap<Vec<String>, usize> = above.into_iter().zip(0..).collect();
    let whole = denominator
        .counted()
        .filter(|whole| numerator.counted().is_some_and(|part| part.measure.id == whole.measure.id));
    let possible = whole.map(possible_cells);
    let is_fixed = |above: usize, below: usize| {
        let Some(possible) = &possible else { return false };
        let told = |cell: &&CellIndex| possible[cell.get() as usize];
        let mut part = numerator.cells(above).iter().filter(told).peekable();
        part.peek().is_none() || part.eq(denominator.cells(below).iter().filter(told))
    };
    let (mut groups, mut fixed) = (Vec::new(), Vec::new());
    for (place, labels) in below.into_iter().enumerate() {
        match places.get(&labels) {
            Some(&above) if !is_fixed(above, place) => groups.push((labels, above, place)),
            None if whole.is_none() => {}
            _ => fixed.push(labels.join(" × ")),
        }
    }
    (groups, fixed)
}

/// What a conversion in a bucket is worth: as declared, else the middle, else the lower end of an open bucket, else nothing.
fn worth(declaration: &Declaration, bucket: &str) -> f64 {
    if let Some((_, value)) = declaration.bucket_values.iter().find(|(label, _)| label == bucket) {
        return *value;
    }
    let ends = bucket.split_once("..").and_then(|(low, high)| {
        let low: f64 = low.parse().ok()?;
        let high = if high.is_empty() { f64::INFINITY } else { high.parse().ok()? };
        Some((low, if high.is_finite() { high } else { low }))
    });
    ends.map_or(0.0, |(low, high): (f64, f64)| (low + high) / 2.0)
}

impl<'a> Fractions<'a> {
    pub(crate) fn new(answer: &'a Answer<'a>, ratio: &'a Ratio) -> Result<Self, Unanswered> {
        let numerator = Part::new(answer, &ratio.numerator)?;
        let denominator = Part::new(answer, &ratio.denominator)?;
        let (mut groups, fixed) = pair(&numerator, &denominator);
        let mut without_cost = Vec::new();
        if ratio.is_of_cost() {
            groups.retain(|(labels, ..)| {
                let known = costs::spent(answer.question, labels, answer.range).is_some();
                if !known {
                    without_cost.push(labels.join(" × "));
                }
                known
            });
        }
        let untold = Untold { fixed, without_cost };
        let publishers = answer.publishers();
        let per_period = groups.len().saturating_mul(publishers.len()).min(answer.question.top.unwrap_or(usize::MAX));
        Ok(Self { answer, ratio, numerator, denominator, groups, untold, publishers, per_period })
    }

    /// The groups that have no row, though they were asked for.
    pub(crate) fn untold(&self) -> &Untold {
        &self.untold
    }

    /// What rows call the ratio.
    pub(crate) fn name(&self) -> &str {
        &self.ratio.name
    }

    /// Whether no group has a row.
    pub(crate) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.per_period.saturating_mul(self.answer.periods.len())
    }

    /// Adds the rows `part` of this ratio.
    pub(crate) fn rows(&self, part: Range<usize>, rows: &mut Vec<v1::RatioRow>) -> Result<(), Unanswered> {
        let mut next = part.start;
        while next < part.end {
            self.answer.go_on()?;
            let period = next / self.per_period;
            let first = period * self.per_period;
            let end = part.end.min(first + self.per_period);
            rows.extend(self.rows_of_period(period, next - first..end - first)?);
            next = end;
        }
        Ok(())
    }

    fn rows_of_period(&self, period: usize, part: Range<usize>) -> Result<Vec<v1::RatioRow>, Unanswered> {
        let wanted = match self.answer.question.top {
            Some(_) => 0..self.groups.len() * self.publishers.len(),
            None => part.clone(),
        };
        let mut page = Page::new(self, period);
        let mut rows = wanted
            .map(|place| {
                let publisher = self.publishers[place / self.groups.len()];
                self.row(&mut page, period, publisher, &self.groups[place % self.groups.len()])
            })
            .collect::<Result<Vec<_>, _>>()?;
        if self.answer.question.top.is_some() {
            let value = |row: &v1::RatioRow| row.estimate.and_then(|ratio| ratio.value).unwrap_or(f64::NEG_INFINITY);
            rows.sort_by(|a, b| value(b).total_cmp(&value(a)));
            rows = rows.drain(part).collect();
        }
        Ok(rows)
    }

    fn row(
        &self,
        page: &mut Page<'_>,
        period: usize,
        publisher: Option<PublisherId>,
        (labels, above, below): &Pair,
    ) -> Result<v1::RatioRow, Unanswered> {
        let whole = self.answer.periods[period];
        let (this, numerator, denominator) = self.at(&mut page.now, whole, publisher, labels, *above, *below)?;
        let compared = match (&mut page.before, self.answer.compared_with(period)) {
            (Some(before), Some(earlier)) => {
                let (that, ..) = self.at(before, earlier, publisher, labels, *above, *below)?;
                let difference = number::change_of_ratios(&this, &that);
                Some(v1::ComparedRatio { period: Some(earlier.into()), estimate: Some(that), difference })
            }
            _ => None,
        };
        let name = |part: &Part<'_>| part.counted().map_or(String::new(), |one| one.measure.name.to_string());
        let settled = |part: &Part<'_>| part.counted().is_none_or(|one| self.answer.is_settled(one, whole));
        let labels = self.answer.with_publisher(labels.clone(), publisher);
        Ok(v1::RatioRow {
            ratio: self.ratio.name.clone(),
            period: Some(whole.into()),
            labels: [self.ratio.prefix.clone(), labels].concat(),
            estimate: Some(this),
            numerator: numerator.map(|found| found.told()),
            denominator: denominator.map(|found| found.told()),
            numerator_measure: name(&self.numerator),
            denominator_measure: name(&self.denominator),
            settled: settled(&self.numerator) && settled(&self.denominator),
            compared,
        })
    }

    /// The ratio of one group in one period; no number where a cost that it takes was not declared.
    fn at(
        &self,
        sides: &mut Sides<'_>,
        period: Period,
        publisher: Option<PublisherId>,
        labels: &[String],
        above: usize,
        below: usize,
    ) -> Result<(v1::RatioEstimate, Option<Found>, Option<Found>), Unanswered> {
        let cost = self.ratio.is_of_cost().then(|| costs::spent(self.answer.question, labels, period)).flatten();
        let over = self.numerator.find(above, publisher, sides.numerator.as_mut(), cost)?;
        let under = self.denominator.find(below, publisher, sides.denominator.as_mut(), cost)?;
        let (Some(numerator), Some(denominator)) = (&over, &under) else {
            return Ok((v1::RatioEstimate::default(), over, under));
        };
        let covariance = match (self.numerator.counted(), self.denominator.counted(), sides.denominator.as_mut()) {
            (Some(one), Some(other), Some(histograms)) if one.measure.id == other.measure.id => {
                let histogram = histograms.get(publisher)?;
                histogram.covariance(self.numerator.cells(above), self.denominator.cells(below))?
            }
            // Separate reports: independent noise.
            _ => 0.0,
        };
        let ratio = fieller_correlated(numerator.estimate, denominator.estimate, covariance, number::LEVEL);
        Ok((number::ratio(ratio, denominator.reports), over, under))
    }
}

/// The histograms of either side in one period.
struct Sides<'a> {
    numerator: Option<Histograms<'a>>,
    denominator: Option<Histograms<'a>>,
}

/// What the rows of one period are made from.
struct Page<'a> {
    now: Sides<'a>,
    before: Option<Sides<'a>>,
}

impl<'a> Page<'a> {
    fn new(fractions: &'a Fractions<'a>, period: usize) -> Self {
        let answer = fractions.answer;
        let sides = |all: &'a HashMap<MeasureId, Slices>| Sides {
            numerator: fractions.numerator.histograms(all, period),
            denominator: fractions.denominator.histograms(all, period),
        };
        let before = answer.question.shift.map(|_| sides(&answer.compared));
        Self { now: sides(&answer.slices), before }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_worth_what_was_declared_or_its_middle() {
        let declared = Declaration { bucket_values: vec![("50..".into(), 80.0)], ..Declaration::default() };
        for (bucket, value) in [("0..50", 25.0), ("50..", 80.0), ("100..", 100.0), ("100..inf", 100.0), ("other", 0.0)]
        {
            assert_eq!(worth(&declared, bucket), value, "{bucket}");
        }
    }
}
