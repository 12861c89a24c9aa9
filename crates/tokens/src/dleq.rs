//! The batched proof of one discrete logarithm (RFC 9497 §2.2): `B = k·G` and `D[i] = k·C[i]` for every i.
//!
//! **Time.** The prover's k and r meet only constant-time operations. Everything else here (weights, C, D, B, the proof) is
//! public, and the sums over it run in variable time.

use alloc::vec::Vec;

use curve25519_dalek::traits::VartimeMultiscalarMul;
use curve25519_dalek::{RistrettoPoint, Scalar};
use zeroize::Zeroizing;

use crate::Error;
use crate::element::{ELEMENT_LEN, Element, Elements, encode_doubles};
use crate::mac::hmac_sha512;
use crate::suite::Suite;

/// Bytes of a proof: two scalars.
pub(crate) const PROOF_LEN: usize = 64;

/// What a proof is about.
pub(crate) struct Statement<'a> {
    pub(crate) suite: &'a Suite,
    /// B, the public key or tweaked key; A is always the generator.
    pub(crate) public: &'a Element,
    /// C.
    pub(crate) bases: &'a Elements,
    /// D, of the same length.
    pub(crate) multiples: &'a Elements,
}

/// The challenge c and the response s.
#[derive(Clone)]
pub(crate) struct Proof {
    challenge: Scalar,
    response: Scalar,
}

/// Where the prover's one-time scalar comes from.
pub(crate) enum ProofNonce {
    /// 32 fresh bytes, hedged with the key and the transcript.
    Hedged(Zeroizing<[u8; 32]>),
    /// The scalar that a published vector prescribes.
    #[cfg(test)]
    Fixed(Scalar),
}

impl Proof {
    pub(crate) fn from_bytes(bytes: &[u8; PROOF_LEN]) -> Result<Self, Error> {
        let scalar = |half: &[u8]| {
            let half = half.try_into().map_err(|_| Error::InvalidProof)?;
            Option::from(Scalar::from_canonical_bytes(half)).ok_or(Error::InvalidProof)
        };
        let (challenge, response) = bytes.split_at(32);
        Ok(Self { challenge: scalar(challenge)?, response: scalar(response)? })
    }

    pub(crate) fn to_bytes(&self) -> [u8; PROOF_LEN] {
        let mut bytes = [0; PROOF_LEN];
        bytes[..32].copy_from_slice(self.challenge.as_bytes());
        bytes[32..].copy_from_slice(self.response.as_bytes());
        bytes
    }
}

impl Statement<'_> {
    /// `GenerateProof`, RFC 9497 §2.2.1. Constant time in `k` and in the nonce.
    pub(crate) fn prove(&self, k: &Scalar, nonce: &ProofNonce) -> Proof {
        // ComputeCompositesFast: M = Σ d[i]·C[i], Z = k·M
        let half_m = weigh(&self.half_weights(), self.bases);
        let half_z = half_m * k;
        let [m, z] = encode([half_m, half_z]);

        // t2 = r·A, t3 = r·M
        let r: &Scalar = &self.proof_scalar(k, nonce, &m, &z);
        let half_t2 = RistrettoPoint::mul_base(&Zeroizing::new(r.div_by_2()));
        let half_t3 = half_m * r;
        let [t2, t3] = encode([half_t2, half_t3]);

        // s = r - c·k
        let challenge = self.challenge(&[&m, &z, &t2, &t3]);
        Proof { challenge, response: r - challenge * k }
    }

    /// `VerifyProof`, RFC 9497 §2.2.2. Variable time: all of it is public.
    pub(crate) fn verify(&self, proof: &Proof) -> Result<(), Error> {
        let Proof { challenge: c, response: s } = proof;

        // ComputeComposites: M = Σ d[i]·C[i], Z = Σ d[i]·D[i]
        let half_weights = self.half_weights();
        let half_m = weigh(&half_weights, self.bases);
        let half_z = weigh(&half_weights, self.multiples);

        // t2 = s·A + c·B, t3 = s·M + c·Z
        let half_t2 =
            RistrettoPoint::vartime_double_scalar_mul_basepoint(&c.div_by_2(), &self.public.point, &s.div_by_2());
        let half_t3 = RistrettoPoint::vartime_multiscalar_mul([s, c], [half_m, half_z]);

        let [m, z, t2, t3] = encode([half_m, half_z, half_t2, half_t3]);
        if self.challenge(&[&m, &z, &t2, &t3]) == *c { Ok(()) } else { Err(Error::ProofRejected) }
    }

    /// The weights `d[i]` of RFC 9497 §2.2.1, halved: so the sums come out as halves, and their encodings cost one inversion.
    fn half_weights(&self) -> Vec<Scalar> {
        // d[i] = HashToScalar(I2OSP(len(seed), 2) || seed || I2OSP(i, 2) ||
        //                     I2OSP(len(Ci), 2) || Ci || I2OSP(len(Di), 2) || Di || "Composite")
        let seed = self.suite.composite_seed(&self.public.bytes);
        let pairs = self.bases.bytes.iter().zip(&self.multiples.bytes);
        (0u16..)
            .zip(pairs)
            .map(|(i, (base, multiple))| {
                let mut input = [0; COMPOSITE_LEN];
                concat(&mut input, &[&[0, 64], &seed, &i.to_be_bytes(), &FRAME, base, &FRAME, multiple, b"Composite"]);
                self.suite.hash_to_scalar(&[&input]).div_by_2()
            })
            .collect()
    }

    /// c = HashToScalar over B, M, Z, t2 and t3, each after its length, and `"Challenge"`; RFC 9497 §2.2.1.
    fn challenge(&self, [m, z, t2, t3]: &[&[u8; ELEMENT_LEN]; 4]) -> Scalar {
        let b = &self.public.bytes;
        self.suite.hash_to_scalar(&[&FRAME, b, &FRAME, *m, &FRAME, *z, &FRAME, *t2, &FRAME, *t3, b"Challenge"])
    }

    /// The one-time scalar r. Hedged: it repeats only where key, transcript *and* fresh bytes all repeat, and then so does
    /// the proof. A generator that fails silently gives no key away.
    fn proof_scalar(&self, k: &Scalar, nonce: &ProofNonce, m: &[u8; 32], z: &[u8; 32]) -> Zeroizing<Scalar> {
        match nonce {
            ProofNonce::Hedged(fresh) => {
                let transcript: [&[u8]; 5] = [b"tacita/proof-nonce/v1", &**fresh, &self.public.bytes, m, z];
                let bytes = hmac_sha512(k.as_bytes(), &transcript);
                Zeroizing::new(Scalar::from_bytes_mod_order_wide(&bytes))
            }
            #[cfg(test)]
            ProofNonce::Fixed(r) => Zeroizing::new(*r),
        }
    }
}

