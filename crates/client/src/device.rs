//! The entry point: one device of one publisher.

use std::{fmt, sync::Arc};

use parking_lot::{Mutex, RwLock};
use tacita_protocol::{
    catalogue::CatalogueRef,
    epoch::EpochId,
    id::BrandId,
    measure::Measure,
    time::{Clock, UnixTime},
};

use crate::{
    ClientError, DeviceConfig, Occurrence, Recorded, SharingLine, Storage, Transport,
    catalogues::{Shared, kept_catalogue, kept_catalogues},
    config::Offer,
    edition::Edition,
    slots::Moment,
    state::{DeviceState, Purse, Spent, StoredManifest},
    storage::{read, update},
};

/// One device of one publisher. Clones are the same device.
///
/// What it records is durable in its [`Storage`] when the call returns, and leaves with the next
/// [`flush`](Self::flush). Methods that are not `async` may wait for the disk; the `async` ones need a tokio runtime and do
/// their disk and cryptographic work off its threads.
#[derive(Clone)]
pub struct Device {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) config: DeviceConfig,
    storage: Arc<dyn Storage>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) clock: Arc<dyn Clock>,
    edition: RwLock<Option<Arc<Edition>>>,
    /// When the manifest was fetched last in this process.
    pub(crate) fetched_at: Mutex<Option<UnixTime>>,
    /// Sessions with a smaller number were begun by a process that is gone.
    first_session: u64,
    /// One conversation with the relay at a time.
    pub(crate) turn: tokio::sync::Mutex<()>,
}

/// What a brand has been told in an epoch, and what it may be told at most.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LedgerLine {
    /// The brand.
    pub brand: BrandId,
    /// The epoch.
    pub epoch: EpochId,
    /// Spent so far, in millionths of ε.
    pub spent_micro: u64,
    /// The bound, in millionths of ε.
    pub bound_micro: u64,
}

impl Device {
    /// Opens the device that `storage` holds, or begins a new one. Slots that a crash left open are closed with what they
    /// held.
    ///
    /// # Errors
    /// [`ClientError::OtherPublisher`] if the storage is another publisher's; [`ClientError::Storage`].
    pub fn open(
        config: DeviceConfig,
        storage: impl Storage + 'static,
        transport: impl Transport + 'static,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ClientError> {
        let storage: Arc<dyn Storage> = Arc::new(storage);
        let edition = remembered_edition(&config, &*storage)?;
        let first_session = read(&*storage, |state| state.next_session);
        let inner = Inner {
            config,
            storage,
            transport: Arc::new(transport),
            clock,
            edition: RwLock::new(edition),
            fetched_at: Mutex::new(None),
            first_session,
            turn: tokio::sync::Mutex::new(()),
        };
        inner.close_leftovers()?;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Answers every measure of the event that occurred: one slot each, one report each.
    ///
    /// For server-side events and log replay; within a visit, use a [`Session`](crate::Session). All slots of the call
    /// are recorded, or none. A device that has opted out records nothing.
    ///
    /// A share whose `channel` is said is remembered for sharers' profiles; a profile that is not said is the one remembered.
    ///
    /// # Errors
    /// [`ClientError::NoManifest`], [`ClientError::NoActiveEpoch`], [`ClientError::Full`], [`ClientError::Storage`].
    pub fn record(&self, occurrence: &Occurrence) -> Result<Recorded, ClientError> {
        let answered = self.inner.measure(|state, moment| {
            if let Some(channel) = occurrence.shared_to() {
                state.sharing.note(channel, moment.edition.manifest(), moment.now);
            }
            let sharing = state.sharing.clone();
            let profile = |measure: &Measure| sharing.before(measure, moment.now);
            state.answer(moment, |measure| Some(occurrence.with_profile(measure, profile)))
        })?;
        Ok(answered.unwrap_or_default())
    }

    /// What each brand has been told in the current epoch: a line for every brand that was told anything.
    pub fn ledger(&self) -> Vec<LedgerLine> {
        let policy = self.inner.edition().map(|edition| edition.manifest().policy);
        let bound_micro = policy.map_or(0, |policy| u64::from(policy.ledger_bound_micro));
        let line = |spent: &Spent| match spent.purse {
            Purse::Brand(brand) => {
                Some(LedgerLine { brand, epoch: spent.epoch, spent_micro: spent.micro, bound_micro })
            }
            Purse::Campaign(_) => None,
        };
        self.inner.read(|state| state.ledger.iter().filter_map(line).collect())
    }

    /// Where this device remembers to have shared, in the present and the last window of each length: a line for every window in
    /// which it shared somewhere that can be told.
    pub fn sharing(&self) -> Vec<SharingLine> {
        let now = self.inner.clock.now();
        self.inner.read(|state| state.sharing.lines(now))
    }

    /// The tokens in the wallet.
    pub fn tokens(&self) -> usize {
        self.inner.read(|state| state.wallet.len())
    }

    /// The reports that this device is committed to and has not yet been told the fate of.
    pub fn pending(&self) -> usize {
        self.inner.read(DeviceState::pending)
    }

    /// Erases what the device holds, unsent reports included, and measures nothing until [`opt_in`](Self::opt_in).
    ///
    /// Two numbers stay: the publisher's, and that of the epoch, whose budget does not begin anew after an `opt_in`.
    ///
    /// # Errors
    /// [`ClientError::Storage`].
    pub fn opt_out(&self) -> Result<(), ClientError> {
        self.inner.update(|state| {
            *state = DeviceState {
                publisher: state.publisher,
                opted_out: true,
                spent_through: state.secret.as_ref().map(|secret| secret.epoch).max(state.spent_through),
                budget_since: state.budget_since,
                next_session: state.next_session,
                ..DeviceState::default()
            };
            Ok(())
        })?;
        self.inner.storage.keep_catalogues(&[])?;
        *self.inner.edition.write() = None;
        *self.inner.fetched_at.lock() = None;
        Ok(())
    }

    /// Measures again after an [`opt_out`](Self::opt_out). Call [`refresh`](Self::refresh) next.
    ///
    /// # Errors
    /// [`ClientError::Storage`].
    pub fn opt_in(&self) -> Result<(), ClientError> {
        self.inner.update(|state| {
            state.opted_out = false;
            Ok(())
        })
    }

    /// Whether the device measures nothing.
    pub fn is_opted_out(&self) -> bool {
        self.inner.is_opted_out()
    }
}

impl Inner {
    pub(crate) fn read<T>(&self, look: impl FnOnce(&DeviceState) -> T) -> T {
        read(&*self.storage, look)
    }

