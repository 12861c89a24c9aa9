//! How far lies can move a total.
//!
//! A token is one report, and a report has a fixed format: so each lie moves a total by a bounded amount, whatever the liar
//! sends. Nothing tells a lie from a truth; this is the bound on what lies can do, tight for each mechanism.
//! Specification: spec/statistics/poisoning.md.

use crate::{CellIndex, DomainSize, Error, Mechanism};

/// How far **one** lie can move the total of a set of cells, in reports: tight, whatever the liar sends.
///
/// Cao, Jia and Gong, "Data poisoning attacks to local differential privacy protocols", USENIX Security 2021, §4 (the most that
/// a report supports); Cheu, Smith and Ullman, "Manipulation attacks in local differential privacy", IEEE S&P 2021 (lies add).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Leverage {
    /// Too high by at most this: the liar had no value of the set, and sends the report that supports most of it.
    pub up: f64,
    /// Too low by at most this: the liar had a value of the set, and sends the report that supports least of it.
    pub down: f64,
}

impl Leverage {
    /// The least and the most cells of a set of `size` that one report supports.
    pub(crate) fn of(mechanism: &Mechanism, size: usize, least: u64, most: u64) -> Self {
        let (q, gap) = (mechanism.q(), mechanism.p() - mechanism.q());
        let moved_by = |supported: u64| (supported as f64 - size as f64 * q) / gap;
        Self { up: moved_by(most), down: 1.0 - moved_by(least) }
    }
}

impl Mechanism {
    /// What one lie can do to the total of a set of cells. A cell named twice counts once.
    ///
    /// A report that supports w of m cells adds (w − m·q)/(p − q) to their total. Of an honest one the expectation of that is 1
    /// inside the set and 0 outside, so a liar is 1 or 0 away from the truth by staying away, and by `up` or `down` at most by
    /// sending the worst report. For the projective mechanism w is found by one more decoding, unless the set is a single cell.
    ///
    /// # Errors
    /// [`Error::CellOutOfDomain`] for a cell of a larger domain.
    pub fn leverage(&self, cells: &[CellIndex]) -> Result<Leverage, Error> {
        let mut set = cells.to_vec();
        set.sort_unstable();
        set.dedup();
        if let Some(last) = set.last() {
            self.domain().cell(last.get())?;
        }
        let (least, most) = self.supported_of(&set);
        Ok(Leverage::of(self, set.len(), least, most))
    }

    /// The least and the most cells of `set` that one report supports.
    fn supported_of(&self, set: &[CellIndex]) -> (u64, u64) {
        match (self, set) {
            (_, []) => (0, 0),
            // Every cell has reports that support it, and others.
            (_, [_]) => (0, 1),
            (Self::SubsetSelection(subset), _) => of_subset(self.domain(), subset.omega(), set.len()),
            (Self::SubsetList(subset), _) => of_subset(self.domain(), subset.omega(), set.len()),
            (Self::Projective(projective), _) => {
                let by_point = projective.cells_supported_by_point(set);
                let least = by_point.iter().min().copied().unwrap_or(0);
                (least, by_point.iter().max().copied().unwrap_or(0))
            }
        }
    }
}

