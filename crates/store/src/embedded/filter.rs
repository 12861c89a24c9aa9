//! Which nullifiers a generation may hold: a Bloom filter in memory, one cache line for each question.
//!
//! Putze, Sanders, Singler, "Cache-, hash- and space-efficient Bloom filters", 2007, section 3: blocks of 512 bits,
//! here with 7 bits for each nullifier and 12 bits of room, at which about one absent nullifier in 130 is taken for
//! present. Nullifiers are hashes, so their own bytes say where to look.

use std::sync::atomic::{AtomicU64, Ordering};

use tacita_tokens::Nullifier;

/// Bits of room for each nullifier.
const ROOM: usize = 12;
/// Bits that are set for each.
const BITS: u32 = 7;
/// A block: one line of the processor's cache.
const WORDS: usize = 8;

/// A set that holds what was added, and takes a few others for held. Readers need not wait for the one that adds.
pub(super) struct Filter {
    /// Whole blocks, at least one.
    words: Box<[AtomicU64]>,
}

/// The numbers that a nullifier's places follow from.
#[derive(Clone, Copy)]
pub(super) struct Probe {
    block: u64,
    bits: u64,
}

impl From<&Nullifier> for Probe {
    fn from(nullifier: &Nullifier) -> Self {
        let number = u128::from_be_bytes(*nullifier.as_bytes());
        // The writer asks in rising order, and so goes through each filter from its beginning to its end.
        Self { block: (number >> 64) as u64, bits: number as u64 }
    }
}

impl Filter {
    /// An empty one with room for so many nullifiers. More only make it less sharp.
    pub(super) fn with_room_for(nullifiers: usize) -> Self {
        let blocks = (nullifiers * ROOM).div_ceil(64 * WORDS).max(1);
        Self { words: (0..blocks * WORDS).map(|_| AtomicU64::new(0)).collect() }
    }

    /// Adds a nullifier. For one thread at a time.
    pub(super) fn add(&self, probe: Probe) {
        let block = self.block(probe);
        for (word, bit) in places(probe) {
            // Seen by whoever is told that the nullifier was spent: the answer comes after this.
            block[word].fetch_or(1 << bit, Ordering::Relaxed);
        }
    }

    /// False only for a nullifier that was not added.
    pub(super) fn may_hold(&self, probe: Probe) -> bool {
        let block = self.block(probe);
        places(probe).all(|(word, bit)| block[word].load(Ordering::Relaxed) & (1 << bit) != 0)
    }

    fn block(&self, probe: Probe) -> &[AtomicU64] {
        let blocks = (self.words.len() / WORDS) as u128;
        // Below `blocks`: the top of a product of two numbers of 64 bits.
        let first = ((u128::from(probe.block) * blocks) >> 64) as usize * WORDS;
        &self.words[first..first + WORDS]
    }

    /// Its words, big-endian.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        self.words.iter().flat_map(|word| word.load(Ordering::Relaxed).to_be_bytes()).collect()
    }

    /// What [`Filter::to_bytes`] gave; `None` for a length that it does not give.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (words, rest) = bytes.as_chunks::<8>();
        if words.is_empty() || words.len() % WORDS > 0 || !rest.is_empty() {
            return None;
        }
        Some(Self { words: words.iter().map(|word| AtomicU64::new(u64::from_be_bytes(*word))).collect() })
    }
}

/// Word of the block and bit of the word, seven times: nine bits of the number for each.
fn places(probe: Probe) -> impl Iterator<Item = (usize, u32)> {
    (0..BITS).map(move |place| {
        let nine = probe.bits >> (9 * place);
        ((nine & 7) as usize, ((nine >> 3) & 63) as u32)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(number: u64) -> Probe {
        let mixed = |n: u64| {
            (n ^ 0x5bd1_e995).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31).wrapping_mul(0xbf58_476d_1ce4_e5b9)
        };
        Probe { block: mixed(number), bits: mixed(mixed(number)) }
    }

    #[test]
    fn what_was_added_is_held_and_few_others_seem_to_be() {
        let filter = Filter::with_room_for(20_000);
        (0..20_000).for_each(|number| filter.add(probe(number)));
        let again = Filter::from_bytes(&filter.to_bytes()).unwrap();
        for filter in [filter, again] {
            assert!((0..20_000).all(|number| filter.may_hold(probe(number))));
            let mistaken = (20_000..120_000).filter(|&number| filter.may_hold(probe(number))).count();
            assert!(mistaken < 1_500, "{mistaken} of 100000");
        }
    }

    #[test]
    fn bytes_that_are_no_filter_are_refused() {
        for length in [0, 8, 63, 65, 72] {
            assert!(Filter::from_bytes(&vec![0; length]).is_none(), "{length}");
        }
        assert!(!Filter::from_bytes(&[0; 64]).unwrap().may_hold(probe(1)));
    }
}
