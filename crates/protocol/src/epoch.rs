//! Epochs: their numbers, their life, and the hash-chained directory of their keys.
//!
//! ```text
//! published      starts_at           ends_at            closes_at
//!     │  pending     │     active       │      grace         │  closed: key destroyed
//!     └──────────────┴──────────────────┴────────────────────┴───────────────────────
//! ```
//!
//! Tokens are issued while an epoch is active; reports sealed with them are taken until it closes.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tacita_proto::v1;
use tacita_tokens::{Context, PublicKey};

use crate::{id::PublisherId, time::UnixTime};

/// The number of an epoch. Numbers are consecutive and never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EpochId(pub u32);

impl EpochId {
    /// The epoch after this one.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for EpochId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How long epochs last.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EpochSchedule {
    /// From `starts_at` to `ends_at`, in seconds.
    pub active_seconds: u64,
    /// From `ends_at` to `closes_at`, in seconds.
    pub grace_seconds: u64,
    /// How many epochs are published before they start.
    pub published_ahead: u32,
}

impl Default for EpochSchedule {
    /// Seven days, two days of grace, published two epochs ahead.
    fn default() -> Self {
        Self { active_seconds: 7 * 86_400, grace_seconds: 2 * 86_400, published_ahead: 2 }
    }
}

/// Where an epoch stands in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EpochState {
    /// Its key is published; no token is issued yet.
    Pending,
    /// Tokens are issued, reports are taken.
    Active,
    /// No token is issued any more; reports are taken.
    Grace,
    /// Its key is destroyed: nothing recorded can be opened any more.
    Closed,
}

impl EpochState {
    /// The state as one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Grace => "grace",
            Self::Closed => "closed",
        }
    }
}

/// The directory's chain value: binds the keys of all epochs up to one.
pub type Chain = [u8; 32];

/// The chain value before the first epoch.
pub const CHAIN_START: Chain = [0; 32];

/// One line of the key directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EpochEntry {
    /// The epoch's number.
    pub epoch: EpochId,
    /// The key that clients check issuance against.
    pub public_key: PublicKey,
    /// The chain value at this epoch.
    pub chain: Chain,
    /// Tokens are issued from here.
    pub starts_at: UnixTime,
    /// Tokens are issued up to here, exclusive.
    pub ends_at: UnixTime,
    /// Reports are taken up to here, exclusive.
    pub closes_at: UnixTime,
}

impl EpochEntry {
    /// The entry that follows `previous` in the directory, or the first one.
    pub fn following(
        previous: Option<&Self>,
        public_key: PublicKey,
        starts_at: UnixTime,
        schedule: &EpochSchedule,
    ) -> Self {
        let epoch = previous.map_or(EpochId(1), |entry| entry.epoch.next());
        let ends_at = starts_at.plus(schedule.active_seconds);
        Self {
            chain: chain_after(previous.map_or(&CHAIN_START, |entry| &entry.chain), epoch, &public_key),
            epoch,
            public_key,
            starts_at,
            ends_at,
            closes_at: ends_at.plus(schedule.grace_seconds),
        }
    }

    /// Where the epoch stands at `now`.
    pub fn state(&self, now: UnixTime) -> EpochState {
        match now {
            now if now < self.starts_at => EpochState::Pending,
            now if now < self.ends_at => EpochState::Active,
            now if now < self.closes_at => EpochState::Grace,
            _ => EpochState::Closed,
        }
    }

    /// Ends it at `ends_at` and closes it at `closes_at`, unless it would have earlier. One that has not begun by then
    /// never does.
    pub fn cut_short(&mut self, ends_at: UnixTime, closes_at: UnixTime) {
        self.starts_at = self.starts_at.min(ends_at);
        self.ends_at = self.ends_at.min(ends_at);
        self.closes_at = self.closes_at.min(closes_at);
    }

    /// What tokens of this epoch are bound to, for one publisher.
    pub fn context(&self, publisher: PublisherId) -> Context {
        Context { publisher: publisher.0, epoch: self.epoch.0, chain: self.chain }
    }
}

/// `SHA-256("tacita/directory/v1" ‖ previous ‖ u32(epoch) ‖ public key)`.
///
/// The times are not chained: ending an epoch early (a rotation) must not kill the tokens in flight.
pub fn chain_after(previous: &Chain, epoch: EpochId, public_key: &PublicKey) -> Chain {
    Sha256::new()
        .chain_update(b"tacita/directory/v1")
        .chain_update(previous)
        .chain_update(epoch.0.to_be_bytes())
        .chain_update(public_key.to_bytes())
        .finalize()
        .into()
}

