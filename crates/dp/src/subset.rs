//! Subset selection: the report is a set of ω cells, more likely to hold the true cell.
//!
//! Ye and Barg, "Optimal schemes for discrete distribution estimation under locally differential privacy", IEEE Trans.
//! Inf. Theory 64(8), 2018, §III; Wang et al., "Mutual information optimally local private discrete distribution
//! estimation", arXiv:1607.08025. k-ary randomized response is the case ω = 1. Two encodings share the law:
//! [`SubsetSelection`], a 64-bit mask, and [`SubsetList`], a list of indices. Specification:
//! spec/statistics/subset-selection.md.

use rand_core::CryptoRng;

use crate::law::HitLaw;
use crate::report::{Counters, Report};
use crate::sampling::{bernoulli, floyd};
use crate::{Blanket, CellIndex, DomainSize, Epsilon, Error, InvalidReport};

/// The law of a random ω-subset of k cells, whatever its encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SubsetLaw {
    domain: DomainSize,
    epsilon: Epsilon,
    omega: u32,
    hit: HitLaw,
}

impl SubsetLaw {
    fn new(domain: DomainSize, epsilon: Epsilon, omega: u32) -> Result<Self, Error> {
        let cells = domain.get();
        if omega == 0 || omega >= cells {
            return Err(Error::SubsetSize { omega, domain: cells });
        }
        let hit = HitLaw::new(epsilon, u64::from(omega), u64::from(cells - omega));
        Ok(Self { domain, epsilon, omega, hit })
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

    /// q: a hit brings ω − 1 of the other k − 1 cells, a miss ω of them.
    pub(crate) fn false_support(&self) -> f64 {
        (f64::from(self.omega) - self.hit.hit()) / f64::from(self.domain.get() - 1)
    }

    /// The complete block design: of all ω-subsets, a share ω/k holds a cell and ω(ω−1)/(k(k−1)) a pair of cells.
    pub(crate) fn blanket(&self) -> Blanket {
        let (k, w) = (f64::from(self.domain.get()), f64::from(self.omega));
        Blanket::of_design(self.hit.ratio(), w / k, w * (w - 1.0) / (k * (k - 1.0)))
    }

    /// Draws the members: one word for hit or miss, then one uniform number per further member.
    fn draw<S>(
        &self,
        cell: CellIndex,
        rng: &mut impl CryptoRng,
        chosen: &mut S,
        has: impl Fn(&S, u32) -> bool,
        take: impl Fn(&mut S, u32),
    ) {
        let truth = cell.get().min(self.domain.get() - 1);
        let hit = bernoulli(self.hit.threshold(), rng);
        // The other cells, numbered 0 .. k − 1 with the true one left out: a miss must never hold it.
        let other = |number: u32| number + u32::from(number >= truth);
        if hit {
            take(chosen, truth);
        }
        let rest = self.omega - u32::from(hit);
        floyd(self.domain.get() - 1, rest, rng, chosen, |set, n| has(set, other(n)), |set, n| take(set, other(n)));
    }
}

/// Subset selection for at most 64 cells; a report is a mask with exactly ω of the k low bits set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubsetSelection(SubsetLaw);

impl SubsetSelection {
    /// The most cells that a mask holds.
    pub const MAX_DOMAIN: u32 = 64;

    /// The law with a chosen subset size ω; [`Mechanism::choose`](crate::Mechanism::choose) takes the best one.
    ///
    /// # Errors
    /// [`Error::SubsetSize`] unless `1 ≤ omega < k ≤ 64`.
    pub fn with_omega(domain: DomainSize, epsilon: Epsilon, omega: u32) -> Result<Self, Error> {
        if domain.get() > Self::MAX_DOMAIN {
            return Err(Error::SubsetSize { omega, domain: domain.get() });
        }
        SubsetLaw::new(domain, epsilon, omega).map(Self)
    }

    /// ω: the number of cells in every report.
    #[must_use]
    pub const fn omega(&self) -> u32 {
        self.0.omega
    }

    pub(crate) fn law(&self) -> &SubsetLaw {
        &self.0
    }

