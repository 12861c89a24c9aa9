//! The whole output law of small mechanisms, enumerated through the real sampler with exact arithmetic.
//!
//! Every uniform number that `randomize` draws is played back in turn (all outcomes of one draw are equally likely: see
//! the tests of `sampling`), so the probability of each report is an exact integer over a common denominator. Such a test
//! would have found the bias and the ε violation in both public implementations (STATISTICS §2, defects 1 and 2).

use core::convert::Infallible;
use std::collections::BTreeMap;

use rand_core::{TryCryptoRng, TryRng};

use crate::law::{HitLaw, ratio_is_within};
use crate::{CellIndex, DomainSize, Epsilon, Mechanism, Projective, SubsetList, SubsetSelection};

/// Plays back words and panics when asked for more.
struct Script<'a>(core::slice::Iter<'a, u64>);

impl TryRng for Script<'_> {
    type Error = Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unreachable!("mechanisms draw whole words")
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(*self.0.next().expect("no more words than the specification says"))
    }
    fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), Infallible> {
        unreachable!("mechanisms draw whole words")
    }
}
impl TryCryptoRng for Script<'_> {}

fn play(mechanism: &Mechanism, cell: CellIndex, words: &[u64]) -> u64 {
    let mut script = Script(words.iter());
    let report = mechanism.randomize(cell, &mut script).raw();
    assert_eq!(script.0.len(), 0, "all words are drawn");
    assert!(mechanism.validate(report).is_ok(), "a report passes its own validation");
    report
}

/// A word that makes the uniform number below `bound` come out as `number`.
fn word_for(number: u64, bound: u64) -> u64 {
    let rejected = u128::from(bound.wrapping_neg() % bound);
    ((u128::from(number) << 64) + rejected).div_ceil(u128::from(bound)) as u64
}

/// How many equally likely outcomes the draw after hit or miss has.
fn outcomes(mechanism: &Mechanism, hit: bool) -> u64 {
    let subset = |omega: u32| {
        let others = u64::from(mechanism.domain().get()) - 1;
        (others - u64::from(omega - u32::from(hit)) + 1..=others).product()
    };
    match mechanism {
        Mechanism::SubsetSelection(inner) => subset(inner.omega()),
        Mechanism::SubsetList(inner) => subset(inner.omega()),
        Mechanism::Projective(inner) => {
            let q = u64::from(inner.field_order());
            let supporting = (inner.points() - 1) / q;
            if hit { supporting } else { inner.points() - supporting }
        }
    }
}

/// How often each report comes out of all outcomes, given hit or miss.
fn reports(mechanism: &Mechanism, cell: CellIndex, hit: bool) -> BTreeMap<u64, u128> {
    let bound = outcomes(mechanism, hit);
    let first = if hit { 0 } else { u64::MAX };
    let mut counts = BTreeMap::new();
    for number in 0..bound {
        let words = [first, word_for(number, bound)];
        // A hit with ω = 1 is complete: nothing more is drawn.
        let complete = hit && bound == 1 && !matches!(mechanism, Mechanism::Projective(_));
        let drawn = if complete { &words[..1] } else { &words[..] };
        *counts.entry(play(mechanism, cell, drawn)).or_default() += 1;
    }
    counts
}

/// P[report | cell] for every report, over the denominator 2⁶⁴ · outcomes(hit) · outcomes(miss).
fn law(mechanism: &Mechanism, hit_law: &HitLaw, cell: CellIndex) -> BTreeMap<u64, u128> {
    let (hits, misses) = (reports(mechanism, cell, true), reports(mechanism, cell, false));
    for (counts, supported) in [(&hits, true), (&misses, false)] {
        let first = *counts.values().next().unwrap();
        assert!(counts.values().all(|&count| count == first), "uniform given hit or miss");
        for &report in counts.keys() {
            let report = mechanism.validate(report).unwrap();
            assert_eq!(mechanism.supports(report, cell), supported, "a hit supports the cell, a miss never does");
        }
    }
    let threshold = u128::from(hit_law.threshold());
    let hit_weight = threshold * u128::from(outcomes(mechanism, false));
    let miss_weight = ((1 << 64) - threshold) * u128::from(outcomes(mechanism, true));
    let weighted = hits.iter().map(|(&report, count)| (report, count * hit_weight));
    weighted.chain(misses.iter().map(|(&report, count)| (report, count * miss_weight))).collect()
}

fn check(mechanism: &Mechanism, hit_law: &HitLaw, all_reports: usize) {
    let epsilon = mechanism.epsilon();
    let laws: Vec<_> = mechanism.domain().cells().map(|cell| law(mechanism, hit_law, cell)).collect();
    let total: u128 = laws[0].values().sum();
    for law in &laws {
        assert_eq!(law.len(), all_reports, "every report has positive probability under every cell");
        assert_eq!(law.values().sum::<u128>(), total);
    }
    for report in laws[0].keys() {
        let high = laws.iter().map(|law| law[report]).max().unwrap();
        let low = laws.iter().map(|law| law[report]).min().unwrap();
        assert!(ratio_is_within(high, low, epsilon), "{mechanism:?}: report {report} exceeds e^eps");
    }
    check_pure_protocol(mechanism, &laws, total as f64);
    check_blanket(mechanism, &laws, total as f64);
}

