//! kill -9 in mid-load, again and again: the embedded engine loses nothing acknowledged and counts nothing twice.

#![allow(clippy::unwrap_used)]

mod conformance;
#[path = "../../../tests/support/rounds.rs"]
mod rounds;

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use conformance::crash::{Printed, assert_whole, commit_until_killed};
use tacita_store::embedded::{EmbeddedOptions, EmbeddedStore};
use tempfile::TempDir;

const DIR: &str = "TACITA_KILL_DIR";
const FIRST: &str = "TACITA_KILL_FIRST";

fn open(dir: &Path) -> EmbeddedStore {
    // Small tables and generations, so that kills meet the background's work and full generations too.
    let options =
        EmbeddedOptions { memtable_bytes: 128 << 10, generation_entries: 5_000, ..EmbeddedOptions::default() };
    EmbeddedStore::open(dir, options).unwrap()
}

/// Not a test: what the test below starts and kills.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "runs until it is killed: the child process of the other test"]
async fn commits_until_killed() {
    let (Ok(dir), Ok(first)) = (std::env::var(DIR), std::env::var(FIRST)) else { return };
    commit_until_killed(Arc::new(open(dir.as_ref())), first.parse().unwrap()).await;
}

fn start(dir: &Path, first: u32) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["commits_until_killed", "--exact", "--ignored", "--nocapture"])
        .env(DIR, dir)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn a_store_killed_at_any_instant_is_whole() {
    let rounds: u32 = rounds::rounds(8);
    let dir = TempDir::new().unwrap();
    let mut printed = Printed::default();
    for round in 0..rounds {
        let mut child = start(dir.path(), printed.next());
        let output = BufReader::new(child.stdout.take().unwrap());
        let reader = std::thread::spawn(move || output.lines().map_while(Result::ok).collect::<Vec<_>>());
        // The first round kills while the store is being made, if it can.
        let alive = if round == 0 { 8 } else { rand::random_range(20..700) };
        tokio::time::sleep(Duration::from_millis(alive)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        reader.join().unwrap().iter().for_each(|line| printed.line(line));
        assert_whole(&open(dir.path()), &printed).await;
    }
    println!("{rounds} kills, {} batches acknowledged of {} tried", printed.acknowledged.len(), printed.tried.len());
    assert!(!printed.acknowledged.is_empty());
}
