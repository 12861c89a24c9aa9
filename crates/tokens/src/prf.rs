//! The partially oblivious PRF (RFC 9497 §3.3.3), and its oblivious sibling (§3.3.2) under test.
//!
//! Three states of knowledge: a [`Function`] is what everybody knows, a [`Verifier`] has its public key, an
//! [`Evaluator`] its secret one. The two modes share every line but those that name a [`Mode`].
//!
//! **Time.** Keys, blinds, unblinded elements and outputs meet only constant-time operations.

use alloc::vec::Vec;

use curve25519_dalek::traits::IsIdentity;
use curve25519_dalek::{RistrettoPoint, Scalar};
use sha2::{Digest, Sha512};
use zeroize::Zeroizing;

use crate::Error;
use crate::dleq::{Proof, ProofNonce, Statement};
use crate::element::{ELEMENT_LEN, Element, Elements, encode_doubles};
use crate::key::PublicKey;
use crate::suite::{OUTPUT_LEN, Suite, i2osp2};

/// A PRF output: 64 bytes that only the holder of a token and the holder of the key can compute.
pub(crate) type Output = Zeroizing<[u8; OUTPUT_LEN]>;

/// What the public input does to the key.
enum Mode {
    /// Nothing: there is none. Built for the vectors only.
    #[cfg(test)]
    Voprf,
    /// m = HashToScalar("Info" || …) is added to it, and the sum inverted.
    Poprf {
        m: Scalar,
        /// `I2OSP(len(info), 2) || info`, as both `Info` and `Finalize` hash it.
        framed_info: Vec<u8>,
    },
}

/// The PRF as everybody knows it: suite, mode and public info.
pub(crate) struct Function {
    suite: Suite,
    mode: Mode,
}

impl Function {
    /// The POPRF under `info`, fewer than 2¹⁶ bytes.
    pub(crate) fn poprf(info: &[u8]) -> Result<Self, Error> {
        let suite = Suite::poprf();
        let framed_info = [&i2osp2(info.len())?, info].concat();
        // framedInfo = "Info" || I2OSP(len(info), 2) || info
        // m = G.HashToScalar(framedInfo)
        let m = suite.hash_to_scalar(&[b"Info", &framed_info]);
        Ok(Self { suite, mode: Mode::Poprf { m, framed_info } })
    }

    #[cfg(test)]
    pub(crate) fn voprf() -> Self {
        Self { suite: Suite::voprf(), mode: Mode::Voprf }
    }

    /// `HashToGroup` of an input, refused where it gives the identity (RFC 9497 §3.3.1).
    pub(crate) fn element_of(&self, input: &[u8]) -> Result<RistrettoPoint, Error> {
        refuse_identity(self.suite.hash_to_group(&[input]))
    }

    /// The last hash of `Finalize`, RFC 9497 §3.3.2 and §3.3.3, over the encoding of the unblinded element.
    pub(crate) fn output(&self, input: &[u8], unblinded: &[u8; ELEMENT_LEN]) -> Result<Output, Error> {
        // hashInput = I2OSP(len(input), 2) || input || [I2OSP(len(info), 2) || info ||]
        //             I2OSP(len(unblindedElement), 2) || unblindedElement || "Finalize"
        let mut hash = Sha512::new();
        hash.update(i2osp2(input.len())?);
        hash.update(input);
        match &self.mode {
            #[cfg(test)]
            Mode::Voprf => {}
            Mode::Poprf { framed_info, .. } => hash.update(framed_info),
        }
        hash.update((ELEMENT_LEN as u16).to_be_bytes());
        hash.update(unblinded);
        hash.update(b"Finalize");
        Ok(Zeroizing::new(hash.finalize().into()))
    }

