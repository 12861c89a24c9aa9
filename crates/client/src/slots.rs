//! Slots: opened by what the first party knows, answered whatever the private value is (`spec/device.md`, §3–4).
//!
//! Opening takes the slot's ordinal and its ε, and neither depends on the value. Closing randomizes the value, or `none`
//! where the ledger was exhausted, and puts one report in the waiting list. Everything here changes the state of one
//! update; what is durable is for the storage to say.

use std::borrow::Cow;

use rand::{TryRng as _, rngs::SysRng};
use sha2::{Digest as _, Sha256};
use tacita_dp::{
    DomainSize, Epsilon, Mechanism,
    ledger::{Charge, Entry, Ledger},
    memo,
};
use tacita_protocol::{
    domain::Domain,
    epoch::{EpochEntry, EpochId},
    measure::Measure,
    policy::BUDGET_SECONDS,
    report::Report,
    time::{UnixTime, WindowId},
};
use zeroize::Zeroizing;

use crate::{
    ClientError,
    edition::Edition,
    occurrence::{Answer, Occurrence, Recorded},
    secret::Secret,
    state::{DeviceState, EpochSecret, OpenSlot, Purse, SECRET_LEN, SlotCount, Spent, WaitingReport},
};

/// How long after its window's end a report is still worth sending: what a collector counts, unless configured otherwise
/// (`spec/measures.md`).
const MAX_AGE_SECONDS: u64 = 2 * 86_400;

/// How long a slot count outlives its window: a clock that is set back a day repeats no ordinal.
const COUNT_KEPT_SECONDS: u64 = 86_400;

/// The circumstances in which a slot opens or closes.
pub(crate) struct Moment<'a> {
    pub(crate) edition: &'a Edition,
    pub(crate) now: UnixTime,
    epoch: &'a EpochEntry,
    seed: Option<&'a [u8; SECRET_LEN]>,
}

impl<'a> Moment<'a> {
    pub(crate) fn new(
        edition: &'a Edition,
        now: UnixTime,
        seed: Option<&'a [u8; SECRET_LEN]>,
    ) -> Result<Self, ClientError> {
        Ok(Self { edition, now, epoch: edition.active_epoch(now)?, seed })
    }
}

