//! Honest tallies are hardly ever called odd, planted lies are: the whole path, randomize, tally, fit.
//!
//! The ordinary tests run a small part with a fixed seed. The tables of spec/statistics/poisoning.md:
//! `cargo test --release -p tacita-dp --test poisoning -- --ignored --nocapture`

#![allow(clippy::unwrap_used, missing_docs, reason = "a test or a measurement stops at the first surprise")]

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use tacita_dp::{DomainSize, Fit, Mechanism, Oddity, Report, Tally};

fn mechanism(cells: u32, epsilon: &str) -> Mechanism {
    Mechanism::choose(DomainSize::new(cells).unwrap(), epsilon.parse().unwrap()).unwrap()
}

/// How the true values are spread: all have one, Zipf's law, all alike.
#[derive(Clone, Copy, Debug)]
enum Truth {
    One,
    Zipf,
    Even,
}

fn honest(mechanism: &Mechanism, truth: Truth, reports: u64, rng: &mut ChaCha20Rng) -> Tally {
    let domain = mechanism.domain();
    let cells = domain.get();
    let norm: f64 = (1..=cells).map(|rank| 1.0 / f64::from(rank)).sum();
    let mut zipf: Vec<u32> = Vec::new();
    for rank in 1..=cells {
        zipf.extend(vec![rank - 1; (reports as f64 / (norm * f64::from(rank))) as usize]);
    }
    let value = |i: u64| match truth {
        Truth::One => 0,
        Truth::Zipf => zipf.get(i as usize).copied().unwrap_or(0),
        Truth::Even => (i % u64::from(cells)) as u32,
    };
    let all: Vec<Report> = (0..reports).map(|i| mechanism.randomize(domain.cell(value(i)).unwrap(), rng)).collect();
    tally(mechanism, &all)
}

fn tally(mechanism: &Mechanism, reports: &[Report]) -> Tally {
    let mut tally = Tally::new(mechanism);
    tally.absorb(mechanism, reports).unwrap();
    tally
}

/// What the liars send.
#[derive(Clone, Copy, Debug)]
enum Lie {
    /// One and the same report, which supports the target.
    TheSame,
    /// Reports that support the target and are random otherwise.
    Supporting,
    /// The mechanism's own answer for the target: what an honest device with that value sends.
    Imitation,
}

fn lies(mechanism: &Mechanism, lie: Lie, liars: u64, rng: &mut ChaCha20Rng) -> Vec<Report> {
    let target = mechanism.domain().cell(mechanism.domain().get() / 2).unwrap();
    let supporting = |rng: &mut ChaCha20Rng| loop {
        let report = mechanism.randomize(target, rng);
        if mechanism.supports(report, target) {
            return report;
        }
    };
    match lie {
        Lie::TheSame => vec![supporting(rng); liars as usize],
        Lie::Supporting => (0..liars).map(|_| supporting(rng)).collect(),
        Lie::Imitation => (0..liars).map(|_| mechanism.randomize(target, rng)).collect(),
    }
}

fn poisoned(mechanism: &Mechanism, lie: Lie, share: f64, reports: u64, rng: &mut ChaCha20Rng) -> Fit {
    let liars = (share * reports as f64) as u64;
    let mut tally = honest(mechanism, Truth::Zipf, reports - liars, rng);
    tally.absorb(mechanism, &lies(mechanism, lie, liars, rng)).unwrap();
    mechanism.fit(&tally).unwrap()
}

/// The share of honest tallies whose p-value is at most each level.
fn alarms(mechanism: &Mechanism, truth: Truth, reports: u64, runs: u32, levels: &[f64]) -> Vec<f64> {
    let mut rng = ChaCha20Rng::seed_from_u64(u64::from(mechanism.domain().get()) + reports);
    let values: Vec<f64> =
        (0..runs).map(|_| mechanism.fit(&honest(mechanism, truth, reports, &mut rng)).unwrap().p_value).collect();
    levels.iter().map(|level| values.iter().filter(|p| *p <= level).count() as f64 / f64::from(runs)).collect()
}

const TRUTHS: [Truth; 3] = [Truth::One, Truth::Zipf, Truth::Even];

