//! What is durable, with faults before and after each call: the store's contract, the vault, a device's state.

use std::{io, ops::Range, sync::Arc};

use async_trait::async_trait;
use tacita_client::{Change, ClientError, Look, MemoryStorage, Storage, StorageError};
use tacita_protocol::{
    catalogue::{CatalogueDigest, ContentCatalogue},
    epoch::EpochId,
    id::{MeasureId, PublisherId},
    outcome::Outcome,
    record::PeriodId,
    time::WindowId,
};
use tacita_store::{
    ChangeLog, Closing, Committed, Entry, LogError, Partition, PeriodCounts, PeriodRecord, SeriesTally, StoreError,
    TallyStore,
    embedded::EmbeddedStore,
    retention::Retention,
    vault::{KeyId, Secret, SecretKeys, Vault, VaultError},
};
use tacita_tokens::{Fingerprint, Nullifier};

use super::dice::{Fate, Process};

/// A collector's hand on the store.
#[derive(Debug)]
pub(crate) struct FaultyStore {
    pub(crate) store: Arc<EmbeddedStore>,
    pub(crate) process: Process,
}

impl FaultyStore {
    fn error(&self) -> StoreError {
        match self.process.pick(3) {
            _ if self.process.is_dead() => StoreError::Closed,
            0 => StoreError::DiskFull,
            1 => StoreError::Unavailable("simulated".to_owned()),
            _ => StoreError::Engine("simulated".to_owned()),
        }
    }

    async fn change<T, E: From<StoreError>>(&self, done: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        match self.process.next() {
            Fate::Pass => done.await,
            Fate::FailsBefore | Fate::DiesBefore => Err(self.error().into()),
            Fate::FailsAfter | Fate::DiesAfter => {
                done.await?;
                Err(self.error().into())
            }
        }
    }

    async fn look<T>(&self, seen: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        if self.process.fails_to_read() { Err(self.error()) } else { seen.await }
    }
}

#[async_trait]
impl TallyStore for FaultyStore {
    async fn commit(&self, partition: Partition, epoch: EpochId, entries: Vec<Entry>) -> Result<Committed, StoreError> {
        self.change(self.store.commit(partition, epoch, entries)).await
    }

    async fn spent(
        &self,
        publisher: PublisherId,
        epoch: EpochId,
        nullifiers: &[Nullifier],
    ) -> Result<Vec<Option<Fingerprint>>, StoreError> {
        self.look(self.store.spent(publisher, epoch, nullifiers)).await
    }

    async fn add_outcomes(&self, publisher: PublisherId, outcomes: &[(Outcome, u64)]) -> Result<PeriodId, StoreError> {
        self.change(self.store.add_outcomes(publisher, outcomes)).await
    }

    async fn outcomes(&self) -> Result<Vec<(PublisherId, Outcome, u64)>, StoreError> {
        self.look(self.store.outcomes()).await
    }

    async fn tallies(&self, measure: MeasureId, windows: Range<WindowId>) -> Result<Vec<SeriesTally>, StoreError> {
        self.look(self.store.tallies(measure, windows)).await
    }

    async fn drop_epoch(&self, epoch: EpochId) -> Result<(), StoreError> {
        self.change(self.store.drop_epoch(epoch)).await
    }

    async fn is_dropped(&self, epoch: EpochId) -> Result<bool, StoreError> {
        self.look(self.store.is_dropped(epoch)).await
    }
}

#[async_trait]
impl PeriodRecord for FaultyStore {
    async fn last_closing(&self) -> Result<Option<Closing>, StoreError> {
        self.look(self.store.last_closing()).await
    }

    async fn close_period(&self, closing: Closing) -> Result<(), StoreError> {
        self.change(self.store.close_period(closing)).await
    }

    async fn closed_periods(
        &self,
        publisher: PublisherId,
        from: PeriodId,
        most: usize,
    ) -> Result<Vec<PeriodCounts>, StoreError> {
        self.look(self.store.closed_periods(publisher, from, most)).await
    }
}

