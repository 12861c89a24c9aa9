//! A PostgreSQL server that dies or is away: nothing acknowledged is lost, nothing counts twice, nobody waits without end.

#![allow(clippy::unwrap_used)]

mod conformance;
#[path = "../../../tests/support/rounds.rs"]
mod rounds;
mod server;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use conformance::{
    crash::{Printed, assert_whole, batch},
    reports::*,
};
use server::Fresh;
use tacita_store::{
    PostgresOptions, PostgresStore, StoreError, TallyStore as _,
    Verdict::{AlreadyCounted, Counted, Spent},
    postgres::scratch::ScratchServer,
};

/// How long the database is away; `cargo xtask faults` sets a minute.
const OUTAGE: &str = "TACITA_FAULT_OUTAGE_SECONDS";

/// A server for one test alone, and a database there.
async fn alone() -> Option<(Arc<ScratchServer>, Fresh)> {
    let server = server::alone()?;
    let database = Fresh::on(server.url()).await;
    Some((Arc::new(server), database))
}

fn patient(seconds: u64) -> PostgresOptions {
    PostgresOptions { patience: Duration::from_secs(seconds), connections: 6, ..PostgresOptions::default() }
}

/// Commits batch after batch, noting what is tried and acknowledged, until told to stop. A failed batch is left as it is.
async fn load(store: Arc<PostgresStore>, next: Arc<AtomicU32>, noted: Arc<Mutex<Printed>>, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::Relaxed) {
        let number = next.fetch_add(1, Ordering::Relaxed);
        noted.lock().unwrap().tried.insert(number);
        match commit(&*store, batch(number)).await {
            Ok(verdicts) => {
                assert!(!verdicts.contains(&Spent), "{verdicts:?}");
                noted.lock().unwrap().acknowledged.insert(number);
            }
            Err(StoreError::Unavailable(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_killed_at_any_instant_loses_nothing_acknowledged_and_counts_nothing_twice() {
    let Some((server, database)) = alone().await else { return };
    // Commits would stand in the server's memory alone, if the engine did not ask for more.
    database.sql("ALTER ROLE tacita SET synchronous_commit = off").await;
    let rounds: u32 = rounds::rounds(4);
    let noted = Arc::new(Mutex::new(Printed::default()));
    let (next, stop) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
    // One collector gives up soon, one goes on asking.
    let stores = [Arc::new(database.open(patient(1)).await), Arc::new(database.open(patient(20)).await)];
    let tasks = (0..6)
        .map(|task| load(Arc::clone(&stores[task % 2]), Arc::clone(&next), Arc::clone(&noted), Arc::clone(&stop)));
    let tasks = tokio::task::JoinSet::from_iter(tasks);
    for _ in 0..rounds {
        tokio::time::sleep(Duration::from_millis(rand::random_range(50..500))).await;
        let server = Arc::clone(&server);
        let away = Duration::from_millis(rand::random_range(0..1_200));
        let killed = tokio::task::spawn_blocking(move || {
            server.kill().unwrap();
            std::thread::sleep(away);
            server.go().unwrap();
        });
        killed.await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    stop.store(true, Ordering::Relaxed);
    tasks.join_all().await;
    let noted = noted.lock().unwrap().acknowledged.iter().copied().collect::<Vec<_>>();
    let tried = next.load(Ordering::Relaxed);
    println!("{rounds} kills, {} batches acknowledged of {tried} tried", noted.len());
    assert!(noted.len() > 20);
    let printed = Printed { tried: (0..tried).collect(), acknowledged: noted.into_iter().collect() };
    assert_whole(&*stores[1], &printed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_is_away_calls_wait_as_long_as_they_may_and_then_go_on() {
    let Some((server, database)) = alone().await else { return };
    let outage = std::env::var(OUTAGE).ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(2);
    let (hasty, calm) = (database.open(patient(1)).await, database.open(patient(outage + 30)).await);
    assert_eq!(commit(&hasty, reports(0..5)).await.unwrap(), [Counted; 5]);
    assert_eq!(commit(&calm, reports(0..5)).await.unwrap(), [AlreadyCounted; 5]);
    server.kill().unwrap();

    let asked = Instant::now();
    let refused = commit(&hasty, reports(5..9)).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    let refused = PostgresStore::open(&database.url().parse().unwrap(), patient(1)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");

    let waiting = tokio::spawn(async move { (commit(&calm, reports(5..9)).await, calm) });
    tokio::time::sleep(Duration::from_secs(outage)).await;
    let starting = Arc::clone(&server);
    tokio::task::spawn_blocking(move || starting.go().unwrap()).await.unwrap();
    let (verdicts, calm) = waiting.await.unwrap();
    assert_eq!(verdicts.unwrap(), [Counted; 4]);
    assert_eq!(commit(&hasty, reports(5..10)).await.unwrap()[..4], [AlreadyCounted; 4]);
    assert_tallied_once(&calm, 0..10).await;
    assert!(calm.retries() > 0);
}
