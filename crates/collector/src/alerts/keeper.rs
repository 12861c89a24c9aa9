//! Takes the turns: reads what came, and writes what surges to the log.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use tacita_protocol::{
    id::{CampaignId, MeasureId},
    measure::Event,
    time::{Clock, WindowId},
};
use tokio_util::sync::CancellationToken;

use super::{
    detector::QUIET_STEPS,
    increments::{Named, Watched, axis_of},
    messenger::Messenger,
};
use crate::{
    catalogue::{By, Catalogue, CountedMeasure, Refused, Surge},
    metrics::Metrics,
    registry::{Registry, RegistryError},
    report::Tallies,
};

/// What may surge.
const EVENTS: [Event; 3] = [Event::Arrival, Event::Share, Event::ContentShare];
/// The most surges that wait for a store that is away.
const WAITING: usize = 1_000;

/// Watches every measure that surges show in.
pub(crate) struct AlertKeeper {
    registry: Arc<Registry>,
    tallies: Arc<Tallies>,
    clock: Arc<dyn Clock>,
    messenger: Arc<Messenger>,
    step: Duration,
    watched: tokio::sync::Mutex<HashMap<MeasureId, Watched>>,
    /// Found, and not in the log yet.
    waiting: Mutex<Vec<Surge>>,
    counted: Counter,
}

impl fmt::Debug for AlertKeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AlertKeeper({} wait for the log)", self.waiting.lock().len())
    }
}

impl AlertKeeper {
    pub(crate) fn new(
        registry: Arc<Registry>,
        tallies: Arc<Tallies>,
        clock: Arc<dyn Clock>,
        messenger: Arc<Messenger>,
        step: Duration,
        metrics: &Metrics,
    ) -> Self {
        let (watched, waiting) = (tokio::sync::Mutex::default(), Mutex::default());
        let counted = metrics.alerts_found.clone();
        Self { registry, tallies, clock, messenger, step, watched, waiting, counted }
    }

    /// Takes a turn now and at each step, until `stop`. What is counted before the first one has read it is what came before, and
    /// no surge.
    pub(crate) async fn keep(&self, stop: CancellationToken) {
        let turns = async {
            loop {
                self.take_turn().await;
                tokio::time::sleep(self.step).await;
            }
        };
        stop.run_until_cancelled(turns).await;
        self.messenger.finish().await;
    }

    async fn take_turn(&self) {
        self.look().await;
        self.write_down().await;
        self.messenger.take_turn();
    }

    /// Reads what came. A measure that cannot be read is passed over until the next turn.
    async fn look(&self) {
        let catalogue = self.registry.snapshot();
        let mut watched = self.watched.lock().await;
        for campaign in catalogue.campaigns() {
            for (axis, counted) in watched_of(&catalogue, campaign.id) {
                let known = watched.remove(&counted.measure.id);
                let least = campaign.policy.reports_per_window;
                match self.look_at(counted.clone(), (axis, least), known).await {
                    Ok((seen, surges)) => {
                        watched.insert(counted.measure.id, seen);
                        let told = surges.into_iter().filter(|named| named.surge.reports >= u64::from(least));
                        self.waiting.lock().extend(told.map(|named| self.surge(counted, axis, named)));
                    }
                    Err(cause) => {
                        tracing::error!(measure = %counted.measure.name, cause, "a measure is not watched in this turn");
                    }
                }
            }
        }
    }

    async fn look_at(
        &self,
        counted: Arc<CountedMeasure>,
        (axis, least): (&'static str, u32),
        known: Option<Watched>,
    ) -> Result<(Watched, Vec<Named>), String> {
        let open = self.tallies.first_open(&counted.measure)..WindowId(u32::MAX);
        let series = self.tallies.read(&counted.measure, open).await.map_err(|error| error.to_string())?;
        let look = move || match known {
            None => Ok((Watched::begin(&counted, axis, least, &series)?, Vec::new())),
            Some(mut watched) => {
                let surges = watched.read_on(&counted, axis, &series)?;
                Ok((watched, surges))
            }
        };
        let looked = tokio::task::spawn_blocking(look).await.map_err(|crash| crash.to_string())?;
        looked.map_err(|error: tacita_dp::Error| error.to_string())
    }

    fn surge(&self, counted: &CountedMeasure, axis: &str, Named { label, surge }: Named) -> Surge {
        let now = self.clock.now();
        Surge {
            measure: counted.measure.id,
            dimension: axis.to_owned(),
            label,
            from: now.minus(self.seconds(surge.steps)),
            found_at: now,
            reports: surge.reports,
            observed: surge.observed.count,
            variance: surge.observed.variance,
            expected: surge.expected,
            sigma: surge.sigma,
            score: surge.score,
            threshold: surge.threshold,
        }
    }

    fn seconds(&self, steps: usize) -> u64 {
        self.step.as_secs().max(1).saturating_mul(steps as u64)
    }

    /// Writes what was found to the log, the clearest first. What a store that is away did not take is written in the next turn.
    async fn write_down(&self) {
        let mut found = std::mem::take(&mut *self.waiting.lock());
        found.sort_by(|one, other| other.score.total_cmp(&one.score));
        let quiet = self.seconds(QUIET_STEPS);
        for surge in found {
            match self.registry.apply(By::Collector, |catalogue| catalogue.propose_surge(&surge, quiet)).await {
                Ok((_, catalogue)) => {
                    self.counted.inc();
                    self.messenger.is_ours(catalogue.length() - 1);
                }
                Err(RegistryError::Refused(Refused::AlreadySo)) => {}
                Err(RegistryError::Store(error)) if self.waiting.lock().len() < WAITING => {
                    tracing::warn!(%error, label = surge.label, "a surge waits for the store");
                    self.waiting.lock().push(surge);
                }
                Err(error) => tracing::warn!(%error, label = surge.label, "a surge is not told"),
            }
        }
    }
}

/// The measures of a campaign that are watched, with the dimension that each is watched by: of those that would tell
/// the same surge, the one with the fewest cells.
fn watched_of(catalogue: &Catalogue, campaign: CampaignId) -> Vec<(&'static str, &Arc<CountedMeasure>)> {
    let mut watched: Vec<(&'static str, &Arc<CountedMeasure>)> = Vec::new();
    for counted in catalogue.measures_of(campaign) {
        let event = counted.measure.event;
        let Some(axis) = axis_of(counted).filter(|_| EVENTS.contains(&event)) else { continue };
        match watched.iter_mut().find(|(name, rival)| *name == axis && rival.measure.event == event) {
            None => watched.push((axis, counted)),
            Some((_, rival)) if counted.measure.domain.cells() < rival.measure.domain.cells() => *rival = counted,
            Some(_) => {}
        }
    }
    watched
}
