//! Takes the turns, keeps what was found, and tells those who listen.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::Mutex;
use serde_json::json;
use tacita_proto::v1;
use tacita_protocol::{
    id::{CampaignId, MeasureId},
    measure::Event,
    time::{Clock, UnixTime, WindowId},
};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use super::{
    increments::{Named, Watched, axis_of},
    webhook::Webhooks,
};
use crate::{
    catalogue::{Campaign, Catalogue, CountedMeasure},
    registry::Registry,
    report::{Tallies, told_estimate},
};

/// The most surges that are kept.
const KEPT: usize = 1_000;

/// A surge, and whose campaign's.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Found {
    pub(crate) campaign: CampaignId,
    pub(crate) alert: v1::Alert,
}

/// Watches every measure that surges show in.
pub(crate) struct AlertKeeper {
    registry: Arc<Registry>,
    tallies: Arc<Tallies>,
    clock: Arc<dyn Clock>,
    webhooks: Arc<Webhooks>,
    step: Duration,
    watched: tokio::sync::Mutex<HashMap<MeasureId, Watched>>,
    found: Mutex<VecDeque<Arc<Found>>>,
    told: broadcast::Sender<Arc<Found>>,
    next: AtomicU64,
}

impl fmt::Debug for AlertKeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AlertKeeper({} found)", self.found.lock().len())
    }
}

impl AlertKeeper {
    pub(crate) fn new(
        registry: Arc<Registry>,
        tallies: Arc<Tallies>,
        clock: Arc<dyn Clock>,
        webhooks: Arc<Webhooks>,
        step: Duration,
    ) -> Self {
        // Numbers go on growing after a restart.
        let next = AtomicU64::new(clock.now().0.saturating_mul(1_000));
        let (told, _) = broadcast::channel(KEPT);
        let (watched, found) = (tokio::sync::Mutex::default(), Mutex::default());
        Self { registry, tallies, clock, webhooks, step, watched, found, told, next }
    }

    /// Takes a turn at each step until `stop`.
    pub(crate) async fn keep(&self, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(self.step)).await.is_some() {
            self.take_turn().await;
        }
    }

    /// Reads what came, and tells what surges. A measure that cannot be read is passed over until the next turn.
    pub(crate) async fn take_turn(&self) {
        let catalogue = self.registry.snapshot();
        let mut watched = self.watched.lock().await;
        for campaign in catalogue.campaigns() {
            for counted in catalogue.measures_of(campaign.id) {
                let Some(axis) = watched_by(counted) else { continue };
                let known = watched.remove(&counted.measure.id);
                match self.look(counted.clone(), axis, known).await {
                    Ok((seen, surges)) => {
                        watched.insert(counted.measure.id, seen);
                        let shown = u64::from(campaign.policy.reports_per_window);
                        let told = surges.into_iter().filter(|named| named.surge.reports >= shown);
                        told.for_each(|surge| self.tell(&catalogue, campaign, counted, axis, surge));
                    }
                    Err(cause) => {
                        tracing::error!(measure = %counted.measure.name, cause, "a measure is not watched in this turn");
                    }
                }
            }
        }
    }

    async fn look(
        &self,
        counted: Arc<CountedMeasure>,
        axis: &'static str,
        known: Option<Watched>,
    ) -> Result<(Watched, Vec<Named>), String> {
        let open = self.tallies.first_open(&counted.measure)..WindowId(u32::MAX);
        let series = self.tallies.read(&counted.measure, open).await.map_err(|error| error.to_string())?;
        let look = move || match known {
            None => Ok((Watched::begin(&counted, axis, &series)?, Vec::new())),
            Some(mut watched) => {
                let surges = watched.read_on(&counted, axis, &series)?;
                Ok((watched, surges))
            }
        };
        let looked = tokio::task::spawn_blocking(look).await.map_err(|crash| crash.to_string())?;
        looked.map_err(|error: tacita_dp::Error| error.to_string())
    }

    fn tell(&self, catalogue: &Catalogue, campaign: &Campaign, counted: &CountedMeasure, axis: &str, named: Named) {
        let now = self.clock.now();
        let Named { label, surge } = named;
        let seconds = self.step.as_secs().max(1).saturating_mul(surge.steps as u64);
        let alert = v1::Alert {
            id: self.next.fetch_add(1, Relaxed),
            campaign: catalogue.full_name(campaign),
            measure: counted.measure.name.to_string(),
            dimension: axis.to_owned(),
            label,
            period: Some(v1::TimeRange { from: now.minus(seconds).0, to: now.0 }),
            observed: Some(told_estimate(surge.observed, surge.reports)),
            expected: surge.expected,
            sigma: surge.sigma,
            score: surge.score,
            threshold: surge.threshold,
            found_at: now.0,
        };
        for url in &campaign.declaration.webhooks {
            self.webhooks.tell(campaign.brand, url.clone(), body(&alert), now);
        }
        let found = Arc::new(Found { campaign: campaign.id, alert });
        let mut kept = self.found.lock();
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(found.clone());
        // Nobody listens: nothing to do.
        let _ = self.told.send(found);
    }

    /// What was found at or after `since`, oldest first.
    pub(crate) fn since(&self, since: UnixTime) -> Vec<Arc<Found>> {
        self.found.lock().iter().filter(|found| found.alert.found_at >= since.0).cloned().collect()
    }

    /// What was found at or after `since`, and whatever will be: none is missed in between, and none told twice.
    pub(crate) fn follow(&self, since: Option<UnixTime>) -> (Vec<Arc<Found>>, broadcast::Receiver<Arc<Found>>) {
        let kept = self.found.lock();
        let listening = self.told.subscribe();
        let past = since.map_or_else(Vec::new, |since| {
            kept.iter().filter(|found| found.alert.found_at >= since.0).cloned().collect()
        });
        (past, listening)
    }
}

/// The dimension that a measure is watched by, if it is watched.
fn watched_by(counted: &CountedMeasure) -> Option<&'static str> {
    let events = [Event::Arrival, Event::Share, Event::ContentShare];
    events.contains(&counted.measure.event).then(|| axis_of(counted)).flatten()
}

/// What a webhook is sent.
fn body(alert: &v1::Alert) -> String {
    let (period, observed) = (alert.period.unwrap_or_default(), alert.observed.unwrap_or_default());
    json!({
        "id": alert.id, "campaign": alert.campaign, "measure": alert.measure, "dimension": alert.dimension,
        "label": alert.label, "from": period.from, "to": period.to, "observed": observed.value, "low": observed.low,
        "high": observed.high, "expected": alert.expected, "sigma": alert.sigma, "score": alert.score,
        "threshold": alert.threshold, "found_at": alert.found_at,
    })
    .to_string()
}