    pub(crate) fn update<T>(
        &self,
        change: impl FnOnce(&mut DeviceState) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        update(&*self.storage, change)
    }

    /// A catalogue that the storage has kept.
    pub(crate) fn kept_catalogue(&self, named: &CatalogueRef) -> Option<Shared> {
        kept_catalogue(&*self.storage, named)
    }

    /// Keeps the catalogues of `edition` and no others.
    pub(crate) fn keep_catalogues(&self, edition: &Edition) -> Result<(), ClientError> {
        self.storage.keep_catalogues(edition.catalogues())
    }

    pub(crate) fn is_opted_out(&self) -> bool {
        self.read(|state| state.opted_out)
    }

    /// The manifest in force.
    pub(crate) fn edition(&self) -> Option<Arc<Edition>> {
        self.edition.read().clone()
    }

    pub(crate) fn require_edition(&self) -> Result<Arc<Edition>, ClientError> {
        self.edition().ok_or(ClientError::NoManifest)
    }

    pub(crate) fn put_in_force(&self, edition: Arc<Edition>) {
        *self.edition.write() = Some(edition);
    }

    /// Records something, in one update; `None` if the device has opted out.
    pub(crate) fn measure<T>(
        &self,
        change: impl FnOnce(&mut DeviceState, &Moment<'_>) -> Result<T, ClientError>,
    ) -> Result<Option<T>, ClientError> {
        if self.is_opted_out() {
            return Ok(None);
        }
        let edition = self.require_edition()?;
        let seed = self.config.seed.as_ref().map(|seed| &***seed);
        let moment = Moment::new(&edition, self.clock.now(), seed)?;
        self.update(|state| if state.opted_out { Ok(None) } else { change(state, &moment).map(Some) })
    }

    /// Closes the sessions of processes that are gone, once there is a manifest to answer by.
    pub(crate) fn close_leftovers(&self) -> Result<(), ClientError> {
        let is_leftover = |id: u64| id < self.first_session;
        let Some(edition) = self.edition() else { return Ok(()) };
        let leftovers: Vec<u64> =
            self.read(|state| state.sessions.iter().map(|session| session.id).filter(|&id| is_leftover(id)).collect());
        if leftovers.is_empty() {
            return Ok(());
        }
        self.update(|state| leftovers.iter().try_for_each(|&id| state.close_session(&edition, id).map(drop)))
    }

    /// Runs work that computes or waits for the disk off the async threads.
    pub(crate) async fn off_thread<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, ClientError> + Send + 'static,
    ) -> Result<T, ClientError> {
        let inner = Arc::clone(self);
        match tokio::task::spawn_blocking(move || work(&inner)).await {
            Ok(result) => result,
            Err(failed) => match failed.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(ClientError::Shutdown),
            },
        }
    }
}

/// The manifest that the device held last, if the pinned key still signs for it and its catalogues are at hand. Marks a
/// new storage as the publisher's.
fn remembered_edition(config: &DeviceConfig, storage: &dyn Storage) -> Result<Option<Arc<Edition>>, ClientError> {
    let (owner, stored) = read(storage, |state| (state.publisher, state.manifest.clone()));
    match owner {
        Some(stored) if stored != config.publisher => {
            return Err(ClientError::OtherPublisher { stored, configured: config.publisher });
        }
        Some(_) => {}
        None => update(storage, |state| {
            state.publisher = Some(config.publisher);
            Ok(())
        })?,
    }
    let signed = stored.as_ref().and_then(StoredManifest::signed);
    Ok(signed.and_then(|signed| match config.verify(&signed).ok()? {
        Offer::Ready(edition) => Some(edition),
        Offer::Verified(verified) => {
            let catalogues = kept_catalogues(storage, verified.manifest())?;
            Some(config.make_ready(verified, catalogues))
        }
    }))
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.inner;
        f.debug_struct("Device")
            .field("config", &inner.config)
            .field("storage", &inner.storage)
            .field("transport", &inner.transport)
            .finish_non_exhaustive()
    }
}