    pub(crate) fn randomize(&self, cell: CellIndex, rng: &mut impl CryptoRng) -> Report {
        let mut mask = 0u64;
        self.0.draw(cell, rng, &mut mask, |mask, cell| mask >> cell & 1 == 1, |mask, cell| *mask |= 1 << cell);
        Report(mask)
    }

    pub(crate) fn validate(&self, raw: u64) -> Result<Report, InvalidReport> {
        if raw.checked_shr(self.0.domain.get()).unwrap_or(0) != 0 {
            return Err(InvalidReport::ExcessBits);
        }
        if raw.count_ones() != self.0.omega {
            return Err(InvalidReport::Weight { expected: self.0.omega, found: raw.count_ones() });
        }
        Ok(Report(raw))
    }

    pub(crate) fn counters(&self, report: Report) -> Counters {
        Counters::of_mask(report.0)
    }

    pub(crate) fn report_bits(&self) -> u32 {
        self.0.domain.get()
    }
}

/// Subset selection for more than 64 cells and small ω; a report lists its ω cells in strictly ascending order,
/// ⌈log₂ k⌉ bits each, the first in the low bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubsetList(SubsetLaw);

impl SubsetList {
    /// No 64-bit list is longer: 15 cells of 4 bits, ω being less than k.
    const MAX_OMEGA: usize = 16;

    /// The law with a chosen subset size ω; [`Mechanism::choose`](crate::Mechanism::choose) takes the best one.
    ///
    /// # Errors
    /// [`Error::SubsetSize`] unless `1 ≤ omega < k` and ω·⌈log₂ k⌉ ≤ 64.
    pub fn with_omega(domain: DomainSize, epsilon: Epsilon, omega: u32) -> Result<Self, Error> {
        if u64::from(omega) * u64::from(domain.index_bits()) > 64 {
            return Err(Error::SubsetSize { omega, domain: domain.get() });
        }
        SubsetLaw::new(domain, epsilon, omega).map(Self)
    }

    /// ω: the number of cells in every report.
    #[must_use]
    pub const fn omega(&self) -> u32 {
        self.0.omega
    }

    pub(crate) fn law(&self) -> &SubsetLaw {
        &self.0
    }

    pub(crate) fn randomize(&self, cell: CellIndex, rng: &mut impl CryptoRng) -> Report {
        let mut list = SortedList { cells: [0; Self::MAX_OMEGA], len: 0 };
        self.0.draw(cell, rng, &mut list, |list, cell| list.cells().contains(&cell), SortedList::insert);
        let bits = self.0.domain.index_bits();
        Report(list.cells().iter().rev().fold(0, |packed, &cell| packed << bits | u64::from(cell)))
    }

    pub(crate) fn validate(&self, raw: u64) -> Result<Report, InvalidReport> {
        if raw.checked_shr(self.report_bits()).unwrap_or(0) != 0 {
            return Err(InvalidReport::ExcessBits);
        }
        let mut previous = None;
        for cell in self.counters(Report(raw)) {
            if cell >= self.0.domain.get() {
                return Err(InvalidReport::CellOutOfDomain);
            }
            if previous.is_some_and(|before| before >= cell) {
                return Err(InvalidReport::NotAscending);
            }
            previous = Some(cell);
        }
        Ok(Report(raw))
    }

    pub(crate) fn counters(&self, report: Report) -> Counters {
        Counters::of_list(report.0, self.0.domain.index_bits(), self.0.omega)
    }

    pub(crate) fn report_bits(&self) -> u32 {
        self.0.omega * self.0.domain.index_bits()
    }
}

/// A few cells in ascending order, kept so by insertion.
struct SortedList {
    cells: [u32; SubsetList::MAX_OMEGA],
    len: usize,
}

impl SortedList {
    fn cells(&self) -> &[u32] {
        &self.cells[..self.len]
    }

    fn insert(&mut self, cell: u32) {
        let at = self.cells().partition_point(|&other| other < cell);
        self.cells.copy_within(at..self.len, at + 1);
        self.cells[at] = cell;
        self.len += 1;
    }
}
