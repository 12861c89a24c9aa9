//! Any 16 bytes as a report: its own encoding; and any value is refused by a measure's mechanism, or counts within its tally.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tacita_dp::{DomainSize, Epsilon, Mechanism};
use tacita_fuzz::plant;
use tacita_protocol::report::Report;

/// One of each family: a direct answer, a subset, a list of places, a point of a geometry.
static MECHANISMS: LazyLock<Vec<Mechanism>> = LazyLock::new(|| {
    let choose = |&(cells, micro): &(u32, u32)| {
        let epsilon = Epsilon::from_micro(micro).expect("an epsilon");
        Mechanism::choose(DomainSize::new(cells).expect("a domain"), epsilon).expect("a mechanism")
    };
    [(2, 1_000_000), (5, 4_000_000), (40, 500_000), (64, 2_000_000), (1_000, 6_000_000), (22_000, 2_000_000)]
        .iter()
        .map(choose)
        .collect()
});

fn seeds() -> Vec<[u8; 16]> {
    let values = [0, 1, 3, 0b1011, 1 << 20, u64::MAX];
    values.map(|value| u128::from(value) | 7 << 96 | 20_000 << 64).map(u128::to_be_bytes).to_vec()
}

fuzz_target!(init: plant("protocol_report", seeds()), |bytes: [u8; 16]| {
    let report = Report::from_bytes(&bytes);
    assert_eq!(report.to_bytes(), bytes);
    for mechanism in MECHANISMS.iter() {
        let Ok(valid) = mechanism.validate(report.value) else { continue };
        assert_eq!(valid.raw(), report.value);
        assert!(mechanism.counters(valid).all(|counter| (counter as usize) < mechanism.tally_len()));
    }
});
