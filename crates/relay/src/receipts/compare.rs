//! What a publisher's relays were answered against what the collector's record says.
//!
//! For every closed period and outcome the record must have at least what the receipts say: less is a report that was
//! answered and is not in the record, and nothing innocent does that. It may have more, where an answer was lost:
//!
//! - a report that was counted without a receipt is sent again and answered `already-counted`, or waits to be: so what the record has
//!   counted beyond the receipts is at most the `already-counted` of the receipts, and the reports of unanswered batches that have
//!   no receipt yet;
//! - what it has beyond them of other outcomes is at most the reports of batches that went unanswered.
//!
//! More than that was counted for nobody that these relays know. Two things are not judged for being more: periods up
//! to the first that receipts are kept of, as those before are gone; and periods closed a moment ago, whose answers may
//! be on their way.

use std::collections::{BTreeMap, BTreeSet};

use tacita_protocol::{
    outcome::Outcome,
    record::{PeriodId, RecordEntry},
    time::UnixTime,
};

use super::Kept;

/// How long after its end a period's answers may be on their way, in seconds: longer than a relay waits for one.
const ON_THE_WAY: u64 = 60;

/// One outcome in one period.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Compared {
    /// The period.
    pub period: PeriodId,
    /// When it was closed; `None` if the record does not have it.
    pub closed_at: Option<UnixTime>,
    /// The outcome.
    pub outcome: Outcome,
    /// What the receipts say.
    pub answered: u64,
    /// What the record says.
    pub recorded: u64,
    /// Whether the record may have more than the receipts.
    pub judged_for_more: bool,
}

/// What came of the comparison.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Comparison {
    /// By rising (period, outcome), all that receipts or record have in the periods that are compared.
    pub rows: Vec<Compared>,
    /// Those of `rows` that cannot be.
    pub differences: Vec<Compared>,
    /// How many reports the record has beyond the receipts where lost answers explain it.
    pub explained: u64,
    /// Receipts of reports in periods that are not closed yet.
    pub still_open: u64,
}

/// Compares what relays kept with a record whose first `periods` periods are closed.
pub fn compare(record: &[RecordEntry], periods: PeriodId, kept: &[Kept], now: UnixTime) -> Comparison {
    let mut answered: BTreeMap<(PeriodId, Outcome), u64> = BTreeMap::new();
    for receipt in kept.iter().flat_map(|kept| &kept.receipts) {
        for (&place, &reports) in &receipt.counts {
            *answered.entry(place).or_default() += u64::from(reports);
        }
    }
    let Some(&(first, _)) = answered.keys().next() else { return Comparison::default() };
    let open = answered.split_off(&(periods, Outcome::Queued));
    let rows = rows(record, &answered, first, kept, now);
    let differences = Allowance::of(kept).differences(&rows);
    let beyond = total(rows.iter().filter(|row| row.judged_for_more).map(Compared::beyond));
    let unexplained = total(differences.iter().map(Compared::beyond));
    Comparison { rows, differences, explained: beyond - unexplained, still_open: total(open.into_values()) }
}

/// A sum that stops at the largest number: a record says what it likes.
fn total(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, u64::saturating_add)
}

/// Receipts and record side by side, from the first period that there is a receipt of.
fn rows(
    record: &[RecordEntry],
    answered: &BTreeMap<(PeriodId, Outcome), u64>,
    first: PeriodId,
    kept: &[Kept],
    now: UnixTime,
) -> Vec<Compared> {
    // Of each relay the first period may have receipts that are gone.
    let begins =
        |kept: &Kept| kept.receipts.iter().flat_map(|receipt| receipt.counts.keys()).map(|(period, _)| *period).min();
    let complete_after = kept.iter().filter_map(begins).max().unwrap_or(first);
    let closed_at: BTreeMap<PeriodId, UnixTime> = record.iter().map(|entry| (entry.period, entry.closed_at)).collect();
    let mut recorded: BTreeMap<(PeriodId, Outcome), u64> = BTreeMap::new();
    for entry in record.iter().filter(|entry| entry.period >= first) {
        recorded.extend(entry.outcomes.iter().map(|&(outcome, reports)| ((entry.period, outcome), reports)));
    }
    let places: BTreeSet<(PeriodId, Outcome)> = answered.keys().chain(recorded.keys()).copied().collect();
    let compared = |place: (PeriodId, Outcome)| {
        let (period, outcome) = place;
        let closed_at = closed_at.get(&period).copied();
        Compared {
            period,
            closed_at,
            outcome,
            answered: answered.get(&place).copied().unwrap_or(0),
            recorded: recorded.get(&place).copied().unwrap_or(0),
            judged_for_more: period > complete_after && closed_at.is_some_and(|at| at.plus(ON_THE_WAY) <= now),
        }
    };
    places.into_iter().map(compared).collect()
}

