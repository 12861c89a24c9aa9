//! What only this engine promises: its lock, its schema, its behaviour when its writer or its disk fails.

use tacita_protocol::{id::PublisherId, outcome::Outcome, time::WindowId};
use tempfile::TempDir;

use super::*;
use crate::{Increments, Series, Verdict};

const PARTITION: Partition = Partition { publisher: PublisherId(1), lane: 0 };
const EPOCH: EpochId = EpochId(1);

fn open(dir: &TempDir) -> Result<EmbeddedStore, StoreError> {
    EmbeddedStore::open(dir.path(), EmbeddedOptions::default())
}

fn entry(number: u8) -> Entry {
    let mut nullifier = [0; 16];
    nullifier[15] = number;
    Entry {
        nullifier: Nullifier::from_bytes(nullifier),
        fingerprint: Fingerprint::from_bytes([number; 8]),
        series: Series { measure: MeasureId(1), window: WindowId(u32::from(number)) },
        increments: Increments::One(u32::from(number)),
    }
}

#[test]
fn a_store_that_is_open_is_refused_to_anybody_else() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir).unwrap();
    assert!(matches!(open(&dir), Err(StoreError::InUse(path)) if path == dir.path()));
    drop(store);
    open(&dir).unwrap();
}

#[test]
fn a_store_of_a_newer_schema_is_refused_by_name() {
    let dir = TempDir::new().unwrap();
    drop(open(&dir).unwrap());
    let db = fjall::Database::builder(dir.path().join("engine")).open().unwrap();
    let meta = db.keyspace(layout::META, fjall::KeyspaceCreateOptions::default).unwrap();
    meta.insert(layout::SCHEMA_KEY, 9_u32.to_be_bytes()).unwrap();
    drop((meta, db));
    assert!(matches!(open(&dir), Err(StoreError::Schema { found: 9, known: 3 })));
}

#[test]
fn a_creation_cut_short_is_begun_anew() {
    let dir = TempDir::new().unwrap();
    std::fs::create_dir(dir.path().join("engine.unfinished")).unwrap();
    std::fs::write(dir.path().join("engine.unfinished/0.jnl"), b"").unwrap();
    open(&dir).unwrap();
    assert!(!dir.path().join("engine.unfinished").exists());
}

#[tokio::test]
async fn below_the_reserve_writes_are_refused_until_there_is_room() {
    let dir = TempDir::new().unwrap();
    let full = EmbeddedOptions { reserved_bytes: u64::MAX, ..EmbeddedOptions::default() };
    let store = EmbeddedStore::open(dir.path(), full).unwrap();
    for _ in 0..2 {
        let refused = store.commit(PARTITION, EPOCH, vec![entry(1)]).await;
        assert!(matches!(refused, Err(StoreError::DiskFull)), "{refused:?}");
    }
    assert!(matches!(store.append(0, b"x").await, Err(LogError::Store(StoreError::DiskFull))));
    assert_eq!(store.spent(PublisherId(1), EPOCH, &[entry(1).nullifier]).await.unwrap(), [None]);
    store.drop_epoch(EpochId(9)).await.unwrap();
    drop(store);
    assert_eq!(
        open(&dir).unwrap().commit(PARTITION, EPOCH, vec![entry(1)]).await.unwrap().verdicts,
        [Verdict::Counted]
    );
}

#[tokio::test]
async fn when_the_writer_has_died_callers_are_told_that_the_store_is_closed() {
    let dir = TempDir::new().unwrap();
    let (queue, mut jobs) = mpsc::channel(4);
    let disk = Arc::new(OpenDisk::open(dir.path(), EmbeddedOptions::default()).unwrap());
    // Dies with one job in its hands and one in the queue.
    let writer = thread::spawn(move || {
        let _in_hand = jobs.blocking_recv();
        while jobs.is_empty() {
            thread::yield_now();
        }
        std::panic::resume_unwind(Box::new("as if by a fault"));
    });
    let store = EmbeddedStore { queue: Some(queue), disk, writer: Some(writer) };
    let (first, second) = tokio::join!(
        store.commit(PARTITION, EPOCH, vec![entry(1)]),
        store.add_outcomes(PublisherId(1), &[(Outcome::Counted, 1)]),
    );
    assert!(matches!(first, Err(StoreError::Closed)));
    assert!(matches!(second, Err(StoreError::Closed)));
    assert!(matches!(store.drop_epoch(EPOCH).await, Err(StoreError::Closed)));
}

