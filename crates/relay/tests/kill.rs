//! kill -9 of a relay at random instants, while devices submit and the collector breaks streams; and a disk that is full.
//!
//! Oracle: every envelope that was acknowledged is counted in the end, and a batch that comes again after a kill has the members
//! and the order that it had before. Not a failure: an envelope that is counted though its acknowledgement was lost.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../../../tests/support/rounds.rs"]
mod rounds;
mod support;

use std::{
    collections::HashSet,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use rand::RngExt as _;
use support::*;
use tacita_relay::BatchPolicy;
use tonic::Code;

const COLLECTOR: &str = "TACITA_TEST_COLLECTOR";
const DATA: &str = "TACITA_TEST_DATA";

/// Not a test: the relay that the test kills, in a process of its own.
#[tokio::test]
#[ignore = "a relay for the test below"]
async fn relay_in_a_process_of_its_own() {
    let (Ok(collector), Ok(data)) = (std::env::var(COLLECTOR), std::env::var(DATA)) else { return };
    let mut config = config(collector.parse().unwrap(), Path::new(&data));
    config.batch = BatchPolicy { least: 30, age: Duration::from_millis(30), most: 60 };
    let relay = start(config).await;
    println!("\nlistening {}", relay.address());
    std::future::pending::<()>().await;
}

struct Process(Child, SocketAddr);

impl Process {
    fn start(collector: SocketAddr, data: &Path) -> Self {
        Self::run(Command::new(std::env::current_exe().unwrap()), collector, data)
    }

    /// A relay that is told of a file's limit by an error, as of a full disk, and not by a signal.
    fn start_ignoring_file_limits(collector: SocketAddr, data: &Path) -> Self {
        let mut shell = Command::new("bash");
        let script = r#"trap '' XFSZ; exec "$0" "$@""#;
        shell.args(["-c", script]).arg(std::env::current_exe().unwrap());
        Self::run(shell, collector, data)
    }

    fn run(mut command: Command, collector: SocketAddr, data: &Path) -> Self {
        let mut child = command
            .args(["--exact", "relay_in_a_process_of_its_own", "--ignored", "--nocapture"])
            .env(COLLECTOR, collector.to_string())
            .env(DATA, data)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut addresses =
            lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("listening ")?.parse().ok());
        let address = addresses.next().expect("the relay starts");
        Self(child, address)
    }

    /// Lets the relay write no file beyond `bytes`, its own journal included.
    fn limit_files(&self, bytes: &str) {
        let (pid, limit) = (self.0.id().to_string(), format!("--fsize={bytes}:"));
        let set = Command::new("prlimit").args(["--pid", &pid, &limit]).status();
        assert!(set.expect("prlimit is there (util-linux)").success());
    }

    /// SIGKILL.
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Submits until the relay is gone; returns what was acknowledged.
async fn submit_until_gone(relay: SocketAddr) -> Vec<Vec<u8>> {
    let device = connect(relay).await;
    let mut acknowledged = Vec::new();
    loop {
        let request = envelopes(7);
        match submit(&device, request.clone()).await {
            Ok(_) => acknowledged.extend(request),
            Err(_) => return acknowledged,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_and_no_batch_changes_when_the_relay_is_killed() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let mut acknowledged = HashSet::new();
    let rounds: usize = rounds::rounds(8);
    for _ in 0..rounds {
        let random_breaks = (0..3).map(|n| if n % 2 == 0 { Break::AfterCounting } else { Break::BeforeCounting });
        double.state.breaks.lock().unwrap().extend(random_breaks);
        let mut relay = Process::start(double.address, data.path());
        let devices: Vec<_> = (0..4).map(|_| tokio::spawn(submit_until_gone(relay.1))).collect();
        let lifetime = Duration::from_millis(rand::rng().random_range(50..500));
        tokio::time::sleep(lifetime).await;
        relay.kill();
        for device in devices {
            acknowledged.extend(device.await.unwrap());
        }
    }
    assert!(acknowledged.len() > 1_000, "only {} envelopes were acknowledged", acknowledged.len());
    double.state.breaks.lock().unwrap().clear();

    let mut config = double.config(data.path());
    config.batch.age = Duration::from_millis(30);
    let relay = start(config).await;
    until("the queue is empty", || relay.seen().held == 0).await;
    let counted = double.state.counted.lock().unwrap().clone();
    let lost = acknowledged.difference(&counted).count();
    println!("{rounds} kills, {} envelopes acknowledged, {lost} lost", acknowledged.len());
    assert_eq!(lost, 0, "{lost} of {} acknowledged envelopes are lost", acknowledged.len());
    double.state.assert_batches_keep_their_members();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_said_and_nothing_acknowledged_is_lost_when_there_is_room_again() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let relay = Process::start_ignoring_file_limits(double.address, data.path());
    relay.limit_files("262144");
    let device = connect(relay.1).await;
    let mut acknowledged = HashSet::new();
    let refused = loop {
        let request = envelopes(100);
        match submit(&device, request.clone()).await {
            Ok(_) => acknowledged.extend(request),
            Err(refused) => break refused,
        }
        assert!(acknowledged.len() < 100_000, "the disk is never full");
    };
    assert_eq!(refused.code(), Code::ResourceExhausted, "{}", refused.message());
    assert!(refused.message().contains("disk is full: keep the reports"), "{}", refused.message());

    relay.limit_files("unlimited");
    for attempt in 0.. {
        let request = envelopes(100);
        if submit(&device, request.clone()).await.is_ok() {
            acknowledged.extend(request);
            break;
        }
        assert!(attempt < 100, "the relay never takes again");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    until("all are counted", || acknowledged.is_subset(&double.state.counted.lock().unwrap())).await;
    double.state.assert_batches_keep_their_members();
}
