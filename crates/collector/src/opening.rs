//! What must stand before a collector starts, and fit together: the store, and the vault with the keys of what is in it.

use std::sync::Arc;

use ed25519_dalek::SigningKey;
use tacita_store::{
    ChangeLog, PeriodRecord, PostgresOptions, PostgresStore, TallyStore,
    backup::Backup,
    embedded::{EmbeddedOptions, EmbeddedStore},
    retention::Retention,
    vault::SecretKeys,
};

use crate::{
    CollectorConfig, CollectorError,
    catalogue::{By, Catalogue, Change, Refused},
    config::StoreConfig,
    registry::{Registry, RegistryError},
};

/// One store, seen as what it keeps.
pub(crate) struct OpenStore {
    pub(crate) tallies: Arc<dyn TallyStore>,
    pub(crate) record: Arc<dyn PeriodRecord>,
    pub(crate) log: Arc<dyn ChangeLog>,
    pub(crate) retention: Arc<dyn Retention>,
    /// None where the engine has backups of its own.
    pub(crate) backup: Option<Arc<dyn Backup>>,
}

impl OpenStore {
    pub(crate) fn of<S>(store: Arc<S>, backup: Option<Arc<dyn Backup>>) -> Self
    where
        S: TallyStore + PeriodRecord + ChangeLog + Retention + 'static,
    {
        Self { tallies: store.clone(), record: store.clone(), log: store.clone(), retention: store, backup }
    }
}

/// Opens the engine that the configuration names.
pub(crate) async fn open_store(config: &CollectorConfig) -> Result<OpenStore, CollectorError> {
    match &config.store {
        StoreConfig::Embedded => {
            let path = config.data.join("store");
            let opened =
                tokio::task::spawn_blocking(move || EmbeddedStore::open(path, EmbeddedOptions::default())).await;
            let store = Arc::new(opened.map_err(|crash| CollectorError::Server(crash.to_string()))??);
            Ok(OpenStore::of(store.clone(), Some(store)))
        }
        StoreConfig::Postgres(url) => {
            Ok(OpenStore::of(Arc::new(PostgresStore::open(url, PostgresOptions::default()).await?), None))
        }
    }
}

/// The key that signs manifests, if the vault is the one whose keys the store's epochs have.
///
/// The signing key names the vault: the first collector of a store writes its public half into the log, and whoever
/// comes with another one is sent away, before it issues tokens that the others cannot open. A vault that has keys
/// already belongs to the store that they were published in: in a second one their tokens could be spent once more.
/// Where the log has a signing key already none is made, which would lie there to be taken for the right one.
pub(crate) async fn fitting_signing_key(
    registry: &Registry,
    vault: &dyn SecretKeys,
    config: &CollectorConfig,
) -> Result<SigningKey, CollectorError> {
    let secret = match registry.snapshot().signing_key() {
        None => vault.signing_key()?,
        Some(_) => {
            vault.existing_signing_key()?.ok_or_else(|| CollectorError::SigningKeyMissing(config.vault.clone()))?
        }
    };
    let key = SigningKey::from_bytes(&secret);
    let public_key = key.verifying_key().to_bytes();
    let is_new = |catalogue: &Catalogue| catalogue.signing_key().is_none() && catalogue.epochs().is_empty();
    if is_new(&registry.snapshot()) && !vault.list()?.is_empty() {
        return Err(CollectorError::VaultOfAnotherStore(config.vault.clone()));
    }
    if registry.snapshot().is_fresh_from_restoring() && !vault.list()?.is_empty() {
        // Unless they are those of a collector that started at the same instant.
        registry.refresh().await?;
        if registry.snapshot().is_fresh_from_restoring() {
            return Err(CollectorError::VaultOfLostTime(config.vault.clone()));
        }
    }
    let adopted = registry.apply(By::Collector, |catalogue| match catalogue.signing_key() {
        None => Ok(Change::SigningKeyAdopted { public_key }),
        Some(_) => Err(Refused::AlreadySo),
    });
    match adopted.await {
        Ok(_) | Err(RegistryError::Refused(Refused::AlreadySo)) => {}
        Err(error) => return Err(error.into()),
    }
    match registry.snapshot().signing_key() {
        Some(adopted) if adopted == public_key => Ok(key),
        _ => Err(CollectorError::AnotherVault(config.vault.clone())),
    }
}
