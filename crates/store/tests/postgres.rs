//! The PostgreSQL engine keeps the contract, alone and with other collectors on the same database, and so it does when
//! the database has every call made twice.

#![allow(clippy::unwrap_used)]

mod conformance;
mod server;

use std::{collections::BTreeMap, sync::Arc};

use conformance::reports::*;
use server::Fresh;
use sha2::{Digest as _, Sha256};
use tacita_protocol::{
    id::MeasureId,
    outcome::{Outcome, Refusal},
    record::PeriodId,
    time::{UnixTime, WindowId},
};
use tacita_store::{
    ChangeLog, Closing, Entry, Increments, Partition, PeriodRecord, PostgresOptions, PostgresStore, PostgresUrl,
    Series, StoreError, TallyStore,
    Verdict::{AlreadyCounted, Counted},
};

/// Few connections, so that calls wait for one.
fn options() -> PostgresOptions {
    PostgresOptions { connections: 4, ..PostgresOptions::default() }
}

struct Once(Fresh);

impl conformance::Home for Once {
    type Store = PostgresStore;

    async fn new() -> Option<Self> {
        Fresh::new().await.map(Self)
    }

    async fn open(&self) -> PostgresStore {
        self.0.open(options()).await
    }
}

struct Twice(Fresh);

impl conformance::Home for Twice {
    type Store = PostgresStore;

    async fn new() -> Option<Self> {
        Fresh::new().await.map(Self)
    }

    async fn open(&self) -> PostgresStore {
        self.0.open(PostgresOptions { force_retry: true, ..options() }).await
    }
}

mod each_call_once {
    use super::*;
    conformance::suite!(Once);
}

