//! What the relay saw: counts for the operator's metrics and for the demo. No address, key, token or envelope.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use tacita_protocol::outcome::Outcome;

/// What the relay saw since it started.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RelaySeen {
    /// Visitors' addresses that asked for tokens and are not forgotten yet: an address is forgotten once its allowance
    /// is whole again.
    pub visitors: usize,
    /// Requests for tokens.
    pub token_requests: u64,
    /// Requests for tokens refused because the visitor's limit was reached.
    pub token_requests_over_limit: u64,
    /// Submissions refused because the visitor's limit was reached.
    pub submissions_over_limit: u64,
    /// Connections refused because as many were open as may be.
    pub connections_over_limit: u64,
    /// Manifests that the collector offered and the relay refused: unverified, older, or another of the same revision.
    pub manifests_refused: u64,
    /// Envelopes made durable.
    pub envelopes_queued: u64,
    /// Bytes of those envelopes.
    pub bytes_queued: u64,
    /// Envelopes that wait for a batch now.
    pub waiting: usize,
    /// Envelopes held now: those that wait, and those in batches that the collector has not answered.
    pub held: usize,
    /// Batches that the collector answered.
    pub batches_uploaded: u64,
    /// Batches drawn because of age, smaller than the policy's `least`: these hide less.
    pub small_batches: u64,
    /// Envelopes by what became of them: refused by the relay, or answered by the collector.
    pub outcomes: BTreeMap<Outcome, u64>,
}

/// The counters behind [`RelaySeen`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) token_requests: AtomicU64,
    pub(crate) token_requests_over_limit: AtomicU64,
    pub(crate) submissions_over_limit: AtomicU64,
    pub(crate) connections_over_limit: AtomicU64,
    pub(crate) envelopes_queued: AtomicU64,
    pub(crate) batches_uploaded: AtomicU64,
    pub(crate) small_batches: AtomicU64,
    outcomes: Mutex<BTreeMap<Outcome, u64>>,
}

impl Counters {
    pub(crate) fn count_outcomes(&self, outcomes: impl IntoIterator<Item = Outcome>) {
        let mut counts = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        for outcome in outcomes {
            *counts.entry(outcome).or_default() += 1;
        }
    }

    /// The counts, without those that the gate and the queue know.
    pub(crate) fn snapshot(&self) -> RelaySeen {
        let envelopes_queued = self.envelopes_queued.load(Relaxed);
        RelaySeen {
            token_requests: self.token_requests.load(Relaxed),
            token_requests_over_limit: self.token_requests_over_limit.load(Relaxed),
            submissions_over_limit: self.submissions_over_limit.load(Relaxed),
            connections_over_limit: self.connections_over_limit.load(Relaxed),
            envelopes_queued,
            bytes_queued: envelopes_queued * tacita_tokens::ENVELOPE_LEN as u64,
            batches_uploaded: self.batches_uploaded.load(Relaxed),
            small_batches: self.small_batches.load(Relaxed),
            outcomes: self.outcomes.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            ..RelaySeen::default()
        }
    }
}
