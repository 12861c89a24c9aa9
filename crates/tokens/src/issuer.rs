//! The server's half of issuance.

use core::fmt;

use rand_core::TryCryptoRng;
use zeroize::Zeroizing;

use crate::batch::{BlindedBatch, IssuedBatch};
use crate::dleq::ProofNonce;
use crate::prf::{Evaluator, Function};
use crate::suite::random_bytes;
use crate::{Context, EpochKey, Error};

/// Issues tokens for one epoch and publisher. Keeps `(k + m)⁻¹`, so that a batch costs no inversion of the key.
///
/// It cannot tell whom it serves or what for: count quotas before calling it. Zeroized on drop.
pub struct Issuer {
    evaluator: Evaluator,
    context: Context,
}

impl Issuer {
    /// An issuer of tokens of `context`.
    ///
    /// # Errors
    /// [`Error::UnusableKey`] if the key and the publisher's tweak cancel out.
    pub fn new(key: &EpochKey, context: &Context) -> Result<Self, Error> {
        let function = Function::poprf(&context.info())?;
        Ok(Self { evaluator: Evaluator::new(function, key.scalar())?, context: *context })
    }

    /// Evaluates the whole batch and proves it: RFC 9497 §3.3.3, `BlindEvaluate`.
    ///
    /// Blocks for about 25 µs a token: call it off the async executor. Constant time in the key.
    ///
    /// # Errors
    /// [`Error::Rng`] if the generator fails.
    pub fn issue<R: TryCryptoRng + ?Sized>(&self, batch: &BlindedBatch, rng: &mut R) -> Result<IssuedBatch, Error> {
        let nonce = ProofNonce::Hedged(Zeroizing::new(random_bytes(rng)?));
        let (evaluated, proof) = self.evaluator.blind_evaluate(&batch.0, &nonce);
        Ok(IssuedBatch { evaluated, proof })
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer").field("context", &self.context).finish_non_exhaustive()
    }
}
