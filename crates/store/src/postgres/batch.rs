//! A commit's entries as the arguments of `tacita.commit_reports`. Knows of no database, and is made once however often a call is
//! tried.

use std::collections::BTreeMap;

use tacita_protocol::record::PeriodId;
use tokio_postgres::types::{ToSql, Type};

use super::{
    read,
    types::{Uuid, signed},
};
use crate::{Committed, Entry, Partition, Series, StoreError, Verdict};

/// Counters that a row of `tacita.tally` holds.
pub(super) const NEAR: u32 = 64;

/// The partition key: room for as many lanes as a byte can tell.
pub(super) fn part(partition: Partition) -> i64 {
    i64::from(partition.publisher.0) << 8 | i64::from(partition.lane)
}

/// Entries by rising nullifier, those with the same one in the order of their arrival, and the counters as if all of
/// them counted.
pub(super) struct Batch {
    part: i64,
    epoch: i64,
    /// Where each entry stood in the call.
    places: Vec<usize>,
    nullifiers: Vec<Uuid>,
    fingerprints: Vec<i64>,
    series: Vec<i32>,
    masks: Vec<i64>,
    far: Far,
    measures: Vec<i64>,
    windows: Vec<i64>,
    reports: Vec<i64>,
    counts: Vec<i64>,
}

/// Rises of counters from [`NEAR`] on.
#[derive(Default)]
struct Far {
    entries: Vec<i32>,
    series: Vec<i32>,
    counters: Vec<i64>,
}

impl Batch {
    pub(super) fn new(partition: Partition, epoch: u32, entries: &[Entry]) -> Self {
        let mut places: Vec<usize> = (0..entries.len()).collect();
        places.sort_unstable_by_key(|&place| (entries[place].nullifier, place));
        let series: BTreeMap<Series, i32> = entries.iter().map(|entry| (entry.series, 0)).collect();
        let series: BTreeMap<Series, i32> = series.into_keys().zip(1..).collect();
        let mut batch = Self {
            part: part(partition),
            epoch: epoch.into(),
            nullifiers: places.iter().map(|&place| Uuid(*entries[place].nullifier.as_bytes())).collect(),
            fingerprints: places.iter().map(|&place| signed(*entries[place].fingerprint.as_bytes())).collect(),
            series: places.iter().map(|&place| series[&entries[place].series]).collect(),
            masks: Vec::with_capacity(entries.len()),
            far: Far::default(),
            measures: series.keys().map(|series| series.measure.0.into()).collect(),
            windows: series.keys().map(|series| series.window.0.into()).collect(),
            reports: vec![0; series.len()],
            counts: vec![0; series.len() * NEAR as usize],
            places,
        };
        for number in 0..entries.len() {
            batch.fold(number, &entries[batch.places[number]]);
        }
        batch
    }

    /// Adds the entry with this number among the sorted ones to the counters.
    fn fold(&mut self, number: usize, entry: &Entry) {
        let series = self.series[number];
        let row = (series - 1) as usize;
        self.reports[row] += 1;
        let counts = &mut self.counts[row * NEAR as usize..][..NEAR as usize];
        let mut mask = 0_u64;
        entry.increments.for_each(|counter| {
            if counter < NEAR {
                mask |= 1 << counter;
                counts[counter as usize] += 1;
            } else {
                // Batches are far shorter than 2³¹, and the function counts from one.
                self.far.entries.push(number as i32 + 1);
                self.far.series.push(series);
                self.far.counters.push(counter.into());
            }
        });
        self.masks.push(mask.cast_signed());
    }

    /// What `tacita.commit_reports` takes, in its order.
    pub(super) fn arguments(&self) -> [(&(dyn ToSql + Sync), Type); 13] {
        [
            (&self.part, Type::INT8),
            (&self.epoch, Type::INT8),
            (&self.nullifiers, Type::UUID_ARRAY),
            (&self.fingerprints, Type::INT8_ARRAY),
            (&self.series, Type::INT4_ARRAY),
            (&self.masks, Type::INT8_ARRAY),
            (&self.far.entries, Type::INT4_ARRAY),
            (&self.far.series, Type::INT4_ARRAY),
            (&self.far.counters, Type::INT8_ARRAY),
            (&self.measures, Type::INT8_ARRAY),
            (&self.windows, Type::INT8_ARRAY),
            (&self.reports, Type::INT8_ARRAY),
            (&self.counts, Type::INT8_ARRAY),
        ]
    }

