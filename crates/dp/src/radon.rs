//! The finite Radon transform: for each of the first k cells, the sum of the counters over its hyperplane.
//!
//! Split the reports into the affine ones, u = (1, a₁, …, aₘ) with m = t − 1, and those at infinity, u₀ = 0. For a cell
//! v = (z, 1, w₂, …, wₘ),
//!
//! Σ_{⟨u,v⟩=0} c\[u\] = Σ_{a₁ + w₂a₂ + … + wₘaₘ = −z} c\[1, a\] + (the same sum at infinity, for (1, w₂, …, wₘ)).
//!
//! The first sum is taken one coordinate at a time: s takes the place of a₁ and w_j that of a_j,
//! `next[w_j][s] = Σ_{a_j} state[a_j][s − w_j·a_j]`, for all values of the other coordinates at once, so that the inner loop
//! adds contiguous rows. The second is the transform of PG(t−2, q). Cells with v₁ = 0 follow after summing a₁ out.
//! This is the dynamic program of Feldman, Nelson, Nguyen and Talwar, "Private frequency estimation via projective
//! geometry" (ICML 2022, §4), with s kept in a₁'s place, which saves a factor q of memory, and restricted from the first
//! step on to the values of w₂ that the first k cells have: (t − 2)·q·k additions instead of t·q·K.

use core::ops::AddAssign;

use crate::field::Field;
use crate::geometry::Geometry;

/// Counters that fit the first-level cache beside a row of terms.
const CACHED_COUNTERS: usize = 1 << 12;

/// A counter type: 32 bits where the reports fit, since rows are then twice as short.
pub(crate) trait Count: Copy + Default + AddAssign {}
impl Count for u32 {}
impl Count for u64 {}

/// Sums over the hyperplanes of the first `cells` cells of the counters of all reports.
pub(crate) fn hyperplane_sums<T: Count>(geometry: &Geometry, counters: &[T], cells: usize) -> Vec<T> {
    let t = geometry.dimension();
    if t < 2 {
        // The one point of PG(0, q) is not on its own dual.
        return vec![T::default(); cells.min(1)];
    }
    let (affine, at_infinity) = counters.split_at(geometry.power(t - 1) as usize);
    let infinity = geometry.infinity();
    let infinite_sums = hyperplane_sums(&infinity, at_infinity, infinity.points() as usize);

    let mut sums = Vec::with_capacity(cells);
    let mut affine = affine.to_vec();
    for pivot in 1..t {
        if sums.len() == cells {
            return sums;
        }
        if pivot > 1 {
            affine = sum_out_first(&affine, geometry.power(t - pivot) as usize);
        }
        let needed = (cells - sums.len()).min(geometry.power(t - pivot) as usize);
        let parallel = parallel_sums(geometry, &affine, t - pivot, needed);
        append_chart(geometry, pivot, &parallel, &infinity, &infinite_sums, needed, &mut sums);
    }
    if sums.len() < cells {
        sums.push(total(at_infinity));
    }
    sums
}

/// Appends the cells of one chart: v₁ = … = 0, v_pivot = 1, digits v₍pivot+1₎ … v₍ₜ₋₁₎ v₀.
fn append_chart<T: Count>(
    geometry: &Geometry,
    pivot: usize,
    parallel: &[T],
    infinity: &Geometry,
    infinite_sums: &[T],
    needed: usize,
    sums: &mut Vec<T>,
) {
    let order = geometry.field().order() as usize;
    let before: u64 = (1..pivot).map(|p| geometry.power(geometry.dimension() - p)).sum();
    let first_of = |direction: usize| before + (direction * order) as u64;
    for (direction, by_value) in parallel.chunks_exact(order).enumerate().take(needed.div_ceil(order)) {
        let (v, _) = geometry.cell(first_of(direction));
        let mut at_infinity = v;
        at_infinity.rotate_left(1);
        let shared = infinite_sums[infinity.cell_index(&at_infinity) as usize];
        for z in 0..order.min(needed - direction * order) {
            let mut sum = by_value[geometry.field().negate(z as u32) as usize];
            sum += shared;
            sums.push(sum);
        }
    }
}

/// For directions w = (1, w₂, …, wₘ) and each s, the sum over a with ⟨w, a⟩ = s, laid out `[w₂]…[wₘ][s]`; only the
/// values of w₂ that the first `needed` entries have. `affine` is laid out `[a₁]…[aₘ]`.
fn parallel_sums<T: Count>(geometry: &Geometry, affine: &[T], m: usize, needed: usize) -> Vec<T> {
    let order = geometry.field().order() as usize;
    let needed_directions = needed.div_ceil(geometry.power(m - 1) as usize);
    let mut state = affine.to_vec();
    let (mut done, mut latest, mut rest) = (1, 1, geometry.power(m - 1) as usize);
    for coordinate in 2..=m {
        rest /= order;
        let ready = bring_forward(&state, [latest, order, done, order, rest]);
        done *= latest;
        latest = if coordinate == 2 { needed_directions } else { order };
        state = replace_coordinate(geometry.field(), &ready, latest, done * rest);
    }
    values_innermost(&state, latest, order, done)
}