#[async_trait]
impl Retention for FaultyStore {
    async fn oldest_window(&self, measure: MeasureId) -> Result<Option<WindowId>, StoreError> {
        self.look(self.store.oldest_window(measure)).await
    }

    async fn delete_windows(&self, measure: MeasureId, before: WindowId) -> Result<u64, StoreError> {
        self.change(self.store.delete_windows(measure, before)).await
    }

    async fn shed(&self) -> Result<(), StoreError> {
        self.look(self.store.shed()).await
    }
}

#[async_trait]
impl ChangeLog for FaultyStore {
    async fn read(&self, from: u64) -> Result<Vec<Vec<u8>>, StoreError> {
        self.look(self.store.read(from)).await
    }

    async fn append(&self, expected: u64, entry: &[u8]) -> Result<(), LogError> {
        self.change(self.store.append(expected, entry)).await
    }
}

/// A collector's hand on the vault.
#[derive(Debug)]
pub(crate) struct FaultyVault {
    pub(crate) vault: Vault,
    pub(crate) process: Process,
}

impl FaultyVault {
    fn error(&self) -> VaultError {
        VaultError::Io { path: "simulated".into(), error: io::Error::other("simulated") }
    }

    fn change<T>(&self, done: impl FnOnce(&Vault) -> Result<T, VaultError>) -> Result<T, VaultError> {
        match self.process.next() {
            Fate::Pass => done(&self.vault),
            Fate::FailsBefore | Fate::DiesBefore => Err(self.error()),
            Fate::FailsAfter | Fate::DiesAfter => {
                done(&self.vault)?;
                Err(self.error())
            }
        }
    }

    fn look<T>(&self, seen: impl FnOnce(&Vault) -> Result<T, VaultError>) -> Result<T, VaultError> {
        if self.process.fails_to_read() { Err(self.error()) } else { seen(&self.vault) }
    }
}

impl SecretKeys for FaultyVault {
    fn signing_key(&self) -> Result<Secret, VaultError> {
        self.change(Vault::signing_key)
    }

    fn existing_signing_key(&self) -> Result<Option<Secret>, VaultError> {
        self.change(Vault::existing_signing_key)
    }

    fn put(&self, id: &KeyId, secret: &Secret) -> Result<(), VaultError> {
        self.change(|vault| vault.put(id, secret))
    }

    fn get(&self, id: &KeyId) -> Result<Option<Secret>, VaultError> {
        self.look(|vault| vault.get(id))
    }

    fn list(&self) -> Result<Vec<KeyId>, VaultError> {
        self.look(Vault::list)
    }

    fn destroy(&self, id: &KeyId) -> Result<(), VaultError> {
        self.change(|vault| vault.destroy(id))
    }
}

/// A device's state, which outlives its process. An update that fails has changed nothing, by the contract: so a device is killed
/// before one, or after.
#[derive(Clone, Debug)]
pub(crate) struct DeviceState {
    kept: Arc<MemoryStorage>,
    process: Process,
}

impl DeviceState {
    pub(crate) fn new(process: Process) -> Self {
        Self { kept: Arc::default(), process }
    }

    /// The same state, for the process that comes after.
    pub(crate) fn reopened(&self, process: Process) -> Self {
        Self { kept: self.kept.clone(), process }
    }

    fn killed() -> ClientError {
        StorageError::Io { path: "simulated".into(), message: "simulated".to_owned() }.into()
    }
}

impl Storage for DeviceState {
    fn update(&self, change: &mut Change<'_>) -> Result<(), ClientError> {
        match self.process.next() {
            Fate::Pass | Fate::DiesAfter => self.kept.update(change),
            Fate::FailsBefore | Fate::FailsAfter | Fate::DiesBefore => Err(Self::killed()),
        }
    }

    fn read(&self, look: &mut Look<'_>) {
        self.kept.read(look);
    }

    fn catalogue(&self, digest: CatalogueDigest) -> Option<Vec<u8>> {
        self.kept.catalogue(digest)
    }

    fn keep_catalogues(&self, catalogues: &[Arc<ContentCatalogue>]) -> Result<(), ClientError> {
        self.kept.keep_catalogues(catalogues)
    }
}
