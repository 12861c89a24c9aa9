//! The privacy budget of a device: integer micro-ε per querier and epoch, spent all or nothing.
//!
//! The filter of Cookie Monster (Tholoniat et al., SOSP 2024, §4), in integers. Pure state: the caller persists
//! [`Ledger::entries`] **before** a charged report leaves the device, and rebuilds with [`Ledger::from_entries`], so that
//! a crash can lose budget but never mint it. On exhaustion the device reports the domain's "none": staying silent would
//! leak. Specification: spec/statistics/ledger.md.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::Epsilon;

/// One answer to be paid for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Charge {
    /// Who learns from the answer: a campaign's querier, by its stable name.
    pub querier: String,
    /// The budget period that the answer is about.
    pub epoch: u32,
    /// The nominal ε of the mechanism.
    pub cost: Epsilon,
}

/// What was spent by one querier in one epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Entry {
    /// Who.
    pub querier: String,
    /// When.
    pub epoch: u32,
    /// Spent micro-ε.
    pub spent: u64,
}

/// A list of charges that does not fit the budget. Nothing was spent: report "none".
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{querier} has {left} micro-epsilon left in epoch {epoch}, {asked} are asked for")]
pub struct Exhausted {
    /// The first querier, in order of name, whose budget is short.
    pub querier: String,
    /// Its epoch.
    pub epoch: u32,
    /// Micro-ε still unspent.
    pub left: u64,
    /// Micro-ε that the list asks of this querier and epoch in all.
    pub asked: u64,
}

/// Budgets of one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// Micro-ε per querier and epoch.
    capacity: u64,
    /// Never above the capacity, unless a persisted ledger is reopened with a smaller one.
    spent: BTreeMap<(String, u32), u64>,
}

impl Ledger {
    /// The default budget: ε = 8 per querier and epoch of seven days.
    pub const DEFAULT_CAPACITY: u64 = 8_000_000;

    /// An empty ledger with this many micro-ε per querier and epoch.
    #[must_use]
    pub const fn new(capacity: u64) -> Self {
        Self { capacity, spent: BTreeMap::new() }
    }

    /// A ledger from what was persisted. Entries of the same querier and epoch add up.
    #[must_use]
    pub fn from_entries(capacity: u64, entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut ledger = Self::new(capacity);
        for entry in entries {
            let spent = ledger.spent.entry((entry.querier, entry.epoch)).or_default();
            *spent = spent.saturating_add(entry.spent);
        }
        ledger
    }

