//! Names and keys on disk, to the byte. `spec/store.md` is the same in prose.
//!
//! All numbers are big-endian, so that keys sort as their numbers do.

use tacita_protocol::{
    epoch::EpochId,
    id::{MeasureId, PublisherId},
    outcome::Outcome,
    record::PeriodId,
    time::{UnixTime, WindowId},
};
use tacita_tokens::Nullifier;

use crate::{Closing, PeriodCounts, Series, StoreError};

/// The version of this layout.
pub(super) const SCHEMA: u32 = 3;

/// Schema version and dropped epochs.
pub(super) const META: &str = "meta";
/// One counter per key.
pub(super) const TALLIES: &str = "tallies";
/// One count per publisher and outcome.
pub(super) const OUTCOMES: &str = "outcomes";
/// The change log, by index.
pub(super) const LOG: &str = "log";
/// When each period was closed.
pub(super) const PERIODS: &str = "periods";
/// Outcome counts by publisher and closed period.
pub(super) const RECORD: &str = "record";
/// One keyspace per epoch has this and the epoch's number as its name.
const SPENT: &str = "spent-";

/// The key of the schema version in [`META`].
pub(super) const SCHEMA_KEY: &[u8] = b"schema";
/// What the keys of dropped epochs in [`META`] begin with.
pub(super) const DROPPED: &[u8] = b"dropped";

/// The name of an epoch's keyspace.
pub(super) fn spent_name(epoch: EpochId) -> String {
    format!("{SPENT}{epoch}")
}

/// The epoch whose keyspace has this name.
pub(super) fn epoch_of_name(name: &str) -> Option<EpochId> {
    name.strip_prefix(SPENT)?.parse().ok().map(EpochId)
}

/// The key of a nullifier, in an epoch's keyspace: its generation leads.
pub(super) fn spent_key(generation: u32, nullifier: &Nullifier) -> [u8; 20] {
    let mut key = [0; 20];
    key[..4].copy_from_slice(&generation.to_be_bytes());
    key[4..].copy_from_slice(nullifier.as_bytes());
    key
}

/// The key of a full generation's filter, in an epoch's keyspace.
pub(super) fn filter_key(generation: u32) -> [u8; 4] {
    generation.to_be_bytes()
}

/// The generation that a key of an epoch's keyspace belongs to.
pub(super) fn generation_of(keyspace: &str, key: &[u8]) -> Result<u32, StoreError> {
    let generation = key.first_chunk().ok_or_else(|| malformed(keyspace, key))?;
    Ok(u32::from_be_bytes(*generation))
}

/// The nullifier that a [`spent_key`] names.
pub(super) fn spent_nullifier(keyspace: &str, key: &[u8]) -> Result<Nullifier, StoreError> {
    let bytes = key.get(4..).and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| malformed(keyspace, key))?;
    Ok(Nullifier::from_bytes(bytes))
}

/// The key in [`META`] that says that an epoch was dropped.
pub(super) fn dropped_key(epoch: EpochId) -> Vec<u8> {
    [DROPPED, &epoch.0.to_be_bytes()].concat()
}

/// The epoch that a key in [`META`] says was dropped.
pub(super) fn epoch_of_dropped(key: &[u8]) -> Result<EpochId, StoreError> {
    key.strip_prefix(DROPPED)
        .and_then(|rest| rest.try_into().ok())
        .map(|be| EpochId(u32::from_be_bytes(be)))
        .ok_or(malformed(META, key))
}

/// What the keys of a measure's window, and of all later ones, are not less than.
pub(super) fn window_start(measure: MeasureId, window: WindowId) -> [u8; 8] {
    let mut key = [0; 8];
    key[..4].copy_from_slice(&measure.0.to_be_bytes());
    key[4..].copy_from_slice(&window.0.to_be_bytes());
    key
}

/// The key of a series' number of reports, which is what the keys of its counters begin with.
pub(super) fn series_key(publisher: PublisherId, series: Series) -> [u8; 12] {
    let mut key = [0; 12];
    key[..8].copy_from_slice(&window_start(series.measure, series.window));
    key[8..].copy_from_slice(&publisher.0.to_be_bytes());
    key
}

/// What a key in [`TALLIES`] stands for: a window, a publisher, and a counter or `None` for the number of reports.
pub(super) fn decode_tally_key(key: &[u8]) -> Result<(WindowId, PublisherId, Option<u32>), StoreError> {
    let counter = match key.len() {
        12 => None,
        16 => Some(number(TALLIES, &key[12..])?),
        _ => return Err(malformed(TALLIES, key)),
    };
    Ok((WindowId(number(TALLIES, &key[4..8])?), PublisherId(number(TALLIES, &key[8..12])?), counter))
}

/// The key of one of a publisher's outcome counts begins with this; the outcome's number on the wire follows.
pub(super) fn outcomes_key(publisher: PublisherId) -> [u8; 4] {
    publisher.0.to_be_bytes()
}

/// An outcome as a counter.
pub(super) fn outcome_number(outcome: Outcome) -> u32 {
    // The wire's numbers are small and not negative.
    outcome.to_wire().unsigned_abs()
}

/// What a key in [`OUTCOMES`] stands for.
pub(super) fn decode_outcome_key(key: &[u8]) -> Result<(PublisherId, Outcome), StoreError> {
    let (publisher, outcome) = key.split_at_checked(4).ok_or_else(|| malformed(OUTCOMES, key))?;
    Ok((PublisherId(number(OUTCOMES, publisher)?), self::outcome(OUTCOMES, outcome)?))
}

/// The key of a period in [`PERIODS`].
pub(super) fn period_key(period: PeriodId) -> [u8; 4] {
    period.0.to_be_bytes()
}

