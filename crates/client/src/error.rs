//! What can go wrong on a device, one variant per cause, each saying what the caller can do.

use tacita_protocol::{
    catalogue::InvalidCatalogue,
    epoch::EpochId,
    id::{CampaignId, PublisherId},
    manifest::ManifestError,
    tag::TagError,
};

use crate::{storage::StorageError, transport::TransportError};

/// Why a device could not do as it was asked. Nothing that it had recorded before is lost by any of these.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// No manifest was fetched yet.
    #[error("the device has no manifest yet: call refresh first")]
    NoManifest,
    /// The manifest that the device holds names no epoch that is active now.
    #[error("the manifest names no active epoch: call refresh, and check the device's clock")]
    NoActiveEpoch,
    /// As much waits to be sent as a device may keep. Nothing was recorded.
    #[error("{max} reports wait to be sent, and more are not kept: flush, then try again", max = crate::MAX_PENDING)]
    Full,
    /// The manifest that was served cannot be used.
    #[error("the relay served a manifest that cannot be used: {0}")]
    Manifest(#[from] ManifestError),
    /// A catalogue that was served is not the one that the manifest names.
    #[error("the relay served a catalogue that cannot be used: {0}")]
    Catalogue(#[from] InvalidCatalogue),
    /// The manifest that was served is older than one that the device has seen.
    #[error(
        "the relay served manifest revision {offered}, but this device has seen {remembered}: its cache is stale or hostile"
    )]
    Rollback {
        /// The revision that the device holds.
        remembered: u64,
        /// The revision that was served.
        offered: u64,
    },
    /// Two manifests of one revision were served. An honest collector never makes two.
    #[error(
        "the relay served another manifest under revision {0}, which this device has seen: compare the manifests of several publishers"
    )]
    Equivocation(u64),
    /// The key directory that was served does not continue the one that the device remembers.
    #[error(
        "epoch {0} of the served manifest does not continue the key directory that this device has seen: compare the manifests of several publishers"
    )]
    BrokenDirectory(EpochId),
    /// The storage holds another publisher's device.
    #[error("this storage belongs to a device of publisher {stored}, not {configured}: give each publisher its own")]
    OtherPublisher {
        /// Whose device it holds.
        stored: PublisherId,
        /// Whose device was to be opened.
        configured: PublisherId,
    },
    /// No such campaign in the manifest.
    #[error("the manifest lists no campaign {0}")]
    UnknownCampaign(CampaignId),
    /// The page's address cannot carry a tag.
    #[error("the page cannot be shared with a tag: {0}")]
    Link(#[from] TagError),
    /// Tokens could not be made; the wallet is as it was.
    #[error("tokens: {0}")]
    Tokens(#[from] tacita_tokens::Error),
    /// The relay could not be asked, or refused.
    #[error("relay: {0}")]
    Transport(#[from] TransportError),
    /// The state could not be read or written.
    #[error("storage: {0}")]
    Storage(#[from] StorageError),
    /// The system gives no random bytes.
    #[error("the system's random number generator failed")]
    Random,
    /// The async runtime shut down in the middle.
    #[error("the async runtime is shutting down")]
    Shutdown,
}