/// From `[w][s][done][a][rest]` to `[a][s][done][w][rest]`: the next coordinate a comes to the front, and the direction w
/// just finished joins those done before.
fn bring_forward<T: Count>(state: &[T], [latest, values, done, order, rest]: [usize; 5]) -> Vec<T> {
    let mut ready = Vec::with_capacity(state.len());
    for a in 0..order {
        for s in 0..values {
            for d in 0..done {
                for w in 0..latest {
                    let from = (((w * values + s) * done + d) * order + a) * rest;
                    ready.extend_from_slice(&state[from..from + rest]);
                }
            }
        }
    }
    ready
}

/// `next[w][s][row] = Σ_a ready[a][s − w·a][row]` for w below `directions`, rows being `width` counters.
fn replace_coordinate<T: Count>(field: &Field, ready: &[T], directions: usize, width: usize) -> Vec<T> {
    let size = field.order() as usize * width;
    let mut next = vec![T::default(); directions * size];
    // As many directions at a time as stay in the nearest cache, so that each row of terms is fetched once for all.
    let together = (CACHED_COUNTERS / size).max(1);
    for (block, sums) in next.chunks_mut(together * size).enumerate() {
        let first = (block * together) as u32;
        for (a, terms) in (0..).zip(ready.chunks_exact(size)) {
            for (w, sums) in (first..).zip(sums.chunks_exact_mut(size)) {
                add_shifted(field, sums, terms, field.multiply(w, a), width);
            }
        }
    }
    next
}

/// `sums[s] += terms[s − shift]` for every s, s counting rows of `width` counters.
fn add_shifted<T: Count>(field: &Field, sums: &mut [T], terms: &[T], shift: u32, width: usize) {
    if field.is_prime() {
        // For all s at once this is a rotation: two contiguous pieces.
        let (wrapped, straight) = sums.split_at_mut(shift as usize * width);
        let (start, end) = terms.split_at(straight.len());
        add_row(straight, start);
        add_row(wrapped, end);
    } else {
        let back = field.negate(shift);
        for (s, sum) in (0..).zip(sums.chunks_exact_mut(width)) {
            let from = field.add(s, back) as usize * width;
            add_row(sum, &terms[from..from + width]);
        }
    }
}

/// From `[w][s][done]` to `[done][w][s]`.
fn values_innermost<T: Count>(state: &[T], latest: usize, values: usize, done: usize) -> Vec<T> {
    let mut sums = Vec::with_capacity(state.len());
    for d in 0..done {
        sums.extend((0..latest * values).map(|row| state[row * done + d]));
    }
    sums
}

/// Sums over a₁: `[a₁][rest]` to `[rest]`.
fn sum_out_first<T: Count>(affine: &[T], rest: usize) -> Vec<T> {
    let mut sums = vec![T::default(); rest];
    affine.chunks_exact(rest).for_each(|block| add_row(&mut sums, block));
    sums
}

fn add_row<T: Count>(sums: &mut [T], terms: &[T]) {
    for (sum, &term) in sums.iter_mut().zip(terms) {
        *sum += term;
    }
}

fn total<T: Count>(counters: &[T]) -> T {
    counters.iter().fold(T::default(), |mut sum, &count| {
        sum += count;
        sum
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition: every cell against every report.
    fn brute_force(geometry: &Geometry, counters: &[u64], cells: usize) -> Vec<u64> {
        let vectors: Vec<_> = (0..geometry.points()).map(|index| geometry.report(index)).collect();
        (0..cells as u64)
            .map(|cell| {
                let (v, _) = geometry.cell(cell);
                let on = |u: &&crate::geometry::Vector| geometry.product(u, &v) == 0;
                vectors.iter().zip(counters).filter(|(u, _)| on(u)).map(|(_, &count)| count).sum()
            })
            .collect()
    }

    #[test]
    fn the_transform_is_the_sum_over_each_hyperplane_for_prime_and_prime_power_fields() {
        let shapes =
            [(3, 2), (15, 2), (127, 2), (40, 3), (121, 3), (21, 4), (85, 4), (341, 4), (6, 5), (156, 5), (57, 7)];
        for (cells, order) in
            shapes.into_iter().chain([(73, 8), (585, 8), (91, 9), (820, 9), (273, 16), (651, 25), (12, 11)])
        {
            let geometry = Geometry::covering(cells, order).unwrap();
            let all = geometry.points() as usize;
            // Counters without any structure: a multiplicative hash of the index.
            let counters: Vec<u64> = (0..all as u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 50).collect();
            let short: Vec<u32> = counters.iter().map(|&c| c as u32).collect();
            let expected = brute_force(&geometry, &counters, all);
            for cells in [1, 2, all / 7 + 1, all / 2, all - 1, all] {
                assert_eq!(
                    hyperplane_sums(&geometry, &counters, cells),
                    expected[..cells],
                    "order {order}, {cells} of {all}"
                );
                let narrow: Vec<u64> = hyperplane_sums(&geometry, &short, cells).into_iter().map(u64::from).collect();
                assert_eq!(narrow, expected[..cells]);
            }
        }
    }
}
