//! A store is cut at one instant while commits go on, and made again from that; what is deleted leaves the disk.

#![allow(clippy::unwrap_used)]

mod conformance;

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use conformance::reports::*;
use tacita_protocol::{
    epoch::EpochId,
    id::{MeasureId, PublisherId},
    outcome::Outcome,
    record::PeriodId,
    time::{UnixTime, WindowId},
};
use tacita_store::{
    ChangeLog, Closing, Entry, Increments, Partition, PeriodCounts, PeriodRecord, Series, StoreError, TallyStore,
    backup::{Backup, Cut, Part},
    embedded::{EmbeddedOptions, EmbeddedStore},
    retention::Retention,
};
use tempfile::TempDir;
use tokio::sync::mpsc;

fn open(dir: &Path) -> EmbeddedStore {
    let options = EmbeddedOptions { memtable_bytes: 128 << 10, generation_entries: 500, ..EmbeddedOptions::default() };
    EmbeddedStore::open(dir, options).unwrap()
}

async fn backed_up(store: &impl Backup) -> (Cut, Vec<Part>) {
    let (parts, mut made) = mpsc::channel(1);
    let gather = async {
        let mut all = Vec::new();
        while let Some(part) = made.recv().await {
            all.push(part);
        }
        all
    };
    let (cut, all) = tokio::join!(store.back_up(parts), gather);
    (cut.unwrap(), all)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_backup_under_load_holds_whole_commits_and_all_that_were_answered_before_it() {
    const SIZE: u32 = 50;
    let (dir, restored) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let store = Arc::new(open(dir.path()));
    let answered = Arc::new(AtomicU32::new(0));
    let stop = Arc::new(AtomicU32::new(0));
    let writer = tokio::spawn({
        let (store, answered, stop) = (Arc::clone(&store), Arc::clone(&answered), Arc::clone(&stop));
        async move {
            let mut batch = 0;
            while stop.load(Relaxed) == 0 {
                commit(&*store, reports(batch * SIZE..(batch + 1) * SIZE)).await.unwrap();
                store.append(u64::from(batch), &batch.to_be_bytes()).await.unwrap();
                batch += 1;
                answered.store(batch, Relaxed);
            }
        }
    });
    for round in 0..5 {
        while answered.load(Relaxed) < 20 * (round + 1) {
            tokio::task::yield_now().await;
        }
        let before = answered.load(Relaxed);
        let (cut, parts) = backed_up(&*store).await;
        let path = restored.path().join(round.to_string());
        EmbeddedStore::restore(&path, cut.schema, parts.into_iter().map(Ok)).unwrap();
        let again = open(&path);
        let log = again.read(0).await.unwrap();
        let tally = tally(&again).await;
        assert_eq!((log.len() as u64, tally.reports % u64::from(SIZE)), (cut.log_length, 0));
        let batches = u32::try_from(tally.reports).unwrap() / SIZE;
        assert!(batches >= before, "{batches} of {before}");
        assert!(batches == log.len() as u32 || batches == log.len() as u32 + 1, "one cut through tallies and log");
        assert_tallied_once(&again, 0..batches * SIZE).await;
        let outcomes = again.outcomes().await.unwrap();
        assert_eq!(outcomes, [(PUBLISHER, Outcome::Counted, tally.reports)]);
    }
    stop.store(1, Relaxed);
    writer.await.unwrap();
}

#[tokio::test]
async fn what_was_dropped_stays_dropped_and_what_was_spent_is_left_out() {
    let (dir, restored) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let store = open(dir.path());
    let partition = Partition { publisher: PUBLISHER, lane: 0 };
    store.commit(partition, EpochId(1), reports(0..9)).await.unwrap();
    commit(&store, reports(10..2_000)).await.unwrap();
    store.drop_epoch(EpochId(1)).await.unwrap();
    let (cut, parts) = backed_up(&store).await;
    assert!(
        parts.iter().all(|part| !part.table.starts_with("spent")),
        "{:?}",
        parts.iter().map(|p| &p.table).collect::<Vec<_>>()
    );
    EmbeddedStore::restore(restored.path(), cut.schema, parts.clone().into_iter().map(Ok)).unwrap();
    let again = open(restored.path());
    let refused = again.commit(partition, EpochId(1), reports([1])).await;
    assert!(matches!(refused, Err(StoreError::EpochDropped(EpochId(1)))), "{refused:?}");
    assert_eq!(again.spent(PUBLISHER, EPOCH, &[nullifier(10)]).await.unwrap(), [None]);
    drop(again);
    // Never over a store, nor out of what no backup has, nor of a layout that is not known.
    let over = EmbeddedStore::restore(restored.path(), cut.schema, parts.into_iter().map(Ok));
    assert!(over.unwrap_err().to_string().contains("a store"));
    for (table, rows) in [("../x", vec![]), ("spent-7", vec![]), ("log", vec![0, 0, 0])] {
        let other = TempDir::new().unwrap();
        let part = Part { table: table.to_owned(), rows };
        assert!(EmbeddedStore::restore(other.path(), cut.schema, [Ok(part)].into_iter()).is_err(), "{table}");
        assert!(!other.path().join("engine").exists());
    }
    let newer = EmbeddedStore::restore(dir.path().join("newer"), cut.schema + 1, std::iter::empty());
    assert!(matches!(newer, Err(StoreError::Schema { .. })), "{newer:?}");
}

#[tokio::test]
async fn the_record_comes_back_and_the_period_that_was_open_is_open_again() {
    let (dir, restored) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let store = open(dir.path());
    let closing = |period| Closing { period: PeriodId(period), at: UnixTime(100) };
    commit(&store, reports(0..5)).await.unwrap();
    store.close_period(closing(0)).await.unwrap();
    commit(&store, reports(5..7)).await.unwrap();
    let (cut, parts) = backed_up(&store).await;
    commit(&store, reports(7..10)).await.unwrap();
    store.close_period(closing(1)).await.unwrap();
    EmbeddedStore::restore(restored.path(), cut.schema, parts.into_iter().map(Ok)).unwrap();
    let again = open(restored.path());
    assert_eq!(again.last_closing().await.unwrap(), Some(closing(0)));
    again.close_period(closing(1)).await.unwrap();
    let counts =
        |period, reports| PeriodCounts { closing: closing(period), outcomes: vec![(Outcome::Counted, reports)] };
    assert_eq!(again.closed_periods(PUBLISHER, PeriodId(0), 9).await.unwrap(), [counts(0, 5), counts(1, 2)]);
}

/// Every byte of the tables under a folder; journals are not among them.
fn tables(folder: &Path) -> Vec<u8> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => tables(&path),
            false if path.extension().is_some_and(|extension| extension == "jnl") => Vec::new(),
            false => fs::read(path).unwrap_or_default(),
        })
        .collect()
}

