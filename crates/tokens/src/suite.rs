//! The ciphersuite: ristretto255 with SHA-512 (RFC 9497 §4.1), hashing to the group and to scalars.
//!
//! Nothing here is secret-dependent in time: SHA-512 and the one-way map run in constant time, and the number of bytes
//! hashed is public.

use curve25519_dalek::{RistrettoPoint, Scalar};
use rand_core::TryCryptoRng;
use sha2::{Digest, Sha512};
use zeroize::{Zeroize, Zeroizing};

use crate::Error;

/// `Nh` of RFC 9497 §4.1: bytes of a PRF output.
pub(crate) const OUTPUT_LEN: usize = 64;

/// `"OPRFV1-" || I2OSP(mode, 1) || "-" || identifier`, RFC 9497 §3.1.
const CONTEXT_STRING: [u8; 28] = *b"OPRFV1-\x00-ristretto255-SHA512";

/// SHA-512's block, the length of `Z_pad` in RFC 9380 §5.3.1.
const BLOCK_LEN: usize = 128;

/// The hash functions of one protocol mode; they differ by the mode byte in their domain separation.
#[derive(Clone)]
pub(crate) struct Suite {
    context_string: [u8; 28],
    /// SHA-512 after the block of zeros that opens every `expand_message_xmd`: one compression less per hash.
    after_zero_block: Sha512,
}

impl Suite {
    /// `modePOPRF`, RFC 9497 §3.1.
    pub(crate) fn poprf() -> Self {
        Self::with_mode(2)
    }

    /// `modeVOPRF`, RFC 9497 §3.1: built for the vectors only.
    #[cfg(test)]
    pub(crate) fn voprf() -> Self {
        Self::with_mode(1)
    }

    fn with_mode(mode: u8) -> Self {
        let mut context_string = CONTEXT_STRING;
        context_string[7] = mode;
        let after_zero_block = Sha512::new_with_prefix([0; BLOCK_LEN]);
        Self { context_string, after_zero_block }
    }

    /// `HashToGroup`, RFC 9497 §4.1: `expand_message_xmd` and the one-way map of ristretto255.
    pub(crate) fn hash_to_group(&self, message: &[&[u8]]) -> RistrettoPoint {
        RistrettoPoint::from_uniform_bytes(&self.expand_message(message, b"HashToGroup-"))
    }

    /// `HashToScalar`, RFC 9497 §4.1: 64 uniform bytes, little-endian, reduced modulo the group order.
    pub(crate) fn hash_to_scalar(&self, message: &[&[u8]]) -> Scalar {
        self.hash_to_scalar_with(message, b"HashToScalar-")
    }

    fn hash_to_scalar_with(&self, message: &[&[u8]], label: &[u8]) -> Scalar {
        Scalar::from_bytes_mod_order_wide(&self.expand_message(message, label))
    }

    /// `DeriveKeyPair`, RFC 9497 §3.2.1: the secret key of a seed.
    pub(crate) fn derive_key(&self, seed: &[u8; 32], info: &[u8]) -> Result<Scalar, Error> {
        // deriveInput = seed || I2OSP(len(info), 2) || info
        // skS = G.HashToScalar(deriveInput || I2OSP(counter, 1), DST = "DeriveKeyPair" || contextString)
        let info_len = i2osp2(info.len())?;
        first_nonzero(|counter| self.hash_to_scalar_with(&[seed, &info_len, info, &[counter]], b"DeriveKeyPair"))
    }

    /// The seed of the composites' weights, RFC 9497 §2.2.1.
    pub(crate) fn composite_seed(&self, public_key: &[u8; 32]) -> [u8; 64] {
        // seedDST = "Seed-" || contextString
        // seed = Hash(I2OSP(len(Bm), 2) || Bm || I2OSP(len(seedDST), 2) || seedDST)
        const SEED_LABEL: &[u8; 5] = b"Seed-";
        let seed_dst_len = (SEED_LABEL.len() + CONTEXT_STRING.len()) as u16;
        Sha512::new()
            .chain_update(32u16.to_be_bytes())
            .chain_update(public_key)
            .chain_update(seed_dst_len.to_be_bytes())
            .chain_update(SEED_LABEL)
            .chain_update(self.context_string)
            .finalize()
            .into()
    }

