//! Amplification against reference values computed elsewhere: spec/statistics/amplification.md.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test or a measurement stops at the first surprise")]

use std::path::{Path, PathBuf};

use serde_json::Value;
use tacita_dp::{Amplified, Blanket, DomainSize, Epsilon, Mechanism, Projective, SubsetSelection, amplification};

/// One reference value: how to reproduce it, and how far below it a correct bound may come out.
struct Reference {
    name: String,
    mechanism: String,
    parameters: String,
    epsilon: Epsilon,
    reports: u64,
    delta: f64,
    central: f64,
}

impl Reference {
    fn computed(&self) -> Amplified {
        match self.mechanism.as_str() {
            "general" => amplification::general(self.epsilon, self.reports, self.delta).unwrap(),
            "blanket_hadamard" => {
                // Half of all blocks through a point, a quarter through a pair.
                Blanket::of_design(self.epsilon.as_f64().exp(), 0.5, 0.25).amplify(self.reports, self.delta).unwrap()
            }
            _ => amplification::blanket(&self.design(), self.reports, self.delta).unwrap(),
        }
    }

    fn design(&self) -> Mechanism {
        let domain = DomainSize::new(self.parameter("k")).unwrap();
        match self.mechanism.as_str() {
            "blanket_grr" => Mechanism::SubsetSelection(SubsetSelection::with_omega(domain, self.epsilon, 1).unwrap()),
            "blanket_ss" => {
                let omega = self.parameter("w");
                Mechanism::SubsetSelection(SubsetSelection::with_omega(domain, self.epsilon, omega).unwrap())
            }
            "blanket_pgr" => {
                let projective = Projective::with_field(domain, self.epsilon, self.parameter("q")).unwrap();
                assert_eq!(projective.points(), u64::from(self.parameter("K")), "{}", self.name);
                Mechanism::Projective(projective)
            }
            other => panic!("unknown mechanism {other}"),
        }
    }

    fn parameter(&self, name: &str) -> u32 {
        let pairs = self.parameters.split(';').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(key, _)| *key == name).map(|(_, value)| value.parse().unwrap()).next().unwrap()
    }

    /// The reference's own stated accuracy: exact sums to their nine printed decimals; blanket values to 1e-4, 7e-4 for
    /// Hadamard (STATISTICS §3).
    fn tolerance(&self) -> f64 {
        match self.mechanism.as_str() {
            "general" => 1e-9 / self.central,
            "blanket_hadamard" => 7e-4,
            _ => 1e-4,
        }
    }

    /// Ours over the reference, less one.
    fn excess(&self) -> f64 {
        let excess = self.computed().epsilon / self.central - 1.0;
        assert!(excess >= -self.tolerance(), "{} is {excess:+.2e} of the reference: below it", self.name);
        assert!(excess <= 0.02, "{} is {excess:+.2e} of the reference: too far above it", self.name);
        excess
    }
}

fn check_all(references: &[Reference]) -> (f64, f64) {
    let excesses = references.iter().map(Reference::excess);
    excesses.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), excess| (low.min(excess), high.max(excess)))
}

#[test]
fn every_row_of_the_golden_table_is_reproduced() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden/shuffle_amplification.csv");
    let Ok(mut table) = csv::Reader::from_path(&path) else {
        println!("SKIPPED every_row_of_the_golden_table_is_reproduced: {} is absent", path.display());
        return;
    };
    let rows: Vec<Reference> = table.records().map(Result::unwrap).filter_map(|row| of_row(&row)).collect();
    assert_eq!(rows.len(), 60 + 6 * 60 + 12 * 10 + 30 + 3 * 10 + 20 + 4 * 10);
    let (low, high) = check_all(&rows);
    println!("{} rows reproduced, {low:+.2e} to {high:+.2e} of the reference", rows.len());
}

fn of_row(row: &csv::StringRecord) -> Option<Reference> {
    (row[0] == *"general_clone21" || row[0].starts_with("blanket_")).then(|| Reference {
        name: format!("{} {} eps0={} n={} delta={}", &row[0], &row[1], &row[2], &row[3], &row[5]),
        mechanism: row[0].replace("general_clone21", "general"),
        parameters: row[1].to_owned(),
        epsilon: row[2].parse().unwrap(),
        reports: row[3].parse().unwrap(),
        delta: row[5].parse().unwrap(),
        central: row[8].parse().unwrap(),
    })
}

fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

#[test]
fn the_published_vectors_are_reproduced() {
    let text = std::fs::read_to_string(in_repository("spec/vectors/dp-amplification.json")).unwrap();
    let vectors: Value = serde_json::from_str(&text).unwrap();
    let references: Vec<Reference> = vectors["values"].as_array().unwrap().iter().map(of_vector).collect();
    assert!(references.len() > 40);
    check_all(&references);
}

