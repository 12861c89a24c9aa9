//! How many tokens a publisher may have in an epoch, whichever of several collectors issues them.
//!
//! A collector sets shares of the quota aside in the change log before it issues any of them, and issues from these. So
//! the sum that all collectors issue never passes the quota, whatever crashes; what a collector had set aside and not
//! issued when it stopped is lost to the publisher. Therefore shares begin small and grow with what is issued: little
//! is lost to many restarts, and few entries are written for many tokens.

use std::{collections::HashMap, fmt, sync::Arc};

use parking_lot::Mutex;
use tacita_protocol::{epoch::EpochId, id::PublisherId};
use tonic::Status;

use crate::{
    catalogue::{By, Catalogue, Change},
    registry::{Registry, RegistryError},
    work::Work,
};

/// The first share is this part of the quota, each further one as much larger as what was set aside before it.
const FIRST: u64 = 4_096;
/// No share is larger than this part of the quota.
const LARGEST: u64 = 64;

/// Whose tokens, and of when.
type Whose = (PublisherId, EpochId);

/// What is set aside and not issued yet.
pub(crate) struct TokenQuota {
    registry: Arc<Registry>,
    quota: u64,
    held: Mutex<HashMap<Whose, Held>>,
    work: Work,
    /// Held while a share is set aside, so that callers at once set one aside and not each its own.
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// What this collector set aside since its start, and what is left of it.
#[derive(Default)]
struct Held {
    set_aside: u64,
    left: u64,
}

/// Tokens that were taken: given back when this is dropped, unless they were issued.
#[must_use]
pub(crate) struct Taken {
    quota: Arc<TokenQuota>,
    whose: Whose,
    tokens: u64,
}

impl TokenQuota {
    pub(crate) fn new(registry: Arc<Registry>, quota: u64, work: Work) -> Self {
        Self { registry, quota, held: Mutex::default(), work, turn: Arc::default() }
    }

    /// Takes tokens out of what is set aside, all or none; sets more aside where that is too little.
    ///
    /// # Errors
    /// [`Refused::Quota`](crate::catalogue::Refused::Quota) when the quota does not hold them, or the log cannot be written.
    pub(crate) async fn take(self: &Arc<Self>, whose: Whose, tokens: u64) -> Result<Taken, Status> {
        if let Some(taken) = self.take_at_hand(whose, tokens) {
            return Ok(taken);
        }
        let (this, turn) = (self.clone(), self.turn.clone().lock_owned().await);
        // A share that stands in the log and was not taken in, since the caller left, would be lost.
        let taking = self.work.to_its_end(async move {
            let _turn = turn;
            loop {
                if let Some(taken) = this.take_at_hand(whose, tokens) {
                    return Ok::<_, RegistryError>(taken);
                }
                this.set_aside(whose, tokens).await?;
            }
        });
        Ok(taking.await??)
    }

    fn take_at_hand(self: &Arc<Self>, whose: Whose, tokens: u64) -> Option<Taken> {
        let mut held = self.held.lock();
        let held = held.get_mut(&whose).filter(|held| held.left >= tokens)?;
        held.left -= tokens;
        Some(Taken { quota: self.clone(), whose, tokens })
    }

    async fn set_aside(&self, whose: Whose, least: u64) -> Result<(), RegistryError> {
        let (publisher, epoch) = whose;
        let before = self.held.lock().get(&whose).map_or(0, |held| held.set_aside);
        let share = (before + self.quota / FIRST).min(self.quota / LARGEST).max(least);
        let propose = |catalogue: &Catalogue| catalogue.propose_tokens(publisher, epoch, share, self.quota);
        if let (Change::TokensSetAside { tokens, .. }, _) = self.registry.apply(By::Collector, propose).await? {
            let mut held = self.held.lock();
            // Of epochs that are long over nothing is issued any more.
            held.retain(|(_, of), _| of.0 + 2 > epoch.0);
            let held = held.entry(whose).or_default();
            held.set_aside += tokens;
            held.left += tokens;
        }
        Ok(())
    }
}

impl Taken {
    /// They were: the quota is less by them for good.
    pub(crate) fn issued(mut self) {
        self.tokens = 0;
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.quota.held.lock().entry(self.whose).or_default().left += self.tokens;
    }
}

impl fmt::Debug for TokenQuota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenQuota({})", self.quota)
    }
}