impl DeviceState {
    /// Opens and answers a slot of every measure that `occurrence_of` has an occurrence for.
    pub(crate) fn answer<'a>(
        &mut self,
        moment: &Moment<'_>,
        occurrence_of: impl Fn(&Measure) -> Option<Cow<'a, Occurrence>>,
    ) -> Result<Recorded, ClientError> {
        let mut recorded = Recorded::default();
        for (measure, mechanism) in moment.edition.measures() {
            let Some(occurrence) = occurrence_of(measure).filter(|occurrence| occurrence.opens(measure)) else {
                continue;
            };
            if self.is_counted_already(measure, moment.now) {
                continue;
            }
            let mut slot = self.open_slot(moment, measure)?;
            slot.answer_with(&occurrence, moment.edition, measure);
            recorded.answers.push(self.close_slot(mechanism, &slot)?);
        }
        Ok(recorded)
    }

    /// Opens a slot with the value `none`.
    pub(crate) fn open_slot(&mut self, moment: &Moment<'_>, measure: &Measure) -> Result<OpenSlot, ClientError> {
        self.make_room(1, moment.now)?;
        let epoch = self.begin_epoch(moment)?;
        let window = measure.window.window_at(moment.now);
        Ok(OpenSlot {
            measure: measure.id,
            window,
            ordinal: self.next_ordinal(measure, window, moment.now),
            exhausted: !self.pay(moment.edition, measure, epoch),
            cell: Domain::NONE as u32,
            expires_at: measure.window.end_of(window).plus(MAX_AGE_SECONDS),
        })
    }

    /// Randomizes what the slot holds, and has the report wait for a token.
    pub(crate) fn close_slot(&mut self, mechanism: &Mechanism, slot: &OpenSlot) -> Result<Answer, ClientError> {
        let OpenSlot { measure, window, ordinal, exhausted, cell, expires_at } = *slot;
        // The secret is there: a slot opens in an epoch that has one.
        let secret = self.secret.as_ref().ok_or(ClientError::NoActiveEpoch)?;
        let mut generator = memo::generator(secret.bytes.expose(), measure.0, window.0, ordinal, cell);
        let value = mechanism.randomize(cell_of(mechanism, cell), &mut generator).raw();
        self.waiting.push_back(WaitingReport::new(Report { measure, window, value }, expires_at));
        Ok(Answer { measure, window, slot: ordinal, cell, exhausted })
    }

    /// Measures of devices are answered once per window.
    fn is_counted_already(&self, measure: &Measure, now: UnixTime) -> bool {
        let window = measure.window.window_at(now);
        measure.event.is_once_per_window()
            && self.slots.iter().any(|count| count.measure == measure.id && count.window == window)
    }

    /// The next ordinal of `measure` in `window`.
    fn next_ordinal(&mut self, measure: &Measure, window: WindowId, now: UnixTime) -> u32 {
        self.slots.retain(|count| count.forget_at > now);
        let counted = self.slots.iter_mut().find(|count| count.measure == measure.id && count.window == window);
        match counted {
            Some(count) => {
                let ordinal = count.opened;
                count.opened = ordinal.saturating_add(1);
                ordinal
            }
            None => {
                let forget_at = measure.window.end_of(window).plus(COUNT_KEPT_SECONDS);
                self.slots.push(SlotCount { measure: measure.id, window, opened: 1, forget_at });
                0
            }
        }
    }

    /// The epoch to charge: with the first slot of a new one, the secret is drawn anew and older expenses are forgotten.
    ///
    /// It never goes back, so that a clock that does cannot spend a forgotten budget again. And a collector that names many short
    /// epochs mints no budgets: what was spent goes on into an epoch that begins too soon after the one in which it last began
    /// anew (`spec/device.md`, §3).
    fn begin_epoch(&mut self, moment: &Moment<'_>) -> Result<EpochId, ClientError> {
        if let Some(secret) = self.secret.as_ref().filter(|secret| secret.epoch >= moment.epoch.epoch) {
            return Ok(secret.epoch);
        }
        let epoch = moment.epoch.epoch;
        self.secret = Some(EpochSecret { epoch, bytes: draw_secret(epoch, moment.seed)? });
        let starts_at = moment.epoch.starts_at;
        if self.budget_since.is_some_and(|since| starts_at < since.plus(BUDGET_SECONDS)) {
            self.ledger.iter_mut().for_each(|spent| spent.epoch = epoch);
            self.spent_through = self.spent_through.map(|_| epoch);
        } else {
            self.ledger.clear();
            self.budget_since = Some(starts_at);
        }
        Ok(epoch)
    }

    /// Charges a slot to its brand's budget and to its campaign's; false, and nothing is charged, if one of them is exhausted.
    fn pay(&mut self, edition: &Edition, measure: &Measure, epoch: EpochId) -> bool {
        let Some(campaign) = edition.campaign(measure) else { return false };
        if self.spent_through.is_some_and(|through| epoch <= through) {
            return false;
        }
        let purses = [
            (Purse::Brand(campaign.brand), edition.manifest().policy.ledger_bound_micro),
            (Purse::Campaign(campaign.id), campaign.policy.device_epsilon_micro),
        ];
        let paid = purses.into_iter().all(|(purse, bound)| self.holds(purse, bound, epoch, measure.epsilon));
        if paid {
            purses.into_iter().for_each(|(purse, _)| self.book(purse, epoch, measure.epsilon));
        }
        paid
    }

    /// Whether a budget still has so much.
    fn holds(&self, purse: Purse, bound: u32, epoch: EpochId, cost: Epsilon) -> bool {
        let mut ledger = Ledger::from_entries(bound.into(), self.ledger.iter().map(Spent::to_entry));
        ledger.charge(&[Charge { querier: purse.name(), epoch: epoch.0, cost }]).is_ok()
    }

    fn book(&mut self, purse: Purse, epoch: EpochId, cost: Epsilon) {
        let cost = u64::from(cost.micro());
        match self.ledger.iter_mut().find(|spent| spent.purse == purse && spent.epoch == epoch) {
            Some(spent) => spent.micro += cost,
            None => self.ledger.push(Spent { purse, epoch, micro: cost }),
        }
    }
}

impl OpenSlot {
    /// Puts the true value in, unless the slot's budget is exhausted: it then stays at `none`.
    pub(crate) fn answer_with(&mut self, occurrence: &Occurrence, edition: &Edition, measure: &Measure) {
        if !self.exhausted {
            self.cell = occurrence.cell(measure, edition.catalogue_of(measure)).map_or(Domain::NONE as u32, u32::from);
        }
    }
}

impl Spent {
    fn to_entry(&self) -> Entry {
        Entry { querier: self.purse.name(), epoch: self.epoch.0, spent: self.micro }
    }
}

impl Purse {
    /// The name that the ledger has for it.
    fn name(self) -> String {
        match self {
            Self::Brand(brand) => brand.to_string(),
            Self::Campaign(campaign) => format!("campaign {campaign}"),
        }
    }
}

/// The cell in the mechanism's domain. A stored number beyond it cannot come from this measure and counts as `none`.
fn cell_of(mechanism: &Mechanism, cell: u32) -> tacita_dp::CellIndex {
    let domain: DomainSize = mechanism.domain();
    // Unwrap safety: every domain has at least two cells, so it has the cell `none`.
    domain.cell(cell).or_else(|_| domain.cell(Domain::NONE as u32)).expect("a domain has the cell none")
}

fn draw_secret(epoch: EpochId, seed: Option<&[u8; SECRET_LEN]>) -> Result<Secret<SECRET_LEN>, ClientError> {
    let mut bytes = Zeroizing::new([0; SECRET_LEN]);
    match seed {
        Some(seed) => {
            let simulated = Sha256::new().chain_update(b"tacita/simulated-device").chain_update(seed);
            bytes.copy_from_slice(&simulated.chain_update(epoch.0.to_be_bytes()).finalize());
        }
        None => SysRng.try_fill_bytes(&mut *bytes).map_err(|_| ClientError::Random)?,
    }
    Ok(Secret::new(bytes))
}
