//! The vectors that other implementations (the TypeScript SDK first of all) are held to.
//!
//! Each file is compared with what the crate computes. After a deliberate change of the specification:
//! `TACITA_WRITE_VECTORS=1 cargo test -p tacita-dp --test vectors`, and read the difference.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test or a measurement stops at the first surprise")]

use std::path::Path;

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use serde_json::{Value, json};
use tacita_dp::ledger::{Charge, Ledger};
use tacita_dp::{DomainSize, Epsilon, Mechanism, Report, Tally, memo};

fn check(name: &str, computed: &[Value]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/vectors").join(name);
    if std::env::var_os("TACITA_WRITE_VECTORS").is_some() {
        let lines: Vec<String> = computed.iter().map(|vector| format!("  {vector}")).collect();
        std::fs::write(&path, format!("[\n{}\n]\n", lines.join(",\n"))).unwrap();
    }
    // Compared as values: the order of an object's keys is serde_json's affair, and changes with its features.
    let published: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert!(published == computed, "{name} differs from what the crate computes");
}

const SHAPES: [(u32, &str); 20] = [
    (2, "1"),
    (2, "20"),
    (5, "0.000001"),
    (8, "1"),
    (16, "0.5"),
    (16, "1"),
    (16, "2"),
    (16, "3"),
    (64, "1"),
    (64, "4"),
    (65, "1"),
    (65, "3"),
    (1_024, "1"),
    (1_024, "4"),
    (1_024, "6"),
    (5_000, "2"),
    (22_000, "2"),
    (22_000, "4"),
    (100_000, "3"),
    (100_000, "11"),
];

fn mechanism(cells: u32, epsilon: &str) -> Mechanism {
    Mechanism::choose(DomainSize::new(cells).unwrap(), epsilon.parse().unwrap()).unwrap()
}

/// What defines a mechanism: enough to rebuild it without the rule.
fn shape(mechanism: &Mechanism) -> Value {
    let mut shape = json!({
        "domain": mechanism.domain().get(),
        "epsilon_micro": mechanism.epsilon().micro(),
        "mechanism": mechanism.name(),
        "hit_threshold": format!("{:016x}", mechanism.hit_threshold()),
        "report_bits": mechanism.report_bits(),
        "tally_len": mechanism.tally_len(),
    });
    match mechanism {
        Mechanism::SubsetSelection(subset) => shape["omega"] = json!(subset.omega()),
        Mechanism::SubsetList(subset) => shape["omega"] = json!(subset.omega()),
        Mechanism::Projective(projective) => {
            shape["field_order"] = json!(projective.field_order());
            shape["dimension"] = json!(projective.dimension());
        }
        other => panic!("{} has no vector format", other.name()),
    }
    shape
}

#[test]
fn randomized_reports_are_byte_exact() {
    let vectors: Vec<Value> = SHAPES
        .iter()
        .enumerate()
        .map(|(number, &(cells, epsilon))| {
            let mechanism = mechanism(cells, epsilon);
            let seed = [number as u8 + 1; 32];
            // One generator for all reports of a vector: a word too many or too few shows in the next report.
            let mut generator = ChaCha20Rng::from_seed(seed);
            let spread = |i: u32| (u64::from(i) * 7_919 % u64::from(cells)) as u32;
            let cells_drawn: Vec<u32> = (0..12).map(spread).chain([0, cells - 1]).collect();
            let reports: Vec<String> = cells_drawn
                .iter()
                .map(|&cell| {
                    format!(
                        "{:016x}",
                        mechanism.randomize(mechanism.domain().cell(cell).unwrap(), &mut generator).raw()
                    )
                })
                .collect();
            let mut vector = shape(&mechanism);
            vector["seed"] = json!(hex::encode(seed));
            vector["cells"] = json!(cells_drawn);
            vector["reports"] = json!(reports);
            vector
        })
        .collect();
    check("dp-randomize.json", &vectors);
}

#[test]
fn the_choice_of_mechanism_is_the_published_one() {
    let mut vectors = Vec::new();
    for cells in [2, 3, 8, 16, 33, 64, 65, 128, 500, 1_024, 5_000, 22_000, 65_536, 100_000] {
        for epsilon in ["0.1", "0.5", "1", "2", "3", "4", "5", "6", "8", "12"] {
            vectors.push(shape(&mechanism(cells, epsilon)));
        }
    }
    check("dp-choice.json", &vectors);
}