impl Compared {
    /// How many reports the record has that the receipts have not.
    fn beyond(&self) -> u64 {
        self.recorded.saturating_sub(self.answered)
    }
}

/// How many reports the record may have beyond the receipts.
struct Allowance {
    /// Counted.
    counted: u64,
    /// Of other outcomes together.
    others: u64,
}

impl Allowance {
    fn of(kept: &[Kept]) -> Self {
        let receipts = || kept.iter().flat_map(|kept| &kept.receipts);
        let unanswered = || kept.iter().flat_map(|kept| &kept.unanswered);
        let answered: BTreeSet<_> = receipts().map(|receipt| receipt.batch).collect();
        let waiting: BTreeMap<_, u64> = unanswered().filter(|(batch, _)| !answered.contains(batch)).copied().collect();
        let again = receipts().filter_map(|receipt| receipt.outcomes().get(&Outcome::AlreadyCounted).copied());
        Self {
            counted: total(again.chain(waiting.into_values())),
            others: total(unanswered().map(|&(_, reports)| reports)),
        }
    }

    fn differences(&self, rows: &[Compared]) -> Vec<Compared> {
        let judged = |row: &&Compared| row.judged_for_more && row.beyond() > 0;
        let is_counted = |row: &Compared| row.outcome == Outcome::Counted;
        let beyond = |counted: bool| {
            total(rows.iter().filter(judged).filter(|row| is_counted(row) == counted).map(Compared::beyond))
        };
        let (counted_hold, others_hold) = (beyond(true) <= self.counted, beyond(false) <= self.others);
        let differs = |row: &&Compared| {
            let holds = if is_counted(row) { counted_hold } else { others_hold };
            row.recorded < row.answered || (judged(row) && !holds)
        };
        rows.iter().filter(differs).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use tacita_protocol::{
        id::PublisherId,
        outcome::Refusal,
        receipt::{BatchDigest, Receipt},
    };

    use super::*;

    const AGAIN: Outcome = Outcome::AlreadyCounted;
    const REFUSED: Outcome = Outcome::Refused(Refusal::Unauthentic);
    const LATER: UnixTime = UnixTime(1_000_000);

    fn receipt(batch: u8, counts: &[(u32, Outcome, u32)]) -> Receipt {
        Receipt {
            publisher: PublisherId(1),
            batch: BatchDigest([batch; 32]),
            answered_at: UnixTime(0),
            counts: counts.iter().map(|&(period, outcome, reports)| ((PeriodId(period), outcome), reports)).collect(),
        }
    }

    /// A receipt of period 0, so that the later ones are judged whole, and these.
    fn kept(receipts: &[Receipt], unanswered: &[(u8, u64)]) -> Kept {
        let first = receipt(200, &[(0, Outcome::Counted, 1)]);
        Kept {
            receipts: [&[first], receipts].concat(),
            unanswered: unanswered.iter().map(|&(batch, reports)| (BatchDigest([batch; 32]), reports)).collect(),
        }
    }

    /// The record of period 0 with one report, and these.
    fn record(entries: &[(u32, &[(Outcome, u64)])]) -> Vec<RecordEntry> {
        let first: (u32, &[(Outcome, u64)]) = (0, &[(Outcome::Counted, 1)]);
        let entry = |&(period, outcomes): &(u32, &[(Outcome, u64)])| RecordEntry {
            period: PeriodId(period),
            closed_at: UnixTime(100 * u64::from(period)),
            outcomes: outcomes.to_vec(),
        };
        [&[first], entries].concat().iter().map(entry).collect()
    }

    /// The periods and outcomes that differ.
    fn differences(record: &[RecordEntry], kept: Kept) -> Vec<(u32, Outcome)> {
        let found = compare(record, PeriodId(9), &[kept], LATER).differences;
        found.into_iter().map(|row| (row.period.0, row.outcome)).collect()
    }

    #[test]
    fn a_record_of_more_reports_than_can_be_added_up_differs_and_breaks_nothing() {
        let most = u64::MAX;
        let entries = [(1, &[(Outcome::Counted, most), (REFUSED, most)][..]), (2, &[(Outcome::Counted, most)])];
        let kept = [kept(&[receipt(1, &[(1, AGAIN, 3)])], &[(9, most), (8, most)])];
        let compared = compare(&record(&entries), PeriodId(3), &kept, LATER);
        assert_eq!(compared.differences.len(), 1, "what is not in the record: {compared:?}");
        let strangers =
            compare(&record(&entries), PeriodId(3), &[Kept { unanswered: vec![], ..kept[0].clone() }], LATER);
        assert_eq!(strangers.differences.len(), 4, "{strangers:?}");
    }

    #[test]
    fn receipts_and_record_that_say_the_same_do_not_differ() {
        let kept = kept(&[receipt(1, &[(1, Outcome::Counted, 4), (2, Outcome::Counted, 3), (2, REFUSED, 2)])], &[]);
        let record = record(&[(1, &[(Outcome::Counted, 4)]), (2, &[(Outcome::Counted, 3), (REFUSED, 2)])]);
        let found = compare(&record, PeriodId(3), &[kept], LATER);
        assert_eq!((found.rows.len(), found.explained, found.still_open), (4, 0, 0));
        assert_eq!(found.differences, []);
    }

    #[test]
    fn what_was_answered_and_not_recorded_is_named_with_period_and_outcome() {
        let kept = || kept(&[receipt(1, &[(1, Outcome::Counted, 4), (2, REFUSED, 2)])], &[(1, 50)]);
        assert_eq!(
            differences(&record(&[(1, &[(Outcome::Counted, 3)]), (2, &[(REFUSED, 2)])]), kept()),
            [(1, Outcome::Counted)]
        );
        // A period that is missing as a whole; more elsewhere makes up for nothing.
        assert_eq!(
            differences(&record(&[(1, &[(Outcome::Counted, 9)])]), kept())[..],
            [(1, Outcome::Counted), (2, REFUSED)]
        );
        assert_eq!(differences(&record(&[(1, &[(Outcome::Counted, 4), (REFUSED, 2)])]), kept()), [(2, REFUSED)]);
    }

    #[test]
    fn a_lost_answer_explains_what_was_counted_without_a_receipt_and_no_more() {
        // Counted in period 1, the answer lost, sent again in period 2.
        let resent = || kept(&[receipt(1, &[(2, AGAIN, 4), (2, REFUSED, 1)])], &[(1, 5)]);
        let of = |counted: u64, refused: u64| {
            record(&[(1, &[(Outcome::Counted, counted), (REFUSED, refused)]), (2, &[(AGAIN, 4), (REFUSED, 1)])])
        };
        assert_eq!(differences(&of(4, 1), resent()), []);
        assert_eq!(compare(&of(4, 1), PeriodId(3), &[resent()], LATER).explained, 5);
        assert_eq!(differences(&of(5, 1), resent()), [(1, Outcome::Counted)]);
        assert_eq!(differences(&of(4, 6), resent()), [(1, REFUSED)]);
        // Sent and not answered yet.
        let waiting = || kept(&[], &[(1, 5), (1, 5)]);
        assert_eq!(differences(&record(&[(1, &[(Outcome::Counted, 5)])]), waiting()), []);
        assert_eq!(differences(&record(&[(1, &[(Outcome::Counted, 6)])]), waiting()), [(1, Outcome::Counted)]);
    }

    #[test]
    fn periods_that_are_not_known_whole_are_judged_only_for_what_is_missing() {
        let more = record(&[(1, &[(Outcome::Counted, 40)])]);
        // The first of the receipts that are left.
        let left = || Kept { receipts: vec![receipt(1, &[(1, Outcome::Counted, 4)])], unanswered: vec![] };
        assert_eq!(differences(&more, left()), []);
        assert_eq!(differences(&record(&[(1, &[(Outcome::Counted, 3)])]), left()), [(1, Outcome::Counted)]);
        // Closed a moment ago.
        let kept = || kept(&[receipt(1, &[(1, Outcome::Counted, 4)])], &[]);
        assert_eq!(compare(&more, PeriodId(2), &[kept()], UnixTime(159)).differences, []);
        assert_eq!(compare(&more, PeriodId(2), &[kept()], UnixTime(160)).differences.len(), 1);
        // Not closed.
        let found = compare(&record(&[]), PeriodId(1), &[kept()], LATER);
        assert_eq!((found.differences.len(), found.still_open), (0, 4));
    }

    #[test]
    fn the_receipts_of_several_relays_are_one_publishers() {
        let one = kept(&[receipt(1, &[(1, Outcome::Counted, 4)])], &[]);
        let other = Kept { receipts: vec![receipt(2, &[(1, Outcome::Counted, 2), (2, AGAIN, 1)])], unanswered: vec![] };
        let record = record(&[(1, &[(Outcome::Counted, 6)]), (2, &[(AGAIN, 1)])]);
        assert_eq!(compare(&record, PeriodId(3), &[one, other], LATER).differences, []);
    }
}
