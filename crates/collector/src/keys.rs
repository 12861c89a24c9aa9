//! Epoch keys from their making to their destruction.
//!
//! The keeper takes a turn at the start, whenever the clock passes a boundary of an epoch, and every second to learn
//! what other collectors appended: a look at the end of the log, which every database allows, poolers and clusters
//! included, and which cannot be missed as a notification can. A turn publishes epochs ahead of time (the key goes into
//! the vault first, then the public key into the log: no published epoch is without its key) and destroys the keys of
//! closed ones (spent set, then vault, then log: after a crash between two of these the next turn does the rest, and
//! finds by the spent set that it must, should the clock have been set back meanwhile). Nothing that is refused depends
//! on the turn being on time: epochs are judged by the clock.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
    time::Duration,
};

use parking_lot::RwLock;
use rand::rngs::SysRng;
use tacita_protocol::{
    epoch::{EpochEntry, EpochId, EpochSchedule, EpochState},
    id::PublisherId,
    time::{Clock, UnixTime},
};
use tacita_store::{
    StoreError, TallyStore,
    vault::{SecretKeys, VaultError},
};
use tacita_tokens::{EpochKey, Issuer, Opener};
use tokio::{sync::Mutex, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    catalogue::{By, Catalogue, Change, Compromise, Epoch, Refused, Standing},
    metrics::{Metrics, StoreCall},
    registry::{Registry, RegistryError},
};

/// How often the clock is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How often a turn is taken even if no boundary was passed: how late this collector hears of what another one did.
const FOLLOW: Duration = Duration::from_secs(1);
/// How long after a turn that failed the next one is tried.
const RETRY: Duration = Duration::from_secs(2);
/// How far the clocks of devices, relays and collectors may differ before issuance fails at a boundary, in seconds.
const CLOCK_SLACK: u64 = 300;

/// What issues and opens for one epoch and publisher.
#[derive(Debug)]
pub(crate) struct PublisherKeys {
    pub(crate) issuer: Issuer,
    pub(crate) opener: Opener,
}

/// A key in memory and what was derived from it.
struct LoadedKey {
    key: EpochKey,
    derived: HashMap<PublisherId, Arc<PublisherKeys>>,
}

/// Makes an epoch's key.
pub(crate) type FreshKey = Box<dyn Fn() -> Result<EpochKey, tacita_tokens::Error> + Send + Sync>;

/// A key of the operating system's random bytes.
pub(crate) fn random_key() -> Result<EpochKey, tacita_tokens::Error> {
    EpochKey::generate(&mut SysRng)
}

pub(crate) struct EpochKeeper {
    registry: Arc<Registry>,
    vault: Arc<dyn SecretKeys>,
    fresh_key: FreshKey,
    store: Arc<dyn TallyStore>,
    clock: Arc<dyn Clock>,
    schedule: EpochSchedule,
    metrics: Arc<Metrics>,
    loaded: RwLock<HashMap<EpochId, LoadedKey>>,
    turn: Mutex<()>,
}

/// An epoch that is open has no key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "the key of epoch {0} is not in the vault: restore the folder, or what was sealed in that epoch is lost; collectors of one \
     database share one vault"
)]
pub struct KeyMissing(pub EpochId);

