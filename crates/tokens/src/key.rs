//! The key of an epoch: its secret half, its public half and its name.

use core::fmt;

use curve25519_dalek::{RistrettoPoint, Scalar};
use rand_core::TryCryptoRng;
use sha2::{Digest, Sha256};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::Error;
use crate::element::{Element, decode_element};
use crate::hex::Hex;
use crate::suite::{Suite, random_bytes};

/// Bytes of a secret key and of a public key.
pub const KEY_LEN: usize = 32;

/// The secret key k of one epoch, for all its publishers. Issues tokens and opens what was sealed under them.
///
/// Zeroized on drop, redacted in `Debug`, not `Clone`. Destroy it, and every copy of [`EpochKey::to_bytes`], when the
/// epoch's grace ends: nothing recorded can be opened from then on.
#[derive(ZeroizeOnDrop)]
pub struct EpochKey {
    scalar: Scalar,
}

impl EpochKey {
    /// A fresh key: `DeriveKeyPair` (RFC 9497 §3.2.1) of 32 random bytes under the info `"tacita/epoch/v1"`.
    ///
    /// # Errors
    /// [`Error::Rng`] if the generator fails.
    pub fn generate<R: TryCryptoRng + ?Sized>(rng: &mut R) -> Result<Self, Error> {
        let seed = Zeroizing::new(random_bytes(rng)?);
        Ok(Self { scalar: Suite::poprf().derive_key(&seed, b"tacita/epoch/v1")? })
    }

    /// Reads a key written by [`EpochKey::to_bytes`]: a canonical little-endian scalar, not zero.
    ///
    /// # Errors
    /// [`Error::InvalidKey`].
    pub fn from_bytes(bytes: &[u8; KEY_LEN]) -> Result<Self, Error> {
        let scalar: Option<Scalar> = Scalar::from_canonical_bytes(*bytes).into();
        let scalar = scalar.filter(|scalar| *scalar != Scalar::ZERO).ok_or(Error::InvalidKey)?;
        Ok(Self { scalar })
    }

    /// The key's bytes (`SerializeScalar`, RFC 9497 §4.1), for safekeeping.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; KEY_LEN]> {
        Zeroizing::new(self.scalar.to_bytes())
    }

    /// pk = k·G.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey { element: Element::from(RistrettoPoint::mul_base(&self.scalar)) }
    }

    pub(crate) fn scalar(&self) -> &Scalar {
        &self.scalar
    }
}

impl fmt::Debug for EpochKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EpochKey(secret)")
    }
}

/// The public key of one epoch: what a key directory lists and a client pins. Canonical, and not the identity.
#[derive(Clone)]
pub struct PublicKey {
    element: Element,
}

impl PublicKey {
    /// Reads a public key.
    ///
    /// # Errors
    /// [`Error::InvalidPublicKey`] if it is no canonical ristretto255 encoding, or the identity.
    pub fn from_bytes(bytes: &[u8; KEY_LEN]) -> Result<Self, Error> {
        let point = decode_element(0, bytes).map_err(|_| Error::InvalidPublicKey)?;
        Ok(Self { element: Element { point, bytes: *bytes } })
    }

    /// The key as it travels.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; KEY_LEN] {
        self.element.bytes
    }

    /// The key's name.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId(Sha256::digest(self.element.bytes).into())
    }

    pub(crate) fn element(&self) -> &Element {
        &self.element
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.element.bytes == other.element.bytes
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PublicKey").field(&Hex(&self.element.bytes)).finish()
    }
}

/// SHA-256 of a public key, whole: RFC 9578's `token_key_id`. Never travels with an envelope; it is part of what is hashed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 32]);

impl KeyId {
    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyId").field(&Hex(&self.0)).finish()
    }
}
