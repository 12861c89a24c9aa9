//! Where a device's state is kept: one contract, two engines.

mod file;
mod memory;

use std::{fmt, path::PathBuf, sync::Arc};

pub use file::FileStorage;
pub use memory::MemoryStorage;
use tacita_protocol::catalogue::{CatalogueDigest, ContentCatalogue};

use crate::{ClientError, state::DeviceState};

/// A change of the state. Its error undoes it.
pub type Change<'a> = dyn FnMut(&mut DeviceState) -> Result<(), ClientError> + 'a;

/// A look at the state.
pub type Look<'a> = dyn FnMut(&DeviceState) + 'a;

/// Keeps a device's state.
///
/// The contract on which "one token seals one report" rests:
///
/// - **Atomic**: an update takes effect whole, or not at all: not when `change` or the write fails, nor in a crash.
/// - **Durable**: when `update` has returned `Ok`, the change survives a crash at any later instant.
/// - **Alone**: updates happen one after the other, and no other storage, thread or process sees the same state. A second
///   opening of the same place is refused.
/// - **Never back**: a state from the past (a backup, a synchronised folder) must not return, or its tokens are used twice.
pub trait Storage: Send + Sync + fmt::Debug {
    /// Applies `change` once to the newest state, and returns after the result is durable.
    ///
    /// # Errors
    /// The error of `change`, or [`ClientError::Storage`]. The state is then as it was.
    fn update(&self, change: &mut Change<'_>) -> Result<(), ClientError>;

    /// Shows the newest durable state.
    fn read(&self, look: &mut Look<'_>);

    /// The bytes of a catalogue that was kept, if it still is. They are checked against the digest.
    fn catalogue(&self, _digest: CatalogueDigest) -> Option<Vec<u8>> {
        None
    }

    /// Keeps these catalogues and no others, apart from the state: they are large and public, and a state is written often.
    ///
    /// A storage that keeps none fetches them again after each start, and until then has no manifest.
    ///
    /// # Errors
    /// [`ClientError::Storage`].
    fn keep_catalogues(&self, _catalogues: &[Arc<ContentCatalogue>]) -> Result<(), ClientError> {
        Ok(())
    }
}

/// Why a state could not be kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// Another device has the file open.
    #[error("{0} is open already: one device at a time, since two would spend the same tokens")]
    InUse(PathBuf),
    /// The file is there but is no device's state.
    #[error(
        "{0} holds no device state that this program can read: update the program, or delete the file to start anew"
    )]
    Unreadable(PathBuf),
    /// A newer program wrote the state. It is as it was.
    #[error(
        "{path} holds a device state of format {format}, and this program knows up to {known}: update the program",
        known = crate::state::FORMAT
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The format of its state.
        format: u32,
    },
    /// The disk or the file system refuses.
    #[error("{path}: {message}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        message: String,
    },
}

/// [`Storage::update`] for a change that gives a value.
pub(crate) fn update<T>(
    storage: &dyn Storage,
    change: impl FnOnce(&mut DeviceState) -> Result<T, ClientError>,
) -> Result<T, ClientError> {
    let mut change = Some(change);
    let mut value = None;
    storage.update(&mut |state| {
        // A storage that calls twice is outside the contract; the second call then changes nothing.
        if let Some(change) = change.take() {
            value = Some(change(state)?);
        }
        Ok(())
    })?;
    // Unwrap safety: `update` returned Ok, so it has called the change, which has set the value.
    Ok(value.expect("a storage applies the change before it returns"))
}

/// [`Storage::read`] for a look that gives a value.
pub(crate) fn read<T>(storage: &dyn Storage, look: impl FnOnce(&DeviceState) -> T) -> T {
    let mut look = Some(look);
    let mut value = None;
    storage.read(&mut |state| {
        if let Some(look) = look.take() {
            value = Some(look(state));
        }
    });
    // Unwrap safety: the contract of `read` is to show the state.
    value.expect("a storage shows its state")
}
