//! What the relay saw: the metrics as a program reads them: for the demo and for tests. No address, key, token or envelope.

use std::collections::BTreeMap;

use tacita_protocol::outcome::Outcome;

use crate::{
    metrics::Metrics,
    web::connections::{MOST, PER_VISITOR},
};

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

impl Metrics {
    /// The counts, without those that the gate and the queue know.
    pub(crate) fn seen(&self) -> RelaySeen {
        let envelopes_queued = self.envelopes(Outcome::Queued);
        let told = |&&outcome: &&Outcome| outcome != Outcome::Queued && self.envelopes(outcome) > 0;
        RelaySeen {
            token_requests: self.token_requests.get(),
            token_requests_over_limit: self.over_limit("tokens").get(),
            submissions_over_limit: self.over_limit("envelopes").get(),
            connections_over_limit: [MOST, PER_VISITOR].map(|limit| self.connections.refused(limit)).iter().sum(),
            envelopes_queued,
            bytes_queued: envelopes_queued * tacita_tokens::ENVELOPE_LEN as u64,
            batches_uploaded: self.batches_answered.get(),
            small_batches: self.batches_small.get(),
            outcomes: Outcome::ALL.iter().filter(told).map(|&outcome| (outcome, self.envelopes(outcome))).collect(),
            ..RelaySeen::default()
        }
    }
}
