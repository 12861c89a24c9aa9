//! The collector's half: what a token sealed, opened with the key alone.

use alloc::vec::Vec;
use core::fmt;

use curve25519_dalek::RistrettoPoint;
use zeroize::Zeroizing;

use crate::context::{INPUT_LEN, Inputs};
use crate::element::{ELEMENT_LEN, encode_doubles};
use crate::envelope::{Envelope, Header};
use crate::key::KeyId;
use crate::prf::{Evaluator, Function};
use crate::redemption::{Fingerprint, Nullifier};
use crate::{Context, EpochKey, Error, PAYLOAD_LEN, seal};

/// A report whose token is genuine, opened. It still has to be counted once only: see [`Nullifier`].
#[derive(Clone, PartialEq, Eq)]
pub struct Opened {
    /// Names the token.
    pub nullifier: Nullifier,
    /// Names the envelope.
    pub fingerprint: Fingerprint,
    /// What was sealed.
    pub payload: [u8; PAYLOAD_LEN],
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened")
            .field("nullifier", &self.nullifier)
            .field("fingerprint", &self.fingerprint)
            .finish_non_exhaustive()
    }
}

/// Opens envelopes of one epoch and publisher: one hash to the group and one multiplication each. Zeroized on drop.
pub struct Opener {
    evaluator: Evaluator,
    context: Context,
    key_id: KeyId,
    inputs: Inputs,
}

impl Opener {
    /// An opener of what was sealed under tokens of `context`.
    ///
    /// # Errors
    /// [`Error::UnusableKey`] if the key and the publisher's tweak cancel out.
    pub fn new(key: &EpochKey, context: &Context) -> Result<Self, Error> {
        let evaluator = Evaluator::new(Function::poprf(&context.info())?, key.scalar())?;
        let key_id = key.public_key().id();
        Ok(Self { evaluator, context: *context, key_id, inputs: context.inputs(&key_id) })
    }

    /// The nullifier that an envelope of this header would have: one SHA-256, to look up a replay before opening it.
    ///
    /// Unverified: look it up, and insert it only once the envelope opened.
    #[must_use]
    pub fn nullifier(&self, header: &Header) -> Nullifier {
        Nullifier::of(&self.key_id, &header.nonce)
    }

    /// Opens one envelope. Constant time in the key, about 25 µs.
    ///
    /// # Errors
    /// [`Error::WrongPublisher`], [`Error::WrongEpoch`], both before any work on the curve; [`Error::Refused`].
    pub fn open(&self, envelope: &Envelope) -> Result<Opened, Error> {
        let (input, half) = self.half_evaluate(envelope)?;
        let unblinded = Zeroizing::new((half + half).compress().to_bytes());
        self.unseal(envelope, &input, &unblinded)
    }

    /// Opens many envelopes with one shared inversion: cheapest from about 16 on. Needs some 700 bytes for each while it
    /// runs, in a fixed number of allocations.
    ///
    /// The results stand in the envelopes' order; each is what [`Opener::open`] gives.
    #[must_use]
    pub fn open_many(&self, envelopes: &[Envelope]) -> Vec<Result<Opened, Error>> {
        let mut halves = Zeroizing::new(Vec::with_capacity(envelopes.len()));
        let evaluate = |envelope| {
            let (input, half) = self.half_evaluate(envelope)?;
            halves.push(half);
            Ok(input)
        };
        let inputs: Vec<Result<_, Error>> = envelopes.iter().map(evaluate).collect();

        let unblinded = Zeroizing::new(encode_doubles(&halves));
        let mut unblinded = unblinded.iter();
        let unseal = |(envelope, input): (&Envelope, Result<_, Error>)| {
            let input = input?;
            let element = unblinded.next().ok_or(Error::Refused)?;
            self.unseal(envelope, &input, element)
        };
        envelopes.iter().zip(inputs).map(unseal).collect()
    }

    /// Refuses what is for another opener, then does the curve's share: the PRF input, and half of its evaluated element.
    fn half_evaluate(&self, envelope: &Envelope) -> Result<([u8; INPUT_LEN], RistrettoPoint), Error> {
        let Header { publisher, epoch, nonce } = envelope.header();
        let expected = &self.context;
        if publisher != expected.publisher {
            return Err(Error::WrongPublisher { expected: expected.publisher, found: publisher });
        }
        if epoch != expected.epoch {
            return Err(Error::WrongEpoch { expected: expected.epoch, found: epoch });
        }
        let input = self.inputs.of(&nonce);
        let element = self.evaluator.function.element_of(&input)?;
        Ok((input, self.evaluator.half_evaluate(&element)))
    }

    /// The symmetric share: PRF output, one-time keys, AEAD.
    fn unseal(
        &self,
        envelope: &Envelope,
        input: &[u8; INPUT_LEN],
        unblinded: &[u8; ELEMENT_LEN],
    ) -> Result<Opened, Error> {
        let output = self.evaluator.function.output(input, unblinded)?;
        let payload = seal::open(&output, envelope)?;
        Ok(Opened { nullifier: self.nullifier(&envelope.header()), fingerprint: envelope.fingerprint(), payload })
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener").field("context", &self.context).field("key_id", &self.key_id).finish_non_exhaustive()
    }
}
