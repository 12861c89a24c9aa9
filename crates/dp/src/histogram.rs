//! Unbiased counts of all cells from one tally, and exact variances of sums of cells.

use crate::norm_sub::norm_sub;
use crate::ratio::fieller_correlated;
use crate::{CellIndex, Confidence, Error, Estimate, Mechanism, Ratio, Tally};

/// The estimate of one histogram.
#[derive(Clone, Debug)]
pub struct Histogram {
    mechanism: Mechanism,
    tally: Tally,
    cells: Vec<Estimate>,
}

impl Histogram {
    /// N̂_v = (C_v − n·q)/(p − q), with variance n·V(N̂_v/n), the share clamped to 0 … 1
    /// (Wang et al., USENIX Security 2017, eqs. (1) and (2)).
    pub(crate) fn new(mechanism: &Mechanism, tally: &Tally) -> Result<Self, Error> {
        let supports = mechanism.supports_of(tally)?;
        let reports = tally.reports() as f64;
        let (q, gap) = (mechanism.q(), mechanism.p() - mechanism.q());
        let (at_zero, at_one) = (mechanism.variance(0.0), mechanism.variance(1.0));
        let estimate = |support: u64| {
            let count = (support as f64 - reports * q) / gap;
            let members = count.clamp(0.0, reports);
            Estimate { count, variance: members * at_one + (reports - members) * at_zero }
        };
        let cells = supports.iter().copied().map(estimate).collect();
        Ok(Self { mechanism: mechanism.clone(), tally: tally.clone(), cells })
    }

    /// The mechanism that the reports came from.
    #[must_use]
    pub const fn mechanism(&self) -> &Mechanism {
        &self.mechanism
    }

    /// How many reports were counted: the exact total of the histogram.
    #[must_use]
    pub const fn reports(&self) -> u64 {
        self.tally.reports()
    }

    /// The estimate of every cell, in order. Over a subset-selection domain the counts sum to
    /// [`reports`](Self::reports) but for rounding.
    #[must_use]
    pub fn cells(&self) -> &[Estimate] {
        &self.cells
    }

    /// The estimate of one cell.
    ///
    /// # Errors
    /// [`Error::CellOutOfDomain`] for a cell of a larger domain.
    pub fn cell(&self, cell: CellIndex) -> Result<Estimate, Error> {
        let domain = self.mechanism.domain().get();
        self.cells.get(cell.get() as usize).copied().ok_or(Error::CellOutOfDomain { cell: cell.get(), domain })
    }

    /// The total of a set of cells with its exact variance: the noises of two cells of one histogram are dependent, so
    /// their variances do not add. A cell named twice counts once.
    ///
    /// Subset selection: a closed form (a mixture of hypergeometric laws). Projective: an unbiased estimate of the
    /// variance from the tally, for the price of one more decoding. See spec/statistics/estimation.md.
    ///
    /// # Errors
    /// [`Error::CellOutOfDomain`] for a cell of a larger domain.
    pub fn subset_sum(&self, cells: &[CellIndex]) -> Result<Estimate, Error> {
        if let [only] = *cells {
            return self.cell(only);
        }
        let set = self.as_set(cells)?;
        if let [only] = set[..] {
            return self.cell(only);
        }
        let count = set.iter().map(|cell| self.cells[cell.get() as usize].count).sum();
        Ok(Estimate { count, variance: self.variance_of_sum(&set, count) })
    }

    /// The covariance of the noises of two totals of cells, which may overlap.
    ///
    /// From Var(A + B) = Var A + Var B + 2·Cov(A, B) for disjoint sets, bilinearly.
    ///
    /// # Errors
    /// [`Error::CellOutOfDomain`] for a cell of a larger domain.
    pub fn covariance(&self, left: &[CellIndex], right: &[CellIndex]) -> Result<f64, Error> {
        let (left, right) = (self.as_set(left)?, self.as_set(right)?);
        let (both, only_left): (Vec<_>, Vec<_>) = left.iter().partition(|cell| right.binary_search(cell).is_ok());
        let only_right: Vec<_> = right.iter().copied().filter(|cell| left.binary_search(cell).is_err()).collect();
        let mut covariance = self.subset_sum(&both)?.variance;
        for (a, b) in [(&only_left, &only_right), (&only_left, &both), (&both, &only_right)] {
            covariance += self.disjoint_covariance(a, b)?;
        }
        Ok(covariance)
    }

    /// The sum of the cells' counts, each times its weight (what a conversion of its bucket is worth), with its exact variance.
    ///
    /// Cells of one weight are a set: Var = Σᵢ wᵢ²·Var(Sᵢ) + 2·Σᵢ﹤ⱼ wᵢwⱼ·Cov(Sᵢ, Sⱼ). Meant for few different weights.
    ///
    /// # Errors
    /// [`Error::CellOutOfDomain`] for a cell of a larger domain.
    pub fn weighted_sum(&self, terms: &[(CellIndex, f64)]) -> Result<Estimate, Error> {
        let mut sets: Vec<(f64, Vec<CellIndex>)> = Vec::new();
        for &(cell, weight) in terms {
            match sets.iter_mut().find(|(known, _)| *known == weight) {
                Some((_, set)) => set.push(cell),
                None => sets.push((weight, vec![cell])),
            }
        }
        let mut sum = Estimate::default();
        for (place, (weight, set)) in sets.iter().enumerate() {
            let part = self.subset_sum(set)?;
            sum.count += weight * part.count;
            sum.variance += weight * weight * part.variance;
            for (other, earlier) in &sets[..place] {
                sum.variance += 2.0 * weight * other * self.covariance(set, earlier)?;
            }
        }
        sum.variance = sum.variance.max(0.0);
        Ok(sum)
    }

