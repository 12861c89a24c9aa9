//! Group elements beside the bytes they travel as (RFC 9497 §2.1, `SerializeElement` and `DeserializeElement`).
//!
//! A received element keeps its bytes, so that hashing it costs no encoding. A computed element is encoded from its half:
//! an encoding needs an inverse square root of its own, while the encodings of *doubles* share one inversion.

use alloc::vec::Vec;

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::traits::IsIdentity;

use crate::{Error, MAX_BATCH};

/// `Ne` of RFC 9497 §4.1: bytes of an element.
pub(crate) const ELEMENT_LEN: usize = 32;

/// One public element.
#[derive(Clone)]
pub(crate) struct Element {
    pub(crate) point: RistrettoPoint,
    pub(crate) bytes: [u8; ELEMENT_LEN],
}

impl From<RistrettoPoint> for Element {
    fn from(point: RistrettoPoint) -> Self {
        Self { point, bytes: point.compress().to_bytes() }
    }
}

/// Between 1 and [`MAX_BATCH`] public elements, none of them the identity.
#[derive(Clone)]
pub(crate) struct Elements {
    pub(crate) points: Vec<RistrettoPoint>,
    pub(crate) bytes: Vec<[u8; ELEMENT_LEN]>,
}

impl Elements {
    /// Reads elements that stand one after the other.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let (encodings, []) = bytes.as_chunks::<ELEMENT_LEN>() else {
            return Err(Error::RaggedBatch { got: bytes.len() });
        };
        check_batch_size(encodings.len())?;
        let points = encodings.iter().enumerate().map(|(index, encoding)| decode_element(index, encoding));
        Ok(Self { points: points.collect::<Result<_, _>>()?, bytes: encodings.to_vec() })
    }

    /// The doubles of `halves`, with their encodings made together.
    pub(crate) fn doubles_of(halves: &[RistrettoPoint]) -> Self {
        Self { points: halves.iter().map(|half| half + half).collect(), bytes: encode_doubles(halves) }
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }
}

/// The batch API is the only API: RFC 9497 allows 2¹⁶−1 elements (§2.2.1), this crate far fewer.
pub(crate) fn check_batch_size(count: usize) -> Result<(), Error> {
    if (1..=MAX_BATCH).contains(&count) { Ok(()) } else { Err(Error::BatchSize { got: count }) }
}

/// `DeserializeElement`, RFC 9497 §4.1: canonical, and not the identity. Variable time in *whether* it fails.
pub(crate) fn decode_element(index: usize, bytes: &[u8; ELEMENT_LEN]) -> Result<RistrettoPoint, Error> {
    let point = CompressedRistretto(*bytes).decompress().ok_or(Error::InvalidElement { index })?;
    if point.is_identity() { Err(Error::IdentityElement { index }) } else { Ok(point) }
}

/// `SerializeElement` of the double of each point, with one field inversion for all. Constant time.
pub(crate) fn encode_doubles(halves: &[RistrettoPoint]) -> Vec<[u8; ELEMENT_LEN]> {
    RistrettoPoint::double_and_compress_batch(halves).into_iter().map(|encoding| encoding.to_bytes()).collect()
}
