//! The bare primitives: what the curve, the hashes and the cipher cost for the work that the protocol prescribes.
//!
//! Values are not meaningful, only the operations and the lengths hashed are.

use std::iter;

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit};
use curve25519_dalek::ristretto::CompressedRistretto;
use curve25519_dalek::traits::VartimeMultiscalarMul;
use curve25519_dalek::{RistrettoPoint, Scalar};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256, Sha512};
use tacita_tokens::{ENVELOPE_LEN, EpochKey, HEADER_LEN};

/// Lengths of what is hashed: `expand_message_xmd` (RFC 9380 §5.3.1) adds its pad, its lengths and the tag.
const DST_LEN: usize = 41;
const INPUT_LEN: usize = 98;
const INFO_LEN: usize = 23;
const COMPOSITE_LEN: usize = 145;

fn expand(len: usize) -> [u8; 64] {
    let message = [0; 128 + 256 + 3 + DST_LEN];
    let b_0 = Sha512::digest(&message[..128 + len + 3 + DST_LEN]);
    Sha512::new().chain_update(b_0).chain_update(&message[..1 + DST_LEN]).finalize().into()
}

fn scalars() -> impl Iterator<Item = Scalar> {
    iter::repeat_with(|| Scalar::from_bytes_mod_order_wide(&expand(COMPOSITE_LEN)))
}

fn decode(bytes: &[u8]) -> Vec<RistrettoPoint> {
    let point = |chunk: &[u8]| CompressedRistretto::from_slice(chunk).expect("32 bytes").decompress().expect("a point");
    bytes.chunks_exact(32).map(point).collect()
}

fn secret() -> Scalar {
    Scalar::from_bytes_mod_order_wide(&[0x77; 64])
}

/// Decode, multiply, encode; one weight and one place in a sum each; the proof.
pub(crate) struct Issue {
    key: Scalar,
}

impl Issue {
    pub(crate) fn new() -> Self {
        Self { key: secret() }
    }

    pub(crate) fn run(&self, request: &[u8]) -> (Vec<CompressedRistretto>, Scalar) {
        let halves: Vec<_> = decode(request).iter().map(|point| point * self.key).collect();
        let encoded = RistrettoPoint::double_and_compress_batch(&halves);
        let weights: Vec<_> = scalars().take(halves.len()).collect();
        let m = RistrettoPoint::vartime_multiscalar_mul(&weights, &halves);
        let proof = [m, m * self.key, m * self.key, RistrettoPoint::mul_base(&self.key)];
        let proof = RistrettoPoint::double_and_compress_batch(&proof);
        let challenge = Scalar::from_bytes_mod_order_wide(&expand(179));
        (encoded, challenge * self.key - Scalar::from_bytes_mod_order(proof[0].to_bytes()))
    }
}

/// Decode; one weight and a place in two sums each; invert, multiply, encode, hash; the proof.
pub(crate) struct Finalize {
    blinded: Vec<RistrettoPoint>,
    blinds: Vec<Scalar>,
}

impl Finalize {
    pub(crate) fn new(response: &[u8]) -> Self {
        let blinded = decode(&response[..response.len() - 64]);
        Self { blinds: vec![secret(); blinded.len()], blinded }
    }

    pub(crate) fn run(&self, response: &[u8]) -> Vec<[u8; 64]> {
        let evaluated = decode(&response[..response.len() - 64]);
        let weights: Vec<_> = scalars().take(evaluated.len()).collect();
        let m = RistrettoPoint::vartime_multiscalar_mul(&weights, &evaluated);
        let z = RistrettoPoint::vartime_multiscalar_mul(&weights, &self.blinded);
        let t2 = RistrettoPoint::vartime_double_scalar_mul_basepoint(&weights[0], &m, &weights[1]);
        let t3 = RistrettoPoint::vartime_multiscalar_mul(&weights[..2], [m, z]);
        assert_eq!(RistrettoPoint::double_and_compress_batch(&[m, z, t2, t3]).len(), 4);
        assert_ne!(expand(179), [0; 64]);

        let mut inverses = self.blinds.clone();
        Scalar::invert_batch_alloc(&mut inverses);
        let halves: Vec<_> = evaluated.iter().zip(&inverses).map(|(point, inverse)| point * inverse).collect();
        RistrettoPoint::double_and_compress_batch(&halves)
            .iter()
            .map(|unblinded| output(unblinded.as_bytes()))
            .collect()
    }
}

fn output(unblinded: &[u8; 32]) -> [u8; 64] {
    let rest = [0; 2 + INPUT_LEN + 2 + INFO_LEN + 2 + 8];
    Sha512::new().chain_update(rest).chain_update(unblinded).finalize().into()
}

/// Hash to the group, multiply, encode, hash; derive the keys, decrypt and authenticate; nullifier and fingerprint.
pub(crate) struct Open {
    key: Scalar,
}

impl Open {
    pub(crate) fn new(key: &EpochKey) -> Self {
        Self { key: Scalar::from_bytes_mod_order(*key.to_bytes()) }
    }

    pub(crate) fn run(&self, sealed: &[[u8; ENVELOPE_LEN]]) -> Vec<[u8; 32]> {
        let point = |envelope: &[u8; ENVELOPE_LEN]| {
            let mut uniform = expand(INPUT_LEN);
            uniform[0] ^= envelope[HEADER_LEN];
            RistrettoPoint::from_uniform_bytes(&uniform) * self.key
        };
        let encoded = match sealed {
            [one] => vec![point(one).compress()],
            many => RistrettoPoint::double_and_compress_batch(&many.iter().map(point).collect::<Vec<_>>()),
        };
        sealed.iter().zip(&encoded).map(|(envelope, unblinded)| unseal(envelope, unblinded.as_bytes())).collect()
    }
}

fn unseal(envelope: &[u8; ENVELOPE_LEN], unblinded: &[u8; 32]) -> [u8; 32] {
    let header_hash = Sha256::digest(&envelope[..HEADER_LEN]);
    let mut hkdf = <Hmac<Sha512> as KeyInit>::new_from_slice(&output(unblinded)).expect("any length");
    hkdf.update(&[1; 18]);
    hkdf.update(&header_hash);
    let okm = hkdf.finalize().into_bytes();

    // A tag that holds costs one keystream block more than one that does not: encrypt, which always does both.
    let key: [u8; 32] = okm[..32].try_into().expect("32 bytes");
    let iv: [u8; 12] = envelope[42..54].try_into().expect("12 bytes");
    let mut payload: [u8; 16] = envelope[54..70].try_into().expect("16 bytes");
    let tag = Aes256Gcm::new(&key.into())
        .encrypt_inout_detached(&iv.into(), &envelope[..HEADER_LEN], (&mut payload[..]).into())
        .expect("short");

    let mut siv = <Hmac<Sha256> as KeyInit>::new_from_slice(&okm[32..]).expect("any length");
    siv.update(&payload);
    let nullifier = Sha256::digest([0; 80]);
    let fingerprint = Sha256::new().chain_update([0; 18]).chain_update(envelope).finalize();
    let siv = siv.finalize().into_bytes();
    std::array::from_fn(|i| siv[i] ^ nullifier[i] ^ fingerprint[i] ^ tag[i % 16])
}
