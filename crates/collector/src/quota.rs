//! How many tokens a publisher may have in an epoch, whichever of several collectors issues them.
//!
//! A collector sets shares of the quota aside in the change log before it issues any of them, and issues from these. So the sum that all
//! collectors issue never passes the quota, whatever crashes; what a collector had set aside and not issued when it stopped is lost to
//! the publisher, at most one share for each stop.

use std::{collections::HashMap, fmt, sync::Arc};

use parking_lot::Mutex;
use tacita_protocol::{epoch::EpochId, id::PublisherId};

use crate::{
    catalogue::{By, Catalogue, Change},
    registry::{Registry, RegistryError},
};

/// A share is this part of the quota.
const SHARES: u64 = 64;

/// What is set aside and not issued yet.
pub(crate) struct TokenQuota {
    registry: Arc<Registry>,
    quota: u64,
    left: Mutex<HashMap<(PublisherId, EpochId), u64>>,
    /// Held while a share is set aside, so that callers at once set one aside and not each its own.
    turn: tokio::sync::Mutex<()>,
}

impl TokenQuota {
    pub(crate) fn new(registry: Arc<Registry>, quota: u64) -> Self {
        Self { registry, quota, left: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }

    /// Takes tokens out of what is set aside, all or none; sets more aside where that is too little.
    ///
    /// # Errors
    /// [`Refused::Quota`](crate::catalogue::Refused::Quota) when the quota does not hold them, or the log cannot be written.
    pub(crate) async fn take(&self, publisher: PublisherId, epoch: EpochId, tokens: u64) -> Result<(), RegistryError> {
        if self.take_at_hand(publisher, epoch, tokens) {
            return Ok(());
        }
        let _turn = self.turn.lock().await;
        let share = (self.quota / SHARES).max(tokens);
        while !self.take_at_hand(publisher, epoch, tokens) {
            let propose = |catalogue: &Catalogue| catalogue.propose_tokens(publisher, epoch, share, self.quota);
            if let (Change::TokensSetAside { tokens, .. }, _) = self.registry.apply(By::Collector, propose).await? {
                let mut left = self.left.lock();
                // Of epochs that are long over nothing is issued any more.
                left.retain(|(_, of), _| of.0 + 2 > epoch.0);
                *left.entry((publisher, epoch)).or_default() += tokens;
            }
        }
        Ok(())
    }

    /// Gives back what was taken and not issued.
    pub(crate) fn give_back(&self, publisher: PublisherId, epoch: EpochId, tokens: u64) {
        *self.left.lock().entry((publisher, epoch)).or_default() += tokens;
    }

    fn take_at_hand(&self, publisher: PublisherId, epoch: EpochId, tokens: u64) -> bool {
        let mut left = self.left.lock();
        let Some(rest) = left.get_mut(&(publisher, epoch)).filter(|rest| **rest >= tokens) else { return false };
        *rest -= tokens;
        true
    }
}

impl fmt::Debug for TokenQuota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenQuota({})", self.quota)
    }
}