#[tokio::test]
async fn what_was_deleted_is_in_no_table_once_it_is_shed() {
    // Numbers that tables hold as they are: nothing else has these bytes, and they do not compress.
    const GONE: MeasureId = MeasureId(0x7ac1_7a5e);
    const WINDOW: WindowId = WindowId(0x5ec2_e7aa);
    const READER: PublisherId = PublisherId(0x0dd0_beef);
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    let trace = [WINDOW.0.to_be_bytes(), READER.0.to_be_bytes()].concat();
    let holds = |dir: &Path| tables(dir).windows(trace.len()).any(|window| window == trace);
    let entry = |number: u32, window| Entry {
        series: Series { measure: GONE, window },
        increments: Increments::One(number),
        ..report(number)
    };
    let partition = Partition { publisher: READER, lane: 0 };
    store.commit(partition, EPOCH, (0..200).map(|number| entry(number, WINDOW)).collect()).await.unwrap();
    store.commit(partition, EPOCH, vec![entry(999, WindowId(WINDOW.0 + 1))]).await.unwrap();
    store.shed().await.unwrap();
    assert!(holds(dir.path()), "the trace is found before, or the search proves nothing");
    assert_eq!(store.delete_windows(GONE, WindowId(WINDOW.0 + 1)).await.unwrap(), 1);
    store.shed().await.unwrap();
    drop(store);
    drop(open(dir.path()));
    assert!(!holds(dir.path()));
    let left = open(dir.path()).tallies(GONE, WindowId(0)..WindowId(u32::MAX)).await.unwrap();
    assert_eq!(left.len(), 1);
}
