//! What must hold: each report followed from its first envelope to the tallies.

use std::collections::{BTreeMap, BTreeSet};

use tacita_proto::v1;
use tacita_protocol::{
    epoch::{EpochEntry, EpochId},
    id::{MeasureId, PublisherId},
    manifest::Manifest,
    measure::Measure,
    outcome::{Outcome, Refusal},
    report::Report,
    time::{UnixTime, WindowId},
};
use tacita_store::SeriesTally;
use tacita_tokens::{Envelope, EpochKey, Opener};

/// How long after its end a window is counted.
pub(crate) const MAX_AGE: u64 = 2 * 3_600;

/// The counter that a report raises.
type Counter = (PublisherId, MeasureId, WindowId, u32);

/// A report that was sealed, and what became of it.
#[derive(Debug)]
struct Sealed {
    counter: Counter,
    epoch: EpochId,
    /// A relay acknowledged it.
    queued: bool,
    /// A collector said that it counts.
    counted: bool,
    /// Why collectors refused it, the time at which they did, and the latest time until then.
    refused: BTreeMap<Refusal, (UnixTime, UnixTime)>,
}

/// See the module's parent.
#[derive(Debug)]
pub(crate) struct Oracle {
    /// Secret keys by public key, as they were made.
    keys: BTreeMap<[u8; 32], [u8; 32]>,
    /// The directory, as manifests showed it.
    epochs: BTreeMap<EpochId, EpochEntry>,
    measures: BTreeMap<MeasureId, Measure>,
    /// By the envelope's bytes.
    sealed: BTreeMap<Vec<u8>, Sealed>,
    /// What the vandal has made.
    forged: BTreeSet<Vec<u8>>,
    latest: UnixTime,
    now: UnixTime,
    violation: Option<String>,
}

impl Oracle {
    /// Begins to watch at `now`.
    pub(crate) fn new(now: UnixTime) -> Self {
        Self {
            keys: BTreeMap::new(),
            epochs: BTreeMap::new(),
            measures: BTreeMap::new(),
            sealed: BTreeMap::new(),
            forged: BTreeSet::new(),
            latest: now,
            now,
            violation: None,
        }
    }

    pub(crate) fn violation(&self) -> Option<String> {
        self.violation.clone()
    }

    pub(crate) fn violate(&mut self, what: impl Into<String>) {
        self.violation.get_or_insert(what.into());
    }

    pub(crate) fn reports(&self) -> usize {
        self.sealed.len()
    }

    /// The time moves, be it back.
    pub(crate) fn time(&mut self, now: UnixTime) {
        self.now = now;
        self.latest = self.latest.max(now);
    }

    pub(crate) fn key_made(&mut self, key: &EpochKey) {
        self.keys.insert(key.public_key().to_bytes(), *key.to_bytes());
    }

    /// A collector has served this manifest.
    pub(crate) fn manifest(&mut self, manifest: &Manifest) {
        for entry in &manifest.epochs {
            let known = self.epochs.entry(entry.epoch).or_insert_with(|| entry.clone());
            if (known.public_key.to_bytes(), known.chain) != (entry.public_key.to_bytes(), entry.chain) {
                let epoch = entry.epoch;
                return self.violate(format!("two manifests name different keys for epoch {epoch}"));
            }
            // A rotation ends an epoch early.
            known.closes_at = known.closes_at.min(entry.closes_at);
        }
        for measure in &manifest.measures {
            self.measures.entry(measure.id).or_insert_with(|| measure.clone());
        }
    }

    /// The latest time that the clock has shown.
    pub(crate) fn latest(&self) -> UnixTime {
        self.latest
    }

    /// A device sends these.
    pub(crate) fn sent(&mut self, envelopes: &[Vec<u8>]) {
        for bytes in envelopes {
            if !self.sealed.contains_key(bytes) && !self.forged.contains(bytes) {
                match self.open(bytes) {
                    Some(sealed) => drop(self.sealed.insert(bytes.clone(), sealed)),
                    None => self.violate("a device sent an envelope that does not open"),
                }
            }
        }
    }

    fn open(&self, bytes: &[u8]) -> Option<Sealed> {
        let envelope = Envelope::from_bytes(bytes).ok()?;
        let (epoch, publisher) = (EpochId(envelope.header().epoch), PublisherId(envelope.header().publisher));
        let entry = self.epochs.get(&epoch)?;
        let key = EpochKey::from_bytes(self.keys.get(&entry.public_key.to_bytes())?).ok()?;
        let opened = Opener::new(&key, &entry.context(publisher)).ok()?.open(&envelope).ok()?;
        let Report { measure, window, value } = Report::from_bytes(&opened.payload);
        let mechanism = self.measures.get(&measure)?.mechanism();
        let mut counters = mechanism.counters(mechanism.validate(value).ok()?);
        let counter = (publisher, measure, window, counters.next()?);
        // ω = 1: a report raises one counter.
        counters.next().is_none().then_some(())?;
        Some(Sealed { counter, epoch, queued: false, counted: false, refused: BTreeMap::new() })
    }

    /// The vandal sends this.
    pub(crate) fn forged(&mut self, bytes: Vec<u8>) {
        if !self.sealed.contains_key(&bytes) {
            self.forged.insert(bytes);
        }
    }

