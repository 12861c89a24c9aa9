//! kill -9 of the servers at random instants while devices submit, and a database that is away: on every engine.
//!
//! Oracle: each report raises a counter of its own, so a counter of 0 is a report that was lost and a counter of 2 one that
//! counted twice.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/rounds.rs"]
mod rounds;
#[path = "../crates/store/tests/server/mod.rs"]
mod server;
mod support;

use std::{collections::BTreeMap, fs, net::Ipv4Addr, path::Path, sync::Arc, time::Duration};

use rand::RngExt as _;
use server::Fresh;
use support::{Deployment, path, tacita_ok};
use tacita_client::{GrpcTransport, Transport as _, TransportError};
use tacita_protocol::{id::MeasureId, outcome::Outcome, time::WindowId};
use tacita_store::{
    PostgresOptions, TallyStore,
    embedded::{EmbeddedOptions, EmbeddedStore},
    postgres::scratch::ScratchServer,
};
use tacita_tokens::{ENVELOPE_LEN, Envelope};
use tokio::{sync::Semaphore, task::JoinSet};

/// Devices that submit at once.
const DEVICES: usize = 4;
/// Envelopes of one request.
const REQUEST: usize = 7;
/// Requests that may leave between two kills.
const REQUESTS_PER_ROUND: usize = 24;

/// Where the collector keeps its counts.
enum Engine {
    Embedded,
    Postgres(ScratchServer, Fresh),
}

/// What is killed in a round.
#[derive(Clone, Copy, Debug)]
enum Victim {
    Collector,
    Relay,
    Both,
    Database,
}

impl Engine {
    /// What of it the collector is told on the command line.
    fn args(&self) -> Vec<String> {
        match self {
            Self::Embedded => vec![],
            Self::Postgres(_, database) => vec!["--store".to_owned(), database.url()],
        }
    }

    fn victims(&self) -> &'static [Victim] {
        match self {
            Self::Embedded => &[Victim::Collector, Victim::Relay, Victim::Both],
            Self::Postgres(..) => &[Victim::Collector, Victim::Relay, Victim::Both, Victim::Database],
        }
    }

    /// Kills `victim` and starts it again after `away`.
    fn kill(&self, victim: Victim, deployment: &mut Deployment, away: Duration) {
        let Deployment { collector, relay, .. } = deployment;
        let mut servers = match victim {
            Victim::Collector => vec![collector],
            Victim::Relay => vec![relay],
            Victim::Both => vec![collector, relay],
            Victim::Database => vec![],
        };
        servers.iter_mut().for_each(|server| server.kill());
        match (self, victim) {
            (Self::Postgres(database, _), Victim::Database) => {
                database.kill().unwrap();
                std::thread::sleep(away);
                database.go().unwrap();
            }
            _ => std::thread::sleep(away),
        }
        servers.iter_mut().for_each(|server| server.restart());
    }

    /// Every report was tallied once: as many counters as reports, and each of them 1. The collector must have ended.
    async fn assert_each_counted_once(&self, folder: &Path, reports: usize) {
        let store: Box<dyn TallyStore> = match self {
            Self::Embedded => {
                let path = folder.join("collector/store");
                Box::new(EmbeddedStore::open(path, EmbeddedOptions::default()).unwrap())
            }
            Self::Postgres(_, database) => Box::new(database.open(PostgresOptions::default()).await),
        };
        let tallies = store.tallies(MeasureId(1), WindowId(0)..WindowId(u32::MAX)).await.unwrap();
        let counters: Vec<(u32, u64)> = tallies.iter().flat_map(|tally| tally.counters.iter().copied()).collect();
        let twice: Vec<_> = counters.iter().filter(|&&(_, count)| count != 1).collect();
        assert!(twice.is_empty(), "counted more than once: {twice:?}");
        assert_eq!(counters.len(), reports, "{} reports are lost", reports.saturating_sub(counters.len()));
        assert_eq!(tallies.iter().map(|tally| tally.reports).sum::<u64>(), reports as u64);
    }
}

/// Seals `reports` reports, of which number n has the value n.
fn seal(deployment: &Deployment, folder: &Path, reports: usize) -> Vec<Envelope> {
    let (url, file) = (deployment.collector.url(), folder.join("sealed"));
    let key = fs::read_to_string(folder.join("relay.key")).unwrap();
    let count = reports.to_string();
    let which = ["bench", "seal", "--distinct", "--publisher", "1", "--reports", &count];
    tacita_ok(&[&which[..], &["--collector", &url, "--key", key.trim(), "--out", path(&file)]].concat());
    let sealed = fs::read(file).unwrap();
    sealed.chunks(ENVELOPE_LEN).map(|envelope| Envelope::from_bytes(envelope).unwrap()).collect()
}