/// ω of k cells hold at most min(ω, m) of m, and at least what does not fit in the k − m others.
fn of_subset(domain: DomainSize, omega: u32, size: usize) -> (u64, u64) {
    let (omega, size) = (u64::from(omega), size as u64);
    let others = u64::from(domain.get()) - size;
    (omega.saturating_sub(others), omega.min(size))
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::{Rng as _, SeedableRng as _};

    use super::*;
    use crate::{Report, Tally};

    fn mechanism(cells: u32, epsilon: &str) -> Mechanism {
        Mechanism::choose(DomainSize::new(cells).unwrap(), epsilon.parse().unwrap()).unwrap()
    }

    /// Masks, lists and both kinds of fields.
    fn mechanisms() -> Vec<Mechanism> {
        [(16, "1"), (16, "2"), (5, "0.1"), (64, "3"), (64, "6"), (1_000, "6"), (100, "1"), (500, "2"), (300, "4")]
            .map(|(cells, epsilon)| mechanism(cells, epsilon))
            .to_vec()
    }

    fn sets(mechanism: &Mechanism) -> Vec<Vec<CellIndex>> {
        let all: Vec<CellIndex> = mechanism.domain().cells().collect();
        let third = all.iter().copied().step_by(3).collect();
        vec![vec![all[0]], vec![all[all.len() - 1]], all[..2].to_vec(), all[..all.len() / 2].to_vec(), third, all]
    }

    fn supported(mechanism: &Mechanism, report: Report, set: &[CellIndex]) -> usize {
        set.iter().filter(|&&cell| mechanism.supports(report, cell)).count()
    }

    /// Some report that `holds`, by trying honest ones of every cell and, where the set is in the way, building one.
    fn extreme(mechanism: &Mechanism, set: &[CellIndex], most: bool) -> Report {
        let cells = mechanism.domain().get();
        let inside = |cell: u32| set.iter().any(|one| one.get() == cell);
        let mut order: Vec<u32> = (0..cells).filter(|&cell| inside(cell) == most).collect();
        order.extend((0..cells).filter(|&cell| inside(cell) != most));
        let raw = match mechanism {
            Mechanism::SubsetSelection(subset) => {
                order.iter().take(subset.omega() as usize).fold(0, |mask, cell| mask | 1_u64 << cell)
            }
            Mechanism::SubsetList(subset) => {
                let mut chosen: Vec<u32> = order.into_iter().take(subset.omega() as usize).collect();
                chosen.sort_unstable();
                let bits = mechanism.domain().index_bits();
                chosen.iter().rev().fold(0, |packed, &cell| packed << bits | u64::from(cell))
            }
            Mechanism::Projective(projective) => {
                let count = |&raw: &u64| supported(mechanism, mechanism.validate(raw).unwrap(), set);
                let points = 0..projective.points();
                if most { points.max_by_key(count) } else { points.min_by_key(count) }.unwrap()
            }
        };
        mechanism.validate(raw).unwrap()
    }

    fn total(mechanism: &Mechanism, tally: &Tally, set: &[CellIndex]) -> f64 {
        mechanism.estimate(tally).unwrap().subset_sum(set).unwrap().count
    }

    #[test]
    fn the_worst_coalition_reaches_the_bound_and_no_other_passes_it() {
        let mut rng = ChaCha20Rng::seed_from_u64(6);
        for mechanism in mechanisms() {
            let domain = mechanism.domain();
            let mut honest = Tally::new(&mechanism);
            let truths: Vec<_> = (0..3_000).map(|i| domain.cell(i % 7 % domain.get()).unwrap()).collect();
            let reports: Vec<_> = truths.iter().map(|&cell| mechanism.randomize(cell, &mut rng)).collect();
            honest.absorb(&mechanism, &reports).unwrap();
            for set in sets(&mechanism) {
                let clean = total(&mechanism, &honest, &set);
                let moved_by = |coalition: &[Report]| {
                    let mut poisoned = honest.clone();
                    poisoned.absorb(&mechanism, coalition).unwrap();
                    total(&mechanism, &poisoned, &set) - clean
                };
                let leverage = mechanism.leverage(&set).unwrap();
                let liars = 40_usize;
                // Those who would have told the truth add 0 each outside the set and 1 each inside.
                let (up, down) = (leverage.up * liars as f64, (leverage.down - 1.0) * liars as f64);
                let highest = moved_by(&vec![extreme(&mechanism, &set, true); liars]);
                let lowest = moved_by(&vec![extreme(&mechanism, &set, false); liars]);
                let (name, size) = (mechanism.name(), set.len());
                assert!((highest - up).abs() < 1e-6 * (1.0 + up), "{name} {domain:?} {size}: {highest} {up}");
                assert!((lowest + down).abs() < 1e-6 * (1.0 + down.abs()), "{name} {domain:?} {size}: {lowest} {down}");
                for _ in 0..20 {
                    let any = |_| mechanism.randomize(domain.cell((rng.next_u32()) % domain.get()).unwrap(), &mut rng);
                    let shift = moved_by(&(0..liars).map(any).collect::<Vec<_>>());
                    assert!(-down - 1e-6 <= shift && shift <= up + 1e-6, "{name} {size}: {shift}");
                }
            }
        }
    }

    #[test]
    fn one_lie_about_one_cell_moves_it_by_the_published_gain() {
        for (epsilon, expected) in [("1", 3.18), ("2", 2.17), ("3", 1.79), ("4", 1.28)] {
            let mechanism = mechanism(16, epsilon);
            let one = mechanism.leverage(&[mechanism.domain().cell(3).unwrap()]).unwrap();
            assert!((one.up - expected).abs() < 0.006, "{epsilon}: {one:?}");
            assert!((one.down - mechanism.p() / (mechanism.p() - mechanism.q())).abs() < 1e-9, "{one:?}");
        }
    }

    #[test]
    fn lies_cannot_move_what_is_known_exactly() {
        let mechanism = mechanism(16, "2");
        let all: Vec<_> = mechanism.domain().cells().collect();
        let Leverage { up, down } = mechanism.leverage(&all).unwrap();
        assert!((up - 1.0).abs() < 1e-9 && down.abs() < 1e-9, "a lie is still one report: {up} {down}");
        assert_eq!(mechanism.leverage(&[]).unwrap(), Leverage { up: 0.0, down: 1.0 });
        let stranger = DomainSize::new(17).unwrap().cell(16).unwrap();
        assert!(mechanism.leverage(&[stranger]).is_err());
    }
}