    /// Both sides' statement about a batch: RFC 9497 swaps C and D between the modes.
    fn statement<'a>(&'a self, public: &'a Element, blinded: &'a Elements, evaluated: &'a Elements) -> Statement<'a> {
        let suite = &self.suite;
        match &self.mode {
            // GenerateProof(skS, G.Generator(), pkS, blindedElements, evaluatedElements)
            #[cfg(test)]
            Mode::Voprf => Statement { suite, public, bases: blinded, multiples: evaluated },
            // GenerateProof(t, G.Generator(), tweakedKey, evaluatedElements, blindedElements)
            Mode::Poprf { .. } => Statement { suite, public, bases: evaluated, multiples: blinded },
        }
    }
}

/// "If inputElement == G.Identity(): raise InvalidInputError", RFC 9497 §3.3.1: its blinded element would tell it.
fn refuse_identity(element: RistrettoPoint) -> Result<RistrettoPoint, Error> {
    if element.is_identity() { Err(Error::InvalidInput) } else { Ok(element) }
}

/// The client's view: a function and the public key (VOPRF) or tweaked key (POPRF) that proofs are checked against.
pub(crate) struct Verifier {
    pub(crate) function: Function,
    public: Element,
}

impl Verifier {
    /// Tweaks the key, RFC 9497 §3.3.3 (`Blind`).
    pub(crate) fn new(function: Function, key: &PublicKey) -> Result<Self, Error> {
        let public = match &function.mode {
            #[cfg(test)]
            Mode::Voprf => key.element().clone(),
            // T = G.ScalarMultGen(m); tweakedKey = T + pkS; if tweakedKey == G.Identity(): raise InvalidInputError
            Mode::Poprf { m, .. } => {
                let tweaked = RistrettoPoint::mul_base(m) + key.element().point;
                if tweaked.is_identity() {
                    return Err(Error::UnusableKey);
                }
                Element::from(tweaked)
            }
        };
        Ok(Self { function, public })
    }

    /// `Blind`, RFC 9497 §3.3.1, over a batch. Constant time in the blinds, which must not be zero.
    pub(crate) fn blind<I: AsRef<[u8]>>(&self, inputs: &[I], blinds: &[Scalar]) -> Result<Elements, Error> {
        // blindedElement = blind * inputElement; here (blind/2) * inputElement, for encode_doubles
        let halves = inputs.iter().zip(blinds).map(|(input, blind)| {
            let half_blind: &Scalar = &Zeroizing::new(blind.div_by_2());
            Ok(self.function.element_of(input.as_ref())? * half_blind)
        });
        Ok(Elements::doubles_of(&halves.collect::<Result<Vec<_>, Error>>()?))
    }

    /// `Finalize`, RFC 9497 §3.3.3, over a batch: checks the proof, then unblinds and hashes. All or nothing.
    pub(crate) fn finalize<I: AsRef<[u8]>>(
        &self,
        inputs: &[I],
        blinds: &[Scalar],
        blinded: &Elements,
        evaluated: &Elements,
        proof: &Proof,
    ) -> Result<Vec<Output>, Error> {
        if blinded.len() != evaluated.len() {
            return Err(Error::CountMismatch { sent: blinded.len(), received: evaluated.len() });
        }
        self.function.statement(&self.public, blinded, evaluated).verify(proof)?;

        let unblinded = unblind(blinds, evaluated);
        inputs.iter().zip(unblinded.iter()).map(|(input, n)| self.function.output(input.as_ref(), n)).collect()
    }
}

/// `N[i] = blind[i]⁻¹·evaluated[i]`, encoded. One inversion for the blinds and one for the encodings; constant time.
fn unblind(blinds: &[Scalar], evaluated: &Elements) -> Zeroizing<Vec<[u8; ELEMENT_LEN]>> {
    // (2·blind)⁻¹ = blind⁻¹ / 2, for encode_doubles
    let mut half_inverses = Zeroizing::new(blinds.iter().map(|blind| blind + blind).collect::<Vec<_>>());
    Scalar::invert_batch_alloc(&mut half_inverses);
    let halves = evaluated.points.iter().zip(half_inverses.iter()).map(|(point, half)| point * half);
    let halves = Zeroizing::new(halves.collect::<Vec<_>>());
    Zeroizing::new(encode_doubles(&halves))
}

