//! The answers of one batch, as they become known.

use std::collections::BTreeMap;

use tacita_protocol::{
    outcome::{Outcome, Refusal},
    receipt::PeriodOutcomes,
    record::PeriodId,
};

#[derive(Debug)]
pub(super) struct Answers {
    outcomes: Vec<Option<Outcome>>,
    /// What the store has counted, and in which period.
    counted: PeriodOutcomes,
    /// What it has not counted yet.
    uncounted: BTreeMap<Outcome, u32>,
}

/// What became of a batch, all of it durable.
#[derive(Debug)]
pub(crate) struct Answered {
    /// For each envelope, in order.
    pub(crate) outcomes: Vec<Outcome>,
    /// The same as counts, by the period that they were counted in.
    pub(crate) counts: PeriodOutcomes,
}

impl Answers {
    pub(super) fn awaited(reports: usize) -> Self {
        Self { outcomes: vec![None; reports], counted: PeriodOutcomes::new(), uncounted: BTreeMap::new() }
    }

    /// An answer that the store knows nothing of yet.
    pub(super) fn settle(&mut self, place: usize, outcome: Outcome) {
        self.answer(place, outcome);
        *self.uncounted.entry(outcome).or_default() += 1;
    }

    /// An answer that the store gave, and counted in the same step.
    pub(super) fn settle_counted(&mut self, place: usize, outcome: Outcome, period: PeriodId) {
        self.answer(place, outcome);
        *self.counted.entry((period, outcome)).or_default() += 1;
    }

    fn answer(&mut self, place: usize, outcome: Outcome) {
        if let Some(answer) = self.outcomes.get_mut(place) {
            *answer = Some(outcome);
        }
    }

    pub(super) fn refuse(&mut self, place: usize, refusal: Refusal) {
        self.settle(place, Outcome::Refused(refusal));
    }

    pub(super) fn refuse_all(&mut self, places: impl IntoIterator<Item = usize>, refusal: Refusal) {
        for place in places {
            self.refuse(place, refusal);
        }
    }

    /// Whether a report names what the catalogue does not hold.
    pub(super) fn has_unknown(&self) -> bool {
        [Refusal::UnknownEpoch, Refusal::UnknownMeasure]
            .iter()
            .any(|&refusal| self.uncounted.contains_key(&Outcome::Refused(refusal)))
    }

    pub(super) fn uncounted(&self) -> Vec<(Outcome, u64)> {
        self.uncounted.iter().map(|(&outcome, &reports)| (outcome, reports.into())).collect()
    }

    /// The store has counted those too.
    pub(super) fn counted(&mut self, period: PeriodId) {
        for (outcome, reports) in std::mem::take(&mut self.uncounted) {
            *self.counted.entry((period, outcome)).or_default() += reports;
        }
    }

    /// All answers in order, when every report has one.
    pub(super) fn complete(self) -> Option<Answered> {
        let outcomes = self.outcomes.into_iter().collect::<Option<_>>()?;
        Some(Answered { outcomes, counts: self.counted })
    }
}