/// A turn of the keeper failed; the next one goes on where it stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeeperError {
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Missing(#[from] KeyMissing),
    #[error("a key: {0}")]
    Key(#[from] tacita_tokens::Error),
}

/// What was asked stands in the log.
#[derive(Debug)]
pub(crate) struct Entered {
    /// Why the turn that follows was cut short, if it was. The keeper repeats it.
    pub(crate) unfinished: Option<KeeperError>,
}

/// Whether tokens of `epoch` are issued at `now`: while it is active, and [`CLOCK_SLACK`] (or a tenth of its length, if that is
/// less) before and after.
///
/// A device asks for the epoch that *its* clock calls active, and clocks differ. Issuing a little early or late costs
/// nothing in privacy (the key is published, and reports of pending epochs and of epochs in grace are taken) and at
/// worst lets somebody use two epochs' quotas within the slack; refusing would leave devices with a clock that is off
/// without tokens at each rotation.
pub(crate) fn is_issued(epoch: &Epoch, now: UnixTime) -> bool {
    let EpochEntry { starts_at, ends_at, closes_at, .. } = epoch.entry;
    let slack = CLOCK_SLACK.min(ends_at.0.saturating_sub(starts_at.0) / 10);
    epoch.standing == Standing::ByTheClock
        && starts_at.minus(slack) <= now
        && now < ends_at.plus(slack)
        && now < closes_at
}

impl EpochKeeper {
    pub(crate) fn new(
        registry: Arc<Registry>,
        vault: Arc<dyn SecretKeys>,
        fresh_key: FreshKey,
        store: Arc<dyn TallyStore>,
        clock: Arc<dyn Clock>,
        schedule: EpochSchedule,
        metrics: Arc<Metrics>,
    ) -> Self {
        let (loaded, turn) = (RwLock::default(), Mutex::default());
        Self { registry, vault, fresh_key, store, clock, schedule, metrics, loaded, turn }
    }

    /// The keys of one epoch and publisher, derived at first use (some 50 µs).
    pub(crate) fn of(&self, entry: &EpochEntry, publisher: PublisherId) -> Result<Arc<PublisherKeys>, KeyMissing> {
        let missing = KeyMissing(entry.epoch);
        if let Some(keys) = self.loaded.read().get(&entry.epoch).ok_or(missing)?.derived.get(&publisher) {
            return Ok(keys.clone());
        }
        let mut loaded = self.loaded.write();
        let LoadedKey { key, derived } = loaded.get_mut(&entry.epoch).ok_or(missing)?;
        let context = entry.context(publisher);
        // A key that a publisher's tweak cancels happens once in 2²⁵² keys.
        let issuer = Issuer::new(key, &context).map_err(|_| missing)?;
        let opener = Opener::new(key, &context).map_err(|_| missing)?;
        let keys = Arc::new(PublisherKeys { issuer, opener });
        derived.insert(publisher, keys.clone());
        Ok(keys)
    }

    /// Publishes, loads and destroys what is due.
    pub(crate) async fn take_turn(&self) -> Result<(), KeeperError> {
        let _turn = self.turn.lock().await;
        self.registry.refresh().await?;
        self.publish_due().await?;
        self.forget_closed();
        self.load_open().await?;
        self.destroy_closed().await
    }

    /// Ends the active epoch now; the next one begins at once. Tokens in flight are taken until the grace is over.
    pub(crate) async fn rotate(&self, by: By) -> Result<Entered, KeeperError> {
        let grace = self.schedule.grace_seconds;
        self.registry.apply(by, |catalogue| catalogue.propose_rotation(self.clock.now(), grace)).await?;
        Ok(self.follow_up().await)
    }

    /// Gives up every key that lies in the vault, and publishes fresh ones: whoever copied the vault opens and makes
    /// nothing with what is sealed from here on. No epoch that was open issues any more; those that had begun take
    /// reports for `grace_seconds`.
    pub(crate) async fn give_up(&self, by: By, wish: &Compromise) -> Result<Entered, KeeperError> {
        let held = self.vault.list()?;
        let propose = |catalogue: &Catalogue| catalogue.propose_compromise(self.clock.now(), &held, wish);
        self.registry.apply(by, propose).await?;
        tracing::warn!(?by, "all keys are given up, since they may be known to others: fresh ones follow");
        Ok(self.follow_up().await)
    }

    /// The turn after an entry that stands. That it fails is told as no error: whoever asked again would end another epoch.
    async fn follow_up(&self) -> Entered {
        let unfinished = self.take_turn().await.err();
        if let Some(error) = &unfinished {
            tracing::error!(%error, "the epoch keeper's turn failed after an entry that stands: it tries again");
        }
        Entered { unfinished }
    }

    async fn publish_due(&self) -> Result<(), KeeperError> {
        loop {
            let (catalogue, now) = (self.registry.snapshot(), self.clock.now());
            let due = |catalogue: &Catalogue| next_due(catalogue.epochs(), &self.schedule, now);
            let Some(times) = due(&catalogue) else { return Ok(()) };
            let (epoch, public_key) = (catalogue.next_epoch(), self.unpublished_key(&catalogue)?.public_key());
            let EpochTimes { starts_at, ends_at, closes_at } = times;
            let change =
                Change::EpochPublished { epoch, public_key: public_key.to_bytes(), starts_at, ends_at, closes_at };
            let published = self.registry.apply(By::Collector, |catalogue| {
                let is_due = catalogue.next_epoch() == epoch && due(catalogue) == Some(times);
                match is_due && !catalogue.is_given_up(&public_key.id().0) {
                    true => Ok(change.clone()),
                    false => Err(Refused::AlreadySo),
                }
            });
            match published.await {
                Ok(_) => tracing::info!(%epoch, "published"),
                // Another collector came first: look again at what is due.
                Err(RegistryError::Refused(Refused::AlreadySo)) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// A key in the vault that was never published, or a fresh one, which is then in the vault.
    ///
    /// An unpublished one lies there when a turn was cut short between vault and log, here or at another collector: it is as
    /// random as a fresh one, and using it leaves none behind. One that was given up is destroyed.
    fn unpublished_key(&self, catalogue: &Catalogue) -> Result<EpochKey, KeeperError> {
        let published: HashSet<_> = catalogue.epochs().iter().map(|epoch| epoch.entry.public_key.id().0).collect();
        for id in self.vault.list()?.into_iter().filter(|id| !published.contains(id)) {
            if catalogue.is_given_up(&id) {
                self.vault.destroy(&id)?;
            } else if let Some(secret) = self.vault.get(&id)? {
                return Ok(EpochKey::from_bytes(&secret)?);
            }
        }
        let key = (self.fresh_key)()?;
        self.vault.put(&key.public_key().id().0, &key.to_bytes())?;
        Ok(key)
    }

    /// Brings the keys of all open epochs into memory. An epoch whose destruction has begun is not open, though the
    /// clock may say so.
    async fn load_open(&self) -> Result<(), KeeperError> {
        let now = self.clock.now();
        for epoch in self.registry.snapshot().epochs().iter().filter(|epoch| epoch.state(now) != EpochState::Closed) {
            let id = epoch.entry.epoch;
            if self.loaded.read().contains_key(&id) {
                continue;
            }
            if self.store.is_dropped(id).await? {
                self.destroy(&epoch.entry).await?;
                continue;
            }
            let secret = self.vault.get(&epoch.entry.public_key.id().0)?.ok_or(KeyMissing(id))?;
            let key = EpochKey::from_bytes(&secret)?;
            self.loaded.write().insert(id, LoadedKey { key, derived: HashMap::new() });
        }
        Ok(())
    }

    /// Takes out of memory the keys of closed epochs, which another collector may have destroyed. A batch that is being opened
    /// keeps its copy until it ends; the store then refuses to count it.
    fn forget_closed(&self) {
        let (catalogue, now) = (self.registry.snapshot(), self.clock.now());
        let is_open = |id| catalogue.epoch(id).is_some_and(|epoch| epoch.state(now) != EpochState::Closed);
        self.loaded.write().retain(|&id, _| is_open(id));
    }

    async fn destroy_closed(&self) -> Result<(), KeeperError> {
        let now = self.clock.now();
        for epoch in self.registry.snapshot().epochs() {
            if !epoch.is_destroyed() && epoch.state(now) == EpochState::Closed {
                self.destroy(&epoch.entry).await?;
            }
        }
        Ok(())
    }

    async fn destroy(&self, entry: &EpochEntry) -> Result<(), KeeperError> {
        let epoch = entry.epoch;
        self.metrics.store(StoreCall::DropEpoch, self.store.drop_epoch(epoch)).await?;
        self.vault.destroy(&entry.public_key.id().0)?;
        let destroyed = self.registry.apply(By::Collector, |catalogue| match catalogue.epoch(epoch) {
            Some(known) if known.is_destroyed() => Err(Refused::AlreadySo),
            _ => Ok(Change::EpochDestroyed { epoch }),
        });
        match destroyed.await {
            Ok(_) => tracing::info!(%epoch, "closed: its key is destroyed"),
            // Another collector did the same.
            Err(RegistryError::Refused(Refused::AlreadySo)) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Whether an epoch is active, so that reports can come in.
    pub(crate) fn is_ready(&self) -> bool {
        let now = self.clock.now();
        let catalogue = self.registry.snapshot();
        let active = catalogue.epochs().iter().find(|epoch| epoch.state(now) == EpochState::Active);
        active.is_some_and(|epoch| self.loaded.read().contains_key(&epoch.entry.epoch))
    }

    /// Takes turns until `stop`, and calls `then` after each.
    pub(crate) async fn keep<F: Future<Output = ()>>(&self, stop: CancellationToken, then: impl Fn() -> F) {
        let (mut boundary, mut last) = (self.next_boundary(), Instant::now());
        while stop.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_some() {
            if self.clock.now() < boundary && last.elapsed() < FOLLOW {
                continue;
            }
            let turn = self.take_turn().await;
            self.metrics.keeper_turn(turn.is_ok());
            match turn {
                Ok(()) => (boundary, last) = (self.next_boundary(), Instant::now()),
                Err(error) => {
                    tracing::error!(%error, "the epoch keeper's turn failed: it tries again");
                    stop.run_until_cancelled(tokio::time::sleep(RETRY)).await;
                }
            }
            then().await;
        }
    }

    /// How many epochs' keys are in memory.
    pub(crate) fn in_memory(&self) -> usize {
        self.loaded.read().len()
    }

    /// When the next epoch begins, ends or closes.
    fn next_boundary(&self) -> UnixTime {
        let now = self.clock.now();
        let catalogue = self.registry.snapshot();
        let boundaries = catalogue.epochs().iter().filter(|epoch| !epoch.is_destroyed()).flat_map(|epoch| {
            let EpochEntry { starts_at, ends_at, closes_at, .. } = epoch.entry;
            [starts_at, ends_at, closes_at]
        });
        boundaries.filter(|&boundary| boundary > now).min().unwrap_or(UnixTime(u64::MAX))
    }
}

impl fmt::Debug for EpochKeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EpochKeeper({} keys in memory)", self.loaded.read().len())
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct EpochTimes {
    starts_at: UnixTime,
    ends_at: UnixTime,
    closes_at: UnixTime,
}

/// The times of the epoch that is to be published next, if it is due: there is always one that ends in the future, and
/// `published_ahead` that have not begun. After a long stop epochs begin anew from `now`: none lies in the past.
fn next_due(epochs: &[Epoch], schedule: &EpochSchedule, now: UnixTime) -> Option<EpochTimes> {
    let pending = epochs.iter().filter(|epoch| epoch.state(now) == EpochState::Pending).count();
    // Of those that were closed before their time, when a store was restored or a key compromised, nothing is to be waited for.
    let standing = epochs.iter().rfind(|epoch| epoch.standing < Standing::Withdrawn);
    let last_end = standing.map_or(UnixTime(0), |last| last.entry.ends_at);
    if last_end > now && pending >= schedule.published_ahead as usize {
        return None;
    }
    let starts_at = last_end.max(now);
    let ends_at = starts_at.plus(schedule.active_seconds);
    Some(EpochTimes { starts_at, ends_at, closes_at: ends_at.plus(schedule.grace_seconds) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULE: EpochSchedule = EpochSchedule { active_seconds: 1_000, grace_seconds: 500, published_ahead: 2 };

    fn published(now: UnixTime, epochs: &mut Vec<Epoch>) {
        while let Some(times) = next_due(epochs, &SCHEDULE, now) {
            let key = EpochKey::generate(&mut SysRng).unwrap().public_key();
            let previous = epochs.last().map(|epoch| &epoch.entry);
            let entry = EpochEntry::following(previous, key, times.starts_at, &SCHEDULE);
            assert_eq!((entry.ends_at, entry.closes_at), (times.ends_at, times.closes_at));
            epochs.push(Epoch { entry, standing: Standing::ByTheClock });
        }
    }

    #[test]
    fn one_epoch_is_active_and_two_are_published_ahead_without_a_gap() {
        let mut epochs = Vec::new();
        published(UnixTime(5_000), &mut epochs);
        assert_eq!(epochs.len(), 3);
        assert!(epochs.windows(2).all(|pair| pair[0].entry.ends_at == pair[1].entry.starts_at));
        published(UnixTime(5_999), &mut epochs);
        assert_eq!(epochs.len(), 3);
        published(UnixTime(6_000), &mut epochs);
        assert_eq!(epochs.len(), 4);
    }

    #[test]
    fn after_a_long_stop_epochs_begin_anew_from_now() {
        let mut epochs = Vec::new();
        published(UnixTime(5_000), &mut epochs);
        published(UnixTime(1_000_000), &mut epochs);
        assert_eq!(epochs.len(), 6);
        assert_eq!(epochs[3].entry.starts_at, UnixTime(1_000_000));
        assert_eq!(epochs[3].state(UnixTime(1_000_000)), EpochState::Active);
    }

    #[test]
    fn issuance_bends_to_clocks_that_differ_by_a_tenth_of_the_epoch() {
        let mut epochs = Vec::new();
        published(UnixTime(5_000), &mut epochs);
        let issued = |at: u64| is_issued(&epochs[1], UnixTime(at));
        assert_eq!([5_899, 5_900, 6_500, 7_099, 7_100].map(issued), [false, true, true, true, false]);
    }
}