#[test]
fn memoized_generators_are_byte_exact() {
    let mut vectors = Vec::new();
    for (fill, measure, window, slot, value) in [
        (0, 0, 0, 0, 0),
        (1, 0, 0, 0, 0),
        (1, 1, 0, 0, 0),
        (1, 0, 1, 0, 0),
        (1, 0, 0, 1, 0),
        (1, 0, 0, 0, 1),
        (255, u32::MAX, 20_000, 3, 99_999),
    ] {
        let secret = [fill; 32];
        let mut generator = memo::generator(&secret, measure, window, slot, value);
        let words: Vec<String> = (0..10).map(|_| format!("{:016x}", generator.next_u64())).collect();
        let mechanism = mechanism(16, "1");
        let cell = mechanism.domain().cell(value % 16).unwrap();
        let answer = mechanism.randomize(cell, &mut memo::generator(&secret, measure, window, slot, value));
        vectors.push(json!({
            "device_secret": hex::encode(secret), "measure": measure, "window": window, "slot": slot, "value": value, "words": words,
            "answer_16_cells_epsilon_1": format!("{:016x}", answer.raw()),
        }));
    }
    // No two questions share a generator; the same question always does.
    let mut firsts: Vec<&str> = vectors.iter().map(|vector| vector["words"][0].as_str().unwrap()).collect();
    firsts.sort_unstable();
    firsts.dedup();
    assert_eq!(firsts.len(), vectors.len());
    check("dp-memo.json", &vectors);
}

#[test]
fn the_ledger_pays_and_refuses_as_published() {
    let steps: [&[(&str, u32, u32)]; 8] = [
        &[("brand-a", 1, 3_000_000)],
        &[("brand-a", 1, 3_000_000), ("brand-b", 1, 4_000_000)],
        &[("brand-a", 1, 3_000_000)],
        &[("brand-a", 1, 1_000_000), ("brand-a", 1, 1_000_001)],
        &[("brand-a", 2, 8_000_000), ("brand-b", 1, 4_000_000)],
        &[("brand-a", 1, 2_000_000), ("brand-a", 2, 1)],
        &[("brand-a", 1, 2_000_000)],
        &[],
    ];
    let mut ledger = Ledger::new(Ledger::DEFAULT_CAPACITY);
    let vectors: Vec<Value> = steps
        .iter()
        .map(|step| {
            let charge = |&(querier, epoch, micro): &(&str, u32, u32)| Charge {
                querier: querier.to_owned(),
                epoch,
                cost: Epsilon::from_micro(micro).unwrap(),
            };
            let paid = ledger.charge(&step.iter().map(charge).collect::<Vec<_>>()).is_ok();
            let charges: Vec<Value> =
                step.iter().map(|&(querier, epoch, micro)| json!([querier, epoch, micro])).collect();
            let spent: Vec<Value> =
                ledger.entries().map(|entry| json!([entry.querier, entry.epoch, entry.spent])).collect();
            json!({ "capacity": ledger.capacity(), "charges": charges, "paid": paid, "spent_after": spent })
        })
        .collect();
    check("dp-ledger.json", &vectors);
}

#[test]
fn estimates_from_a_tally_are_the_published_ones() {
    let vectors: Vec<Value> = [(4, "1"), (8, "2"), (16, "3"), (70, "1"), (70, "3")]
        .into_iter()
        .map(|(cells, epsilon)| {
            let mechanism = mechanism(cells, epsilon);
            let mut generator = ChaCha20Rng::from_seed([9; 32]);
            let domain = mechanism.domain();
            let reports: Vec<Report> =
                (0..500).map(|i| mechanism.randomize(domain.cell(i * i % cells).unwrap(), &mut generator)).collect();
            let mut tally = Tally::new(&mechanism);
            tally.absorb(&mechanism, &reports).unwrap();
            let histogram = mechanism.estimate(&tally).unwrap();
            // Twelve digits: platforms differ in the last few bits.
            let rounded = |number: f64| format!("{number:.12e}");
            let mut vector = shape(&mechanism);
            vector["reports"] = json!(tally.reports());
            vector["counters"] = json!(tally.counters());
            vector["counts"] = histogram.cells().iter().map(|cell| json!(rounded(cell.count))).collect();
            vector["variances"] = histogram.cells().iter().map(|cell| json!(rounded(cell.variance))).collect();
            vector
        })
        .collect();
    check("dp-estimate.json", &vectors);
}

#[test]
fn the_generator_is_chacha20_with_little_endian_words() {
    // The first 16 bytes of the keystream of the zero key and nonce: RFC 8439, appendix A.1, test vector 1.
    let mut generator = ChaCha20Rng::from_seed([0; 32]);
    let mut bytes = Vec::new();
    for _ in 0..2 {
        bytes.extend(generator.next_u64().to_le_bytes());
    }
    assert_eq!(hex::encode(bytes), "76b8e0ada0f13d90405d6ae55386bd28");
}