    /// What to persist, in order of querier and epoch.
    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        self.spent.iter().map(|((querier, epoch), &spent)| Entry { querier: querier.clone(), epoch: *epoch, spent })
    }

    /// Micro-ε per querier and epoch.
    #[must_use]
    pub const fn capacity(&self) -> u64 {
        self.capacity
    }

    /// Micro-ε that this querier may still spend in this epoch.
    #[must_use]
    pub fn remaining(&self, querier: &str, epoch: u32) -> u64 {
        let spent = self.spent.get(&(querier.to_owned(), epoch)).copied().unwrap_or(0);
        self.capacity.saturating_sub(spent)
    }

    /// Pays for all charges, or for none. Charges of one querier and epoch are added before they are compared.
    ///
    /// # Errors
    /// [`Exhausted`] if any budget is short; the ledger is unchanged.
    pub fn charge(&mut self, charges: &[Charge]) -> Result<(), Exhausted> {
        let mut asked: BTreeMap<(&str, u32), u64> = BTreeMap::new();
        for charge in charges {
            let sum = asked.entry((&charge.querier, charge.epoch)).or_default();
            *sum = sum.saturating_add(u64::from(charge.cost.micro()));
        }
        for (&(querier, epoch), &asked) in &asked {
            let left = self.remaining(querier, epoch);
            if asked > left {
                return Err(Exhausted { querier: querier.to_owned(), epoch, left, asked });
            }
        }
        for ((querier, epoch), asked) in asked {
            *self.spent.entry((querier.to_owned(), epoch)).or_default() += asked;
        }
        Ok(())
    }

    /// Drops what was spent before `epoch`. Those epochs must be over for good: their budgets are whole again.
    pub fn forget_before(&mut self, epoch: u32) {
        self.spent.retain(|&(_, when), _| when >= epoch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn charge(querier: &str, epoch: u32, micro: u32) -> Charge {
        Charge { querier: querier.to_owned(), epoch, cost: Epsilon::from_micro(micro).unwrap() }
    }

    #[test]
    fn a_list_is_paid_whole_or_not_at_all() {
        let mut ledger = Ledger::new(8_000_000);
        ledger.charge(&[charge("a", 1, 3_000_000), charge("b", 1, 8_000_000)]).unwrap();
        let before = ledger.clone();
        // "a" could pay, "b" cannot: nobody does.
        let refused = ledger.charge(&[charge("a", 1, 1), charge("b", 1, 1)]);
        assert_eq!(refused, Err(Exhausted { querier: "b".into(), epoch: 1, left: 0, asked: 1 }));
        assert_eq!(ledger, before);
        // Another epoch is another budget.
        ledger.charge(&[charge("b", 2, 8_000_000)]).unwrap();
    }

    #[test]
    fn charges_of_one_querier_add_up_within_a_list() {
        let mut ledger = Ledger::new(5_000_000);
        let twice = [charge("a", 7, 3_000_000), charge("a", 7, 3_000_000)];
        assert_eq!(ledger.charge(&twice).unwrap_err().asked, 6_000_000);
        assert_eq!(ledger.remaining("a", 7), 5_000_000);
        ledger.charge(&twice[..1]).unwrap();
        assert_eq!(ledger.remaining("a", 7), 2_000_000);
    }

    #[test]
    fn forgetting_an_epoch_leaves_later_ones_alone() {
        let mut ledger = Ledger::new(10);
        ledger.charge(&[charge("a", 1, 10), charge("a", 2, 4)]).unwrap();
        ledger.forget_before(2);
        assert_eq!((ledger.remaining("a", 1), ledger.remaining("a", 2)), (10, 6));
    }

    #[test]
    fn a_reopened_ledger_with_a_smaller_capacity_has_nothing_left() {
        let entries = [
            Entry { querier: "a".into(), epoch: 1, spent: u64::MAX },
            Entry { querier: "a".into(), epoch: 1, spent: 5 },
        ];
        let mut ledger = Ledger::from_entries(10, entries);
        assert_eq!(ledger.remaining("a", 1), 0);
        assert!(ledger.charge(&[charge("a", 1, 1)]).is_err());
    }

    proptest! {
        #[test]
        fn no_sequence_of_charges_and_restarts_spends_more_than_the_capacity(
            lists in prop::collection::vec(prop::collection::vec((0u8..3, 0u32..3, 1u32..4_000_000), 0..4), 0..30)
        ) {
            let mut ledger = Ledger::new(Ledger::DEFAULT_CAPACITY);
            let mut paid: BTreeMap<(String, u32), u64> = BTreeMap::new();
            for list in lists {
                let list: Vec<Charge> = list.iter().map(|&(who, epoch, micro)| charge(&who.to_string(), epoch, micro)).collect();
                if ledger.charge(&list).is_ok() {
                    for charge in &list {
                        *paid.entry((charge.querier.clone(), charge.epoch)).or_default() += u64::from(charge.cost.micro());
                    }
                }
                ledger = Ledger::from_entries(ledger.capacity(), ledger.entries().collect::<Vec<_>>());
            }
            for ((querier, epoch), spent) in paid {
                prop_assert!(spent <= ledger.capacity());
                prop_assert_eq!(ledger.remaining(&querier, epoch), ledger.capacity() - spent);
            }
        }
    }
}
