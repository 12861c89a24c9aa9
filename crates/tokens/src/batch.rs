//! The two messages of issuance, as values and as bytes.

use alloc::vec::Vec;
use core::fmt;

use crate::Error;
use crate::dleq::{PROOF_LEN, Proof};
use crate::element::{ELEMENT_LEN, Elements};

/// The client's request: n blinded elements `B[i] = r[i]·H(input[i])`, each uniform and unlinkable to its token.
///
/// On the wire `n × 32` bytes.
#[derive(Clone)]
pub struct BlindedBatch(pub(crate) Elements);

impl BlindedBatch {
    /// Reads a request: 1 to [`MAX_BATCH`](crate::MAX_BATCH) canonical elements, none the identity, and nothing after.
    ///
    /// The same element twice is allowed: it gives its sender the same token twice.
    ///
    /// # Errors
    /// [`Error::RaggedBatch`], [`Error::BatchSize`], [`Error::InvalidElement`], [`Error::IdentityElement`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        Elements::decode(bytes).map(Self)
    }

    /// The request as it travels.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.bytes.concat()
    }

    /// How many tokens are asked for; never zero.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a batch is never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Debug for BlindedBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlindedBatch({} elements)", self.len())
    }
}

/// The issuer's response: n evaluated elements `E[i] = (k + m)⁻¹·B[i]` and one proof of that for all. A response without
/// proof cannot be built.
///
/// On the wire `n × 32` bytes, then the proof's 64.
#[derive(Clone)]
pub struct IssuedBatch {
    pub(crate) evaluated: Elements,
    pub(crate) proof: Proof,
}

impl IssuedBatch {
    /// Reads a response: 1 to [`MAX_BATCH`](crate::MAX_BATCH) canonical elements, none the identity, two canonical
    /// scalars, and nothing after. Whether the proof holds is [`Pending::finish`](crate::Pending::finish)'s to say.
    ///
    /// # Errors
    /// [`Error::RaggedBatch`], [`Error::BatchSize`], [`Error::InvalidElement`], [`Error::IdentityElement`],
    /// [`Error::InvalidProof`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let (elements, proof) = bytes.split_last_chunk().ok_or(Error::RaggedBatch { got: bytes.len() })?;
        if elements.len() % ELEMENT_LEN != 0 {
            return Err(Error::RaggedBatch { got: bytes.len() });
        }
        Ok(Self { proof: Proof::from_bytes(proof)?, evaluated: Elements::decode(elements)? })
    }

    /// The response as it travels.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len() * ELEMENT_LEN + PROOF_LEN);
        bytes.extend_from_slice(self.evaluated.bytes.as_flattened());
        bytes.extend_from_slice(&self.proof.to_bytes());
        bytes
    }

    /// How many tokens it holds; never zero.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a batch is never empty")]
    pub fn len(&self) -> usize {
        self.evaluated.len()
    }
}

impl fmt::Debug for IssuedBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IssuedBatch({} elements)", self.len())
    }
}
