//! The mergeable state of a histogram: how many reports, and how many of them incremented each counter.

use crate::report::Counters;
use crate::{Error, Mechanism, Report, masks};

/// Integer counters of one histogram. Merging is addition, so tallies of shards, windows or relays combine in any order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Tally {
    reports: u64,
    counters: Vec<u64>,
}

impl Tally {
    /// An empty tally of the mechanism's length.
    #[must_use]
    pub fn new(mechanism: &Mechanism) -> Self {
        Self { reports: 0, counters: vec![0; mechanism.tally_len()] }
    }

    /// A tally that a store kept. It is checked against the mechanism by [`Mechanism::estimate`].
    #[must_use]
    pub const fn from_parts(reports: u64, counters: Vec<u64>) -> Self {
        Self { reports, counters }
    }

    /// How many reports were counted.
    #[must_use]
    pub const fn reports(&self) -> u64 {
        self.reports
    }

    /// The counters, in the mechanism's order.
    #[must_use]
    pub fn counters(&self) -> &[u64] {
        &self.counters
    }

    /// Counts reports that `mechanism` made or validated. Reports of another mechanism cannot be told apart here; where
    /// their format differs, the sums disagree and [`Mechanism::estimate`] refuses the tally.
    ///
    /// # Errors
    /// [`Error::TallyShape`] if this tally belongs to another mechanism; nothing is counted then.
    pub fn absorb(&mut self, mechanism: &Mechanism, reports: &[Report]) -> Result<(), Error> {
        if self.counters.len() != mechanism.tally_len() {
            return Err(Error::TallyShape { expected: mechanism.tally_len(), found: self.counters.len() });
        }
        match mechanism {
            Mechanism::SubsetSelection(_) => masks::count(reports, &mut self.counters),
            Mechanism::SubsetList(list) => self.increment_each(reports, |report| list.counters(report)),
            Mechanism::Projective(_) => self.increment_one(reports),
        }
        self.reports += reports.len() as u64;
        Ok(())
    }

    fn increment_each(&mut self, reports: &[Report], counters_of: impl Fn(Report) -> Counters) {
        for index in reports.iter().flat_map(|&report| counters_of(report)) {
            if let Some(counter) = self.counters.get_mut(index as usize) {
                *counter += 1;
            }
        }
    }

    fn increment_one(&mut self, reports: &[Report]) {
        for report in reports {
            if let Some(counter) = usize::try_from(report.0).ok().and_then(|point| self.counters.get_mut(point)) {
                *counter += 1;
            }
        }
    }

    /// Adds another tally of the same mechanism.
    ///
    /// # Errors
    /// [`Error::TallyShape`] if the lengths differ, [`Error::TallyOverflow`] if a sum leaves 64 bits; nothing changes then.
    pub fn merge(&mut self, other: &Self) -> Result<(), Error> {
        if self.counters.len() != other.counters.len() {
            return Err(Error::TallyShape { expected: self.counters.len(), found: other.counters.len() });
        }
        let add = |a: u64, b: u64| a.checked_add(b).ok_or(Error::TallyOverflow);
        let reports = add(self.reports, other.reports)?;
        let sums = self.counters.iter().zip(&other.counters).map(|(&a, &b)| add(a, b)).collect::<Result<_, _>>()?;
        (self.reports, self.counters) = (reports, sums);
        Ok(())
    }

    /// Whether this can be the sum of valid reports of the mechanism: right length, right total, no counter above the
    /// number of reports.
    pub(crate) fn check(&self, mechanism: &Mechanism) -> Result<(), Error> {
        if self.counters.len() != mechanism.tally_len() {
            return Err(Error::TallyShape { expected: mechanism.tally_len(), found: self.counters.len() });
        }
        let expected = u128::from(self.reports) * u128::from(mechanism.counters_per_report());
        let found = self.counters.iter().map(|&count| u128::from(count)).sum();
        let too_high = self.counters.iter().any(|&count| count > self.reports);
        if found != expected || too_high {
            return Err(Error::TallyInconsistent { reports: self.reports, expected, found });
        }
        Ok(())
    }
}
