//! Stores of every older version, written as those versions wrote them, are opened and go on with nothing lost.
//!
//! What is written here never follows the layout's code: it is what stands on the disks of those who have used the old versions.

use fjall::KeyspaceCreateOptions;
use tacita_protocol::{
    epoch::EpochId,
    id::{MeasureId, PublisherId},
    outcome::{Outcome, Refusal},
    record::PeriodId,
    time::{UnixTime, WindowId},
};
use tacita_tokens::Fingerprint;
use tempfile::TempDir;

use super::*;
use crate::{
    ChangeLog as _, Closing, Entry, Increments, Partition, PeriodRecord as _, Series, TallyStore as _, Verdict,
    embedded::EmbeddedStore,
};

const PUBLISHER: PublisherId = PublisherId(3);
const SERIES: Series = Series { measure: MeasureId(5), window: WindowId(20_000) };
/// Nullifiers spent in epoch 7, some generations of them.
const SPENT: u32 = 95;

fn options() -> EmbeddedOptions {
    EmbeddedOptions { generation_entries: 10, ..EmbeddedOptions::default() }
}

fn nullifier(number: u32) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&(number.wrapping_mul(0x9e37_79b1) >> 3).to_be_bytes());
    bytes[12..].copy_from_slice(&number.to_be_bytes());
    bytes
}

fn entry(number: u32) -> Entry {
    Entry {
        nullifier: Nullifier::from_bytes(nullifier(number)),
        fingerprint: Fingerprint::from_bytes([number as u8; 8]),
        series: SERIES,
        increments: Increments::One(number),
    }
}

/// Writes a store as `version` did: spent nullifiers, a dropped epoch, a series, outcome counts, two entries of the log.
fn write_old(dir: &TempDir, version: u32) {
    let db = Database::builder(dir.path().join("engine")).open().unwrap();
    let keyspace = |name: &str| db.keyspace(name, KeyspaceCreateOptions::default).unwrap();
    let meta = keyspace("meta");
    meta.insert(b"schema", version.to_be_bytes()).unwrap();
    meta.insert(b"dropped\0\0\0\x06", []).unwrap();
    let spent = keyspace("spent-7");
    for number in 0..SPENT {
        let key = match version {
            1 => nullifier(number).to_vec(),
            _ => [&(number / 10).to_be_bytes()[..], &nullifier(number)].concat(),
        };
        spent.insert(key, [number as u8; 8]).unwrap();
    }
    let (tallies, outcomes, log) = (keyspace("tallies"), keyspace("outcomes"), keyspace("log"));
    let series = [5_u32, 20_000, 3].map(u32::to_be_bytes).concat();
    tallies.insert(&series, u64::from(SPENT).to_be_bytes()).unwrap();
    for counter in 0..SPENT {
        tallies.insert([&series[..], &counter.to_be_bytes()].concat(), 1_u64.to_be_bytes()).unwrap();
    }
    for (outcome, count) in [(2_u32, u64::from(SPENT)), (9, 4)] {
        outcomes.insert([3_u32.to_be_bytes(), outcome.to_be_bytes()].concat(), count.to_be_bytes()).unwrap();
    }
    for (index, change) in [(0_u64, "a"), (1, "b")] {
        log.insert(index.to_be_bytes(), change).unwrap();
    }
    db.persist(PersistMode::SyncAll).unwrap();
}

async fn assert_nothing_lost(store: &EmbeddedStore) {
    let nullifiers: Vec<Nullifier> = (0..SPENT + 1).map(|number| entry(number).nullifier).collect();
    let held = store.spent(PUBLISHER, EpochId(7), &nullifiers).await.unwrap();
    let expected = (0..SPENT).map(|number| Some(entry(number).fingerprint)).chain([None]);
    assert_eq!(held, expected.collect::<Vec<_>>());
    assert!(matches!(store.spent(PUBLISHER, EpochId(6), &[]).await, Err(StoreError::EpochDropped(EpochId(6)))));
    let tallies = store.tallies(SERIES.measure, SERIES.window..WindowId(20_001)).await.unwrap();
    assert_eq!((tallies.len(), tallies[0].reports, tallies[0].counters.len()), (1, SPENT.into(), SPENT as usize));
    assert_eq!(store.outcomes().await.unwrap(), before());
    assert_eq!(store.read(0).await.unwrap(), [b"a", b"b"]);
}

fn before() -> Vec<(PublisherId, Outcome, u64)> {
    [(Outcome::Counted, SPENT.into()), (Outcome::Refused(Refusal::Unauthentic), 4)]
        .map(|(outcome, count)| (PUBLISHER, outcome, count))
        .to_vec()
}

#[tokio::test]
async fn a_store_of_every_older_version_is_opened_with_nothing_lost_and_goes_on() {
    for version in 1..layout::SCHEMA {
        let dir = TempDir::new().unwrap();
        write_old(&dir, version);
        for _ in 0..2 {
            assert_nothing_lost(&EmbeddedStore::open(dir.path(), options()).unwrap()).await;
        }
        let store = EmbeddedStore::open(dir.path(), options()).unwrap();
        assert_eq!(store.last_closing().await.unwrap(), None, "version {version}");
        let partition = Partition { publisher: PUBLISHER, lane: 0 };
        let committed = store.commit(partition, EpochId(7), vec![entry(0), entry(SPENT)]).await.unwrap();
        assert_eq!(committed.verdicts, [Verdict::AlreadyCounted, Verdict::Counted]);
        // The first period has what was counted before there were any.
        let closing = Closing { period: PeriodId(0), at: UnixTime(9) };
        store.close_period(closing).await.unwrap();
        let closed = store.closed_periods(PUBLISHER, PeriodId(0), 9).await.unwrap();
        assert_eq!(closed.len(), 1);
        let unauthentic = Outcome::Refused(Refusal::Unauthentic);
        let counts = [(Outcome::Counted, u64::from(SPENT) + 1), (Outcome::AlreadyCounted, 1), (unauthentic, 4)];
        assert_eq!((closed[0].closing, &closed[0].outcomes[..]), (closing, &counts[..]));
    }
}

#[tokio::test]
async fn a_migration_that_was_cut_short_goes_on_where_it_stopped() {
    let dir = TempDir::new().unwrap();
    write_old(&dir, 1);
    let db = Database::builder(dir.path().join("engine")).open().unwrap();
    let spent = db.keyspace("spent-7", KeyspaceCreateOptions::default).unwrap();
    for number in 0..25_u32 {
        spent.remove(nullifier(number)).unwrap();
        spent.insert([&(number / 10).to_be_bytes()[..], &nullifier(number)].concat(), [number as u8; 8]).unwrap();
    }
    drop((spent, db));
    assert_nothing_lost(&EmbeddedStore::open(dir.path(), options()).unwrap()).await;
}
