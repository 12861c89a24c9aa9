//! The client's half of issuance.

use alloc::vec::Vec;
use core::fmt;

use curve25519_dalek::Scalar;
use rand_core::TryCryptoRng;
use zeroize::Zeroizing;

use crate::batch::{BlindedBatch, IssuedBatch};
use crate::context::{Inputs, NONCE_LEN};
use crate::element::{Elements, check_batch_size};
use crate::envelope::Header;
use crate::prf::{Function, Verifier};
use crate::suite::{random_bytes, random_scalar};
use crate::{Context, Error, PublicKey, Token};

/// What the client keeps while a request is under way: nonces, blinds, and what it sent. Secret; zeroized on drop.
///
/// Consumed by [`Pending::finish`], so that no response is used twice.
#[must_use = "without it the response is worth nothing"]
pub struct Pending {
    verifier: Verifier,
    context: Context,
    inputs: Inputs,
    nonces: Zeroizing<Vec<[u8; NONCE_LEN]>>,
    blinds: Zeroizing<Vec<Scalar>>,
    blinded: Elements,
}

impl Pending {
    /// Draws `count` nonces and blinds, and makes the request for their tokens: RFC 9497 §3.3.3, `Blind`.
    ///
    /// Ask for the same count as every other client of the epoch: an odd one is a fingerprint.
    ///
    /// # Errors
    /// [`Error::BatchSize`]; [`Error::Rng`] if the generator fails or repeats a nonce; [`Error::UnusableKey`] if the key
    /// and the publisher's tweak cancel out.
    pub fn new<R: TryCryptoRng + ?Sized>(
        key: &PublicKey,
        context: &Context,
        count: usize,
        rng: &mut R,
    ) -> Result<(Self, BlindedBatch), Error> {
        check_batch_size(count)?;
        let mut nonces = Zeroizing::new(Vec::with_capacity(count));
        let mut blinds = Zeroizing::new(Vec::with_capacity(count));
        for _ in 0..count {
            nonces.push(random_bytes(rng)?);
            blinds.push(random_scalar(rng)?);
        }
        Self::with(key, context, nonces, blinds)
    }

    /// [`Pending::new`] with nonces and blinds from elsewhere: what vectors are checked through.
    pub(crate) fn with(
        key: &PublicKey,
        context: &Context,
        nonces: Zeroizing<Vec<[u8; NONCE_LEN]>>,
        blinds: Zeroizing<Vec<Scalar>>,
    ) -> Result<(Self, BlindedBatch), Error> {
        if has_repeats(&nonces) || blinds.contains(&Scalar::ZERO) {
            return Err(Error::Rng);
        }
        let verifier = Verifier::new(Function::poprf(&context.info())?, key)?;
        let inputs = context.inputs(&key.id());
        let blinded = verifier.blind(&inputs_of(&inputs, &nonces), &blinds)?;
        let request = BlindedBatch(blinded.clone());
        Ok((Self { verifier, context: *context, inputs, nonces, blinds, blinded }, request))
    }

    /// Checks the proof, then unblinds every token: RFC 9497 §3.3.3, `Finalize`. All tokens or none.
    ///
    /// # Errors
    /// [`Error::CountMismatch`], or [`Error::ProofRejected`] if one element of the response was not made with the key
    /// that the client has pinned, was altered, or stands in another's place.
    pub fn finish(self, response: &IssuedBatch) -> Result<Vec<Token>, Error> {
        let inputs = inputs_of(&self.inputs, &self.nonces);
        let outputs =
            self.verifier.finalize(&inputs, &self.blinds, &self.blinded, &response.evaluated, &response.proof)?;
        let Context { publisher, epoch, .. } = self.context;
        let headers = self.nonces.iter().map(|&nonce| Header { publisher, epoch, nonce });
        Ok(headers.zip(outputs).map(|(header, output)| Token::new(&header, output)).collect())
    }
}

fn inputs_of(inputs: &Inputs, nonces: &[[u8; NONCE_LEN]]) -> Zeroizing<Vec<[u8; crate::context::INPUT_LEN]>> {
    Zeroizing::new(nonces.iter().map(|nonce| inputs.of(nonce)).collect())
}

/// Two tokens of one nonce would be one token, spent twice.
fn has_repeats(nonces: &[[u8; NONCE_LEN]]) -> bool {
    let mut sorted = Zeroizing::new(nonces.to_vec());
    sorted.sort_unstable();
    sorted.windows(2).any(|pair| pair[0] == pair[1])
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending")
            .field("context", &self.context)
            .field("count", &self.blinded.len())
            .finish_non_exhaustive()
    }
}