#[test]
fn honest_tallies_are_called_odd_no_more_often_than_the_level_says() {
    // 300 runs each: the standard error at 5 % is 1.3 points, so 9 % would be a broken bound and not chance.
    for (cells, epsilon) in [(4, "1"), (16, "2"), (16, "4"), (64, "1"), (1_000, "6"), (200, "2")] {
        for truth in TRUTHS {
            let found = alarms(&mechanism(cells, epsilon), truth, 2_000, 300, &[0.05, 0.001]);
            assert!(found[0] <= 0.09 && found[1] <= 0.01, "{cells} {epsilon} {truth:?}: {found:?}");
        }
    }
}

#[test]
fn planted_lies_are_found_and_named() {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let mut odd = |cells, epsilon, lie, share| poisoned(&mechanism(cells, epsilon), lie, share, 20_000, &mut rng);
    for (cells, epsilon, lie, share) in [
        (16, "1", Lie::TheSame, 0.3),
        (16, "2", Lie::Supporting, 0.5),
        (64, "3", Lie::TheSame, 0.2),
        (500, "2", Lie::TheSame, 0.02),
    ] {
        let fit = odd(cells, epsilon, lie, share);
        assert!(fit.p_value < 1e-6, "{cells} {epsilon} {lie:?}: {fit:?}");
    }
    assert!(matches!(odd(500, "2", Lie::TheSame, 0.02).oddity, Oddity::ReportTooFrequent(_)));
}

#[test]
fn a_fake_value_that_is_randomized_as_it_should_be_is_not_found() {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    for (cells, epsilon) in [(16, "2"), (500, "2")] {
        let fit = poisoned(&mechanism(cells, epsilon), Lie::Imitation, 0.4, 20_000, &mut rng);
        assert!(fit.p_value > 0.01, "it is exactly what honest devices with that value send: {fit:?}");
    }
}

#[test]
fn a_tally_of_nothing_and_of_one_report_is_not_odd() {
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    for (cells, epsilon) in [(16, "2"), (64, "6"), (1_000, "6"), (500, "2")] {
        let mechanism = mechanism(cells, epsilon);
        assert_eq!(mechanism.fit(&Tally::new(&mechanism)).unwrap().p_value, 1.0);
        let cell = mechanism.domain().cell(rng.next_u32() % cells).unwrap();
        let one = tally(&mechanism, &[mechanism.randomize(cell, &mut rng)]);
        assert!(mechanism.fit(&one).unwrap().p_value > 0.05);
    }
    let stranger = Tally::new(&mechanism(17, "2"));
    assert!(mechanism(16, "2").fit(&stranger).is_err());
}

/// Prints the tables of spec/statistics/poisoning.md.
#[test]
#[ignore = "thousands of honest tallies of each shape: minutes"]
fn table_of_false_alarms_and_of_power() {
    let levels = [0.05, 0.01, 0.001, 0.000_1];
    println!("honest, 10,000 runs of 10,000 reports (more than 64 cells: 500 runs): share with p ≤ {levels:?}");
    for (cells, epsilon) in [(4, "1"), (16, "2"), (16, "4"), (64, "1"), (1_000, "6"), (1_000, "2")] {
        for truth in TRUTHS {
            let mechanism = mechanism(cells, epsilon);
            let runs = if mechanism.name() == "subset-selection" { 10_000 } else { 500 };
            println!("{cells} cells, ε {epsilon}, {truth:?}: {:?}", alarms(&mechanism, truth, 10_000, runs, &levels));
        }
    }
    println!("lies: the least share found (p ≤ 0.0001) in 90 of 100 runs, among Zipf's honest reports");
    for reports in [10_000, 100_000] {
        for (cells, epsilon) in [(4, "1"), (16, "1"), (16, "2"), (16, "4"), (64, "3"), (1_000, "2")] {
            let mechanism = mechanism(cells, epsilon);
            for lie in [Lie::TheSame, Lie::Supporting, Lie::Imitation] {
                let mut rng = ChaCha20Rng::seed_from_u64(9);
                let shares = [0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5];
                let mut found = |share: f64| {
                    let passes = |_: &i32| poisoned(&mechanism, lie, share, reports, &mut rng).p_value > 1e-4;
                    (0..100).filter(passes).take(11).count() <= 10
                };
                let least = shares.into_iter().find(|&share| found(share));
                println!("{reports} reports, {cells} cells, ε {epsilon}, {lie:?}: {least:?}");
            }
        }
    }
}
