//! A local randomizer as a value: ask it its ε, its accuracy, its report format.

use std::borrow::Cow;

use rand_core::CryptoRng;

use crate::law::HitLaw;
use crate::report::Counters;
use crate::{
    Blanket, CellIndex, DomainSize, Epsilon, Error, Histogram, InvalidReport, Projective, Report, SubsetList,
    SubsetSelection, Tally, rule,
};

/// A local randomizer for one histogram: an ε-locally-private channel from a cell to a report.
///
/// All three are pure protocols (Wang et al., USENIX Security 2017, §4): a report supports the true cell with
/// probability p and any other given cell with probability q.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Mechanism {
    /// A mask of ω of at most 64 cells.
    SubsetSelection(SubsetSelection),
    /// A list of ω cells.
    SubsetList(SubsetList),
    /// A point of a projective space.
    Projective(Projective),
}

/// Calls the same method of whichever mechanism it is.
macro_rules! each {
    ($mechanism:expr, $inner:ident => $value:expr) => {
        match $mechanism {
            Mechanism::SubsetSelection($inner) => $value,
            Mechanism::SubsetList($inner) => $value,
            Mechanism::Projective($inner) => $value,
        }
    };
}

impl Mechanism {
    /// The mechanism of least variance for this domain and ε whose report fits 64 bits: the rule of
    /// spec/statistics/choice.md. The same arguments give the same mechanism on every platform.
    ///
    /// # Errors
    /// None for a valid `domain` and `eps` as far as is known; the constructors' own checks are passed on.
    pub fn choose(domain: DomainSize, eps: Epsilon) -> Result<Self, Error> {
        rule::choose(domain, eps)
    }

