//! The record: what a collector did with a publisher's reports, period by period, in a chain that cannot be rewritten unseen.
//!
//! Each publisher has a chain of its own, so that it can be checked without knowing of any other publisher. A period in
//! which nothing came has no entry.

use std::fmt;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};
use tacita_proto::v1;

use crate::{
    id::PublisherId,
    outcome::{NoOutcome, Outcome},
    time::UnixTime,
};

/// What an entry's hash begins with.
const ENTRY_DOMAIN: &[u8] = b"tacita/record-entry/v1";
/// What precedes a head under the signature.
const HEAD_DOMAIN: &[u8] = b"tacita/record-head/v1";

/// The number of a period. Numbers are consecutive, begin with 0 and are never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PeriodId(pub u32);

impl PeriodId {
    /// The period after this one.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for PeriodId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What became of one publisher's reports in one period.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordEntry {
    /// Which period.
    pub period: PeriodId,
    /// When it was closed. It began when the one before was.
    pub closed_at: UnixTime,
    /// The counts that are not zero, by rising number on the wire.
    pub outcomes: Vec<(Outcome, u64)>,
}

/// The end of a publisher's chain.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RecordHead {
    /// Whose.
    pub publisher: PublisherId,
    /// How many periods are closed: the record is about those before this one.
    pub periods: PeriodId,
    /// The chain value of the last entry; zeros while there is none.
    pub hash: [u8; 32],
}

/// A record cannot be believed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RecordError {
    /// The head is none.
    #[error("the record's head does not decode")]
    Malformed,
    /// The signature is not by the pinned key.
    #[error("the record's head is not signed by the pinned key")]
    Signature,
    /// An entry is out of its order, or its counts are.
    #[error("the record's entry of period {0} is out of order")]
    Order(PeriodId),
    /// It names an outcome that is none.
    #[error(transparent)]
    Outcome(#[from] NoOutcome),
}

/// A publisher's chain, gone through up to some entry.
#[derive(Clone, PartialEq, Eq)]
pub struct RecordChain {
    publisher: PublisherId,
    /// The first period that the next entry may be about.
    next: PeriodId,
    hash: [u8; 32],
}

impl RecordChain {
    /// A chain without entries.
    pub fn of(publisher: PublisherId) -> Self {
        Self { publisher, next: PeriodId(0), hash: [0; 32] }
    }

    /// The first period that the next entry may be about.
    pub fn next(&self) -> PeriodId {
        self.next
    }

    /// Takes in the next entry.
    ///
    /// The chain value is SHA-256 of the domain, the value before, publisher, period, time, the number of counts, and
    /// each count: its outcome's number and its reports; `u32` and `u64`, big-endian.
    pub fn extend(&mut self, entry: &RecordEntry) -> Result<(), RecordError> {
        let rising = entry.outcomes.windows(2).all(|pair| pair[0].0.to_wire() < pair[1].0.to_wire());
        // The last number has none after it: no period is closed after that.
        let Some(next) = entry.period.0.checked_add(1) else { return Err(RecordError::Order(entry.period)) };
        if entry.period < self.next || !rising || entry.outcomes.iter().any(|&(_, reports)| reports == 0) {
            return Err(RecordError::Order(entry.period));
        }
        let mut hash = Sha256::new_with_prefix(ENTRY_DOMAIN);
        hash.update(self.hash);
        hash.update(self.publisher.0.to_be_bytes());
        hash.update(entry.period.0.to_be_bytes());
        hash.update(entry.closed_at.0.to_be_bytes());
        hash.update((entry.outcomes.len() as u32).to_be_bytes());
        for &(outcome, reports) in &entry.outcomes {
            hash.update(outcome.to_wire().to_be_bytes());
            hash.update(reports.to_be_bytes());
        }
        self.hash = hash.finalize().into();
        self.next = PeriodId(next);
        Ok(())
    }

    /// The head when this many periods are closed.
    pub fn head(&self, periods: PeriodId) -> RecordHead {
        RecordHead { publisher: self.publisher, periods, hash: self.hash }
    }
}

impl RecordHead {
    /// Signs.
    pub fn sign(&self, key: &SigningKey) -> v1::RecordHead {
        v1::RecordHead {
            publisher: self.publisher.0,
            periods: self.periods.0,
            hash: self.hash.to_vec(),
            signature: key.sign(&self.signed_bytes()).to_bytes().to_vec(),
        }
    }

    /// The head behind the wire's, if `key` signed it.
    pub fn verify(wire: &v1::RecordHead, key: &VerifyingKey) -> Result<Self, RecordError> {
        let hash = wire.hash.as_slice().try_into().map_err(|_| RecordError::Malformed)?;
        let head = Self { publisher: PublisherId(wire.publisher), periods: PeriodId(wire.periods), hash };
        let signature = Signature::from_slice(&wire.signature).map_err(|_| RecordError::Signature)?;
        key.verify_strict(&head.signed_bytes(), &signature).map_err(|_| RecordError::Signature)?;
        Ok(head)
    }

    fn signed_bytes(&self) -> Vec<u8> {
        [HEAD_DOMAIN, &self.publisher.0.to_be_bytes(), &self.periods.0.to_be_bytes(), &self.hash].concat()
    }
}

impl fmt::Debug for RecordHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordHead({} of publisher {}, {})", self.periods, self.publisher, hex::encode(self.hash))
    }
}

impl fmt::Debug for RecordChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordChain({:?})", self.head(self.next))
    }
}

