//! What can be wrong with a parameter, a tally or a report.

use thiserror::Error;

/// A parameter or a tally that this crate refuses.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// ε is outside `1 ..= 20_000_000` micro-ε. Choose a budget in range.
    #[error("ε {} is outside 0.000001 to 20", *.0 as f64 / 1e6)]
    EpsilonOutOfRange(u64),
    /// The text is not a plain decimal with at most six fractional digits.
    #[error("epsilon must be a decimal number with at most six fractional digits, such as 0.5")]
    EpsilonSyntax,
    /// A histogram needs at least 2 and at most [`DomainSize::MAX`](crate::DomainSize::MAX) cells.
    #[error("a domain of {0} cells is outside 2..=100000")]
    DomainOutOfRange(u64),
    /// The cell does not exist in this domain.
    #[error("cell {cell} does not exist in a domain of {domain} cells")]
    CellOutOfDomain {
        /// The index asked for.
        cell: u32,
        /// The number of cells of the domain.
        domain: u32,
    },
    /// The subset size does not fit the domain or the 64-bit report.
    #[error("a subset of {omega} of {domain} cells does not exist or does not fit a 64-bit report")]
    SubsetSize {
        /// The subset size asked for.
        omega: u32,
        /// The number of cells of the domain.
        domain: u32,
    },
    /// The field order is not a prime power, or the geometry over it has too many points.
    #[error(
        "no usable projective geometry over a field of order {0}: it must be a prime power, with at most 2^22 points in all"
    )]
    FieldOrder(u32),
    /// The tally was made for another mechanism.
    #[error("the tally has {found} counters, this mechanism has {expected}")]
    TallyShape {
        /// Counters of the mechanism.
        expected: usize,
        /// Counters of the tally.
        found: usize,
    },
    /// No set of valid reports adds up to this tally: it was corrupted or mixes mechanisms. Do not publish from it.
    #[error("the counters add up to {found}, {reports} valid reports add up to {expected}")]
    TallyInconsistent {
        /// Reports of the tally.
        reports: u64,
        /// What the counters must sum to.
        expected: u128,
        /// What they sum to.
        found: u128,
    },
    /// A count went past 2⁶⁴ − 1.
    #[error("the tally would exceed the range of its counters")]
    TallyOverflow,
    /// δ must lie strictly between 0 and 1.
    #[error("delta {0} is not strictly between 0 and 1")]
    Delta(f64),
    /// A confidence level must lie strictly between 0 and 1.
    #[error("confidence level {0} is not strictly between 0 and 1")]
    Confidence(f64),
    /// A share must lie between 0 and 1.
    #[error("share {0} is not between 0 and 1")]
    Share(f64),
    /// A function of a batch needs at least one report.
    #[error("no reports")]
    NoReports,
}

/// Why 64 bits from the network are not a report of a mechanism.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidReport {
    /// Bits beyond the length of a report are set.
    #[error("bits beyond the report's length are set")]
    ExcessBits,
    /// The mask does not have exactly ω bits set.
    #[error("the mask has {found} cells, exactly {expected} are due")]
    Weight {
        /// ω of the mechanism.
        expected: u32,
        /// Bits set in the report.
        found: u32,
    },
    /// A list entry is not a cell of the domain.
    #[error("a listed cell is outside the domain")]
    CellOutOfDomain,
    /// The list is not strictly ascending.
    #[error("the listed cells are not strictly ascending")]
    NotAscending,
    /// The index is not a point of the geometry.
    #[error("the index is not a point of the geometry")]
    PointOutOfRange,
}
