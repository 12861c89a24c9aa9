//! Tokens that were spent before: the store of a collector in the midst of a large epoch.

use std::{path::Path, sync::Arc};

use anyhow::{Result, ensure};
use rand::RngExt as _;
use tacita_protocol::{
    epoch::EpochId,
    id::{MeasureId, PublisherId},
    time::WindowId,
};
use tacita_store::{
    Entry, Increments, Partition, Series, TallyStore as _, Verdict,
    embedded::{EmbeddedOptions, EmbeddedStore},
};
use tacita_tokens::{Fingerprint, Nullifier};
use tokio::task::JoinSet;

/// Nullifiers of one commit.
const BATCH: u64 = 1_024;

/// Spends `count` made-up tokens of the publisher, rounded up to whole commits, in the first epoch of the store in
/// `folder`, which no collector has open.
pub(super) async fn spend(folder: &Path, publisher: PublisherId, count: u64) -> Result<()> {
    let store = Arc::new(EmbeddedStore::open(folder, EmbeddedOptions::default())?);
    for _ in 0..count.div_ceil(BATCH * u64::from(Partition::LANES)) {
        let mut commits = JoinSet::new();
        for lane in 0..Partition::LANES {
            let store = Arc::clone(&store);
            let partition = Partition { publisher, lane };
            commits.spawn(async move { store.commit(partition, EpochId(1), batch(lane)).await });
        }
        for verdicts in commits.join_all().await {
            ensure!(
                verdicts?.verdicts.iter().all(|&verdict| verdict == Verdict::Counted),
                "a made-up token was spent twice"
            );
        }
    }
    Ok(())
}

/// Random nullifiers of one lane, tallied where no measure of the run is.
fn batch(lane: u8) -> Vec<Entry> {
    let series = Series { measure: MeasureId(u32::MAX), window: WindowId(0) };
    let entry = |_| {
        let mut nullifier: [u8; 16] = rand::rng().random();
        let bits = Partition::LANES.trailing_zeros();
        nullifier[0] = nullifier[0] >> bits | lane << (8 - bits);
        Entry {
            nullifier: Nullifier::from_bytes(nullifier),
            fingerprint: Fingerprint::from_bytes([0; 8]),
            series,
            increments: Increments::One(0),
        }
    };
    (0..BATCH).map(entry).collect()
}
