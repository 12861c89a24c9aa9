//! The record that publishers check: its periods are closed here, and its chains made.
//!
//! An entry is a closed period's counts, and nothing else: every collector of a store makes the same chain of the same
//! counts, so there is nothing to agree on and nothing that could fork. A chain is gone through once for each publisher
//! and then goes on from there.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use ed25519_dalek::SigningKey;
use parking_lot::Mutex;
use tacita_proto::v1;
use tacita_protocol::{
    id::PublisherId,
    record::{PeriodId, RecordChain, RecordEntry, RecordError},
    time::{Clock, UnixTime},
};
use tacita_store::{Closing, PeriodCounts, PeriodRecord, StoreError};
use tokio_util::sync::CancellationToken;

/// How often the clock is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How long after a closing that failed the next one is tried.
const RETRY: Duration = Duration::from_secs(2);
/// The most entries of a page.
pub(crate) const PAGE: usize = 1_000;

pub(crate) struct Record {
    store: Arc<dyn PeriodRecord>,
    clock: Arc<dyn Clock>,
    signing_key: Arc<SigningKey>,
    /// How long a period is, in seconds.
    length: u64,
    /// What stands for the end of a period before the first.
    began_at: UnixTime,
    /// How far each publisher's chain has been gone through.
    chains: Mutex<HashMap<PublisherId, RecordChain>>,
}

/// The record could not be told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordFault {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the store's record makes no sense: {0}")]
    Chain(#[from] RecordError),
}

impl Record {
    pub(crate) fn new(
        store: Arc<dyn PeriodRecord>,
        clock: Arc<dyn Clock>,
        signing_key: Arc<SigningKey>,
        period: Duration,
    ) -> Self {
        let (length, began_at) = (period.as_secs().max(1), clock.now());
        Self { store, clock, signing_key, length, began_at, chains: Mutex::default() }
    }

    /// Closes periods as they end, until told to stop.
    pub(crate) async fn keep(&self, stop: CancellationToken) {
        let mut seen = None;
        let mut pause = LOOK;
        while stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
            let present = self.clock.now().0 / self.length;
            pause = LOOK;
            if seen == Some(present) {
                continue;
            }
            match self.take_turn().await {
                Ok(()) => seen = Some(present),
                Err(error) => {
                    tracing::warn!(%error, "a period of the record was not closed; it is tried again");
                    pause = RETRY;
                }
            }
        }
    }

    /// Closes the open period if its end has passed.
    pub(crate) async fn take_turn(&self) -> Result<(), StoreError> {
        let (last, now) = (self.store.last_closing().await?, self.clock.now());
        let (open, since) = last.map_or((PeriodId(0), self.began_at), |last| (last.period.next(), last.at));
        if since.0 / self.length < now.0 / self.length {
            self.store.close_period(Closing { period: open, at: now }).await?;
        }
        Ok(())
    }

    /// A page of a publisher's record, with the signed head of all of it.
    pub(crate) async fn page(
        &self,
        publisher: PublisherId,
        from: PeriodId,
        most: usize,
    ) -> Result<v1::ListRecordResponse, RecordFault> {
        // First what is closed: what is closed meanwhile is on no page of this head.
        let periods = self.store.last_closing().await?.map_or(PeriodId(0), |last| last.period.next());
        let chain = self.chain(publisher, periods).await?;
        let counts = self.store.closed_periods(publisher, from, most).await?;
        let is_full = counts.len() == most;
        let entries: Vec<RecordEntry> =
            counts.into_iter().map(entry).take_while(|entry| entry.period < periods).collect();
        let next = entries.last().map_or(PeriodId(0), |last| last.period.next());
        Ok(v1::ListRecordResponse {
            entries: entries.iter().map(Into::into).collect(),
            head: Some(chain.head(periods).sign(&self.signing_key)),
            next_period: if is_full && next < chain.next() { next.0 } else { 0 },
        })
    }

    /// A publisher's chain over the closed periods, gone on with from where it was left.
    async fn chain(&self, publisher: PublisherId, periods: PeriodId) -> Result<RecordChain, RecordFault> {
        let kept = self.chains.lock().get(&publisher).filter(|chain| chain.next() <= periods).cloned();
        let mut chain = kept.unwrap_or_else(|| RecordChain::of(publisher));
        loop {
            let counts = self.store.closed_periods(publisher, chain.next(), PAGE).await?;
            let is_last = counts.len() < PAGE;
            for entry in counts.into_iter().map(entry).filter(|entry| entry.period < periods) {
                chain.extend(&entry)?;
            }
            if is_last || chain.next() >= periods {
                break;
            }
        }
        self.chains.lock().insert(publisher, chain.clone());
        Ok(chain)
    }
}

fn entry(counts: PeriodCounts) -> RecordEntry {
    RecordEntry { period: counts.closing.period, closed_at: counts.closing.at, outcomes: counts.outcomes }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Record(periods of {} s)", self.length)
    }
}