/// The server's view: a function and the secrets that evaluate it.
pub(crate) struct Evaluator {
    pub(crate) function: Function,
    /// B of the proofs: the public key (VOPRF) or tweaked key (POPRF).
    public: Element,
    /// Its discrete logarithm: k (VOPRF) or t = k + m (POPRF).
    secret: Zeroizing<Scalar>,
    /// Half of the factor that evaluates: k (VOPRF) or t⁻¹ (POPRF).
    half_factor: Zeroizing<Scalar>,
}

impl Evaluator {
    /// Tweaks and inverts the key once, RFC 9497 §3.3.3 (`BlindEvaluate`): constant time in `k`.
    pub(crate) fn new(function: Function, k: &Scalar) -> Result<Self, Error> {
        let (secret, factor) = match &function.mode {
            #[cfg(test)]
            Mode::Voprf => (Zeroizing::new(*k), Zeroizing::new(*k)),
            // t = skS + m; if t == 0: raise InverseError
            Mode::Poprf { m, .. } => {
                let t = Zeroizing::new(k + m);
                if *t == Scalar::ZERO {
                    return Err(Error::UnusableKey);
                }
                let inverse = Zeroizing::new(t.invert());
                (t, inverse)
            }
        };
        let public = Element::from(RistrettoPoint::mul_base(&secret));
        let half_factor = Zeroizing::new(factor.div_by_2());
        Ok(Self { function, public, secret, half_factor })
    }

    /// `BlindEvaluate`, RFC 9497 §3.3.2 and §3.3.3, over a batch.
    pub(crate) fn blind_evaluate(&self, blinded: &Elements, nonce: &ProofNonce) -> (Elements, Proof) {
        let halves: Vec<_> = blinded.points.iter().map(|point| self.half_evaluate(point)).collect();
        let evaluated = Elements::doubles_of(&halves);
        let proof = self.function.statement(&self.public, blinded, &evaluated).prove(&self.secret, nonce);
        (evaluated, proof)
    }

    /// Half of the evaluated element, for [`encode_doubles`]. Constant time.
    pub(crate) fn half_evaluate(&self, element: &RistrettoPoint) -> RistrettoPoint {
        let factor: &Scalar = &self.half_factor;
        element * factor
    }
}

#[cfg(test)]
mod tests {
    use curve25519_dalek::traits::Identity;

    use super::*;
    use crate::EpochKey;

    #[test]
    fn an_input_that_hashes_to_the_identity_is_refused() {
        let (identity, other) = (RistrettoPoint::identity(), RistrettoPoint::mul_base(&Scalar::ONE));
        assert_eq!(refuse_identity(identity), Err(Error::InvalidInput));
        assert_eq!(refuse_identity(other), Ok(other));
    }

    #[test]
    fn a_key_that_the_publishers_tweak_cancels_is_refused_on_both_sides() {
        let m = Suite::poprf().hash_to_scalar(&[b"Info", &[0, 4], b"info"]);
        let key = EpochKey::from_bytes(&(-m).to_bytes()).unwrap();
        let function = |info| Function::poprf(info).unwrap();
        assert_eq!(Evaluator::new(function(b"info"), key.scalar()).err(), Some(Error::UnusableKey));
        assert_eq!(Verifier::new(function(b"info"), &key.public_key()).err(), Some(Error::UnusableKey));
        assert!(Evaluator::new(function(b"other"), key.scalar()).is_ok());
    }

    #[test]
    fn an_info_or_input_whose_length_takes_more_than_two_bytes_is_refused() {
        let long = alloc::vec![0; 1 << 16];
        assert_eq!(Function::poprf(&long).err(), Some(Error::InvalidInput));
        assert_eq!(Function::voprf().output(&long, &[0; 32]).err(), Some(Error::InvalidInput));
        assert!(Function::poprf(&long[1..]).is_ok());
    }
}
