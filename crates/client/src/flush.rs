//! Sealing, sending, forgetting: how reports leave (`spec/device.md`, §5).
//!
//! The order is what makes it safe to be killed at any instant. One update takes a token out of the wallet, seals, and
//! puts the sealed bytes in the outbox. Only bytes that are durable there leave, the same ones at each attempt. They are
//! deleted after the relay's answer.

use std::{collections::BTreeMap, sync::Arc};

use tacita_protocol::{outcome::Outcome, time::UnixTime};
use tacita_tokens::Envelope;

use crate::{
    ClientError, Device, TransportError,
    device::Inner,
    edition::Edition,
    state::{DeviceState, MAX_PENDING, SealedReport},
};

/// The most envelopes of one request.
const MAX_SUBMITTED: usize = 64;

/// What a [`flush`](Device::flush) achieved.
#[derive(Debug, Default)]
#[must_use = "it says whether something went wrong"]
pub struct FlushSummary {
    /// How many reports met with which outcome. Each outcome is final, refusals too: those reports are deleted.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// Reports dropped unsent since the last flush, because their window is too long past to be counted.
    pub expired: u64,
    /// Reports kept for the next flush. Open session slots are not among them.
    pub left: usize,
    /// What went wrong. Nothing is lost by it.
    pub trouble: Option<ClientError>,
}

impl FlushSummary {
    /// The reports that the relay or collector took.
    pub fn delivered(&self) -> u64 {
        self.count(|outcome| !matches!(outcome, Outcome::Refused(_)))
    }

    /// The reports that were refused for good.
    pub fn refused(&self) -> u64 {
        self.count(|outcome| matches!(outcome, Outcome::Refused(_)))
    }

    fn count(&self, which: impl Fn(&Outcome) -> bool) -> u64 {
        self.outcomes.iter().filter(|(outcome, _)| which(outcome)).map(|(_, count)| count).sum()
    }
}

impl Device {
    /// Sends what waits: fetches the manifest and tokens if need be, seals, hands over, and deletes what was answered.
    ///
    /// What cannot be sent now stays for the next call, sealed or not, and [`FlushSummary::trouble`] says why. Dropping
    /// the future loses nothing either.
    pub async fn flush(&self) -> FlushSummary {
        let mut summary = FlushSummary::default();
        let _turn = self.inner.turn.lock().await;
        if !self.inner.is_opted_out() {
            summary.trouble = self.inner.flush(&mut summary).await.err();
            summary.left = self.inner.read(|state| state.waiting.len() + state.outbox.len());
        }
        summary
    }
}

impl Inner {
    /// Goes through all steps, even when one fails: what was sealed before can be sent without a new token.
    async fn flush(self: &Arc<Self>, summary: &mut FlushSummary) -> Result<(), ClientError> {
        let refreshed = self.refresh_if_stale().await;
        let expired = self.off_thread(Self::count_expired).await.map(|expired| summary.expired = expired);
        let sealed = self.seal_what_waits().await;
        let sent = self.send_outbox(summary).await;
        refreshed.and(expired).and(sealed).and(sent)
    }

    fn count_expired(&self) -> Result<u64, ClientError> {
        let now = self.clock.now();
        if !self.read(|state| state.has_expired(now)) {
            return Ok(0);
        }
        self.update(|state| {
            state.drop_expired(now);
            Ok(std::mem::take(&mut state.expired))
        })
    }

    /// Seals all waiting reports, getting tokens a batch at a time while they last out.
    async fn seal_what_waits(self: &Arc<Self>) -> Result<(), ClientError> {
        // Each round seals at least one report.
        for _ in 0..MAX_PENDING {
            if self.off_thread(Self::seal_while_tokens_last).await? == 0 {
                break;
            }
            self.get_batch().await?;
        }
        Ok(())
    }

    /// Gives the number of reports that still wait.
    fn seal_while_tokens_last(&self) -> Result<usize, ClientError> {
        if self.read(|state| state.waiting.is_empty()) {
            return Ok(0);
        }
        let edition = self.require_edition()?;
        let now = self.clock.now();
        self.update(|state| {
            state.seal_while_tokens_last(&edition, now);
            Ok(state.waiting.len())
        })
    }

    async fn send_outbox(self: &Arc<Self>, summary: &mut FlushSummary) -> Result<(), ClientError> {
        loop {
            let sent = self.read(DeviceState::next_to_send);
            if sent.is_empty() {
                return Ok(());
            }
            let outcomes = self.transport.submit(sent.clone()).await?;
            if outcomes.len() != sent.len() {
                let message = format!("{} answers for {} reports", outcomes.len(), sent.len());
                return Err(TransportError::Invalid(message).into());
            }
            self.off_thread(move |inner| inner.forget(&sent)).await?;
            for outcome in outcomes {
                *summary.outcomes.entry(outcome).or_default() += 1;
            }
        }
    }

    /// Deletes answered reports. Every outcome is final.
    fn forget(&self, answered: &[Envelope]) -> Result<(), ClientError> {
        let is_answered =
            |report: &SealedReport| answered.iter().any(|envelope| envelope.as_bytes()[..] == report.envelope);
        self.update(|state| {
            state.outbox.retain(|report| !is_answered(report));
            Ok(())
        })
    }
}

impl DeviceState {
    /// Moves reports from waiting to the outbox, each under a token of its own. The one place where tokens are spent.
    fn seal_while_tokens_last(&mut self, edition: &Edition, now: UnixTime) {
        self.discard_dead_tokens(edition, now);
        while let Some(report) = self.waiting.front() {
            let payload = *report.payload();
            let expires_at = report.expires_at;
            let Some((token, dies_at)) = self.take_token(edition, now) else { break };
            let envelope = token.seal(&payload).as_bytes().to_vec();
            self.waiting.pop_front();
            self.outbox.push_back(SealedReport { envelope, expires_at: expires_at.min(dies_at) });
        }
    }

    /// The oldest sealed reports, as many as one request takes.
    fn next_to_send(&self) -> Vec<Envelope> {
        let readable = |report: &SealedReport| Envelope::from_bytes(&report.envelope).ok();
        self.outbox.iter().filter_map(readable).take(MAX_SUBMITTED).collect()
    }
}
