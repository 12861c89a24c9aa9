//! What the benches commit: made-up reports, as ingest hands them over. A request's reports fall into eight lanes,
//! which commit side by side.

#![allow(dead_code, unreachable_pub)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tacita_protocol::{
    epoch::EpochId,
    id::{MeasureId, PublisherId},
    time::WindowId,
};
use tacita_store::{Entry, Increments, Partition, Series, TallyStore, Verdict};
use tacita_tokens::{Fingerprint, Nullifier};
use tokio::{runtime::Runtime, task::JoinSet};

/// Reports of a request.
pub const REQUEST: u64 = 1024;
/// Requests at a time.
pub const CALLERS: u64 = 4;
pub const EPOCH: EpochId = EpochId(1);
pub const PUBLISHER: PublisherId = PublisherId(1);

/// A bijection of the numbers that looks random (splitmix64): nullifiers without repeats and without order.
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The report with this number: six of 64 cells, one of four series.
pub fn entry(number: u64) -> Entry {
    let mut nullifier = [0; 16];
    nullifier[..8].copy_from_slice(&mixed(number).to_be_bytes());
    nullifier[8..].copy_from_slice(&mixed(!number).to_be_bytes());
    Entry {
        nullifier: Nullifier::from_bytes(nullifier),
        fingerprint: Fingerprint::from_bytes(number.to_be_bytes()),
        series: Series { measure: MeasureId((number % 4) as u32), window: WindowId(20_000) },
        increments: Increments::Mask((0..6).fold(0, |mask, place| mask | 1 << (mixed(number ^ place << 60) % 64))),
    }
}

/// A store and the numbers of the reports still to come.
pub struct Load<S> {
    pub store: Arc<S>,
    next: Arc<AtomicU64>,
}

impl<S> Clone for Load<S> {
    fn clone(&self) -> Self {
        Self { store: self.store.clone(), next: self.next.clone() }
    }
}

impl<S: TallyStore + 'static> Load<S> {
    /// Goes on behind the first `spent` reports.
    pub fn on(store: S, spent: u64) -> Self {
        Self { store: Arc::new(store), next: Arc::new(AtomicU64::new(spent)) }
    }

    /// How many reports were taken.
    pub fn spent(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }

    fn take(&self, size: u64) -> Vec<Entry> {
        let first = self.next.fetch_add(size, Ordering::Relaxed);
        (first..first + size).map(entry).collect()
    }

    /// Commits a request's reports, each lane by itself; all must count.
    async fn commit(&self, entries: Vec<Entry>) {
        let mut lanes: [Vec<Entry>; Partition::LANES as usize] = Default::default();
        for entry in entries {
            lanes[usize::from(Partition::of(PUBLISHER, &entry.nullifier).lane)].push(entry);
        }
        let commits = lanes.into_iter().zip(0..).filter(|(entries, _)| !entries.is_empty()).map(|(entries, lane)| {
            let store = self.store.clone();
            async move { store.commit(Partition { publisher: PUBLISHER, lane }, EPOCH, entries).await.unwrap().verdicts }
        });
        let verdicts = JoinSet::from_iter(commits).join_all().await;
        assert!(verdicts.iter().flatten().all(|&verdict| verdict == Verdict::Counted));
    }

    /// Commits requests of `size` from several callers at once; the time from the first to the last answer.
    pub fn run(&self, runtime: &Runtime, requests: u64, size: u64, callers: u64) -> Duration {
        runtime.block_on(async {
            let mut requests: Vec<Vec<Entry>> = (0..requests).map(|_| self.take(size)).collect();
            let started = Instant::now();
            let mut tasks = JoinSet::new();
            let share = requests.len().div_ceil(callers as usize);
            while !requests.is_empty() {
                let mine = requests.split_off(requests.len().saturating_sub(share));
                let load = self.clone();
                tasks.spawn(async move {
                    for entries in mine {
                        load.commit(entries).await;
                    }
                });
            }
            tasks.join_all().await;
            started.elapsed()
        })
    }
}