mod each_call_twice {
    use super::*;
    conformance::suite!(Twice);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn collectors_that_race_on_the_same_nullifiers_count_each_once_and_never_deadlock() {
    const COLLECTORS: u32 = 3;
    const BATCHES: u32 = 40;
    const SIZE: u32 = 100;
    let Some(database) = Fresh::new().await else { return };
    let mut stores = Vec::new();
    for _ in 0..COLLECTORS {
        stores.push(Arc::new(database.open(options()).await));
    }
    let racers = (0..COLLECTORS * 3).map(|racer| {
        let store = Arc::clone(&stores[(racer % COLLECTORS) as usize]);
        async move {
            let mut counted = 0;
            for batch in 0..BATCHES {
                let first = (batch + 5 * racer) % BATCHES * SIZE / 2;
                // Each in an order of its own.
                let mut entries = reports(first..first + SIZE);
                entries.rotate_left((7 * racer % SIZE) as usize);
                let verdicts = commit(&*store, entries).await.unwrap();
                counted += verdicts.iter().filter(|&&verdict| verdict == Counted).count();
            }
            counted
        }
    });
    let counted: usize = tokio::task::JoinSet::from_iter(racers).join_all().await.into_iter().sum();
    let distinct = (BATCHES + 1) * SIZE / 2;
    assert_eq!(counted as u32, distinct);
    for store in &stores {
        assert_tallied_once(&**store, 0..distinct).await;
        assert_eq!(store.retries(), 0);
    }
}

/// Reports over five series, each raising many counters near and far.
fn wide(number: u32) -> Entry {
    let mixed = u64::from(number).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let near = (0..64).filter(|bit| mixed >> bit & 1 == 1);
    let far = (0..number % 4).map(|step| 64 + 1_000 * step + number % 8);
    Entry {
        series: Series { measure: MeasureId(number % 2), window: WindowId(number % 5) },
        increments: near.chain(far).collect(),
        ..report(number)
    }
}

#[tokio::test]
async fn a_batch_that_counts_in_part_tallies_that_part() {
    let Some(database) = Fresh::new().await else { return };
    let store = database.open(options()).await;
    assert_eq!(commit(&store, (0..400).step_by(3).map(wide).collect()).await.unwrap(), [Counted; 134]);
    // With duplicates inside the batch too.
    let verdicts = commit(&store, (0..800).map(|place| wide(place / 2)).collect()).await.unwrap();
    for (place, verdict) in verdicts.into_iter().enumerate() {
        let first = place % 2 == 0 && place / 2 % 3 != 0;
        assert_eq!(verdict, if first { Counted } else { AlreadyCounted }, "{place}");
    }
    let mut expected: BTreeMap<(MeasureId, WindowId), (u64, BTreeMap<u32, u64>)> = BTreeMap::new();
    for entry in (0..400).map(wide) {
        let (reports, counters) = expected.entry((entry.series.measure, entry.series.window)).or_default();
        *reports += 1;
        entry.increments.for_each(|counter| *counters.entry(counter).or_default() += 1);
    }
    for measure in [MeasureId(0), MeasureId(1)] {
        let tallies = store.tallies(measure, WindowId(0)..WindowId(9)).await.unwrap();
        assert_eq!(tallies.len(), 5);
        for tally in tallies {
            let (reports, counters) = &expected[&(measure, tally.window)];
            assert_eq!(tally.reports, *reports);
            assert_eq!(tally.counters, counters.clone().into_iter().collect::<Vec<_>>());
        }
    }
}

#[tokio::test]
async fn the_greatest_numbers_are_kept() {
    let Some(database) = Fresh::new().await else { return };
    let store = database.open(options()).await;
    let (publisher, epoch) = (tacita_protocol::id::PublisherId(u32::MAX), tacita_protocol::epoch::EpochId(u32::MAX));
    let series = Series { measure: MeasureId(u32::MAX), window: WindowId(u32::MAX - 1) };
    let entry = Entry {
        nullifier: tacita_tokens::Nullifier::from_bytes([0xff; 16]),
        fingerprint: tacita_tokens::Fingerprint::from_bytes([0xff; 8]),
        series,
        increments: Increments::Mask(1 << 63),
    };
    let partition = Partition::of(publisher, &entry.nullifier);
    assert_eq!(store.commit(partition, epoch, vec![entry.clone()]).await.unwrap().verdicts, [Counted]);
    assert_eq!(store.spent(publisher, epoch, &[entry.nullifier]).await.unwrap(), [Some(entry.fingerprint)]);
    let tallies = store.tallies(series.measure, series.window..WindowId(u32::MAX)).await.unwrap();
    assert_eq!(tallies.len(), 1);
    assert_eq!((tallies[0].publisher, tallies[0].counters.as_slice()), (publisher, &[(63, 1)][..]));
    store.drop_epoch(epoch).await.unwrap();
}

#[tokio::test]
async fn an_empty_database_that_several_prepare_at_once_is_migrated_once() {
    let Some(database) = Fresh::new().await else { return };
    let url: PostgresUrl = database.url().parse().unwrap();
    let empty = PostgresStore::open(&url, options()).await.unwrap_err();
    assert!(matches!(empty, StoreError::NotPrepared { found: 0, known: 2 }), "{empty:?}");
    assert!(empty.to_string().contains("run `tacita store init`"), "{empty}");
    let preparations = (0..6).map(|_| {
        let url = url.clone();
        async move { PostgresStore::init(&url, false).await }
    });
    for prepared in tokio::task::JoinSet::from_iter(preparations).join_all().await {
        prepared.unwrap();
    }
    assert_eq!(database.sql("SELECT number FROM tacita.migration ORDER BY 1").await, ["1", "2"]);
}

/// What a collector of schema 1 would have asked: two reports of lane 0, and four refused.
const WORK_OF_SCHEMA_1: &str = "
    SELECT tacita.open_epoch(7);
    SELECT tacita.commit_reports(768, 7,
        ARRAY['00000000-0000-0000-0000-000000000000', '009e3779-b100-0000-0000-000000000001']::uuid[],
        ARRAY[0, 72340172838076673]::bigint[], ARRAY[1, 1], ARRAY[1, 2]::bigint[], '{}', '{}', '{}',
        ARRAY[5]::bigint[], ARRAY[20000]::bigint[], ARRAY[2]::bigint[],
        ARRAY[1, 1]::bigint[] || array_fill(0::bigint, ARRAY[62]));
    SELECT tacita.add_outcomes(768, ARRAY[9]::smallint[], ARRAY[4]::bigint[]);
    INSERT INTO tacita.change_log (index, entry) VALUES (0, 'a');";

#[test]
fn a_migration_that_databases_have_run_is_never_edited() {
    let run = include_str!("../src/postgres/migrations/0001_store.sql");
    let digest = hex::encode(Sha256::digest(run));
    assert_eq!(digest, "acb0487f66ba29365f2ac51d1a9881d3bc83314bec052cb0c9d13b894ff4c247", "write another migration");
}

#[tokio::test]
async fn a_database_of_every_older_schema_is_migrated_with_nothing_lost_and_goes_on() {
    let Some(database) = Fresh::new().await else { return };
    let url: PostgresUrl = database.url().parse().unwrap();
    // As schema 1 stood: its migration is never edited.
    database.sql("CREATE SCHEMA tacita; CREATE TABLE tacita.migration (number integer PRIMARY KEY, run_at timestamptz NOT NULL DEFAULT now())").await;
    database.sql(include_str!("../src/postgres/migrations/0001_store.sql")).await;
    database.sql("INSERT INTO tacita.migration (number) VALUES (1)").await;
    database.sql(WORK_OF_SCHEMA_1).await;

    let refused = PostgresStore::open(&url, options()).await.unwrap_err();
    assert!(matches!(refused, StoreError::NotPrepared { found: 1, known: 2 }), "{refused:?}");
    assert!(refused.to_string().contains("run `tacita store init`"), "{refused}");
    PostgresStore::init(&url, false).await.unwrap();
    let store = PostgresStore::open(&url, options()).await.unwrap();
    assert_eq!(store.read(0).await.unwrap(), [b"a"]);
    assert_eq!(commit(&store, reports(0..3)).await.unwrap(), [AlreadyCounted, AlreadyCounted, Counted]);
    assert_tallied_once(&store, 0..3).await;
    let unauthentic = Outcome::Refused(Refusal::Unauthentic);
    let counts = [(Outcome::Counted, 3), (Outcome::AlreadyCounted, 2), (unauthentic, 4)];
    assert_eq!(store.outcomes().await.unwrap(), counts.map(|(outcome, reports)| (PUBLISHER, outcome, reports)));
    // The first period has what was counted before there were any.
    store.close_period(Closing { period: PeriodId(0), at: UnixTime(9) }).await.unwrap();
    let closed = store.closed_periods(PUBLISHER, PeriodId(0), 9).await.unwrap();
    assert_eq!(closed.iter().map(|period| &period.outcomes[..]).collect::<Vec<_>>(), [counts]);
}

#[tokio::test]
async fn a_database_of_a_newer_schema_is_refused_by_name() {
    let Some(database) = Fresh::new().await else { return };
    drop(database.open(options()).await);
    database.sql("INSERT INTO tacita.migration (number) VALUES (9)").await;
    let url = database.url().parse().unwrap();
    for refused in [PostgresStore::open(&url, options()).await.map(drop), PostgresStore::init(&url, false).await] {
        assert!(matches!(refused, Err(StoreError::Schema { found: 9, known: 2 })), "{refused:?}");
    }
}

#[tokio::test]
async fn a_database_without_citus_is_not_distributed_and_says_why() {
    let Some(database) = Fresh::new().await else { return };
    if database.sql("SELECT name FROM pg_available_extensions WHERE name = 'citus'").await.is_empty() {
        let refused = PostgresStore::init(&database.url().parse().unwrap(), true).await.unwrap_err();
        assert!(refused.to_string().contains("no Citus cluster: install the extension on every node"), "{refused}");
        // And nothing was done.
        assert_eq!(database.sql("SELECT 1 FROM pg_namespace WHERE nspname = 'tacita'").await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn an_epoch_is_a_table_that_goes_when_it_is_dropped() {
    let Some(database) = Fresh::new().await else { return };
    let store = database.open(options()).await;
    let tables = "SELECT relname FROM pg_class WHERE relname LIKE 'spent\\_%' AND relkind = 'r'";
    commit(&store, reports(0..9)).await.unwrap();
    assert_eq!(database.sql(tables).await, ["spent_7"]);
    store.drop_epoch(EPOCH).await.unwrap();
    assert!(database.sql(tables).await.is_empty());
}

#[tokio::test]
async fn every_column_and_table_has_a_comment_and_every_key_the_partition_key() {
    let Some(database) = Fresh::new().await else { return };
    drop(database.open(options()).await);
    let uncommented = "SELECT c.relname || '.' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'tacita'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum >= 0
          AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid) IS NULL)";
    assert_eq!(database.sql(uncommented).await, Vec::<String>::new());
    let without_part = "SELECT c.relname FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'part' JOIN pg_index i ON i.indrelid = c.oid
        WHERE c.relnamespace = 'tacita'::regnamespace AND NOT a.attnum = ANY (i.indkey::smallint[])";
    assert_eq!(database.sql(without_part).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_call_that_is_taken_back_is_made_again_and_counted() {
    let Some(database) = Fresh::new().await else { return };
    let store = database.open(PostgresOptions { force_retry: true, ..options() }).await;
    assert_eq!(commit(&store, reports(0..3)).await.unwrap(), [Counted; 3]);
    // The commit finds the epoch closed, opens it, and is made again; what is spoilt is opening and that second time.
    assert_eq!(store.retries(), 2);
    assert_eq!(store.outcomes().await.unwrap(), [(PUBLISHER, Outcome::Counted, 3)]);
}
