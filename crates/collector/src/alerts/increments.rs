//! What came between two readings of a measure's open windows.
//!
//! Counters only grow, and each report raises its own: the difference of two tallies of a window is the tally of the
//! reports in between.

use std::collections::{HashMap, HashSet};

use tacita_dp::{Error, Tally};
use tacita_protocol::{domain::Dimension, id::PublisherId, time::WindowId};
use tacita_store::SeriesTally;

use super::detector::{Detector, Step, Surge};
use crate::{
    catalogue::CountedMeasure,
    report::{Groups, Series},
};

/// One measure that is watched.
#[derive(Debug)]
pub(super) struct Watched {
    detector: Detector,
    /// A publisher's part of a window with fewer reports enters no number.
    least: u32,
    before: Reading,
}

/// What a measure's open windows hold.
#[derive(Debug, Default)]
struct Reading {
    /// What is shown of each, all publishers together.
    windows: HashMap<WindowId, Tally>,
    /// The parts of windows that hold something, and too little to be shown.
    hidden: HashSet<(WindowId, PublisherId)>,
}

/// By which dimension a measure is watched.
pub(super) fn axis_of(counted: &CountedMeasure) -> Option<&'static str> {
    let has = |name: &str| counted.measure.domain.dimensions().iter().any(|one| one.name.as_str() == name);
    [Dimension::CONTENT, Dimension::CHANNEL].into_iter().find(|name| has(name))
}

/// A surge with its label's name.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Named {
    pub(super) label: String,
    pub(super) surge: Surge,
}

impl Watched {
    /// Begins with the windows that are open now as what came before.
    pub(super) fn begin(counted: &CountedMeasure, axis: &str, least: u32, series: &Series) -> Result<Self, Error> {
        let before = Reading::of(counted, least, series)?;
        let mut whole = Tally::new(&counted.mechanism);
        before.windows.values().try_for_each(|tally| whole.merge(tally))?;
        let jump = 1.0 / (counted.mechanism.p() - counted.mechanism.q());
        Ok(Self { detector: Detector::new(jump, &step(counted, axis, &whole)?.0), least, before })
    }

    /// What surges in the reports that came since the last reading.
    pub(super) fn read_on(
        &mut self,
        counted: &CountedMeasure,
        axis: &str,
        series: &Series,
    ) -> Result<Vec<Named>, Error> {
        let now = Reading::of(counted, self.least, series)?;
        let mut before = std::mem::take(&mut self.before);
        before.take_in_shown(counted, series, &now)?;
        let mut came = Tally::new(&counted.mechanism);
        for (window, tally) in &now.windows {
            came.merge(&match before.windows.get(window) {
                None => tally.clone(),
                Some(before) => difference(tally, before),
            })?;
        }
        self.before = now;
        let (step, groups) = step(counted, axis, &came)?;
        let named = |surge: Surge| Named { label: groups.labels(surge.label).concat(), surge };
        Ok(self.detector.observe(step).into_iter().map(named).collect())
    }
}

impl Reading {
    fn of(counted: &CountedMeasure, least: u32, series: &Series) -> Result<Self, Error> {
        let mut reading = Self::default();
        for one in series.iter() {
            match one.reports >= u64::from(least) {
                true => reading.add(counted, one)?,
                false if one.reports > 0 => drop(reading.hidden.insert((one.window, one.publisher))),
                false => {}
            }
        }
        Ok(reading)
    }

    /// Takes in what was hidden and is shown `now`, as what came before: its reports are not those of one step, and the
    /// difference to those that were hidden would tell these.
    fn take_in_shown(&mut self, counted: &CountedMeasure, series: &Series, now: &Self) -> Result<(), Error> {
        let key = |one: &SeriesTally| (one.window, one.publisher);
        let was_hidden = std::mem::take(&mut self.hidden);
        let shown = |one: &&SeriesTally| was_hidden.contains(&key(one)) && !now.hidden.contains(&key(one));
        series.iter().filter(shown).try_for_each(|one| self.add(counted, one))
    }

    fn add(&mut self, counted: &CountedMeasure, one: &SeriesTally) -> Result<(), Error> {
        let mut counters = vec![0; counted.mechanism.tally_len()];
        for &(index, count) in &one.counters {
            let outside = || Error::TallyShape { expected: counted.mechanism.tally_len(), found: index as usize + 1 };
            *counters.get_mut(index as usize).ok_or_else(outside)? = count;
        }
        let tally = Tally::from_parts(one.reports, counters);
        self.windows.entry(one.window).or_insert_with(|| Tally::new(&counted.mechanism)).merge(&tally)
    }
}

fn difference(now: &Tally, before: &Tally) -> Tally {
    let counters = now.counters().iter().zip(before.counters()).map(|(now, before)| now.saturating_sub(*before));
    Tally::from_parts(now.reports().saturating_sub(before.reports()), counters.collect())
}