    /// All envelopes that devices have sent so far.
    pub(crate) fn envelopes(&self) -> Vec<Vec<u8>> {
        self.sealed.keys().cloned().collect()
    }

    /// A relay or collector has answered these.
    pub(crate) fn answered(&mut self, envelopes: &[Vec<u8>], outcomes: &[i32]) {
        if envelopes.len() != outcomes.len() {
            return self.violate(format!("{} answers for {} envelopes", outcomes.len(), envelopes.len()));
        }
        for (bytes, &outcome) in envelopes.iter().zip(outcomes) {
            match Outcome::from_wire(outcome) {
                Ok(outcome) => self.answered_one(bytes, outcome),
                Err(error) => self.violate(error.to_string()),
            }
        }
    }

    fn answered_one(&mut self, bytes: &[u8], outcome: Outcome) {
        if self.forged.contains(bytes) {
            if matches!(outcome, Outcome::Counted | Outcome::AlreadyCounted) {
                self.violate("a vandal's envelope counts");
            }
            return;
        }
        let (now, latest) = (self.now, self.latest);
        let Some(sealed) = self.sealed.get_mut(bytes) else {
            return self.violate("an answer to an envelope that nobody sent");
        };
        match outcome {
            Outcome::Queued => sealed.queued = true,
            Outcome::Counted | Outcome::AlreadyCounted => sealed.counted = true,
            Outcome::Refused(refusal) => drop(sealed.refused.entry(refusal).or_insert((now, latest))),
        }
    }

    /// Compares with the tallies, with the sum of the durable counts of `counted`, and with what devices take for delivered.
    pub(crate) fn look(&mut self, tallies: &[(MeasureId, SeriesTally)], counted: u64, answered: u64) {
        let queued = self.sealed.values().filter(|sealed| sealed.queued).count() as u64;
        if answered > queued {
            return self
                .violate(format!("LOST: devices take {answered} reports for delivered, and relays have {queued}"));
        }
        let mut found: BTreeMap<Counter, u64> = BTreeMap::new();
        for (measure, tally) in tallies {
            let sum: u64 = tally.counters.iter().map(|&(_, count)| count).sum();
            if sum != tally.reports {
                return self.violate(format!("a series has {} reports and {sum} in its counters", tally.reports));
            }
            for &(index, count) in &tally.counters {
                found.insert((tally.publisher, *measure, tally.window, index), count);
            }
        }
        let total: u64 = found.values().sum();
        if total != counted {
            return self.violate(format!("{counted} outcomes 'counted', and {total} in the tallies"));
        }
        let (mut most, mut least): (BTreeMap<Counter, u64>, BTreeMap<Counter, u64>) = Default::default();
        for sealed in self.sealed.values() {
            *most.entry(sealed.counter).or_default() += 1;
            *least.entry(sealed.counter).or_default() += u64::from(sealed.counted);
        }
        for (counter, &count) in &found {
            match most.get(counter) {
                None => return self.violate(format!("{counter:?} is {count}, and no report belongs there")),
                Some(&most) if count > most => {
                    return self.violate(format!("COUNTED TWICE: {counter:?} is {count} and {most} was sealed for it"));
                }
                Some(_) => {}
            }
        }
        for (counter, least) in least {
            let count = found.get(&counter).copied().unwrap_or(0);
            if count < least {
                return self.violate(format!("LOST: {counter:?} is {count}, and {least} was acknowledged as counted"));
            }
        }
    }

    /// When everything was sent: who was acknowledged is counted, or refused for a reason that holds.
    pub(crate) fn end(&mut self, closings: &BTreeMap<EpochId, UnixTime>) {
        let mut wrong = None;
        for sealed in self.sealed.values() {
            if sealed.queued && !sealed.counted && sealed.refused.is_empty() {
                wrong = Some(format!("LOST: {:?} was acknowledged by a relay, and never answered", sealed.counter));
            }
            for (&refusal, &times) in &sealed.refused {
                if !self.may_refuse(sealed, refusal, times, closings) {
                    let (counter, (now, _)) = (sealed.counter, times);
                    wrong = Some(format!("{counter:?} was refused as {refusal:?} at {}", now.0));
                }
            }
        }
        if let Some(wrong) = wrong {
            self.violate(wrong);
        }
    }

    fn may_refuse(
        &self,
        sealed: &Sealed,
        refusal: Refusal,
        (now, latest): (UnixTime, UnixTime),
        closings: &BTreeMap<EpochId, UnixTime>,
    ) -> bool {
        match refusal {
            // Once destroyed, an epoch stays closed, whatever the clock says afterwards.
            Refusal::ClosedEpoch => closings.get(&sealed.epoch).is_none_or(|&closes_at| closes_at <= latest),
            Refusal::WindowTooOld => {
                let (_, measure, window, _) = sealed.counter;
                self.measures.get(&measure).is_some_and(|m| m.window.end_of(window).plus(MAX_AGE) <= now)
            }
            _ => false,
        }
    }
}

/// The closing times that a collector's status tells.
pub(crate) fn closings(status: &v1::GetStatusResponse) -> BTreeMap<EpochId, UnixTime> {
    status.epochs.iter().map(|entry| (EpochId(entry.epoch), UnixTime(entry.closes_at))).collect()
}