/// What an entry of [`PERIODS`] says.
pub(super) fn decode_closing(key: &[u8], value: &[u8]) -> Result<Closing, StoreError> {
    Ok(Closing { period: PeriodId(number(PERIODS, key)?), at: UnixTime(count(PERIODS, value)?) })
}

/// The key of a publisher's counts in a period, in [`RECORD`].
pub(super) fn record_key(publisher: PublisherId, period: PeriodId) -> [u8; 8] {
    let mut key = [0; 8];
    key[..4].copy_from_slice(&publisher.0.to_be_bytes());
    key[4..].copy_from_slice(&period.0.to_be_bytes());
    key
}

/// The period that a [`record_key`] names.
pub(super) fn period_of_record(key: &[u8]) -> Result<PeriodId, StoreError> {
    let period = key.get(4..).ok_or_else(|| malformed(RECORD, key))?;
    Ok(PeriodId(number(RECORD, period)?))
}

/// An outcome in a publisher's counts of a period.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Recorded {
    pub(super) outcome: Outcome,
    /// In this period.
    pub(super) reports: u64,
    /// Until its end.
    pub(super) total: u64,
}

/// The value of a publisher's counts in a period.
pub(super) fn record_value(counts: &[Recorded]) -> Vec<u8> {
    let bytes = |count: &Recorded| {
        let outcome = outcome_number(count.outcome).to_be_bytes();
        [&outcome[..], &count.reports.to_be_bytes(), &count.total.to_be_bytes()].concat()
    };
    counts.iter().flat_map(bytes).collect()
}

/// What a [`record_value`] says.
pub(super) fn decode_record(value: &[u8]) -> Result<Vec<Recorded>, StoreError> {
    let (counts, []) = value.as_chunks::<20>() else { return Err(malformed(RECORD, value)) };
    let read = |bytes: &[u8; 20]| {
        let outcome = outcome(RECORD, &bytes[..4])?;
        Ok(Recorded { outcome, reports: count(RECORD, &bytes[4..12])?, total: count(RECORD, &bytes[12..])? })
    };
    counts.iter().map(read).collect()
}

/// The same without the totals, for a caller.
pub(super) fn period_counts(closing: Closing, counts: &[Recorded]) -> PeriodCounts {
    let own = counts.iter().filter(|count| count.reports > 0);
    PeriodCounts { closing, outcomes: own.map(|count| (count.outcome, count.reports)).collect() }
}

/// An outcome's number that takes all of `bytes`.
fn outcome(keyspace: &str, bytes: &[u8]) -> Result<Outcome, StoreError> {
    let wire = i32::try_from(number(keyspace, bytes)?).map_err(|_| malformed(keyspace, bytes))?;
    Outcome::from_wire(wire).map_err(|_| malformed(keyspace, bytes))
}

/// A big-endian number that takes all of `bytes`.
pub(super) fn number(keyspace: &str, bytes: &[u8]) -> Result<u32, StoreError> {
    bytes.try_into().map(u32::from_be_bytes).map_err(|_| malformed(keyspace, bytes))
}

/// A big-endian count that takes all of `bytes`.
pub(super) fn count(keyspace: &str, bytes: &[u8]) -> Result<u64, StoreError> {
    bytes.try_into().map(u64::from_be_bytes).map_err(|_| malformed(keyspace, bytes))
}

/// Bytes in a keyspace that this version would not have written.
pub(super) fn malformed(keyspace: &str, bytes: &[u8]) -> StoreError {
    let cause = format!("'{keyspace}' holds {} bytes that do not decode: {bytes:02x?}", bytes.len());
    StoreError::Damaged { path: None, cause }
}

#[cfg(test)]
mod tests {
    use tacita_protocol::outcome::Refusal;

    use super::*;

    #[test]
    fn the_keys_of_the_layout_are_these_bytes() {
        let series = Series { measure: MeasureId(0x0102_0304), window: WindowId(0x0506_0708) };
        let key = series_key(PublisherId(0x090a_0b0c), series);
        assert_eq!(key, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        let counter = [&key[..], &[0, 0, 1, 0]].concat();
        let (window, publisher, index) = decode_tally_key(&counter).unwrap();
        assert_eq!((window, publisher, index), (series.window, PublisherId(0x090a_0b0c), Some(256)));
        assert_eq!(decode_tally_key(&key).unwrap().2, None);
        assert!(decode_tally_key(&counter[..15]).is_err());
        assert_eq!(dropped_key(EpochId(7)), b"dropped\0\0\0\x07");
    }

    #[test]
    fn names_and_keys_lead_back_to_what_they_stand_for() {
        assert_eq!(epoch_of_name(&spent_name(EpochId(u32::MAX))), Some(EpochId(u32::MAX)));
        assert_eq!(epoch_of_name(TALLIES), None);
        assert_eq!(epoch_of_dropped(&dropped_key(EpochId(9))).unwrap(), EpochId(9));
        for &outcome in Outcome::ALL.iter().chain([&Outcome::Refused(Refusal::Spent)]) {
            let key = [&outcomes_key(PublisherId(3))[..], &outcome_number(outcome).to_be_bytes()].concat();
            assert_eq!(decode_outcome_key(&key).unwrap(), (PublisherId(3), outcome));
        }
        let counts = [
            Recorded { outcome: Outcome::Counted, reports: 0, total: u64::MAX },
            Recorded { outcome: Outcome::Refused(Refusal::Spent), reports: 5, total: 9 },
        ];
        let value = record_value(&counts);
        assert_eq!(decode_record(&value).unwrap(), counts);
        assert!(decode_record(&value[1..]).is_err());
        assert_eq!(period_of_record(&record_key(PublisherId(1), PeriodId(7))).unwrap(), PeriodId(7));
    }
}
