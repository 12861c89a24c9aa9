//! The one message of a device, and the counters it increments.

/// A randomized answer that has the exact format of its mechanism: made by
/// [`Mechanism::randomize`](crate::Mechanism::randomize), or from the network by
/// [`Mechanism::validate`](crate::Mechanism::validate), and by nothing else.
///
/// It says nothing about which mechanism that was: keep reports of different measures apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Report(pub(crate) u64);

impl Report {
    /// The bits that travel.
    #[must_use]
    pub const fn raw(self) -> u64 {
        self.0
    }
}

/// The counters of a tally that one report increments, in ascending order; each by one.
#[derive(Clone, Debug)]
pub(crate) struct Counters(State);

#[derive(Clone, Debug)]
enum State {
    /// One counter per bit set.
    Mask(u64),
    /// `left` indices of `bits` bits each, first in the low bits.
    List { packed: u64, bits: u32, left: u32 },
    /// One counter.
    Index(Option<u32>),
}

impl Counters {
    pub(crate) const fn of_mask(mask: u64) -> Self {
        Self(State::Mask(mask))
    }

    pub(crate) const fn of_list(packed: u64, bits: u32, len: u32) -> Self {
        Self(State::List { packed, bits, left: len })
    }

    pub(crate) const fn of_index(index: u32) -> Self {
        Self(State::Index(Some(index)))
    }
}

impl Iterator for Counters {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        match &mut self.0 {
            State::Mask(0) => None,
            State::Mask(mask) => {
                let lowest = mask.trailing_zeros();
                *mask &= *mask - 1;
                Some(lowest)
            }
            State::List { left: 0, .. } => None,
            State::List { packed, bits, left } => {
                let item = (*packed & ((1 << *bits) - 1)) as u32;
                *packed = packed.checked_shr(*bits).unwrap_or(0);
                *left -= 1;
                Some(item)
            }
            State::Index(index) => index.take(),
        }
    }
}