/// `I2OSP(len(element), 2)`.
const FRAME: [u8; 2] = [0, ELEMENT_LEN as u8];

/// Bytes hashed for one weight.
const COMPOSITE_LEN: usize = 2 + 64 + 2 + 2 * (2 + ELEMENT_LEN) + 9;

fn concat(into: &mut [u8], parts: &[&[u8]]) {
    let mut at = 0;
    for part in parts {
        into[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    }
}

/// `Σ weights[i]·elements[i]`, in variable time: both are public.
fn weigh(weights: &[Scalar], elements: &Elements) -> RistrettoPoint {
    RistrettoPoint::vartime_multiscalar_mul(weights, &elements.points)
}

fn encode<const N: usize>(halves: [RistrettoPoint; N]) -> [[u8; ELEMENT_LEN]; N] {
    let encodings = encode_doubles(&halves);
    core::array::from_fn(|i| encodings[i])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(seed: u8, factor: &Scalar) -> Elements {
        let halves: Vec<_> = (0..3).map(|i| RistrettoPoint::from_uniform_bytes(&[seed + i; 64]) * factor).collect();
        Elements::doubles_of(&halves)
    }

    /// A proof for three elements, the scalar r it was made with, and whether it holds.
    fn proof(k: &Scalar, seed: u8, fresh: u8) -> ([u8; PROOF_LEN], Scalar, bool) {
        let (bases, multiples) = (elements(seed, &Scalar::ONE), elements(seed, k));
        let public = Element::from(RistrettoPoint::mul_base(k));
        let statement = Statement { suite: &Suite::poprf(), public: &public, bases: &bases, multiples: &multiples };
        let proof = statement.prove(k, &ProofNonce::Hedged([fresh; 32].into()));
        let r = proof.response + proof.challenge * k;
        (proof.to_bytes(), r, statement.verify(&proof).is_ok())
    }

    #[test]
    fn a_generator_that_repeats_itself_repeats_no_proof_scalar_over_another_batch_or_key() {
        let k = Scalar::from(12_345u32);
        let (one, r_one, holds) = proof(&k, 1, 0);
        assert!(holds);
        let (_, r_two, holds) = proof(&k, 2, 0);
        assert!(holds);
        assert_ne!(r_one, r_two, "another batch");
        assert_ne!(r_one, proof(&(k + k), 1, 0).1, "another key");
        assert_ne!(r_one, proof(&k, 1, 1).1, "other fresh bytes");
        assert_eq!(one, proof(&k, 1, 0).0, "all the same: the same proof, which tells nothing new");
    }

    #[test]
    fn a_proof_does_not_hold_for_another_key_or_with_bases_and_multiples_exchanged() {
        let k = Scalar::from(12_345u32);
        let (bases, multiples) = (elements(1, &Scalar::ONE), elements(1, &k));
        let suite = Suite::poprf();
        let public = Element::from(RistrettoPoint::mul_base(&k));
        let other = Element::from(RistrettoPoint::mul_base(&(k + k)));
        let statement = Statement { suite: &suite, public: &public, bases: &bases, multiples: &multiples };
        let proof = statement.prove(&k, &ProofNonce::Hedged([0; 32].into()));
        assert_eq!(statement.verify(&proof), Ok(()));
        let exchanged = Statement { suite: &suite, public: &public, bases: &multiples, multiples: &bases };
        assert_eq!(exchanged.verify(&proof), Err(Error::ProofRejected));
        let of_another = Statement { suite: &suite, public: &other, bases: &bases, multiples: &multiples };
        assert_eq!(of_another.verify(&proof), Err(Error::ProofRejected));
    }
}