/// What a device does: each request again, with the same bytes, until it is acknowledged.
async fn submit(relay: String, device: u8, envelopes: Vec<Envelope>, leave: Arc<Semaphore>) {
    let relay = GrpcTransport::connect(&relay).unwrap();
    for (number, request) in envelopes.chunks(REQUEST).enumerate() {
        // Each request is another visitor's: what one may send in a day is not what is tested here.
        let [.., high, low] = number.to_be_bytes();
        let transport = relay.for_visitor(Ipv4Addr::new(10, device, high, low).into());
        leave.acquire().await.unwrap().forget();
        loop {
            match transport.submit(request.to_vec()).await {
                Ok(outcomes) => break assert_eq!(outcomes, vec![Outcome::Queued; request.len()]),
                Err(TransportError::Unavailable(_) | TransportError::Limited(_)) => {
                    tokio::time::sleep(Duration::from_millis(30)).await;
                }
                Err(other) => panic!("{other}"),
            }
        }
    }
}

/// Starts a device for each part of `envelopes`.
fn devices(deployment: &Deployment, envelopes: &[Envelope], leave: &Arc<Semaphore>) -> JoinSet<()> {
    let parts = envelopes.chunks(envelopes.len().div_ceil(DEVICES)).enumerate();
    let device = |(number, part): (usize, &[Envelope])| {
        submit(deployment.relay.url(), number as u8, part.to_vec(), Arc::clone(leave))
    };
    parts.map(device).collect()
}

/// The publisher's durable counts by outcome.
fn outcomes(deployment: &Deployment) -> BTreeMap<String, usize> {
    let (url, key) = (deployment.collector.url(), path(&deployment.operator_key_file));
    let status = tacita_ok(&["status", "--collector", &url, "--key-file", key]);
    let row = status.lines().find(|line| line.trim_start().starts_with("daily-news")).unwrap();
    // The publisher, the tokens issued, and then pairs such as "12 counted,".
    let words: Vec<&str> = row.split_whitespace().skip(2).collect();
    words.chunks(2).map(|pair| (pair[1].trim_end_matches(',').to_owned(), pair[0].parse().unwrap())).collect()
}

async fn until_outcomes(deployment: &Deployment, reached: impl Fn(&BTreeMap<String, usize>) -> bool) {
    for _ in 0..600 {
        if reached(&outcomes(deployment)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("not every report was answered: {:?}", outcomes(deployment));
}

async fn under_kills(engine: Engine) {
    let rounds: usize = rounds::rounds(6);
    let reports = REQUEST * REQUESTS_PER_ROUND * (rounds + 1);
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("contents.txt");
    fs::write(&list, (0..reports).map(|number| format!("/story/{number}\n")).collect::<String>()).unwrap();
    let measure = ["stories", "--event", "content-share", "--catalogue", path(&list), "--epsilon", "4"];
    let policy = "token-batch = 64\nledger-bound = 100.0";
    let store = engine.args();
    let store: Vec<&str> = store.iter().map(String::as_str).collect();
    let mut deployment = Deployment::start_on(folder.path(), &[&measure], None, policy, &store);
    // Small batches, so that a kill meets one on its way more often than not.
    let settings = "publisher = 1\ntrusted-proxies = [\"127.0.0.1\"]\n[batch]\nleast = 10\nage = \"20ms\"\n";
    fs::write(folder.path().join("relay.toml"), settings).unwrap();
    deployment.relay.kill();
    deployment.relay.restart();
    let envelopes = seal(&deployment, folder.path(), reports);

    let leave = Arc::new(Semaphore::new(0));
    let submitting = devices(&deployment, &envelopes, &leave);
    for _ in 0..rounds {
        leave.add_permits(REQUESTS_PER_ROUND);
        let (alive, away) = (rand::rng().random_range(5..600), rand::rng().random_range(0..200));
        tokio::time::sleep(Duration::from_millis(alive)).await;
        let victim = engine.victims()[rand::rng().random_range(0..engine.victims().len())];
        tokio::task::block_in_place(|| engine.kill(victim, &mut deployment, Duration::from_millis(away)));
    }
    leave.add_permits(envelopes.len());
    submitting.join_all().await;
    until_outcomes(&deployment, |counts| counts.get("counted").is_some_and(|&count| count >= reports)).await;

    // Everything once more: what counted has an answer by now, and it is the same again.
    let again = outcomes(&deployment).get("already-counted").unwrap_or(&0) + reports;
    devices(&deployment, &envelopes, &leave).join_all().await;
    until_outcomes(&deployment, |counts| counts.get("already-counted").is_some_and(|&count| count >= again)).await;
    let counts = outcomes(&deployment);
    println!("{rounds} rounds, {reports} reports: {counts:?}");
    assert_eq!(counts.keys().collect::<Vec<_>>(), ["already-counted", "counted"]);
    deployment.collector.kill();
    engine.assert_each_counted_once(folder.path(), reports).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_killed_at_random_instants_lose_nothing_and_count_nothing_twice() {
    under_kills(Engine::Embedded).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_and_database_killed_at_random_instants_lose_nothing_and_count_nothing_twice() {
    let Some(server) = server::alone() else { return };
    let database = Fresh::on(server.url()).await;
    drop(database.open(PostgresOptions::default()).await);
    under_kills(Engine::Postgres(server, database)).await;
}