/// An entry, or its place in the directory, does not hold.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DirectoryError {
    /// A field has the wrong length or does not decode.
    #[error("epoch {0}: the public key or the chain value does not decode")]
    Malformed(EpochId),
    /// starts ≤ ends ≤ closes does not hold.
    #[error("epoch {0}: its times are not in order")]
    Times(EpochId),
    /// The chain value is not the hash of what came before.
    #[error("epoch {0}: the chain is broken; compare the manifests of several publishers")]
    Chain(EpochId),
}

/// Checks that consecutive entries are linked by their chain values.
pub fn verify_chain(entries: &[EpochEntry]) -> Result<(), DirectoryError> {
    for pair in entries.windows(2) {
        let [before, after] = pair else { continue };
        let linked = after.epoch == before.epoch.next()
            && after.chain == chain_after(&before.chain, after.epoch, &after.public_key);
        if !linked {
            return Err(DirectoryError::Chain(after.epoch));
        }
    }
    Ok(())
}

impl From<&EpochEntry> for v1::EpochEntry {
    fn from(entry: &EpochEntry) -> Self {
        Self {
            epoch: entry.epoch.0,
            public_key: entry.public_key.to_bytes().to_vec(),
            chain: entry.chain.to_vec(),
            starts_at: entry.starts_at.0,
            ends_at: entry.ends_at.0,
            closes_at: entry.closes_at.0,
        }
    }
}

impl TryFrom<&v1::EpochEntry> for EpochEntry {
    type Error = DirectoryError;

    fn try_from(entry: &v1::EpochEntry) -> Result<Self, DirectoryError> {
        let epoch = EpochId(entry.epoch);
        let malformed = || DirectoryError::Malformed(epoch);
        let public_key = entry.public_key.as_slice().try_into().map_err(|_| malformed())?;
        if !(entry.starts_at <= entry.ends_at && entry.ends_at <= entry.closes_at) {
            return Err(DirectoryError::Times(epoch));
        }
        Ok(Self {
            epoch,
            public_key: PublicKey::from_bytes(public_key).map_err(|_| malformed())?,
            chain: entry.chain.as_slice().try_into().map_err(|_| malformed())?,
            starts_at: UnixTime(entry.starts_at),
            ends_at: UnixTime(entry.ends_at),
            closes_at: UnixTime(entry.closes_at),
        })
    }
}

#[cfg(test)]
mod tests {
    use tacita_tokens::EpochKey;

    use super::*;

    fn directory(length: usize) -> Vec<EpochEntry> {
        let schedule = EpochSchedule::default();
        let mut entries: Vec<EpochEntry> = Vec::new();
        for _ in 0..length {
            let key = EpochKey::generate(&mut rand::rng()).unwrap().public_key();
            let starts = entries.last().map_or(UnixTime(1_000_000), |last| last.ends_at);
            entries.push(EpochEntry::following(entries.last(), key, starts, &schedule));
        }
        entries
    }

    #[test]
    fn an_epoch_is_pending_then_active_then_in_grace_then_closed() {
        let [entry] = &directory(1)[..] else { unreachable!() };
        let state = |time: UnixTime| entry.state(time);
        assert_eq!(state(entry.starts_at.minus(1)), EpochState::Pending);
        assert_eq!(state(entry.starts_at), EpochState::Active);
        assert_eq!(state(entry.ends_at), EpochState::Grace);
        assert_eq!(state(entry.closes_at), EpochState::Closed);
    }

    #[test]
    fn a_replaced_key_breaks_the_chain() {
        let mut entries = directory(4);
        assert_eq!(verify_chain(&entries), Ok(()));
        entries[2].public_key = EpochKey::generate(&mut rand::rng()).unwrap().public_key();
        assert_eq!(verify_chain(&entries), Err(DirectoryError::Chain(EpochId(3))));
    }

    #[test]
    fn ending_an_epoch_early_leaves_the_chain_whole() {
        let mut entries = directory(3);
        entries[0].ends_at = entries[0].starts_at.plus(5);
        assert_eq!(verify_chain(&entries), Ok(()));
    }

    #[test]
    fn an_entry_survives_the_wire() {
        for entry in directory(3) {
            assert_eq!(EpochEntry::try_from(&v1::EpochEntry::from(&entry)), Ok(entry));
        }
    }
}
