//! What must be done to a store that was restored to an earlier instant, before a collector runs on it.
//!
//! What was spent since that instant is forgotten, and so are the epochs that were published. A token of that time, or
//! of an epoch that was open at the instant, could count a second time. So none of them may count at all: the log says
//! that they are over, with numbers of epochs and revisions that go on beyond any that were given out then, so that
//! devices and relays take what comes for newer than what they have; the spent sets are dropped, which refuses every
//! commit to those epochs for good; and all secret keys are destroyed, which also keeps a key that was published in the
//! time that is lost from being published again. The keys go last: a collector refuses a vault that still holds some.

use std::sync::Arc;

use tacita_protocol::{
    epoch::EpochId,
    time::{Clock, UnixTime},
};
use tacita_store::vault::Vault;

use crate::{
    CollectorConfig, CollectorError, LogFault,
    catalogue::{By, Catalogue, Change},
    opening::{OpenStore, fitting_signing_key, open_store},
    registry::Registry,
};

/// Numbers of epochs that are left out, beside one for each minute since the last change: an epoch lasts a minute at
/// least, up to 64 are published ahead, and the rest is for rotations.
const EPOCHS: u64 = 1_000;
/// Revisions that are left out, beside one for each second since the last change.
const REVISIONS: u64 = 1_000_000;

/// What was done to a restored store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Restored {
    /// The epochs that had been open: nothing of them will count.
    pub closed: Vec<EpochId>,
    /// The first epoch that the next collector will publish.
    pub next_epoch: EpochId,
    /// How many secret keys were destroyed.
    pub keys_destroyed: usize,
}

/// Whether a collector would take this change log, from its first entry: each reads and follows, and the chain is whole.
///
/// # Errors
/// [`LogFault`] names the first entry that is amiss.
pub fn check_log(entries: &[Vec<u8>]) -> Result<(), LogFault> {
    Catalogue::of_log(entries).map(drop)
}

/// Closes the epochs of a store that was restored, destroys the secret keys in the vault but the one that signs, and
/// marks the log.
///
/// For a store and a vault that no collector uses meanwhile. Cut short, it has changed nothing, or a collector refuses
/// to start for the keys in the vault; and it can be done again.
///
/// # Errors
/// [`CollectorError`] names what is amiss: the store or the vault does not open, or they do not belong together.
pub async fn mark_restored(config: &CollectorConfig, clock: Arc<dyn Clock>) -> Result<Restored, CollectorError> {
    let OpenStore { tallies, log, .. } = open_store(config).await?;
    let registry = Registry::open(log, clock.clone()).await?;
    let vault = Vault::open(&config.vault)?;
    if !registry.snapshot().is_fresh_from_restoring() {
        fitting_signing_key(&registry, &vault, config).await?;
    }
    let before = registry.snapshot();
    let now = clock.now();
    let (_, catalogue) = registry.apply(By::Collector, |catalogue| Ok(going_on(catalogue, now))).await?;
    // All that ever were: this may be the second try.
    for epoch in catalogue.epochs() {
        tallies.drop_epoch(epoch.entry.epoch).await?;
    }
    let keys = vault.list()?;
    keys.iter().try_for_each(|id| vault.destroy(id))?;
    let closed = before.epochs().iter().filter(|epoch| !epoch.is_destroyed()).map(|epoch| epoch.entry.epoch).collect();
    Ok(Restored { closed, next_epoch: catalogue.next_epoch(), keys_destroyed: keys.len() })
}

/// The entry that says so, with numbers that the time since the last change cannot have used up.
fn going_on(catalogue: &Catalogue, now: UnixTime) -> Change {
    let lost = now.0.saturating_sub(catalogue.changed_at().0);
    let epochs = u32::try_from(EPOCHS + lost / 60).unwrap_or(u32::MAX);
    Change::Restored {
        next_epoch: EpochId(catalogue.next_epoch().0.saturating_add(epochs)),
        next_revision: catalogue.revision().saturating_add(REVISIONS + lost),
    }
}
