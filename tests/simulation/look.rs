//! What must hold: after each step, after a turn of an epoch keeper, and at the end.

use std::collections::BTreeMap;

use tacita_protocol::{
    id::{MeasureId, PublisherId},
    outcome::Outcome,
    record::{PeriodId, RecordEntry},
    time::{Clock as _, UnixTime, WindowId},
};
use tacita_relay::receipts;
use tacita_store::{PeriodCounts, PeriodRecord as _, TallyStore as _, vault::Vault};
use tacita_tokens::PublicKey;

use super::{super::parties::RECORD_PERIOD, MEASURES, World};

/// Reports by whose they are and what became of them.
type Counts = BTreeMap<(PublisherId, Outcome), u64>;

fn entry(PeriodCounts { closing, outcomes }: PeriodCounts) -> RecordEntry {
    RecordEntry { period: closing.period, closed_at: closing.at, outcomes }
}

impl World {
    /// Compares the tallies on the disk with what was promised.
    pub(super) async fn look(&mut self) {
        let store = self.store();
        let mut tallies = Vec::new();
        // One more than were made, for one whose creation was not answered.
        for number in 1..=2 * MEASURES as u32 + 2 {
            let measure = MeasureId(number);
            let found = store.tallies(measure, WindowId(0)..WindowId(u32::MAX)).await.unwrap();
            tallies.extend(found.into_iter().map(|tally| (measure, tally)));
        }
        let outcomes = store.outcomes().await.unwrap();
        let counted = outcomes.iter().filter(|(_, outcome, _)| *outcome == Outcome::Counted).map(|(.., n)| n).sum();
        let answered = self.visitors.iter().map(|visitor| visitor.answered).sum();
        self.oracle.lock().look(&tallies, counted, answered);
        for (number, visitor) in self.visitors.iter().enumerate() {
            let Some(device) = &visitor.device else { continue };
            let (recorded, ended) = (visitor.recorded, visitor.answered + visitor.expired);
            let accounted = ended + device.pending() as u64;
            if recorded != accounted {
                let what = format!("visitor {number} recorded {recorded} reports, and {accounted} are accounted for");
                self.oracle.lock().violate(what);
            }
        }
    }

    /// When everything was answered: the record has all that was counted or refused, and each relay's receipts are in it.
    pub(super) async fn look_at_record(&mut self) {
        self.clock.set(self.oracle.lock().latest().plus(RECORD_PERIOD.as_secs()));
        self.close_period(0).await;
        let store = self.store();
        let periods = store.last_closing().await.unwrap().map_or(PeriodId(0), |last| last.period.next());
        let (mut recorded, mut durable): (Counts, Counts) = Default::default();
        for (publisher, outcome, count) in store.outcomes().await.unwrap() {
            *durable.entry((publisher, outcome)).or_default() += count;
        }
        for relay in &self.relays {
            let (publisher, key) = (relay.config.publisher, &relay.config.signing_key);
            let closed = store.closed_periods(publisher, PeriodId(0), usize::MAX).await.unwrap();
            for &(outcome, count) in closed.iter().flat_map(|counts| &counts.outcomes) {
                *recorded.entry((publisher, outcome)).or_default() += count;
            }
            let record: Vec<RecordEntry> = closed.into_iter().map(entry).collect();
            let kept = receipts::read(&relay.config.data, publisher, key).unwrap();
            // At no time is anything judged for being more: old envelopes come without receipts.
            let missing = receipts::compare::compare(&record, periods, &[kept], UnixTime(0)).differences;
            if let Some(missing) = missing.first() {
                self.oracle
                    .lock()
                    .violate(format!("the record has less than the receipts of {publisher}: {missing:?}"));
            }
        }
        if recorded != durable {
            self.oracle.lock().violate(format!("the record says {recorded:?}, and {durable:?} is durable"));
        }
    }

    /// Each open epoch has its key, and no closed one. After a whole turn, by the collector that took it.
    pub(super) async fn look_at_vault(&self, number: usize) {
        let Ok(status) = self.status(number).await else { return };
        let vault = Vault::open(self.path("vault")).unwrap();
        for entry in &status.epochs {
            let key = PublicKey::from_bytes(entry.public_key.as_slice().try_into().unwrap()).unwrap();
            let (kept, now) = (vault.get(&key.id().0).unwrap().is_some(), self.clock.now().0);
            let epoch = entry.epoch;
            if !kept && entry.closes_at > now && !self.was_closed(entry.closes_at) {
                self.oracle.lock().violate(format!("epoch {epoch} is open and has no key"));
            }
            if kept && entry.closes_at <= now {
                self.oracle.lock().violate(format!("epoch {epoch} closed and its key is still there"));
            }
        }
    }

    /// Whether the clock had passed this time once, before it was set back.
    pub(super) fn was_closed(&self, closes_at: u64) -> bool {
        self.oracle.lock().latest().0 >= closes_at
    }
}
