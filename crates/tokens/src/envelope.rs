//! A sealed report on the wire: a header in clear, and what it seals.
//!
//! ```text
//! version 1 ‖ suite 1 ‖ publisher 4 ‖ epoch 4 ‖ nonce 32 ‖ iv 12 ‖ ciphertext 16 ‖ tag 16
//! └──────────────────── header 42 ──────────────────────┘
//! ```
//!
//! The header picks exactly one key. No key is ever tried, so none needs to be committed to.

use core::fmt;

use sha2::{Digest, Sha256};

use crate::context::NONCE_LEN;
use crate::hex::Hex;
use crate::redemption::Fingerprint;
use crate::{Error, PAYLOAD_LEN};

/// Bytes of a header.
pub const HEADER_LEN: usize = 1 + 1 + 4 + 4 + NONCE_LEN;

/// Bytes of an envelope, always.
pub const ENVELOPE_LEN: usize = HEADER_LEN + IV_LEN + PAYLOAD_LEN + TAG_LEN;

pub(crate) const IV_LEN: usize = 12;
pub(crate) const TAG_LEN: usize = 16;

/// The format of this document; the first byte of every header.
pub(crate) const VERSION: u8 = 1;

/// ristretto255-SHA512, HKDF-SHA512, HMAC-SHA256 and AES-256-GCM; the second byte.
pub(crate) const SUITE: u8 = 1;

/// What travels in clear: for whom, of when, and which token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Header {
    /// The publisher's number.
    pub publisher: u32,
    /// The epoch of the token.
    pub epoch: u32,
    /// The token's nonce.
    pub nonce: [u8; NONCE_LEN],
}

impl Header {
    /// Reads exactly [`HEADER_LEN`] bytes.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::UnknownVersion`], [`Error::UnknownSuite`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let header = bytes.try_into().map_err(|_| Error::Length { expected: HEADER_LEN, got: bytes.len() })?;
        check_format(header)?;
        Ok(Self::from_known(header))
    }

    /// The header as it travels, numbers big-endian.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[0] = VERSION;
        bytes[1] = SUITE;
        bytes[2..6].copy_from_slice(&self.publisher.to_be_bytes());
        bytes[6..10].copy_from_slice(&self.epoch.to_be_bytes());
        bytes[10..].copy_from_slice(&self.nonce);
        bytes
    }

    /// The fields of a header whose version and suite were checked.
    pub(crate) fn from_known(bytes: &[u8; HEADER_LEN]) -> Self {
        let [_, _, p0, p1, p2, p3, e0, e1, e2, e3, nonce @ ..] = *bytes;
        Self { publisher: u32::from_be_bytes([p0, p1, p2, p3]), epoch: u32::from_be_bytes([e0, e1, e2, e3]), nonce }
    }
}

fn check_format(header: &[u8; HEADER_LEN]) -> Result<(), Error> {
    match header {
        [VERSION, SUITE, ..] => Ok(()),
        [VERSION, suite, ..] => Err(Error::UnknownSuite(*suite)),
        [version, ..] => Err(Error::UnknownVersion(*version)),
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header")
            .field("publisher", &self.publisher)
            .field("epoch", &self.epoch)
            .field("nonce", &Hex(&self.nonce))
            .finish()
    }
}

/// A sealed report, [`ENVELOPE_LEN`] bytes of a known version and suite. Whether it opens, only an
/// [`Opener`](crate::Opener) can tell.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Envelope([u8; ENVELOPE_LEN]);

impl Envelope {
    /// Reads an envelope.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::UnknownVersion`], [`Error::UnknownSuite`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let bytes: [u8; ENVELOPE_LEN] =
            bytes.try_into().map_err(|_| Error::Length { expected: ENVELOPE_LEN, got: bytes.len() })?;
        let envelope = Self(bytes);
        check_format(envelope.header_bytes())?;
        Ok(envelope)
    }

    /// The envelope as it travels.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; ENVELOPE_LEN] {
        &self.0
    }

    /// What it says in clear. Unverified until the envelope opens.
    #[must_use]
    pub fn header(&self) -> Header {
        Header::from_known(self.header_bytes())
    }

    /// Tells a report that was sent again from a second report under the same token.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let digest = Sha256::new().chain_update(b"tacita/fingerprint").chain_update(self.0).finalize();
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        Fingerprint::from_bytes(first)
    }

    /// Puts the parts of an envelope together.
    pub(crate) fn assemble(
        header: &[u8; HEADER_LEN],
        iv: &[u8; IV_LEN],
        ciphertext: &[u8; PAYLOAD_LEN],
        tag: &[u8; TAG_LEN],
    ) -> Self {
        let mut bytes = [0; ENVELOPE_LEN];
        let mut rest = &mut bytes[..];
        for part in [&header[..], iv, ciphertext, tag] {
            let (place, after) = rest.split_at_mut(part.len());
            place.copy_from_slice(part);
            rest = after;
        }
        Self(bytes)
    }

    pub(crate) fn header_bytes(&self) -> &[u8; HEADER_LEN] {
        self.part::<0, HEADER_LEN>()
    }

    pub(crate) fn iv(&self) -> &[u8; IV_LEN] {
        self.part::<HEADER_LEN, IV_LEN>()
    }

    pub(crate) fn ciphertext(&self) -> &[u8; PAYLOAD_LEN] {
        self.part::<{ HEADER_LEN + IV_LEN }, PAYLOAD_LEN>()
    }

    pub(crate) fn tag(&self) -> &[u8; TAG_LEN] {
        self.part::<{ ENVELOPE_LEN - TAG_LEN }, TAG_LEN>()
    }

    /// `LEN` bytes from `AT`, checked when compiled.
    fn part<const AT: usize, const LEN: usize>(&self) -> &[u8; LEN] {
        const { assert!(AT + LEN <= ENVELOPE_LEN) };
        // Expect safety: the line above.
        self.0[AT..].first_chunk().expect("the part lies within the envelope")
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Envelope").field(&Hex(&self.0)).finish()
    }
}
