//! Why a collector does not start.

use std::path::PathBuf;

use tacita_store::{StoreError, vault::VaultError};
use tacita_tls::TlsError;

use crate::{
    catalogue::LogFault,
    keys::{KeeperError, KeyMissing},
    registry::RegistryError,
};

/// A collector could not start, or could not end in order. Each message says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CollectorError {
    /// A setting cannot be.
    #[error("{setting}: {remedy}")]
    Config {
        /// Which.
        setting: &'static str,
        /// What to choose instead.
        remedy: String,
    },
    /// A file of the data directory cannot be read or written.
    #[error("{}: {cause}; check that the directory exists, belongs to this user and has space", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        #[source]
        cause: std::io::Error,
    },
    /// The store does not open.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The vault of secret keys does not open.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The vault's keys are not those of the store.
    #[error(
        "the keys in '{}' are not those that this store's collectors use: give all of them one vault, that of the first one",
        .0.display()
    )]
    AnotherVault(PathBuf),
    /// The vault has lost the key that signs, or is not the store's.
    #[error(
        "'{}/signing' is missing, and no other key can stand for it: publishers have pinned it. Put the copy in its place that was kept \
         apart, or name the vault of this store's first collector with --vault",
        .0.display()
    )]
    SigningKeyMissing(PathBuf),
    /// The store is new and the vault is not.
    #[error(
        "the store is new, but '{}' holds keys that were published in another one: give this one an empty vault, with nothing but \
         the file 'signing' of the other if publishers have pinned that key",
        .0.display()
    )]
    VaultOfAnotherStore(PathBuf),
    /// The store was restored, and the vault was not emptied.
    #[error(
        "the store was restored, but '{}' still holds keys of the time that is lost: with them tokens could be spent twice. Run \
         `tacita store restored` (or restore again, with --vault) to destroy them",
        .0.display()
    )]
    VaultOfLostTime(PathBuf),
    /// The change log makes no sense.
    #[error("{}{}", .0, .0.remedy())]
    Log(#[from] LogFault),
    /// An open epoch has no key.
    #[error(transparent)]
    KeyMissing(#[from] KeyMissing),
    /// A key does not decode, or the system gives no random numbers.
    #[error("a secret key cannot be made or read: {0}")]
    Key(String),
    /// A rotation was asked for that cannot be.
    #[error("{0}")]
    Refused(String),
    /// The listener for metrics does not start.
    #[error("cannot tell metrics at {address}: {error}; choose another address with --metrics")]
    Metrics {
        /// Where it should be.
        address: std::net::SocketAddr,
        /// What the system says.
        error: std::io::Error,
    },
    /// The threads or the server do not start.
    #[error("the server does not start: {0}")]
    Server(String),
}

impl From<RegistryError> for CollectorError {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::Refused(refused) => Self::Refused(refused.to_string()),
            RegistryError::Store(error) => error.into(),
            RegistryError::Log(fault) => fault.into(),
        }
    }
}

impl From<KeeperError> for CollectorError {
    fn from(error: KeeperError) -> Self {
        match error {
            KeeperError::Registry(error) => error.into(),
            KeeperError::Store(error) => error.into(),
            KeeperError::Vault(error) => error.into(),
            KeeperError::Missing(missing) => missing.into(),
            KeeperError::Key(error) => Self::Key(error.to_string()),
        }
    }
}