    /// The function's answer: the period, then the verdicts, by entry as the caller gave them. None stand for a batch
    /// that counted whole.
    pub(super) fn committed(&self, answer: &[i64]) -> Result<Committed, StoreError> {
        let Some((&period, answer)) = answer.split_first() else {
            return Err(StoreError::Engine("a commit in no period".to_owned()));
        };
        Ok(Committed { verdicts: self.verdicts(answer)?, period: PeriodId(read::number(period)?) })
    }

    fn verdicts(&self, answer: &[i64]) -> Result<Vec<Verdict>, StoreError> {
        let mut verdicts = vec![Verdict::Counted; self.places.len()];
        if answer.is_empty() {
            return Ok(verdicts);
        }
        if answer.len() != verdicts.len() {
            return Err(StoreError::Engine(format!("{} verdicts for {} entries", answer.len(), verdicts.len())));
        }
        for (&place, &number) in self.places.iter().zip(answer) {
            verdicts[place] = match number {
                0 => Verdict::Counted,
                1 => Verdict::AlreadyCounted,
                2 => Verdict::Spent,
                other => return Err(StoreError::Engine(format!("{other} is no verdict"))),
            };
        }
        Ok(verdicts)
    }
}

#[cfg(test)]
mod tests {
    use tacita_protocol::{
        id::{MeasureId, PublisherId},
        outcome::Outcome,
        time::WindowId,
    };
    use tacita_tokens::{Fingerprint, Nullifier};

    use super::*;
    use crate::Increments;

    fn entry(nullifier: u8, window: u32, increments: Increments) -> Entry {
        Entry {
            nullifier: Nullifier::from_bytes([nullifier; 16]),
            fingerprint: Fingerprint::from_bytes([nullifier; 8]),
            series: Series { measure: MeasureId(1), window: WindowId(window) },
            increments,
        }
    }

    #[test]
    fn entries_are_sorted_and_folded_and_answered_in_the_order_they_came() {
        let given = [
            entry(9, 5, Increments::Mask(0b11)),
            entry(2, 4, Increments::Many([1, 70].into())),
            entry(9, 5, Increments::One(64)),
        ];
        let batch = Batch::new(Partition { publisher: PublisherId(1), lane: 2 }, 7, &given);
        assert_eq!((batch.part, &*batch.places), (256 + 2, &[1, 0, 2][..]));
        assert_eq!((&*batch.series, &*batch.windows, &*batch.reports), (&[1, 2, 2][..], &[4, 5][..], &[1, 2][..]));
        assert_eq!(batch.masks, [0b10, 0b11, 0]);
        assert_eq!((&*batch.far.entries, &*batch.far.series), (&[1, 3][..], &[1, 2][..]));
        assert_eq!(batch.far.counters, [70, 64]);
        assert_eq!((batch.counts[..2].to_vec(), batch.counts[64..66].to_vec()), (vec![0, 1], vec![1, 1]));

        assert_eq!(batch.verdicts(&[]).unwrap(), [Verdict::Counted; 3]);
        let Committed { verdicts, period } = batch.committed(&[4, 1, 0, 2]).unwrap();
        assert_eq!(period, PeriodId(4));
        assert_eq!(verdicts, [Verdict::Counted, Verdict::AlreadyCounted, Verdict::Spent]);
        assert!(batch.verdicts(&[0]).is_err() && batch.verdicts(&[0, 1, 3]).is_err() && batch.committed(&[]).is_err());
    }

    #[test]
    fn the_function_counts_outcomes_under_their_numbers_on_the_wire() {
        let numbers = [Verdict::Counted, Verdict::AlreadyCounted, Verdict::Spent].map(|v| Outcome::from(v).to_wire());
        let written = format!("ARRAY{numbers:?}");
        assert!(include_str!("migrations/0002_record.sql").contains(&written), "{written}");
    }
}
