//! Sees to it that each surge's webhooks are told, by one collector at a time, until they took it or are given up.
//!
//! The log says which are still to be told, so a restart goes on where the last run ended: each address is told at least once.

use std::{
    collections::HashSet,
    fmt,
    sync::{Arc, Weak},
};

use parking_lot::Mutex;
use serde_json::json;
use tacita_dp::Estimate;
use tacita_proto::v1;
use tacita_protocol::time::{Clock, UnixTime};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::webhook::{Ended, Webhooks};
use crate::{
    catalogue::{By, Campaign, Catalogue, Found, Refused},
    registry::{Registry, RegistryError},
    report::told_estimate,
};

/// After so many seconds whoever found a surge has given up telling it, or is gone: any collector takes it over.
const TAKEN_OVER: u64 = 1_200;

/// Tells webhooks.
pub(crate) struct Messenger {
    registry: Arc<Registry>,
    clock: Arc<dyn Clock>,
    webhooks: Arc<Webhooks>,
    started: UnixTime,
    deliveries: Mutex<Deliveries>,
    tasks: TaskTracker,
    stop: CancellationToken,
    /// Itself, for its tasks.
    own: Weak<Self>,
}

#[derive(Default)]
struct Deliveries {
    /// Surges that this collector found, and whose webhooks are still to be told.
    ours: HashSet<u64>,
    /// Surges whose webhooks are being told.
    under_way: HashSet<u64>,
}

impl fmt::Debug for Messenger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Messenger({} under way)", self.deliveries.lock().under_way.len())
    }
}

impl Messenger {
    pub(crate) fn new(
        registry: Arc<Registry>,
        clock: Arc<dyn Clock>,
        webhooks: Arc<Webhooks>,
        stop: CancellationToken,
    ) -> Arc<Self> {
        let (started, deliveries, tasks) = (clock.now(), Mutex::default(), TaskTracker::new());
        Arc::new_cyclic(|own| Self { registry, clock, webhooks, started, deliveries, tasks, stop, own: own.clone() })
    }

    /// Ends with the last task; what is not told then is told after the next start.
    pub(super) async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// This collector's entry of the log holds the surge, so it tells.
    pub(super) fn is_ours(&self, id: u64) {
        self.deliveries.lock().ours.insert(id);
    }

    /// Begins to tell whatever is to be told and nobody else is telling.
    pub(super) fn take_turn(&self) {
        let catalogue = self.registry.snapshot();
        let now = self.clock.now();
        for found in catalogue.surges().filter(|found| found.is_to_tell) {
            let mut deliveries = self.deliveries.lock();
            let is_orphan = found.surge.found_at < self.started || found.surge.found_at.plus(TAKEN_OVER) <= now;
            if !(is_orphan || deliveries.ours.contains(&found.id)) || !deliveries.under_way.insert(found.id) {
                continue;
            }
            let Some(own) = self.own.upgrade() else { return };
            let (catalogue, found) = (catalogue.clone(), found.clone());
            let stop = self.stop.clone();
            self.tasks.spawn(async move { stop.run_until_cancelled(own.tell(&catalogue, &found)).await });
        }
    }

    /// Tells the addresses that the brand names at present; then says so in the log, unless this collector is too busy.
    async fn tell(&self, catalogue: &Catalogue, found: &Found) {
        let addresses =
            catalogue.campaign(found.campaign).map(|campaign| (campaign.brand, campaign.declaration.clone()));
        let mut ended = true;
        if let Some((brand, declaration)) = addresses {
            let body = body(&alert(catalogue, found));
            let posts = declaration.webhooks.iter().map(|url| self.webhooks.tell(brand, url, &body, &*self.clock));
            ended = futures_util::future::join_all(posts).await.into_iter().all(|one| one == Ended::ForGood);
        }
        if ended {
            self.mark(found.id).await;
        }
        self.deliveries.lock().under_way.remove(&found.id);
    }

    async fn mark(&self, id: u64) {
        match self.registry.apply(By::Collector, |catalogue| catalogue.propose_surge_told(id)).await {
            Ok(_) | Err(RegistryError::Refused(Refused::AlreadySo)) => {
                self.deliveries.lock().ours.remove(&id);
            }
            Err(error) => tracing::warn!(%error, id, "a surge was told, and will be again: the store did not note it"),
        }
    }
}

/// A surge as brands are told of it.
pub(crate) fn alert(catalogue: &Catalogue, found: &Found) -> v1::Alert {
    let Found { number, campaign, surge, .. } = found;
    let measure = catalogue.measures_of(*campaign).find(|counted| counted.measure.id == surge.measure);
    let full_name = |campaign: &Arc<Campaign>| catalogue.full_name(campaign);
    v1::Alert {
        id: *number,
        campaign: catalogue.campaign(*campaign).map_or_else(String::new, full_name),
        measure: measure.map_or_else(String::new, |counted| counted.measure.name.to_string()),
        dimension: surge.dimension.clone(),
        label: surge.label.clone(),
        period: Some(v1::TimeRange { from: surge.from.0, to: surge.found_at.0 }),
        observed: Some(told_estimate(Estimate { count: surge.observed, variance: surge.variance }, surge.reports)),
        expected: surge.expected,
        sigma: surge.sigma,
        score: surge.score,
        threshold: surge.threshold,
        found_at: surge.found_at.0,
    }
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