    fn disjoint_covariance(&self, a: &[CellIndex], b: &[CellIndex]) -> Result<f64, Error> {
        if a.is_empty() || b.is_empty() {
            return Ok(0.0);
        }
        let union = self.subset_sum(&[a, b].concat())?.variance;
        Ok((union - self.subset_sum(a)?.variance - self.subset_sum(b)?.variance) / 2.0)
    }

    /// The ratio of two totals of this histogram (a channel's part of all shares, dark to declared), with their covariance.
    ///
    /// # Errors
    /// [`Error::CellOutOfDomain`] for a cell of a larger domain.
    pub fn ratio(
        &self,
        numerator: &[CellIndex],
        denominator: &[CellIndex],
        confidence: Confidence,
    ) -> Result<Ratio, Error> {
        let (above, below) = (self.subset_sum(numerator)?, self.subset_sum(denominator)?);
        Ok(fieller_correlated(above, below, self.covariance(numerator, denominator)?, confidence))
    }

    /// Non-negative counts that sum to the number of reports, for a chart and for nothing else: they are biased (top
    /// cells by as much as −39 % of their mass at n = 10⁴, ε = 1, k = 1,024). Never add, divide or put an interval
    /// around them.
    #[must_use]
    pub fn display(&self) -> Vec<f64> {
        let counts: Vec<f64> = self.cells.iter().map(|cell| cell.count).collect();
        norm_sub(&counts, self.reports() as f64)
    }

    fn as_set(&self, cells: &[CellIndex]) -> Result<Vec<CellIndex>, Error> {
        let mut set = cells.to_vec();
        set.sort_unstable();
        set.dedup();
        if let Some(&last) = set.last() {
            self.cell(last)?;
        }
        Ok(set)
    }

    fn variance_of_sum(&self, set: &[CellIndex], count: f64) -> f64 {
        match &self.mechanism {
            Mechanism::SubsetSelection(subset) => self.subset_variance(set.len(), subset.omega(), count),
            Mechanism::SubsetList(subset) => self.subset_variance(set.len(), subset.omega(), count),
            Mechanism::Projective(projective) => {
                let supported = projective.cells_supported_by_point(set);
                let squares = self.tally.counters().iter().zip(supported);
                let second: f64 = squares.map(|(&reports, cells)| reports as f64 * (cells as f64).powi(2)).sum();
                self.projective_variance(set.len() as f64, second, count)
            }
        }
    }

    /// A report holds |S ∩ subset| cells of S. If the truth is in S (m cells), a hit holds it and Hyp(k−1, m−1, ω−1)
    /// more, a miss Hyp(k−1, m−1, ω); otherwise Hyp(k−1, m, ω−1) or Hyp(k−1, m, ω).
    fn subset_variance(&self, cells: usize, omega: u32, count: f64) -> f64 {
        let (others, m, w) = (f64::from(self.mechanism.domain().get()) - 1.0, cells as f64, f64::from(omega));
        let (p, miss) = (self.mechanism.p(), 1.0 - self.mechanism.p());
        let mixture = |hit: Moments, other: Moments| {
            let mean = p * hit.mean + miss * other.mean;
            let spread = p * (hit.mean - mean).powi(2) + miss * (other.mean - mean).powi(2);
            p * hit.variance + miss * other.variance + spread
        };
        if cells == 0 {
            return 0.0;
        }
        let inside = mixture(
            Moments::hypergeometric(others, m - 1.0, w - 1.0).plus_one(),
            Moments::hypergeometric(others, m - 1.0, w),
        );
        let outside = if m > others {
            0.0 // Nothing lies outside the whole domain.
        } else {
            mixture(Moments::hypergeometric(others, m, w - 1.0), Moments::hypergeometric(others, m, w))
        };
        let reports = self.reports() as f64;
        let members = count.clamp(0.0, reports);
        (members * inside + (reports - members) * outside) / self.gap().powi(2)
    }

    /// Var = Σᵢ E\[W²\] − Σᵢ E\[W\]², W being the cells of S that a report supports. The first sum is estimated without
    /// bias by `second` = Σ W² over the reports; the means are p + (m−1)q inside S and m·q outside.
    fn projective_variance(&self, m: f64, second: f64, count: f64) -> f64 {
        let (p, q, reports) = (self.mechanism.p(), self.mechanism.q(), self.reports() as f64);
        let (inside, outside) = (p + (m - 1.0) * q, m * q);
        let noise = second - count * inside * inside - (reports - count) * outside * outside;
        noise.max(0.0) / self.gap().powi(2)
    }

    fn gap(&self) -> f64 {
        self.mechanism.p() - self.mechanism.q()
    }
}

/// Mean and variance of an integer random variable.
struct Moments {
    mean: f64,
    variance: f64,
}

impl Moments {
    /// Marked items among `draws` without replacement from `items` of which `marked` are marked.
    fn hypergeometric(items: f64, marked: f64, draws: f64) -> Self {
        let share = marked / items;
        let finite = if items > 1.0 { (items - draws) / (items - 1.0) } else { 0.0 };
        Self { mean: draws * share, variance: draws * share * (1.0 - share) * finite }
    }

    fn plus_one(self) -> Self {
        Self { mean: self.mean + 1.0, ..self }
    }
}
