//! The finite domain of a histogram and its cells.

use crate::Error;

/// Number of cells of a histogram: 2 to 131,072.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "u32", into = "u32"))]
pub struct DomainSize(u32);

impl DomainSize {
    /// The largest domain: 131,072 = 2¹⁷ cells, so that an index takes 17 bits.
    pub const MAX: Self = Self(131_072);

    /// A domain of `cells` cells.
    ///
    /// # Errors
    /// [`Error::DomainOutOfRange`] outside `2 ..= 131_072`.
    pub const fn new(cells: u32) -> Result<Self, Error> {
        if cells < 2 || cells > Self::MAX.0 {
            return Err(Error::DomainOutOfRange(cells as u64));
        }
        Ok(Self(cells))
    }

    /// The number of cells.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The cell of this index, counted from 0.
    ///
    /// # Errors
    /// [`Error::CellOutOfDomain`] if `index` is not below the number of cells.
    pub const fn cell(self, index: u32) -> Result<CellIndex, Error> {
        if index >= self.0 {
            return Err(Error::CellOutOfDomain { cell: index, domain: self.0 });
        }
        Ok(CellIndex(index))
    }

    /// All cells in order.
    pub fn cells(self) -> impl ExactSizeIterator<Item = CellIndex> {
        (0..self.0).map(CellIndex)
    }

    /// Bits that hold any cell index: ⌈log₂ k⌉.
    pub(crate) const fn index_bits(self) -> u32 {
        u32::BITS - (self.0 - 1).leading_zeros()
    }
}

impl TryFrom<u32> for DomainSize {
    type Error = Error;

    fn try_from(cells: u32) -> Result<Self, Error> {
        Self::new(cells)
    }
}

impl From<DomainSize> for u32 {
    fn from(domain: DomainSize) -> Self {
        domain.0
    }
}

/// One cell of a histogram, counted from 0. Made by [`DomainSize::cell`], which checks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct CellIndex(u32);

impl CellIndex {
    /// The index, counted from 0.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl From<CellIndex> for u32 {
    fn from(cell: CellIndex) -> Self {
        cell.0
    }
}
