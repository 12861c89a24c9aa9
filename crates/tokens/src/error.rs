//! Everything that can go wrong, one variant per cause.

/// Why a key, a batch, a response or an envelope was refused.
///
/// No variant carries a secret, so an error may be logged as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The random number generator failed, or gave the zero scalar or a nonce twice.
    #[error("the random number generator failed or repeats itself: check the entropy source and start again")]
    Rng,

    /// Bytes of a fixed-length value have another length.
    #[error("expected exactly {expected} bytes and got {got}: send the value whole, with nothing after it")]
    Length {
        /// The only length accepted.
        expected: usize,
        /// The length received.
        got: usize,
    },

    /// The bytes of a batch are not a whole number of elements (and a proof, in a response).
    #[error("{got} bytes are no whole number of elements: send 32 bytes for each and nothing after them")]
    RaggedBatch {
        /// The length received.
        got: usize,
    },

    /// The batch is empty or larger than [`MAX_BATCH`](crate::MAX_BATCH).
    #[error("a batch holds 1 to {max} tokens, not {got}: ask for another number", max = crate::MAX_BATCH)]
    BatchSize {
        /// The number of elements asked for or received.
        got: usize,
    },

    /// A group element is not the canonical encoding of a ristretto255 point.
    #[error("element {index} is no canonical ristretto255 encoding: the sender is broken or hostile")]
    InvalidElement {
        /// Its place in the batch, from zero.
        index: usize,
    },

    /// A group element is the identity, which RFC 9497 §2.1 has every receiver refuse.
    #[error("element {index} is the identity: the sender is broken or hostile")]
    IdentityElement {
        /// Its place in the batch, from zero.
        index: usize,
    },

    /// A secret key is zero or not reduced modulo the group order.
    #[error("the secret key is zero or not a canonical scalar: restore it from a good copy or rotate it")]
    InvalidKey,

    /// A public key is the identity or no canonical ristretto255 encoding.
    #[error("the public key is no canonical, non-identity ristretto255 encoding: fetch the key directory again")]
    InvalidPublicKey,

    /// The key and this publisher's tweak cancel out (RFC 9497 §3.3.3, `InverseError` and `InvalidInputError`).
    ///
    /// Happens with probability 2⁻²⁵² unless the key was made for it.
    #[error("this epoch key cannot serve this publisher: rotate the key")]
    UnusableKey,

    /// The input hashes to the identity element (RFC 9497 §3.3.1, `InvalidInputError`).
    #[error("the nonce hashes to the identity element: take another nonce")]
    InvalidInput,

    /// A scalar of the proof is not reduced modulo the group order.
    #[error("the proof holds a scalar that is not canonical: the issuer is broken or hostile")]
    InvalidProof,

    /// The response has another number of elements than the request.
    #[error("asked for {sent} tokens and got {received}: drop the response and ask again")]
    CountMismatch {
        /// Elements in the request.
        sent: usize,
        /// Elements in the response.
        received: usize,
    },

    /// The proof does not hold: the issuer used another key than the published one, or the response was altered.
    #[error(
        "the issuer's proof does not hold for the pinned epoch key: keep no token of this response and compare key directories"
    )]
    ProofRejected,

    /// The first byte names a version of the format that this crate does not know.
    #[error("version {0} of the envelope is unknown here: update, or route it to a build that knows it")]
    UnknownVersion(u8),

    /// The second byte names a suite that this crate does not know.
    #[error("suite {0} of the envelope is unknown here: update, or route it to a build that knows it")]
    UnknownSuite(u8),

    /// The envelope is for another publisher than this opener.
    #[error("the envelope is for publisher {found}, this opener serves {expected}: route it by its header")]
    WrongPublisher {
        /// The opener's publisher.
        expected: u32,
        /// The envelope's publisher.
        found: u32,
    },

    /// The envelope is for another epoch than this opener.
    #[error("the envelope is for epoch {found}, this opener serves {expected}: route it by its header")]
    WrongEpoch {
        /// The opener's epoch.
        expected: u32,
        /// The envelope's epoch.
        found: u32,
    },

    /// The envelope was not sealed under a token of this key and context, or was altered on the way.
    ///
    /// One variant for a forged token, another key, another chain value and a flipped bit: they cannot be told apart.
    #[error("the envelope does not open: count it as refused and keep neither its payload nor its nullifier")]
    Refused,
}
