//! What an opened report must be to count.

use std::sync::Arc;

use tacita_protocol::{
    id::PublisherId,
    outcome::Refusal,
    report::Report,
    time::{UnixTime, WindowId, WindowLength},
};
use tacita_store::{Entry, Series};
use tacita_tokens::Opened;

use crate::{catalogue::Catalogue, config::WindowPolicy};

/// All that the judgement of a report depends on, the same for a whole batch.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) publisher: PublisherId,
    pub(super) windows: WindowPolicy,
    pub(super) now: UnixTime,
}

impl Rules {
    /// What a report adds to which tally, or why it adds nothing.
    pub(super) fn judge(&self, opened: Result<Opened, tacita_tokens::Error>) -> Result<Entry, Refusal> {
        let opened = opened.map_err(|_| Refusal::Unauthentic)?;
        let report = Report::from_bytes(&opened.payload);
        let counted = self.catalogue.measure_for(self.publisher, report.measure).ok_or(Refusal::UnknownMeasure)?;
        self.windows.check(counted.measure.window, report.window, self.now)?;
        let value = counted.mechanism.validate(report.value).map_err(|_| Refusal::InvalidValue)?;
        Ok(Entry {
            nullifier: opened.nullifier,
            fingerprint: opened.fingerprint,
            series: Series { measure: report.measure, window: report.window },
            increments: counted.mechanism.counters(value).collect(),
        })
    }
}

impl WindowPolicy {
    /// Whether a window is counted at `now`.
    fn check(&self, length: WindowLength, window: WindowId, now: UnixTime) -> Result<(), Refusal> {
        if length.start_of(window) > now.plus(self.ahead.as_secs()) {
            Err(Refusal::WindowAhead)
        } else if length.end_of(window).plus(self.max_age.as_secs()) <= now {
            Err(Refusal::WindowTooOld)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_counts_from_an_hour_before_it_begins_to_two_days_after_it_ends() {
        let (policy, day, window) = (WindowPolicy::default(), WindowLength::DAY, WindowId(100));
        let check = |now: UnixTime| policy.check(day, window, now);
        let (start, end) = (day.start_of(window), day.end_of(window));
        assert_eq!(check(start.minus(3_601)), Err(Refusal::WindowAhead));
        assert_eq!(check(start.minus(3_600)), Ok(()));
        assert_eq!(check(end.plus(2 * 86_400 - 1)), Ok(()));
        assert_eq!(check(end.plus(2 * 86_400)), Err(Refusal::WindowTooOld));
        assert_eq!(policy.check(day, WindowId(u32::MAX), start), Err(Refusal::WindowAhead));
    }
}
