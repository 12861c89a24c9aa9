//! Adds tallies up before anything is estimated.
//!
//! Counts and variances are linear in the tally, so the estimate of a sum of tallies is the sum of their estimates, and
//! every window and publisher brings its own noise either way. It is one estimate for each row of an answer instead of
//! thousands.

use std::{cell::OnceCell, collections::BTreeMap, rc::Rc};

use tacita_dp::{Error, Histogram, Tally};
use tacita_proto::v1;
use tacita_protocol::{id::PublisherId, time::WindowId};

use super::{period::Period, tallies::Series};
use crate::catalogue::CountedMeasure;

/// The sum of the tallies of one period, of one publisher or of several.
#[derive(Clone, Default, PartialEq, Debug)]
pub(crate) struct Slice {
    pub(crate) reports: u64,
    counters: Vec<u64>,
    /// Windows that hold a report.
    pub(crate) windows: u32,
    /// Reports of the smallest of those: the crowd that each report of it hides in.
    pub(crate) smallest: u64,
    /// The window that is being added, and what it holds so far.
    last: Option<(WindowId, u64)>,
    /// What is left out.
    hidden: Hidden,
}

/// Tallies that have fewer reports than are shown.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
struct Hidden {
    tallies: u32,
    reports: u64,
    /// Of the largest of them.
    most: u64,
}

impl Hidden {
    fn add(&mut self, reports: u64) {
        self.tallies += 1;
        self.reports += reports;
        self.most = self.most.max(reports);
    }
}

impl Slice {
    fn add(&mut self, window: WindowId, reports: u64, counters: &[(u32, u64)]) -> Result<(), Error> {
        match &mut self.last {
            Some((last, so_far)) if *last == window => *so_far += reports,
            _ => {
                self.close_window();
                self.last = Some((window, reports));
            }
        }
        self.reports += reports;
        add_counters(&mut self.counters, counters)
    }

    fn close_window(&mut self) {
        if let Some((_, reports)) = self.last.take().filter(|(_, reports)| *reports > 0) {
            self.windows += 1;
            self.smallest = if self.windows == 1 { reports } else { self.smallest.min(reports) };
        }
    }

    /// What is left out, if anything is; from `least` reports on a tally is shown.
    pub(crate) fn hidden(&self, least: u32) -> Option<v1::Hidden> {
        let Hidden { tallies, reports, most } = self.hidden;
        let told = v1::Hidden {
            windows: tallies,
            reports,
            reports_per_window: least,
            more_reports: u64::from(least).saturating_sub(most),
        };
        (tallies > 0).then_some(told)
    }

    fn estimated(&self, counted: &CountedMeasure) -> Result<Histogram, Error> {
        let counters = match self.counters.is_empty() {
            true => vec![0; counted.mechanism.tally_len()],
            false => self.counters.clone(),
        };
        counted.mechanism.estimate(&Tally::from_parts(self.reports, counters))
    }
}

/// Adds the counters of a tally to the sum of several.
///
/// # Errors
/// [`Error::TallyShape`] for one that the measure has not.
pub(super) fn add_counters(sums: &mut [u64], counters: &[(u32, u64)]) -> Result<(), Error> {
    for &(index, count) in counters {
        let outside = Error::TallyShape { expected: sums.len(), found: index as usize + 1 };
        *sums.get_mut(index as usize).ok_or(outside)? += count;
    }
    Ok(())
}

/// The slices of a measure: by period, and by publisher where those are told apart.
pub(crate) struct Slices {
    by_period: BTreeMap<(usize, PublisherId), Slice>,
    by_publisher: bool,
    empty: Slice,
    /// All of them in one; without counters where there is but one.
    whole: Slice,
    /// The histogram of `whole`, which is the one of the only slice where there is but one.
    estimated: OnceCell<Rc<Histogram>>,
}

/// Stands for all publishers together.
const TOGETHER: PublisherId = PublisherId(0);

impl Slices {
    /// Adds up the tallies of the publishers that `keep` keeps. Periods don't overlap and rise.
    ///
    /// A tally (a publisher's part of a window) of fewer than `least` reports enters no sum of any question, so that none is the
    /// difference of two answers.
    pub(crate) fn merge(
        counted: &CountedMeasure,
        series: &Series,
        periods: &[Period],
        by_publisher: bool,
        least: u32,
        keep: impl Fn(PublisherId) -> bool,
    ) -> Result<Self, Error> {
        let mut by_period: BTreeMap<(usize, PublisherId), Slice> = BTreeMap::new();
        let mut whole = Slice::default();
        let length = counted.measure.window;
        for tally in series.iter().filter(|tally| keep(tally.publisher)) {
            let start = length.start_of(tally.window);
            let place = periods.partition_point(|period| period.to <= start);
            if periods.get(place).is_none_or(|period| start < period.from) {
                continue;
            }
            let publisher = if by_publisher { tally.publisher } else { TOGETHER };
            let slice = by_period
                .entry((place, publisher))
                .or_insert_with(|| Slice { counters: vec![0; counted.mechanism.tally_len()], ..Slice::default() });
            if tally.reports < u64::from(least) {
                slice.hidden.add(tally.reports);
                whole.hidden.add(tally.reports);
                continue;
            }
            slice.add(tally.window, tally.reports, &tally.counters)?;
            whole.add(tally.window, tally.reports, &[])?;
        }
        by_period.values_mut().for_each(Slice::close_window);
        whole.close_window();
        if by_publisher {
            // Whoever sees a publisher's total sees a smaller crowd.
            whole.smallest = by_period.values().map(|slice| slice.smallest).filter(|&n| n > 0).min().unwrap_or(0);
        }
        if by_period.len() > 1 {
            whole.counters = vec![0; counted.mechanism.tally_len()];
            for slice in by_period.values() {
                whole.counters.iter_mut().zip(&slice.counters).for_each(|(sum, count)| *sum += count);
            }
        }
        Ok(Self { by_period, by_publisher, empty: Slice::default(), whole, estimated: OnceCell::new() })
    }

    /// All periods and publishers together.
    pub(crate) fn whole(&self) -> &Slice {
        &self.whole
    }

    /// The estimates of all periods and publishers together.
    ///
    /// # Errors
    /// As [`Slices::histogram`].
    pub(crate) fn whole_histogram(&self, counted: &CountedMeasure) -> Result<Rc<Histogram>, Error> {
        if let Some(known) = self.estimated.get() {
            return Ok(known.clone());
        }
        let only = self.by_period.values().next().filter(|_| self.by_period.len() == 1);
        let made = Rc::new(only.unwrap_or(&self.whole).estimated(counted)?);
        Ok(self.estimated.get_or_init(|| made).clone())
    }

    /// The estimates of one slice.
    ///
    /// # Errors
    /// When it cannot be a sum of valid reports: the store is damaged, and nothing may be published from it.
    pub(crate) fn histogram(
        &self,
        counted: &CountedMeasure,
        period: usize,
        publisher: Option<PublisherId>,
    ) -> Result<Rc<Histogram>, Error> {
        let slice = self.get(period, publisher);
        match self.by_period.len() == 1 && slice.reports > 0 {
            true => self.whole_histogram(counted),
            false => Ok(Rc::new(slice.estimated(counted)?)),
        }
    }

    /// Of one period, and of one publisher where those are told apart.
    pub(crate) fn get(&self, period: usize, publisher: Option<PublisherId>) -> &Slice {
        let publisher = publisher.filter(|_| self.by_publisher).unwrap_or(TOGETHER);
        self.by_period.get(&(period, publisher)).unwrap_or(&self.empty)
    }
}