#[cfg(test)]
mod tests {
    use tacita_protocol::time::{ManualClock, UnixTime};
    use tacita_store::embedded::{EmbeddedOptions, EmbeddedStore};

    use super::*;

    const QUOTA: u64 = 4_096 * 320;
    const BATCH: u64 = 32;

    /// A log with a publisher and an epoch, and what was set aside of its tokens.
    struct Log(Arc<Registry>);

    impl Log {
        async fn in_folder(folder: &std::path::Path) -> Self {
            let store = Arc::new(EmbeddedStore::open(folder, EmbeddedOptions::default()).unwrap());
            let registry = Registry::open(store, Arc::new(ManualClock::new(UnixTime(0)))).await.unwrap();
            registry.apply(By::Collector, |catalogue| catalogue.propose_publisher("daily")).await.unwrap();
            let key = tacita_tokens::EpochKey::generate(&mut rand::rngs::SysRng).unwrap().public_key().to_bytes();
            let published = Change::EpochPublished {
                epoch: EpochId(1),
                public_key: key,
                starts_at: UnixTime(0),
                ends_at: UnixTime(1_000),
                closes_at: UnixTime(1_500),
            };
            registry.apply(By::Collector, |_| Ok(published.clone())).await.unwrap();
            Self(Arc::new(registry))
        }

        fn quota(&self) -> Arc<TokenQuota> {
            Arc::new(TokenQuota::new(self.0.clone(), QUOTA, Work::default()))
        }

        fn left(&self) -> u64 {
            match self.0.snapshot().propose_tokens(WHOSE.0, WHOSE.1, u64::MAX, QUOTA) {
                Ok(Change::TokensSetAside { tokens, .. }) => tokens,
                _ => 0,
            }
        }
    }

    const WHOSE: Whose = (PublisherId(1), EpochId(1));

    #[tokio::test]
    async fn what_was_taken_and_not_issued_is_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::in_folder(folder.path()).await;
        let quota = log.quota();
        let mut issued = 0;
        while let Ok(taken) = quota.take(WHOSE, BATCH).await {
            // Of two batches one is not issued, since its caller left.
            match quota.take(WHOSE, BATCH).await {
                Ok(_left) => {}
                Err(_) => assert_eq!(log.left(), 0),
            }
            taken.issued();
            issued += BATCH;
        }
        assert_eq!(issued, QUOTA);
    }

    #[tokio::test]
    async fn a_share_that_stands_in_the_log_is_held_although_its_caller_left() {
        use futures_util::FutureExt as _;
        let folder = tempfile::tempdir().unwrap();
        let log = Log::in_folder(folder.path()).await;
        let quota = log.quota();
        assert!(quota.take(WHOSE, BATCH).now_or_never().is_none());
        quota.work.ended().await;
        let held = QUOTA - log.left();
        assert_eq!((held, quota.held.lock()[&WHOSE].left), (QUOTA / 4_096, QUOTA / 4_096));
    }

    #[tokio::test]
    async fn a_stop_loses_little_where_little_was_issued_and_never_more_than_a_64th() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::in_folder(folder.path()).await;
        for issued in [0, 1, 10, 100, 1_000].map(|batches| batches * BATCH) {
            let (quota, before) = (log.quota(), log.left());
            for _ in 0..issued / BATCH {
                quota.take(WHOSE, BATCH).await.unwrap().issued();
            }
            let lost = before - log.left() - issued;
            assert!(lost <= (issued + QUOTA / 4_096 + 2 * BATCH).min(QUOTA / 64 + BATCH), "{lost} of {issued}");
        }
    }
}