    /// `expand_message_xmd`, RFC 9380 §5.3.1, for one SHA-512 output under `label || contextString`.
    fn expand_message(&self, message: &[&[u8]], label: &[u8]) -> Zeroizing<[u8; OUTPUT_LEN]> {
        let dst_len = [(label.len() + CONTEXT_STRING.len()) as u8];

        // b_0 = H(Z_pad || msg || I2OSP(len_in_bytes, 2) || I2OSP(0, 1) || DST_prime)
        let mut b_0 = self.after_zero_block.clone();
        message.iter().for_each(|part| b_0.update(part));
        b_0.update([0, OUTPUT_LEN as u8, 0]);
        b_0.update(label);
        b_0.update(self.context_string);
        b_0.update(dst_len);

        // b_1 = H(b_0 || I2OSP(1, 1) || DST_prime), and ell = 1
        let b_1 = Sha512::new()
            .chain_update(b_0.finalize())
            .chain_update([1])
            .chain_update(label)
            .chain_update(self.context_string)
            .chain_update(dst_len)
            .finalize();
        Zeroizing::new(b_1.into())
    }
}

/// `I2OSP(len, 2)`, or [`Error::InvalidInput`] where RFC 9497 §2.1 has a length that does not fit.
pub(crate) fn i2osp2(len: usize) -> Result<[u8; 2], Error> {
    u16::try_from(len).map(u16::to_be_bytes).map_err(|_| Error::InvalidInput)
}

/// The loop of `DeriveKeyPair`: counters 0 to 255 until the scalar is not zero, else `DeriveKeyPairError`.
fn first_nonzero(mut scalar_of: impl FnMut(u8) -> Scalar) -> Result<Scalar, Error> {
    (0..=u8::MAX).map(&mut scalar_of).find(|scalar| *scalar != Scalar::ZERO).ok_or(Error::InvalidKey)
}

/// `RandomScalar`, RFC 9497 §2.1 and §4.7.2: uniform, and never zero.
///
/// 64 bytes reduced, so that the bias is 2⁻²⁶⁰ and nothing loops. A zero means a broken generator: refused.
pub(crate) fn random_scalar<R: TryCryptoRng + ?Sized>(rng: &mut R) -> Result<Scalar, Error> {
    let mut bytes = [0; 64];
    let filled = rng.try_fill_bytes(&mut bytes);
    let scalar = Scalar::from_bytes_mod_order_wide(&bytes);
    bytes.zeroize();
    match filled {
        Ok(()) if scalar != Scalar::ZERO => Ok(scalar),
        _ => Err(Error::Rng),
    }
}

/// 32 fresh bytes.
pub(crate) fn random_bytes<R: TryCryptoRng + ?Sized>(rng: &mut R) -> Result<[u8; 32], Error> {
    let mut bytes = [0; 32];
    rng.try_fill_bytes(&mut bytes).map_err(|_| Error::Rng)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derive_key_pair_goes_on_past_a_zero_scalar() {
        let scalar = first_nonzero(|counter| if counter < 3 { Scalar::ZERO } else { Scalar::from(counter) });
        assert_eq!(scalar, Ok(Scalar::from(3u8)));
    }

    #[test]
    fn derive_key_pair_gives_up_after_256_zero_scalars() {
        let mut tried = 0;
        let scalar = first_nonzero(|_| {
            tried += 1;
            Scalar::ZERO
        });
        assert_eq!((scalar, tried), (Err(Error::InvalidKey), 256));
    }
}
