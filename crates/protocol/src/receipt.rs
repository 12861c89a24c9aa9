//! Receipts: what a collector says of a batch, in a form that it cannot deny later.
//!
//! The signature is over the bytes as they travel; they are verified and kept as they came, and never re-encoded.

use std::{collections::BTreeMap, fmt};

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use tacita_proto::v1;

use crate::{
    id::PublisherId,
    outcome::{NoOutcome, Outcome},
    record::PeriodId,
    time::UnixTime,
};

/// What precedes a statement under the signature.
const SIGNATURE_DOMAIN: &[u8] = b"tacita/receipt/v1";
/// What precedes the envelopes under the digest.
const DIGEST_DOMAIN: &[u8] = b"tacita/batch/v1";

/// Which envelopes a receipt is for, in which order. It says nothing of them to who has not the envelopes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchDigest(pub [u8; 32]);

impl BatchDigest {
    /// The digest of these envelopes: each with its length before it.
    pub fn of<'a>(envelopes: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hash = Sha256::new_with_prefix(DIGEST_DOMAIN);
        for envelope in envelopes {
            hash.update((envelope.len() as u64).to_be_bytes());
            hash.update(envelope);
        }
        Self(hash.finalize().into())
    }
}

impl fmt::Debug for BatchDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// How many reports had which outcome, by the period that they were counted in.
pub type PeriodOutcomes = BTreeMap<(PeriodId, Outcome), u32>;

/// What became of the reports of one batch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Receipt {
    /// Whose reports.
    pub publisher: PublisherId,
    /// Which ones.
    pub batch: BatchDigest,
    /// When the collector answered.
    pub answered_at: UnixTime,
    /// What became of them.
    pub counts: PeriodOutcomes,
}

/// A receipt cannot be believed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ReceiptError {
    /// The bytes are no receipt.
    #[error("the receipt does not decode")]
    Malformed,
    /// The signature is not by the pinned key.
    #[error("the receipt's signature is not by the pinned key")]
    Signature,
    /// It names an outcome that is none.
    #[error(transparent)]
    Outcome(#[from] NoOutcome),
}

/// A receipt with its signature, as it travels and as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedReceipt {
    /// The encoded statement.
    pub statement: Vec<u8>,
    /// 64 bytes, if it is to be believed.
    pub signature: Vec<u8>,
}

impl Receipt {
    /// Encodes and signs.
    pub fn sign(&self, key: &SigningKey) -> SignedReceipt {
        let counts = self.counts.iter().map(|(&(period, outcome), &reports)| v1::ReceiptCount {
            period: period.0,
            outcome: outcome.to_wire(),
            reports,
        });
        let statement = v1::ReceiptStatement {
            publisher: self.publisher.0,
            batch_digest: self.batch.0.to_vec(),
            answered_at: self.answered_at.0,
            counts: counts.collect(),
        };
        let statement = statement.encode_to_vec();
        let signature = key.sign(&signed_bytes(&statement)).to_bytes().to_vec();
        SignedReceipt { statement, signature }
    }

    /// What became of the reports, whenever.
    pub fn outcomes(&self) -> BTreeMap<Outcome, u64> {
        let mut outcomes = BTreeMap::new();
        for (&(_, outcome), &reports) in &self.counts {
            *outcomes.entry(outcome).or_default() += u64::from(reports);
        }
        outcomes
    }
}

fn signed_bytes(statement: &[u8]) -> Vec<u8> {
    [SIGNATURE_DOMAIN, statement].concat()
}

impl SignedReceipt {
    /// What it says, if `key` signed it.
    pub fn verify(&self, key: &VerifyingKey) -> Result<Receipt, ReceiptError> {
        let signature = Signature::from_slice(&self.signature).map_err(|_| ReceiptError::Signature)?;
        key.verify_strict(&signed_bytes(&self.statement), &signature).map_err(|_| ReceiptError::Signature)?;
        let wire = v1::ReceiptStatement::decode(&*self.statement).map_err(|_| ReceiptError::Malformed)?;
        let batch = wire.batch_digest.try_into().map_err(|_| ReceiptError::Malformed)?;
        let mut counts = PeriodOutcomes::new();
        for count in wire.counts {
            let place = (PeriodId(count.period), Outcome::from_wire(count.outcome)?);
            if count.reports == 0 || counts.last_key_value().is_some_and(|(&last, _)| last >= place) {
                return Err(ReceiptError::Malformed);
            }
            counts.insert(place, count.reports);
        }
        Ok(Receipt {
            publisher: PublisherId(wire.publisher),
            batch: BatchDigest(batch),
            answered_at: UnixTime(wire.answered_at),
            counts,
        })
    }
}

