//! Receipts for relays: what became of a batch, signed.

use std::sync::Arc;

use ed25519_dalek::SigningKey;
use tacita_proto::v1;
use tacita_protocol::{
    id::PublisherId,
    receipt::{BatchDigest, PeriodOutcomes, Receipt},
    time::Clock,
};

/// Who signs them, and when.
pub(crate) struct Receipts {
    pub(crate) signing_key: Arc<SigningKey>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Receipts {
    /// For a batch whose outcomes are durable.
    pub(crate) fn give(&self, publisher: PublisherId, envelopes: &[Vec<u8>], counts: PeriodOutcomes) -> v1::Receipt {
        let batch = BatchDigest::of(envelopes.iter().map(Vec::as_slice));
        Receipt { publisher, batch, answered_at: self.clock.now(), counts }.sign(&self.signing_key).into()
    }
}

impl std::fmt::Debug for Receipts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Receipts(..)")
    }
}
