//! How a device reaches its publisher's relay.

mod grpc;

use std::{fmt, pin::Pin};

use tacita_protocol::{
    catalogue::CatalogueDigest, epoch::EpochId, id::PublisherId, manifest::SignedManifest, outcome::Outcome,
};
use tacita_tokens::{BlindedBatch, Envelope, IssuedBatch};

pub use grpc::{GrpcTransport, Line};

/// An answer that is on its way.
pub type Reply<'a, T> = Pin<Box<dyn Future<Output = Result<T, TransportError>> + Send + 'a>>;

/// The four things that a device asks of its relay.
///
/// Issuance and reports must not share a connection: who saw both on one could tell whose report it is.
pub trait Transport: Send + Sync + fmt::Debug {
    /// Fetches the newest signed manifest. Unverified.
    fn manifest(&self, publisher: PublisherId) -> Reply<'_, SignedManifest>;

    /// Fetches a catalogue that a manifest names. Unverified. Like the manifest, it is asked for by all devices alike.
    fn catalogue(&self, publisher: PublisherId, digest: CatalogueDigest) -> Reply<'_, Vec<u8>>;

    /// Has a batch of blinded tokens evaluated. Unverified.
    fn issue(&self, publisher: PublisherId, epoch: EpochId, batch: BlindedBatch) -> Reply<'_, IssuedBatch>;

    /// Hands over sealed reports; answers for each, in order, after it is durable there.
    fn submit(&self, envelopes: Vec<Envelope>) -> Reply<'_, Vec<Outcome>>;
}

/// Why the relay gave no usable answer. Whatever was asked may be asked again.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// It cannot be reached, or failed. Try again later.
    #[error("it cannot be reached: {0}")]
    Unavailable(String),
    /// A limit of this visitor or publisher is reached, or the relay is full. Try again later.
    #[error("it refuses more for now: {0}")]
    Limited(String),
    /// The epoch is not active any more. Fetch the manifest again.
    #[error("the epoch is not active any more: {0}")]
    StaleEpoch(String),
    /// It knows no such publisher. Check the publisher's number and the relay's address.
    #[error("it knows no such publisher: {0}")]
    UnknownPublisher(String),
    /// It took the request for malformed, or its answer is. One of the two sides needs an update.
    #[error("the two sides do not understand each other: {0}")]
    Invalid(String),
    /// The address is none that this transport can use.
    #[error("'{url}' is no relay's address: {reason}")]
    Address {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
}