/// The estimates of each label.
fn step<'a>(counted: &'a CountedMeasure, axis: &str, tally: &Tally) -> Result<(Step, Groups<'a>), Error> {
    let histogram = counted.mechanism.estimate(tally)?;
    let groups = Groups::of_dimension(counted, axis);
    let estimate = |group: usize| histogram.subset_sum(groups.cells(group));
    let estimates = (0..groups.len()).map(estimate).collect::<Result<_, _>>()?;
    Ok((Step { reports: tally.reports(), estimates }, groups))
}

#[cfg(test)]
mod tests {
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
    use tacita_proto::v1;
    use tacita_protocol::measure::Measure;

    use super::*;

    /// The cells of two channels. The first one stands for none of them.
    const WHATSAPP: u32 = 1;
    const EMAIL: u32 = 2;

    /// Arrivals by channel, of which some publishers send reports in one window.
    struct Town {
        counted: CountedMeasure,
        rng: ChaCha20Rng,
        tallies: Vec<SeriesTally>,
    }

    impl Town {
        fn new() -> Self {
            let labels = ["whatsapp", "email", "direct"].map(Into::into).to_vec();
            let wire = v1::Measure {
                id: 1,
                campaign: 1,
                name: "arrivals".into(),
                event: v1::Event::Arrival.into(),
                dimensions: vec![v1::Dimension { name: "channel".into(), labels, catalogue: None }],
                epsilon_micro: 4_000_000,
                window_seconds: 86_400,
                ..Default::default()
            };
            let measure = Measure::try_from(&wire).unwrap();
            let counted = CountedMeasure { mechanism: measure.mechanism(), measure, contents: None };
            Self { counted, rng: ChaCha20Rng::from_seed([7; 32]), tallies: Vec::new() }
        }

        /// Reports of one channel, all of one publisher.
        fn come(&mut self, publisher: u32, channel: u32, reports: u64) {
            let publisher = PublisherId(publisher);
            let mechanism = &self.counted.mechanism;
            let cell = mechanism.domain().cell(channel).unwrap();
            let drawn: Vec<_> = (0..reports).map(|_| mechanism.randomize(cell, &mut self.rng)).collect();
            let known = self.tallies.iter().position(|one| one.publisher == publisher);
            let known = known.unwrap_or_else(|| {
                let window = WindowId(1);
                self.tallies.push(SeriesTally { publisher, window, reports: 0, counters: Vec::new() });
                self.tallies.len() - 1
            });
            let one = &mut self.tallies[known];
            let mut tally = Tally::new(mechanism);
            tally.absorb(mechanism, &drawn).unwrap();
            let mut counters: HashMap<u32, u64> = one.counters.drain(..).collect();
            for (index, &count) in (0..).zip(tally.counters()).filter(|(_, count)| **count > 0) {
                *counters.entry(index).or_default() += count;
            }
            one.counters = counters.into_iter().collect();
            one.reports += reports;
        }

        fn series(&self) -> Series {
            self.tallies.iter().cloned().collect()
        }

        fn begin(&self, least: u32) -> Watched {
            Watched::begin(&self.counted, "channel", least, &self.series()).unwrap()
        }

        fn found(&self, watched: &mut Watched) -> Vec<String> {
            let surges = watched.read_on(&self.counted, "channel", &self.series()).unwrap();
            surges.into_iter().map(|named| named.label).collect()
        }
    }

    /// One publisher of many e-mails, and sixty others of whom each has some that came over WhatsApp.
    fn many_small(reports: u64, least: u32) -> Vec<String> {
        let mut town = Town::new();
        town.come(1, EMAIL, 5_000);
        let mut watched = town.begin(least);
        (2..62).for_each(|publisher| town.come(publisher, WHATSAPP, reports));
        town.found(&mut watched)
    }

    #[test]
    fn what_each_publisher_has_too_little_of_surges_nowhere() {
        assert_eq!(many_small(1, 0), ["whatsapp"], "it would");
        assert_eq!(many_small(1, 50), [""; 0]);
        assert_eq!(many_small(60, 50), ["whatsapp"]);
    }

    #[test]
    fn what_is_shown_at_last_came_before_and_what_follows_surges() {
        let mut town = Town::new();
        town.come(1, EMAIL, 2_000);
        let mut watched = town.begin(200);
        town.come(2, WHATSAPP, 150);
        assert_eq!(town.found(&mut watched), [""; 0]);
        town.come(2, WHATSAPP, 60);
        assert_eq!(town.found(&mut watched), [""; 0], "of these none may be told from those that were hidden");
        town.come(2, WHATSAPP, 150);
        assert_eq!(town.found(&mut watched), ["whatsapp"]);
    }
}