/// p and q are the probabilities of support that the estimator divides by.
fn check_pure_protocol(mechanism: &Mechanism, laws: &[BTreeMap<u64, u128>], total: f64) {
    for (truth, law) in mechanism.domain().cells().zip(laws) {
        for cell in mechanism.domain().cells() {
            let supporting = law.iter().filter(|(raw, _)| mechanism.supports(mechanism.validate(**raw).unwrap(), cell));
            let probability = supporting.map(|(_, weight)| *weight).sum::<u128>() as f64 / total;
            let expected = if cell == truth { mechanism.p() } else { mechanism.q() };
            assert!((probability - expected).abs() < 1e-14, "{mechanism:?}: {probability} {expected}");
        }
    }
}

/// The blanket is the pointwise minimum over cells; its parts are split by which of two cells they support.
fn check_blanket(mechanism: &Mechanism, laws: &[BTreeMap<u64, u128>], total: f64) {
    let blanket = mechanism.blanket();
    let (left, right) = (mechanism.domain().cell(0).unwrap(), mechanism.domain().cell(1).unwrap());
    let mut parts = [0.0; 4];
    for raw in laws[0].keys() {
        let report = mechanism.validate(*raw).unwrap();
        // With two cells every report supports one of them, and the least weight must be taken as that of a miss.
        let least = laws.iter().map(|law| law[raw]).min().unwrap() as f64 / total;
        let part = usize::from(mechanism.supports(report, left)) + 2 * usize::from(mechanism.supports(report, right));
        parts[part] += least;
    }
    for (found, expected) in parts.into_iter().zip([blanket.neither, blanket.one, blanket.one, blanket.both]) {
        assert!((found - expected).abs() < 1e-13, "{mechanism:?}: {found} {expected}");
    }
}

fn epsilons() -> impl Iterator<Item = Epsilon> {
    ["0.1", "1", "2", "4", "8"].into_iter().map(|text| text.parse().unwrap())
}

fn binomial(n: u64, k: u64) -> usize {
    (0..k).fold(1, |product, i| product * (n - i) / (i + 1)) as usize
}

#[test]
fn the_law_of_every_small_subset_selection_is_exact_and_within_epsilon() {
    for (cells, omega) in
        [(2, 1), (3, 1), (3, 2), (4, 1), (4, 2), (4, 3), (5, 2), (5, 3), (6, 3), (7, 2), (8, 4), (16, 1), (16, 2)]
    {
        for epsilon in epsilons() {
            let domain = DomainSize::new(cells).unwrap();
            let mechanism = SubsetSelection::with_omega(domain, epsilon, omega).unwrap();
            let hit_law = *mechanism.law().hit();
            check(&Mechanism::SubsetSelection(mechanism), &hit_law, binomial(u64::from(cells), u64::from(omega)));
        }
    }
}

#[test]
fn the_law_of_every_small_subset_list_is_exact_and_within_epsilon() {
    for (cells, omega) in [(2, 1), (4, 2), (5, 3), (9, 3), (33, 2), (70, 1)] {
        for epsilon in epsilons() {
            let domain = DomainSize::new(cells).unwrap();
            let mechanism = SubsetList::with_omega(domain, epsilon, omega).unwrap();
            let hit_law = *mechanism.law().hit();
            check(&Mechanism::SubsetList(mechanism), &hit_law, binomial(u64::from(cells), u64::from(omega)));
        }
    }
}

#[test]
fn the_law_of_every_small_projective_response_is_exact_and_within_epsilon() {
    let shapes = [
        (3, 2),
        (7, 2),
        (12, 2),
        (4, 3),
        (13, 3),
        (30, 3),
        (5, 4),
        (21, 4),
        (50, 4),
        (31, 5),
        (57, 7),
        (73, 8),
        (91, 9),
        (20, 16),
    ];
    for (cells, order) in shapes {
        for epsilon in epsilons() {
            let domain = DomainSize::new(cells).unwrap();
            let mechanism = Projective::with_field(domain, epsilon, order).unwrap();
            let (hit_law, points) = (*mechanism.hit(), mechanism.points() as usize);
            check(&Mechanism::Projective(mechanism), &hit_law, points);
        }
    }
}

#[test]
fn hit_and_miss_part_exactly_at_the_threshold() {
    let domain = DomainSize::new(8).unwrap();
    let law = SubsetSelection::with_omega(domain, "2".parse().unwrap(), 2).unwrap();
    let threshold = law.law().hit().threshold();
    let mechanism = Mechanism::SubsetSelection(law);
    let cell = domain.cell(3).unwrap();
    let supports =
        |first| mechanism.supports(mechanism.validate(play(&mechanism, cell, &[first, 1 << 40])).unwrap(), cell);
    assert!(supports(0) && supports(threshold - 1));
    assert!(!supports(threshold) && !supports(u64::MAX));
}

#[test]
fn a_cell_of_a_larger_domain_counts_as_the_last_cell() {
    let larger = DomainSize::new(100).unwrap().cell(99).unwrap();
    for mechanism in [
        Mechanism::choose(DomainSize::new(8).unwrap(), "2".parse().unwrap()).unwrap(),
        Mechanism::choose(DomainSize::new(70).unwrap(), "1".parse().unwrap()).unwrap(),
    ] {
        let last = mechanism.domain().cell(mechanism.domain().get() - 1).unwrap();
        let words = [0, 1 << 60];
        let drawn = if outcomes(&mechanism, true) == 1 { &words[..1] } else { &words[..] };
        assert_eq!(play(&mechanism, larger, drawn), play(&mechanism, last, drawn));
    }
}
