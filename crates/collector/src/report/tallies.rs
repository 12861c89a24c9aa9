//! Reads tallies, and keeps those that no report can change any more.
//!
//! A window is *settled* when it is so old that the collector counts nothing in it: its tallies never change again, so
//! what was read once is kept in memory and a question over 400 days reads two of them from the store. Collectors that
//! share a database must agree on the age up to which they count.

use std::{
    collections::HashMap,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tacita_protocol::{
    id::MeasureId,
    measure::Measure,
    time::{Clock, UnixTime, WindowId},
};
use tacita_store::{SeriesTally, StoreError, TallyStore};

use crate::metrics::{Metrics, StoreCall};

/// Between the last instant at which a window counts and the one at which it is taken for settled: commits under way, and
/// clocks of several collectors.
const MARGIN: Duration = Duration::from_secs(600);

/// The tallies of a range, by rising (window, publisher).
#[derive(Clone, Default, Debug)]
pub(crate) struct Series {
    tallies: Vec<Arc<SeriesTally>>,
}

impl Series {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &SeriesTally> {
        self.tallies.iter().map(|tally| &**tally)
    }

    /// The first and the last window.
    pub(crate) fn ends(&self) -> Option<(WindowId, WindowId)> {
        Some((self.tallies.first()?.window, self.tallies.last()?.window))
    }
}

impl FromIterator<SeriesTally> for Series {
    fn from_iter<I: IntoIterator<Item = SeriesTally>>(tallies: I) -> Self {
        Self { tallies: tallies.into_iter().map(Arc::new).collect() }
    }
}

/// Tallies by measure and range.
#[derive(Debug)]
pub(crate) struct Tallies {
    store: Arc<dyn TallyStore>,
    clock: Arc<dyn Clock>,
    /// How long after its end a window still takes reports.
    max_age: Duration,
    /// The most bytes to keep.
    budget: usize,
    kept: Mutex<Kept>,
    metrics: Arc<Metrics>,
    /// Windows that had ended by then are deleted, or about to be.
    deleted_before: AtomicU64,
}

#[derive(Default, Debug)]
struct Kept {
    measures: HashMap<MeasureId, Settled>,
    bytes: usize,
    /// Grows with each use, to tell which measure was used last.
    uses: u64,
}

/// All tallies of a measure in a range of settled windows.
#[derive(Clone, Debug)]
struct Settled {
    windows: Range<WindowId>,
    tallies: Vec<Arc<SeriesTally>>,
    bytes: usize,
    used: u64,
}

impl Tallies {
    pub(crate) fn new(
        store: Arc<dyn TallyStore>,
        clock: Arc<dyn Clock>,
        max_age: Duration,
        budget: usize,
        metrics: Arc<Metrics>,
    ) -> Self {
        let (kept, deleted_before) = (Mutex::default(), AtomicU64::new(0));
        Self { store, clock, max_age, budget, kept, deleted_before, metrics }
    }

    /// Windows that had ended by then are in no answer from now on.
    pub(crate) fn forget_before(&self, time: UnixTime) {
        self.deleted_before.fetch_max(time.0, Relaxed);
        *self.kept.lock() = Kept::default();
    }

    /// Windows that had ended by then are in no answer.
    pub(crate) fn deleted_before(&self) -> UnixTime {
        UnixTime(self.deleted_before.load(Relaxed))
    }

    /// The first window of a measure that may still change.
    pub(crate) fn first_open(&self, measure: &Measure) -> WindowId {
        let quiet = self.max_age.saturating_add(MARGIN).as_secs();
        let now = self.clock.now();
        let oldest = UnixTime(now.0.saturating_sub(quiet));
        measure.window.window_at(oldest)
    }

    /// The tallies of a measure in a range of windows, by rising (window, publisher).
    pub(crate) async fn read(&self, measure: &Measure, windows: Range<WindowId>) -> Result<Series, StoreError> {
        let first_open = self.first_open(measure);
        let windows = windows.start.max(measure.window.window_at(self.deleted_before()))..windows.end;
        let settled = windows.start..windows.end.min(first_open);
        let mut tallies = match settled.is_empty() {
            true => Vec::new(),
            false => self.settled(measure.id, settled).await?,
        };
        let open = windows.start.max(first_open)..windows.end;
        if !open.is_empty() {
            tallies.extend(self.read_store(measure.id, open).await?.into_iter().map(Arc::new));
        }
        Ok(Series { tallies })
    }

    async fn read_store(&self, measure: MeasureId, windows: Range<WindowId>) -> Result<Vec<SeriesTally>, StoreError> {
        self.metrics.store(StoreCall::Tallies, self.store.tallies(measure, windows)).await
    }

    async fn settled(&self, measure: MeasureId, windows: Range<WindowId>) -> Result<Vec<Arc<SeriesTally>>, StoreError> {
        let known = self.known(measure);
        let mut whole = match known {
            Some(known) => known,
            None => Settled { windows: windows.start..windows.start, tallies: Vec::new(), bytes: 0, used: 0 },
        };
        let before = windows.start..whole.windows.start;
        let after = whole.windows.end..windows.end;
        let grows = !before.is_empty() || !after.is_empty();
        if !before.is_empty() {
            let earlier = self.read_store(measure, before.clone()).await?;
            whole.tallies.splice(0..0, earlier.into_iter().map(Arc::new));
            whole.windows.start = before.start;
        }
        if !after.is_empty() {
            let later = self.read_store(measure, after.clone()).await?;
            whole.tallies.extend(later.into_iter().map(Arc::new));
            whole.windows.end = after.end;
        }
        let from = whole.tallies.partition_point(|tally| tally.window < windows.start);
        let to = whole.tallies.partition_point(|tally| tally.window < windows.end);
        let asked = whole.tallies[from..to].to_vec();
        if grows {
            self.keep(measure, whole);
        }
        Ok(asked)
    }

    fn known(&self, measure: MeasureId) -> Option<Settled> {
        let mut kept = self.kept.lock();
        kept.uses += 1;
        let uses = kept.uses;
        let known = kept.measures.get_mut(&measure)?;
        known.used = uses;
        Some(known.clone())
    }

    /// Keeps what was read, and forgets the measures that were not asked for the longest while there is too much.
    fn keep(&self, measure: MeasureId, mut settled: Settled) {
        settled.bytes = settled.tallies.iter().map(|tally| bytes_of(tally)).sum();
        if settled.bytes > self.budget {
            return;
        }
        let mut kept = self.kept.lock();
        settled.used = kept.uses;
        kept.bytes += settled.bytes;
        if let Some(replaced) = kept.measures.insert(measure, settled) {
            kept.bytes -= replaced.bytes;
        }
        while kept.bytes > self.budget {
            let others = kept.measures.iter().filter(|(id, _)| **id != measure);
            let Some(oldest) = others.min_by_key(|(_, settled)| settled.used).map(|(&id, _)| id) else { return };
            kept.bytes -= kept.measures.remove(&oldest).map_or(0, |settled| settled.bytes);
        }
    }
}

fn bytes_of(tally: &SeriesTally) -> usize {
    size_of::<SeriesTally>() + tally.counters.len() * size_of::<(u32, u64)>() + 16
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use prometheus_client::registry::Registry;
    use tacita_proto::v1;
    use tacita_protocol::{epoch::EpochId, id::PublisherId, outcome::Outcome, record::PeriodId, time::ManualClock};
    use tacita_store::{Committed, Entry, Partition};
    use tacita_tokens::{Fingerprint, Nullifier};
    use tonic::async_trait;

    use super::*;

    /// One report in every window of every measure; counts the windows that are read.
    #[derive(Debug, Default)]
    struct EveryWindow {
        read: AtomicU64,
    }

    #[async_trait]
    impl TallyStore for EveryWindow {
        async fn tallies(&self, _: MeasureId, windows: Range<WindowId>) -> Result<Vec<SeriesTally>, StoreError> {
            self.read.fetch_add(u64::from(windows.end.0 - windows.start.0), Relaxed);
            let tally = |window| SeriesTally {
                publisher: PublisherId(1),
                window: WindowId(window),
                reports: 1,
                counters: vec![(0, 1)],
            };
            Ok((windows.start.0..windows.end.0).map(tally).collect())
        }

        async fn commit(&self, _: Partition, _: EpochId, _: Vec<Entry>) -> Result<Committed, StoreError> {
            Err(StoreError::Closed)
        }

        async fn spent(
            &self,
            _: PublisherId,
            _: EpochId,
            _: &[Nullifier],
        ) -> Result<Vec<Option<Fingerprint>>, StoreError> {
            Err(StoreError::Closed)
        }

        async fn add_outcomes(&self, _: PublisherId, _: &[(Outcome, u64)]) -> Result<PeriodId, StoreError> {
            Err(StoreError::Closed)
        }

        async fn outcomes(&self) -> Result<Vec<(PublisherId, Outcome, u64)>, StoreError> {
            Err(StoreError::Closed)
        }

        async fn drop_epoch(&self, _: EpochId) -> Result<(), StoreError> {
            Err(StoreError::Closed)
        }

        async fn is_dropped(&self, _: EpochId) -> Result<bool, StoreError> {
            Err(StoreError::Closed)
        }
    }

    fn measure(id: u32) -> Measure {
        let wire = v1::Measure {
            id,
            campaign: 1,
            name: "arrivals".into(),
            event: v1::Event::Arrival.into(),
            dimensions: vec![v1::Dimension { name: "channel".into(), labels: vec!["sms".into()], catalogue: None }],
            epsilon_micro: 2_000_000,
            window_seconds: 86_400,
            ..Default::default()
        };
        Measure::try_from(&wire).unwrap()
    }

    fn tallies(budget: usize) -> (Arc<EveryWindow>, ManualClock, Tallies) {
        let store = Arc::new(EveryWindow::default());
        let clock = ManualClock::new(UnixTime(1_000 * 86_400));
        let two_days = Duration::from_secs(2 * 86_400);
        let metrics = Arc::new(Metrics::new(&mut Registry::default()));
        let tallies = Tallies::new(store.clone(), Arc::new(clock.clone()), two_days, budget, metrics);
        (store, clock, tallies)
    }

    #[tokio::test]
    async fn settled_windows_are_read_once_and_open_ones_each_time() {
        let (store, clock, tallies) = tallies(1 << 20);
        let ask = async |from: u32, to: u32| {
            let series = tallies.read(&measure(1), WindowId(from)..WindowId(to)).await.unwrap();
            let windows: Vec<u32> = series.iter().map(|tally| tally.window.0).collect();
            assert_eq!(windows, (from..to).collect::<Vec<_>>());
            store.read.swap(0, Relaxed)
        };
        // At midnight of day 1,000 the days up to 996 are settled: 997 ended two days and ten minutes ago in ten minutes only.
        assert_eq!(tallies.first_open(&measure(1)), WindowId(997));
        assert_eq!(ask(900, 1_001).await, 101);
        assert_eq!(ask(900, 1_001).await, 4);
        assert_eq!(ask(950, 960).await, 0);
        assert_eq!(ask(890, 905).await, 10, "what lies before is added");
        assert_eq!(ask(800, 810).await, 90, "with what lies between");
        assert_eq!(ask(800, 1_001).await, 4);
        clock.set(UnixTime(1_001 * 86_400));
        assert_eq!(ask(800, 1_001).await, 4, "the next day is settled, and read for the last time");
        assert_eq!(ask(800, 1_001).await, 3);
    }

    #[tokio::test]
    async fn the_measure_not_asked_for_the_longest_makes_room() {
        let one = 100
            * bytes_of(&SeriesTally {
                publisher: PublisherId(1),
                window: WindowId(0),
                reports: 0,
                counters: vec![(0, 0)],
            });
        let (store, _, tallies) = tallies(2 * one);
        let ask = async |id: u32, days: u32| {
            tallies.read(&measure(id), WindowId(0)..WindowId(days)).await.unwrap();
            store.read.swap(0, Relaxed)
        };
        assert_eq!((ask(1, 100).await, ask(2, 100).await), (100, 100));
        assert_eq!(ask(1, 100).await, 0);
        assert_eq!(ask(3, 100).await, 100);
        assert_eq!((ask(1, 100).await, ask(3, 100).await), (0, 0));
        assert_eq!(ask(2, 100).await, 100, "it made room");
        assert_eq!((ask(4, 300).await, ask(4, 300).await), (300, 300), "what has no room at all is not kept");
    }
}
