//! Killed at any instant, a store has lost nothing that was acknowledged and counted nothing twice.
//!
//! The process to be killed runs [`commit_until_killed`]; the one that kills reads its output and then calls
//! [`assert_whole`]. What is in flight at the kill may stand or not, but whole.

use std::{collections::BTreeSet, io::Write, sync::Arc};

use tacita_protocol::outcome::Outcome;
use tacita_store::{TallyStore, Verdict};

use super::reports::*;

/// Reports in each batch.
pub const SIZE: u32 = 32;
/// Batches in flight at a time.
const TASKS: u32 = 4;

/// The reports of one batch.
pub fn batch(number: u32) -> Vec<tacita_store::Entry> {
    reports(number * SIZE..(number + 1) * SIZE)
}

/// Commits batch after batch from `first` on and prints each that was acknowledged, until somebody ends it.
pub async fn commit_until_killed(store: Arc<impl TallyStore + 'static>, first: u32) {
    let work = |task: u32| {
        let store = Arc::clone(&store);
        async move {
            for number in (first + task..).step_by(TASKS as usize) {
                println!("try {number}");
                let verdicts = commit(&*store, batch(number)).await.unwrap();
                assert_eq!(verdicts, [Verdict::Counted; SIZE as usize]);
                println!("ack {number}");
                std::io::stdout().flush().unwrap();
            }
        }
    };
    tokio::task::JoinSet::from_iter((0..TASKS).map(work)).join_all().await;
}

/// What the killed process printed.
#[derive(Default, Debug)]
pub struct Printed {
    pub tried: BTreeSet<u32>,
    pub acknowledged: BTreeSet<u32>,
}

impl Printed {
    /// Takes in one line; what is none of ours is passed over.
    pub fn line(&mut self, line: &str) {
        let number = |text: &str| text.trim_end().parse().ok();
        if let Some(tried) = line.strip_prefix("try ").and_then(number) {
            self.tried.insert(tried);
        }
        if let Some(acknowledged) = line.strip_prefix("ack ").and_then(number) {
            self.acknowledged.insert(acknowledged);
        }
    }

    /// From where another process may go on.
    pub fn next(&self) -> u32 {
        // One more for each task may have been tried without being printed.
        self.tried.last().map_or(0, |last| last + 1 + 2 * TASKS)
    }
}

/// The store holds all that was acknowledged, of everything else all or nothing, and has tallied each exactly once.
pub async fn assert_whole(store: &impl TallyStore, printed: &Printed) {
    for &number in &printed.acknowledged {
        let verdicts = commit(store, batch(number)).await.unwrap();
        assert_eq!(verdicts, [Verdict::AlreadyCounted; SIZE as usize], "batch {number} was acknowledged and is lost");
    }
    let mut spent = Vec::new();
    for number in 0..printed.next() {
        let nullifiers: Vec<_> = batch(number).iter().map(|entry| entry.nullifier).collect();
        let held = store.spent(PUBLISHER, EPOCH, &nullifiers).await.unwrap().iter().flatten().count() as u32;
        assert!(held == 0 || held == SIZE, "batch {number}: {held} of {SIZE} reports stand");
        if held > 0 {
            spent.extend(number * SIZE..(number + 1) * SIZE);
        }
    }
    let outcomes = store.outcomes().await.unwrap();
    let counted = outcomes.iter().find(|(_, outcome, _)| *outcome == Outcome::Counted).map_or(0, |(_, _, n)| *n);
    assert_eq!(counted, spent.len() as u64);
    assert_tallied_once(store, spent).await;
}
