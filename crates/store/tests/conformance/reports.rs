//! Reports by number, and what a store says about them.

use tacita_protocol::{
    epoch::EpochId,
    id::{MeasureId, PublisherId},
    time::WindowId,
};
use tacita_store::{Entry, Increments, Partition, Series, SeriesTally, StoreError, TallyStore, Verdict};
use tacita_tokens::{Fingerprint, Nullifier};

pub const EPOCH: EpochId = EpochId(7);
pub const PUBLISHER: PublisherId = PublisherId(3);
pub const SERIES: Series = Series { measure: MeasureId(5), window: WindowId(20_000) };

/// A nullifier that looks random, all of lane 0.
pub fn nullifier(number: u32) -> Nullifier {
    let mut bytes = [0; 16];
    bytes[1..5].copy_from_slice(&number.wrapping_mul(0x9e37_79b1).to_be_bytes());
    bytes[12..].copy_from_slice(&number.to_be_bytes());
    Nullifier::from_bytes(bytes)
}

/// The report with this number: its nullifier, its fingerprint and the one counter it raises tell it from all others.
pub fn report(number: u32) -> Entry {
    Entry {
        nullifier: nullifier(number),
        fingerprint: Fingerprint::from_bytes([(number % 251) as u8; 8]),
        series: SERIES,
        increments: Increments::One(number),
    }
}

/// Other bytes with the token of the report with this number. They would raise a counter that no report raises.
pub fn forged(number: u32) -> Entry {
    Entry {
        fingerprint: Fingerprint::from_bytes([252; 8]),
        increments: Increments::One(u32::MAX - number),
        ..report(number)
    }
}

pub fn reports(numbers: impl IntoIterator<Item = u32>) -> Vec<Entry> {
    numbers.into_iter().map(report).collect()
}

/// Commits for [`PUBLISHER`] to [`EPOCH`].
pub async fn commit(store: &impl TallyStore, entries: Vec<Entry>) -> Result<Vec<Verdict>, StoreError> {
    let committed = store.commit(Partition { publisher: PUBLISHER, lane: 0 }, EPOCH, entries).await;
    committed.map(|committed| committed.verdicts)
}

/// The tally of [`SERIES`] of [`PUBLISHER`], or one of nothing.
pub async fn tally(store: &impl TallyStore) -> SeriesTally {
    let next = WindowId(SERIES.window.0 + 1);
    let tallies = store.tallies(SERIES.measure, SERIES.window..next).await.unwrap();
    tallies.into_iter().find(|tally| tally.publisher == PUBLISHER).unwrap_or(SeriesTally {
        publisher: PUBLISHER,
        window: SERIES.window,
        reports: 0,
        counters: Vec::new(),
    })
}

/// Exactly these reports are tallied, each once.
pub async fn assert_tallied_once(store: &impl TallyStore, numbers: impl IntoIterator<Item = u32>) {
    let tally = tally(store).await;
    let expected: Vec<(u32, u64)> = numbers.into_iter().map(|number| (number, 1)).collect();
    assert_eq!(tally.counters, expected);
    assert_eq!(tally.reports, expected.len() as u64);
}