impl From<&RecordEntry> for v1::RecordEntry {
    fn from(entry: &RecordEntry) -> Self {
        let count = |&(outcome, reports): &(Outcome, u64)| v1::OutcomeCount { outcome: outcome.to_wire(), reports };
        Self {
            period: entry.period.0,
            closed_at: entry.closed_at.0,
            outcomes: entry.outcomes.iter().map(count).collect(),
        }
    }
}

impl TryFrom<&v1::RecordEntry> for RecordEntry {
    type Error = RecordError;

    fn try_from(wire: &v1::RecordEntry) -> Result<Self, RecordError> {
        let count = |count: &v1::OutcomeCount| Ok((Outcome::from_wire(count.outcome)?, count.reports));
        Ok(Self {
            period: PeriodId(wire.period),
            closed_at: UnixTime(wire.closed_at),
            outcomes: wire.outcomes.iter().map(count).collect::<Result<_, RecordError>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Refusal;

    const PUBLISHER: PublisherId = PublisherId(5);

    fn key() -> SigningKey {
        SigningKey::from_bytes(&[7; 32])
    }

    fn entry(period: u32, outcomes: &[(Outcome, u64)]) -> RecordEntry {
        RecordEntry {
            period: PeriodId(period),
            closed_at: UnixTime(3_600 + u64::from(period)),
            outcomes: outcomes.into(),
        }
    }

    fn chain(entries: &[RecordEntry]) -> RecordChain {
        let mut chain = RecordChain::of(PUBLISHER);
        entries.iter().for_each(|entry| chain.extend(entry).unwrap());
        chain
    }

    #[test]
    fn a_head_is_believed_as_it_was_signed() {
        let head = chain(&[entry(0, &[(Outcome::Counted, 4)])]).head(PeriodId(3));
        let wire = head.sign(&key());
        assert_eq!(RecordHead::verify(&wire, &key().verifying_key()), Ok(head));
        let changes: [fn(&mut v1::RecordHead); 4] =
            [|w| w.publisher += 1, |w| w.periods += 1, |w| w.hash[0] ^= 1, |w| w.signature[0] ^= 1];
        for change in changes {
            let mut changed = wire.clone();
            change(&mut changed);
            assert_eq!(RecordHead::verify(&changed, &key().verifying_key()), Err(RecordError::Signature));
        }
        let cut = v1::RecordHead { hash: vec![0; 31], ..wire };
        assert_eq!(RecordHead::verify(&cut, &key().verifying_key()), Err(RecordError::Malformed));
    }

    #[test]
    fn any_other_past_has_another_head() {
        let spent = Outcome::Refused(Refusal::Spent);
        let mut past = vec![
            entry(0, &[(Outcome::Counted, 4), (spent, 1)]),
            entry(2, &[(Outcome::AlreadyCounted, 9)]),
            entry(3, &[(Outcome::Counted, 1)]),
        ];
        let head = chain(&past).head(PeriodId(4));
        let mut others = vec![past[1..].to_vec(), past[..2].to_vec(), vec![past[0].clone(), past[2].clone()]];
        past[0].outcomes[0].1 = 3;
        others.push(past.clone());
        past[0].outcomes = vec![(Outcome::Counted, 4), (Outcome::Refused(Refusal::Unauthentic), 1)];
        others.push(past.clone());
        past[0] = entry(1, &[(Outcome::Counted, 4), (spent, 1)]);
        others.push(past);
        for other in others {
            assert_ne!(chain(&other).head(PeriodId(4)), head, "{other:?}");
        }
    }

    #[test]
    fn the_chain_values_are_these_bytes() {
        let head = chain(&[entry(0, &[(Outcome::Counted, 4)]), entry(2, &[(Outcome::AlreadyCounted, 9)])]);
        let by_hand = |before: [u8; 32], period: u32, outcome: u32, reports: u64| -> [u8; 32] {
            let mut bytes = b"tacita/record-entry/v1".to_vec();
            bytes.extend(before);
            [5, period].iter().for_each(|number: &u32| bytes.extend(number.to_be_bytes()));
            bytes.extend((3_600 + u64::from(period)).to_be_bytes());
            [1, outcome].iter().for_each(|number: &u32| bytes.extend(number.to_be_bytes()));
            bytes.extend(reports.to_be_bytes());
            Sha256::digest(bytes).into()
        };
        assert_eq!(head.hash, by_hand(by_hand([0; 32], 0, 2, 4), 2, 3, 9));
    }

    #[test]
    fn entries_out_of_order_are_refused_and_entries_survive_the_wire() {
        let mut chain = chain(&[entry(2, &[(Outcome::Counted, 4)])]);
        let wrong = [
            entry(2, &[(Outcome::Counted, 4)]),
            entry(1, &[]),
            entry(3, &[(Outcome::AlreadyCounted, 1), (Outcome::Counted, 1)]),
            entry(3, &[(Outcome::Counted, 1), (Outcome::Counted, 1)]),
            entry(3, &[(Outcome::Counted, 0)]),
            // Found by fuzzing: it could have come twice.
            entry(u32::MAX, &[(Outcome::Counted, 1)]),
        ];
        for entry in wrong {
            assert_eq!(chain.extend(&entry), Err(RecordError::Order(entry.period)));
        }
        let right = entry(3, &[(Outcome::Counted, 1), (Outcome::AlreadyCounted, 1)]);
        let mut wire = v1::RecordEntry::from(&right);
        assert_eq!(RecordEntry::try_from(&wire), Ok(right));
        wire.outcomes[0].outcome = 0;
        assert!(matches!(RecordEntry::try_from(&wire), Err(RecordError::Outcome(_))));
    }
}
