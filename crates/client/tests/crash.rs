//! Killed at any instant, a device never uses a token twice and loses nothing that it said it had recorded.
//!
//! The test runs itself as a child process, which records and flushes in a loop over a file until it is killed: by itself
//! at a chosen point of the conversation, or by its parent at a random one.

#![allow(missing_docs, clippy::unwrap_used)]

mod double;
#[path = "../../../tests/support/rounds.rs"]
mod rounds;

use std::{
    env, fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

use double::*;
use tacita_client::{FileStorage, Occurrence, Reply, Transport};
use tacita_protocol::{
    catalogue::CatalogueDigest, epoch::EpochId, id::PublisherId, manifest::SignedManifest, measure::Event,
    outcome::Outcome, time::ManualClock,
};
use tacita_tokens::{BlindedBatch, Envelope, IssuedBatch};

const FOLDER: &str = "TACITA_CRASH_FOLDER";
const POINT: &str = "TACITA_CRASH_POINT";
/// Where the child is killed, in turn.
const POINTS: [&str; 9] = ["issue", "submit", "answer", "any", "submit", "any", "answer", "any", "any"];

/// A relay whose memory outlives the process: every envelope is appended to a file before the answer.
#[derive(Debug)]
struct LoggingRelay {
    relay: Relay,
    log: PathBuf,
    point: String,
    submitted: AtomicU32,
}

impl LoggingRelay {
    fn die_at(&self, point: &str) {
        if self.point == point {
            std::process::abort();
        }
    }
}

impl Transport for LoggingRelay {
    fn manifest(&self, publisher: PublisherId) -> Reply<'_, SignedManifest> {
        self.relay.manifest(publisher)
    }

    fn catalogue(&self, publisher: PublisherId, digest: CatalogueDigest) -> Reply<'_, Vec<u8>> {
        self.relay.catalogue(publisher, digest)
    }

    fn issue(&self, publisher: PublisherId, epoch: EpochId, batch: BlindedBatch) -> Reply<'_, IssuedBatch> {
        if self.submitted.load(Ordering::Relaxed) > 3 {
            self.die_at("issue");
        }
        self.relay.issue(publisher, epoch, batch)
    }

    fn submit(&self, envelopes: Vec<Envelope>) -> Reply<'_, Vec<Outcome>> {
        Box::pin(async move {
            let submitted = self.submitted.fetch_add(1, Ordering::Relaxed);
            if submitted == 2 {
                self.die_at("submit");
            }
            let mut log = fs::OpenOptions::new().create(true).append(true).open(&self.log).unwrap();
            let bytes: Vec<u8> = envelopes.iter().flat_map(|envelope| *envelope.as_bytes()).collect();
            log.write_all(&bytes).unwrap();
            if submitted == 3 {
                self.die_at("answer");
            }
            Ok(vec![Outcome::Queued; envelopes.len()])
        })
    }
}

/// The child: not a test of its own.
#[test]
#[ignore = "run by the test below, in a process of its own"]
fn child() {
    let Ok(folder) = env::var(FOLDER).map(PathBuf::from) else { return };
    let point = env::var(POINT).unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(work(&folder, point));
}

async fn work(folder: &Path, point: String) {
    let relay = LoggingRelay {
        relay: Relay::new(&manifest()),
        log: folder.join("arrived"),
        point,
        submitted: AtomicU32::new(0),
    };
    let storage = FileStorage::open(folder.join("device.redb")).unwrap();
    let config = tacita_client::DeviceConfig::new(PUBLISHER, pinned());
    let clock = std::sync::Arc::new(ManualClock::new(START));
    let device = tacita_client::Device::open(config, storage, relay, clock).unwrap();
    device.refresh().await.unwrap();
    let mut recorded = fs::OpenOptions::new().create(true).append(true).open(folder.join("recorded")).unwrap();
    for round in 0.. {
        if env::var(POINT).as_deref() == Ok("last") && round > 0 {
            return;
        }
        for channel in ["whatsapp", "search", "telegram"] {
            device.record(&Occurrence::new(Event::Arrival).label("channel", channel)).unwrap();
            recorded.write_all(b".").unwrap();
        }
        let summary = device.flush().await;
        assert!(summary.trouble.is_none(), "{:?}", summary.trouble);
    }
}

fn run(folder: &Path, point: &str) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .env(POINT, point)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    if point == "any" {
        thread::sleep(Duration::from_millis(rand::random_range(150..900)));
        child.kill().unwrap();
    }
    let status = child.wait().unwrap();
    // A process that was killed has no exit code; one whose own assertions failed has.
    let expected = (point == "last").then_some(0);
    assert_eq!(status.code(), expected, "{point}");
}

#[test]
fn a_device_that_is_killed_reuses_no_token_and_loses_no_report() {
    let folder = tempfile::tempdir().unwrap();
    let rounds = rounds::rounds(POINTS.len());
    for point in POINTS.iter().cycle().take(rounds).chain(&["last"]) {
        run(folder.path(), point);
    }
    let arrived: Vec<[u8; 86]> =
        fs::read(folder.path().join("arrived")).unwrap().chunks(86).map(|bytes| bytes.try_into().unwrap()).collect();
    // Fails if a token has sealed two reports.
    let reports = open_all(&arrived).len();
    let recorded = fs::read(folder.path().join("recorded")).unwrap().len();
    // A kill between `record` and the child's note of it leaves a report that is not in the notes: at most one a round.
    assert!((recorded..=recorded + rounds).contains(&reports), "{reports} reports of {recorded} recorded");
    println!("{rounds} kills, {reports} reports of {recorded} noted, none lost, no token used twice");
    assert!(recorded > 20 && arrived.len() > reports, "{recorded} {} {reports}", arrived.len());
}