    /// The family's name: `subset-selection`, `subset-list` or `projective`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::SubsetSelection(_) => "subset-selection",
            Self::SubsetList(_) => "subset-list",
            Self::Projective(_) => "projective",
        }
    }

    /// The cells of the histogram.
    #[must_use]
    pub fn domain(&self) -> DomainSize {
        match self {
            Self::SubsetSelection(subset) => subset.law().domain(),
            Self::SubsetList(subset) => subset.law().domain(),
            Self::Projective(projective) => projective.domain(),
        }
    }

    /// The nominal ε, which budgets are charged.
    #[must_use]
    pub fn epsilon(&self) -> Epsilon {
        match self {
            Self::SubsetSelection(subset) => subset.law().epsilon(),
            Self::SubsetList(subset) => subset.law().epsilon(),
            Self::Projective(projective) => projective.epsilon(),
        }
    }

    /// ε of the law that is really sampled, from the quantised probability and rounded up. The sampled ratio never
    /// exceeds e^ε of the nominal value (an exact integer inequality); this number agrees with it to 14 digits.
    #[must_use]
    pub fn realised_epsilon(&self) -> f64 {
        self.hit().realised_epsilon().min(self.epsilon().as_f64())
    }

    /// P\[a report supports its true cell\], as sampled.
    #[must_use]
    pub fn p(&self) -> f64 {
        self.hit().hit()
    }

    /// P\[a report supports a given other cell\], as sampled.
    #[must_use]
    pub fn q(&self) -> f64 {
        match self {
            Self::SubsetSelection(subset) => subset.law().false_support(),
            Self::SubsetList(subset) => subset.law().false_support(),
            Self::Projective(projective) => projective.false_support(),
        }
    }

    /// T: a report supports its true cell if the first word drawn is below T, so that p = T/2⁶⁴.
    #[must_use]
    pub fn hit_threshold(&self) -> u64 {
        self.hit().threshold()
    }

    /// Low bits of a raw report that may be set.
    #[must_use]
    pub fn report_bits(&self) -> u32 {
        each!(self, inner => inner.report_bits())
    }

    /// The parameters of the privacy-blanket bound of this mechanism.
    #[must_use]
    pub fn blanket(&self) -> Blanket {
        match self {
            Self::SubsetSelection(subset) => subset.law().blanket(),
            Self::SubsetList(subset) => subset.law().blanket(),
            Self::Projective(projective) => projective.blanket(),
        }
    }

    /// A random report of cell `x`.
    ///
    /// A function of the arguments and the generator's words alone: the spec fixes which words are drawn, in which order.
    /// A cell of a larger domain counts as the last cell of this one.
    pub fn randomize(&self, x: CellIndex, rng: &mut impl CryptoRng) -> Report {
        each!(self, inner => inner.randomize(x, rng))
    }

    /// Takes 64 bits from the network as a report, if they have exactly the format that [`randomize`](Self::randomize)
    /// produces: ω bits set within k, ω ascending cells, or an index below K.
    ///
    /// # Errors
    /// [`InvalidReport`] says which rule is broken. The report must not be counted.
    pub fn validate(&self, raw: u64) -> Result<Report, InvalidReport> {
        each!(self, inner => inner.validate(raw))
    }

    /// Length of a tally: k, or K for the projective mechanism.
    #[must_use]
    pub fn tally_len(&self) -> usize {
        match self {
            Self::Projective(projective) => projective.points() as usize,
            Self::SubsetSelection(_) | Self::SubsetList(_) => self.domain().get() as usize,
        }
    }

    /// The tally counters that this report increments, by one each: the cells of the subset, or the point.
    ///
    /// All are below [`tally_len`](Self::tally_len) if `report` was validated by this mechanism.
    pub fn counters(&self, report: Report) -> impl Iterator<Item = u32> + use<> {
        self.counters_of(report)
    }

    /// Whether a report supports a cell: the event that p and q are the probabilities of. Decoding does not go through this;
    /// it is the definition, for audits and tests.
    #[must_use]
    pub fn supports(&self, report: Report, cell: CellIndex) -> bool {
        match self {
            Self::Projective(projective) => projective.supports_cell(report, cell),
            _ => self.counters_of(report).any(|counted| counted == cell.get()),
        }
    }

    pub(crate) fn counters_of(&self, report: Report) -> Counters {
        each!(self, inner => inner.counters(report))
    }

    /// What the counters sum to, per report: ω, or 1.
    pub(crate) fn counters_per_report(&self) -> u32 {
        match self {
            Self::SubsetSelection(subset) => subset.omega(),
            Self::SubsetList(subset) => subset.omega(),
            Self::Projective(_) => 1,
        }
    }

    /// V(f) = n·Var(f̂): the variance of one cell's estimated share, times the number of reports, when the cell's true
    /// share is `share` (clamped to 0 … 1).
    ///
    /// V(f) = (f·p(1−p) + (1−f)·q(1−q)) / (p−q)²: the variance given the devices' values, without sampling error.
    #[must_use]
    pub fn variance(&self, share: f64) -> f64 {
        let (p, q, f) = (self.p(), self.q(), share.clamp(0.0, 1.0));
        (f * p * self.hit().miss() + (1.0 - f) * q * (1.0 - q)) / ((p - q) * (p - q))
    }

    /// Unbiased counts and variances of all cells.
    ///
    /// # Errors
    /// [`Error::TallyShape`] for the tally of another mechanism, [`Error::TallyInconsistent`] if the counters cannot be the
    /// sum of its reports.
    pub fn estimate(&self, tally: &Tally) -> Result<Histogram, Error> {
        Histogram::new(self, tally)
    }

    /// C_v: how many of a tally's reports support each cell.
    ///
    /// # Errors
    /// As [`Mechanism::estimate`].
    pub(crate) fn supports_of<'a>(&self, tally: &'a Tally) -> Result<Cow<'a, [u64]>, Error> {
        tally.check(self)?;
        Ok(match self {
            Self::Projective(projective) => Cow::Owned(projective.supports(tally.reports(), tally.counters())),
            _ => Cow::Borrowed(tally.counters()),
        })
    }

    fn hit(&self) -> &HitLaw {
        match self {
            Self::SubsetSelection(subset) => subset.law().hit(),
            Self::SubsetList(subset) => subset.law().hit(),
            Self::Projective(projective) => projective.hit(),
        }
    }
}
