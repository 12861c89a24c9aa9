//! What the collector keeps of a token once it is spent.

use core::fmt;

use sha2::{Digest, Sha256};

use crate::context::NONCE_LEN;
use crate::hex::Hex;
use crate::key::KeyId;

/// The name of a spent token: the first 16 bytes of `SHA-256("tacita/nullifier" || token_key_id || nonce)`.
///
/// Insert it, if absent, in the transaction that counts the report, and never before the envelope opened: who only sees a
/// nonce could burn the token otherwise. The set goes when the epoch's key goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nullifier([u8; 16]);

impl Nullifier {
    pub(crate) fn of(key_id: &KeyId, nonce: &[u8; NONCE_LEN]) -> Self {
        let digest = Sha256::new()
            .chain_update(b"tacita/nullifier")
            .chain_update(key_id.as_bytes())
            .chain_update(nonce)
            .finalize();
        let mut first = [0; 16];
        first.copy_from_slice(&digest[..16]);
        Self(first)
    }

    /// Takes the bytes of a stored nullifier.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for Nullifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Nullifier").field(&Hex(&self.0)).finish()
    }
}

/// The first 8 bytes of `SHA-256("tacita/fingerprint" || envelope)`, kept beside the nullifier.
///
/// Same nullifier and same fingerprint: the report was sent again, answer "already counted". Same nullifier and another
/// fingerprint: the token was spent twice; count that as a signal, and never as a report.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 8]);

impl Fingerprint {
    /// Takes the bytes of a stored fingerprint.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Fingerprint").field(&Hex(&self.0)).finish()
    }
}