#[tokio::test]
async fn counters_forgotten_for_want_of_memory_are_read_again() {
    let dir = TempDir::new().unwrap();
    let tight = EmbeddedOptions { cached_counters: 0, group_entries: 1, ..EmbeddedOptions::default() };
    let store = EmbeddedStore::open(dir.path(), tight).unwrap();
    for round in 0..4_u8 {
        for series in 0..5_u8 {
            let report = Entry { series: entry(series).series, ..entry(10 * round + series) };
            assert_eq!(store.commit(PARTITION, EPOCH, vec![report]).await.unwrap().verdicts, [Verdict::Counted]);
        }
    }
    let tallies = store.tallies(MeasureId(1), WindowId(0)..WindowId(9)).await.unwrap();
    assert_eq!(tallies.len(), 5);
    for tally in tallies {
        assert_eq!(tally.reports, 4);
        assert!(tally.counters.iter().all(|&(_, count)| count == 1), "{tally:?}");
    }
    assert_eq!(store.outcomes().await.unwrap(), [(PublisherId(1), Outcome::Counted, 20)]);
}

#[tokio::test]
async fn every_generation_of_an_epoch_is_known_after_a_reopening_with_its_filter_or_without() {
    let dir = TempDir::new().unwrap();
    let reopen = || {
        let options = EmbeddedOptions { generation_entries: 10, ..EmbeddedOptions::default() };
        EmbeddedStore::open(dir.path(), options).unwrap()
    };
    let store = reopen();
    for number in 0..95 {
        assert_eq!(store.commit(PARTITION, EPOCH, vec![entry(number)]).await.unwrap().verdicts, [Verdict::Counted]);
    }
    drop(store);
    for _ in 0..2 {
        let store = reopen();
        let verdicts = store.commit(PARTITION, EPOCH, (0..95).map(entry).collect()).await.unwrap().verdicts;
        assert_eq!(verdicts, [Verdict::AlreadyCounted; 95]);
        let nullifiers = [entry(94), entry(0), entry(200)].map(|entry| entry.nullifier);
        let held = store.spent(PublisherId(1), EPOCH, &nullifiers).await.unwrap();
        assert_eq!(held, [Some(entry(94).fingerprint), Some(entry(0).fingerprint), None]);
        drop(store);

        // As a write that failed leaves it: a full generation without its filter.
        let db = fjall::Database::builder(dir.path().join("engine")).open().unwrap();
        let set = db.keyspace(&layout::spent_name(EPOCH), fjall::KeyspaceCreateOptions::default).unwrap();
        let filters = (0..12).filter(|&generation| set.contains_key(layout::filter_key(generation)).unwrap());
        assert!(matches!(filters.count(), 8 | 9));
        set.remove(layout::filter_key(3)).unwrap();
    }
}

#[tokio::test]
async fn a_dropped_epochs_files_are_gone_after_a_reopening() {
    let dir = TempDir::new().unwrap();
    let keyspaces = || std::fs::read_dir(dir.path().join("engine/keyspaces")).unwrap().count();
    let store = open(&dir).unwrap();
    let before = keyspaces();
    store.commit(PARTITION, EPOCH, vec![entry(1)]).await.unwrap();
    assert_eq!(keyspaces(), before + 1);
    store.drop_epoch(EPOCH).await.unwrap();
    drop(store);
    drop(open(&dir).unwrap());
    assert_eq!(keyspaces(), before);
}
