//! Counting the set bits of many masks, position by position, 64 positions at a time.
//!
//! A bit-sliced counter: plane i holds bit i of the running count of every position, so that adding a mask is a carry
//! chain of eight ANDs and XORs instead of one increment per set bit. Several lanes run side by side so that the compiler
//! keeps them in vector registers.

use crate::Report;

const LANES: usize = 8;
const PLANES: usize = 8;

/// Adds 1 to `counters[i]` for every report that has bit i set. Bits past the counters are dropped.
pub(crate) fn count(reports: &[Report], counters: &mut [u64]) {
    // A lane counts to 2⁸ − 1 before its planes must be emptied.
    for block in reports.chunks(LANES * ((1 << PLANES) - 1)) {
        let mut planes = [[0u64; LANES]; PLANES];
        let whole = block.chunks_exact(LANES);
        let rest = whole.remainder();
        for masks in whole {
            let mut carry = [0; LANES];
            carry.iter_mut().zip(masks).for_each(|(carry, mask)| *carry = mask.0);
            add(&mut planes, carry);
        }
        let mut last = [0; LANES];
        last.iter_mut().zip(rest).for_each(|(last, mask)| *last = mask.0);
        empty(&planes, counters);
        empty_lane(&last, 1, counters);
    }
}

/// Adds one mask per lane.
#[inline]
fn add(planes: &mut [[u64; LANES]; PLANES], mut carry: [u64; LANES]) {
    for plane in planes {
        for (bits, carry) in plane.iter_mut().zip(&mut carry) {
            let overflow = *bits & *carry;
            *bits ^= *carry;
            *carry = overflow;
        }
    }
}

fn empty(planes: &[[u64; LANES]; PLANES], counters: &mut [u64]) {
    for (i, plane) in planes.iter().enumerate() {
        empty_lane(plane, 1 << i, counters);
    }
}

/// Adds `weight` to the counter of every set bit.
fn empty_lane(lanes: &[u64; LANES], weight: u64, counters: &mut [u64]) {
    for (position, counter) in counters.iter_mut().enumerate().take(64) {
        let set: u64 = lanes.iter().map(|bits| bits >> position & 1).sum();
        *counter += weight * set;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bit_sliced_counting_equals_counting_bit_by_bit(masks in prop::collection::vec(any::<u64>(), 0..5000), cells in 1usize..=64) {
            let reports: Vec<Report> = masks.iter().map(|&mask| Report(mask)).collect();
            let mut counters = vec![7; cells];
            count(&reports, &mut counters);
            let expected: Vec<u64> = (0..cells).map(|i| 7 + masks.iter().map(|mask| mask >> i & 1).sum::<u64>()).collect();
            prop_assert_eq!(counters, expected);
        }
    }
}