fn of_vector(vector: &Value) -> Reference {
    Reference {
        name: vector.to_string(),
        mechanism: vector["mechanism"].as_str().unwrap().to_owned(),
        parameters: vector["parameters"].as_str().unwrap_or_default().to_owned(),
        epsilon: vector["epsilon"].as_str().unwrap().parse().unwrap(),
        reports: vector["reports"].as_u64().unwrap(),
        delta: vector["delta"].as_str().unwrap().parse().unwrap(),
        central: vector["central"].as_f64().unwrap(),
    }
}

/// The exact divergence of the shuffled output of n reports of k-ary randomized response, by enumerating histograms: device
/// 0 holds cell 0 or cell 1, all others hold `others`.
fn exact_divergence(cells: usize, reports: usize, likelihood: f64, epsilon: f64, others: usize) -> f64 {
    let weight = |truth: usize, output: usize| if truth == output { likelihood } else { 1.0 };
    let norm = likelihood + cells as f64 - 1.0;
    let law = |first: usize| {
        let mut law = std::collections::BTreeMap::from([(vec![0u8; cells], 1.0)]);
        for device in 0..reports {
            let truth = if device == 0 { first } else { others };
            let mut next = std::collections::BTreeMap::new();
            for (histogram, probability) in law {
                for output in 0..cells {
                    let mut grown = histogram.clone();
                    grown[output] += 1;
                    *next.entry(grown).or_insert(0.0) += probability * weight(truth, output) / norm;
                }
            }
            law = next;
        }
        law
    };
    let (zero, one) = (law(0), law(1));
    zero.iter().map(|(histogram, p)| (p - epsilon.exp() * one[histogram]).max(0.0)).sum()
}

#[test]
fn no_small_shuffle_enumerated_exactly_violates_either_bound() {
    // The two shapes in which the "stronger clone" bound is violated, and others (STATISTICS §3).
    for (cells, reports, epsilon) in [(4, 5, "1"), (6, 4, "2"), (2, 8, "1"), (3, 10, "2"), (4, 8, "4")] {
        let epsilon: Epsilon = epsilon.parse().unwrap();
        let design = Mechanism::SubsetSelection(
            SubsetSelection::with_omega(DomainSize::new(cells).unwrap(), epsilon, 1).unwrap(),
        );
        for delta in [0.12, 0.05, 0.018, 0.005, 1e-3] {
            let blanket = amplification::blanket(&design, reports, delta).unwrap();
            let general = amplification::general(epsilon, reports, delta).unwrap();
            for bound in [blanket, general] {
                for others in [0, 1, cells as usize - 1] {
                    let likelihood = epsilon.as_f64().exp();
                    let truth = exact_divergence(cells as usize, reports as usize, likelihood, bound.epsilon, others);
                    assert!(
                        truth <= delta * (1.0 + 1e-9),
                        "k = {cells}, n = {reports}: {truth} > {delta} at {}",
                        bound.epsilon
                    );
                }
            }
        }
    }
}

#[test]
fn the_blanket_is_tighter_than_the_general_bound_and_both_improve_with_the_batch() {
    for (cells, epsilon) in [(16, "1"), (16, "3"), (64, "2"), (1024, "4"), (22_000, "4")] {
        let mechanism = Mechanism::choose(DomainSize::new(cells).unwrap(), epsilon.parse().unwrap()).unwrap();
        let mut before = (f64::INFINITY, f64::INFINITY);
        for reports in [1_000, 10_000, 100_000, 1_000_000, 10_000_000] {
            let general = amplification::general(mechanism.epsilon(), reports, 1e-8).unwrap();
            let blanket = amplification::blanket(&mechanism, reports, 1e-8).unwrap();
            assert!(blanket.epsilon < general.epsilon && general.epsilon <= mechanism.epsilon().as_f64());
            assert!(general.epsilon < before.0 && blanket.epsilon < before.1);
            assert!(blanket.published() >= blanket.epsilon);
            before = (general.epsilon, blanket.epsilon);
        }
    }
}

#[test]
fn a_batch_of_one_is_not_amplified_and_extreme_questions_have_an_answer() {
    let epsilon: Epsilon = "2".parse().unwrap();
    let mechanism = Mechanism::choose(DomainSize::new(16).unwrap(), epsilon).unwrap();
    assert!(amplification::general(epsilon, 1, 1e-9).unwrap().epsilon > 1.999);
    assert!(amplification::blanket(&mechanism, 1, 1e-9).unwrap().epsilon > 1.999);
    for (reports, delta) in [(u64::MAX, 1e-12), (1 << 40, 1e-15), (2, 0.999), (1_000, 1e-300), (3, 0.5)] {
        let blanket = amplification::blanket(&mechanism, reports, delta).unwrap().epsilon;
        let general = amplification::general(epsilon, reports, delta).unwrap().epsilon;
        for bound in [blanket, general] {
            assert!(bound > 0.0 && bound <= 2.0, "n = {reports}, delta = {delta}: {bound}");
        }
    }
}
