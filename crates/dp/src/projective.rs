//! Projective-geometry response: the report is a point of PG(t−1, q), more likely on the hyperplane of the true cell.
//!
//! Feldman, Nelson, Nguyen and Talwar, "Private frequency estimation via projective geometry", ICML 2022, §3, here over
//! fields of prime-power order. Specification: spec/statistics/projective.md.

use std::sync::Arc;

use rand_core::CryptoRng;

use crate::geometry::Geometry;
use crate::law::HitLaw;
use crate::radon::hyperplane_sums;
use crate::report::{Counters, Report};
use crate::sampling::{bernoulli, uniform_below};
use crate::{Blanket, CellIndex, DomainSize, Epsilon, Error, InvalidReport};

/// Projective-geometry response; a report is an index below K = (qᵗ − 1)/(q − 1).
///
/// Cheap to clone: the geometry is shared.
#[derive(Clone, Debug)]
pub struct Projective {
    domain: DomainSize,
    epsilon: Epsilon,
    hit: HitLaw,
    geometry: Arc<Geometry>,
    /// r: the reports that support a given cell.
    supporting: u64,
    /// λ: the reports that support two given cells.
    shared: u64,
}

impl Projective {
    /// The law over the field of a chosen order, in the least dimension t ≥ 2 with K ≥ k;
    /// [`Mechanism::choose`](crate::Mechanism::choose) takes the best order.
    ///
    /// # Errors
    /// [`Error::FieldOrder`] if the order is not a prime power, or K would exceed 2²² = 4,194,304 counters.
    pub fn with_field(domain: DomainSize, epsilon: Epsilon, order: u32) -> Result<Self, Error> {
        let geometry = Geometry::covering(domain.get(), order).ok_or(Error::FieldOrder(order))?;
        let t = geometry.dimension();
        let (supporting, shared) = (geometry.subspace(t - 1), geometry.subspace(t - 2));
        let hit = HitLaw::new(epsilon, supporting, geometry.points() - supporting);
        Ok(Self { domain, epsilon, hit, geometry: Arc::new(geometry), supporting, shared })
    }

    /// q: the order of the field.
    #[must_use]
    pub fn field_order(&self) -> u32 {
        self.geometry.field().order()
    }

    /// t: the number of coordinates of a point.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.geometry.dimension()
    }

    /// K: the number of points, which is the number of different reports and of counters.
    #[must_use]
    pub fn points(&self) -> u64 {
        self.geometry.points()
    }

    pub(crate) fn domain(&self) -> DomainSize {
        self.domain
    }

    pub(crate) fn epsilon(&self) -> Epsilon {
        self.epsilon
    }

    pub(crate) fn hit(&self) -> &HitLaw {
        &self.hit
    }

    /// r: how many different reports support a given cell.
    pub(crate) fn supporting(&self) -> u64 {
        self.supporting
    }

    /// q of the pure protocol: of a cell's r reports, λ support a given other cell; of the K − r others, r − λ do.
    pub(crate) fn false_support(&self) -> f64 {
        let (r, shared, points) = (self.supporting as f64, self.shared as f64, self.points() as f64);
        self.hit.hit() * (shared / r) + self.hit.miss() * ((r - shared) / (points - r))
    }

    pub(crate) fn blanket(&self) -> Blanket {
        let points = self.points() as f64;
        Blanket::of_design(self.hit.ratio(), self.supporting as f64 / points, self.shared as f64 / points)
    }

    /// Two draws: hit or miss, then which point.
    pub(crate) fn randomize(&self, cell: CellIndex, rng: &mut impl CryptoRng) -> Report {
        let truth = u64::from(cell.get().min(self.domain.get() - 1));
        if bernoulli(self.hit.threshold(), rng) {
            let number = uniform_below(self.supporting, rng);
            Report(self.geometry.supporting(truth, number))
        } else {
            let number = uniform_below(self.points() - self.supporting, rng);
            Report(self.geometry.opposing(truth, number))
        }
    }

    pub(crate) fn validate(&self, raw: u64) -> Result<Report, InvalidReport> {
        if raw < self.points() { Ok(Report(raw)) } else { Err(InvalidReport::PointOutOfRange) }
    }

    pub(crate) fn counters(&self, report: Report) -> Counters {
        Counters::of_index(report.0 as u32)
    }

    pub(crate) fn report_bits(&self) -> u32 {
        u64::BITS - (self.points() - 1).leading_zeros()
    }

    /// Whether the report's point lies on the cell's hyperplane.
    pub(crate) fn supports_cell(&self, report: Report, cell: CellIndex) -> bool {
        let (v, _) = self.geometry.cell(u64::from(cell.get()));
        report.0 < self.points() && self.geometry.product(&self.geometry.report(report.0), &v) == 0
    }

    /// C_v of the pure protocol for every cell v: how many reports support it.
    pub(crate) fn supports(&self, reports: u64, counters: &[u64]) -> Vec<u64> {
        self.sums(reports, counters, self.domain.get() as usize)
    }

    /// For every point, how many of the given cells its reports support.
    pub(crate) fn cells_supported_by_point(&self, cells: &[CellIndex]) -> Vec<u64> {
        // ⟨u, v⟩ is symmetric: count the cells as if they were reports, and read the sums as if points were cells.
        let mut chosen = vec![0; self.points() as usize];
        for cell in cells {
            let (vector, _) = self.geometry.cell(u64::from(cell.get()));
            chosen[self.geometry.report_index(&vector) as usize] = 1;
        }
        let sums = self.sums(cells.len() as u64, &chosen, chosen.len());
        let mut by_point = vec![0; chosen.len()];
        for (cell, sum) in sums.into_iter().enumerate() {
            let (vector, _) = self.geometry.cell(cell as u64);
            by_point[self.geometry.report_index(&vector) as usize] = sum;
        }
        by_point
    }

    /// No sum exceeds `total`: where that fits 32 bits, so do all counters on the way.
    fn sums(&self, total: u64, counters: &[u64], cells: usize) -> Vec<u64> {
        if u32::try_from(total).is_err() {
            return hyperplane_sums(&self.geometry, counters, cells);
        }
        let narrow: Vec<u32> = counters.iter().map(|&count| count as u32).collect();
        hyperplane_sums(&self.geometry, &narrow, cells).into_iter().map(u64::from).collect()
    }
}