impl fmt::Debug for SignedReceipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignedReceipt({} bytes)", self.statement.len())
    }
}

impl From<v1::Receipt> for SignedReceipt {
    fn from(wire: v1::Receipt) -> Self {
        Self { statement: wire.statement, signature: wire.signature }
    }
}

impl From<SignedReceipt> for v1::Receipt {
    fn from(receipt: SignedReceipt) -> Self {
        Self { statement: receipt.statement, signature: receipt.signature }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::outcome::Refusal;

    fn key() -> SigningKey {
        SigningKey::from_bytes(&[7; 32])
    }

    fn receipt() -> Receipt {
        Receipt {
            publisher: PublisherId(5),
            batch: BatchDigest::of([&b"one"[..], b"two"]),
            answered_at: UnixTime(1_000),
            counts: [((PeriodId(3), Outcome::Counted), 2), ((PeriodId(4), Outcome::Refused(Refusal::Spent)), 1)].into(),
        }
    }

    #[test]
    fn a_receipt_is_believed_as_it_was_signed_and_in_no_other_form() {
        let signed = receipt().sign(&key());
        assert_eq!(signed.verify(&key().verifying_key()), Ok(receipt()));
        let stranger = SigningKey::from_bytes(&[8; 32]).verifying_key();
        assert_eq!(signed.verify(&stranger), Err(ReceiptError::Signature));
        for index in 0..signed.statement.len() {
            let mut changed = signed.clone();
            changed.statement[index] ^= 1;
            assert_eq!(changed.verify(&key().verifying_key()), Err(ReceiptError::Signature), "byte {index}");
        }
        let cut = SignedReceipt { signature: signed.signature[1..].to_vec(), ..signed };
        assert_eq!(cut.verify(&key().verifying_key()), Err(ReceiptError::Signature));
    }

    #[test]
    fn a_signed_statement_that_says_nonsense_is_refused() {
        let refused = |change: fn(&mut v1::ReceiptStatement)| {
            let mut wire = v1::ReceiptStatement::decode(&*receipt().sign(&key()).statement).unwrap();
            change(&mut wire);
            let statement = wire.encode_to_vec();
            let signature = key().sign(&signed_bytes(&statement)).to_bytes().to_vec();
            SignedReceipt { statement, signature }.verify(&key().verifying_key()).unwrap_err()
        };
        assert_eq!(refused(|wire| wire.batch_digest.truncate(31)), ReceiptError::Malformed);
        assert_eq!(refused(|wire| wire.counts.reverse()), ReceiptError::Malformed);
        assert_eq!(refused(|wire| wire.counts[0].reports = 0), ReceiptError::Malformed);
        assert_eq!(refused(|wire| wire.counts[1] = wire.counts[0]), ReceiptError::Malformed);
        assert!(matches!(refused(|wire| wire.counts[0].outcome = 0), ReceiptError::Outcome(_)));
    }

    #[test]
    fn a_digest_tells_envelopes_apart_by_bytes_order_and_bounds() {
        let digest = |envelopes: &[&[u8]]| BatchDigest::of(envelopes.iter().copied());
        let digests = [digest(&[b"ab", b"c"]), digest(&[b"a", b"bc"]), digest(&[b"c", b"ab"]), digest(&[b"abc"])];
        let distinct: std::collections::BTreeSet<_> = digests.into_iter().collect();
        assert_eq!(distinct.len(), 4);
    }

    proptest! {
        #[test]
        fn bytes_from_outside_never_panic(statement: Vec<u8>) {
            let signature = key().sign(&signed_bytes(&statement)).to_bytes().to_vec();
            let _ = SignedReceipt { statement, signature }.verify(&key().verifying_key());
        }
    }
}
