//! What is looked at when the page is made: it stands somewhere already, and is not counted twice.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use prometheus_client::registry::Registry;
use tacita_admission::Admission;
use tacita_observability::Page;
use tacita_protocol::{epoch::EpochState, id::PublisherId, time::Clock};
use tacita_store::TallyStore;

use super::{Metrics, OfLimit, OfState, STATES, tell};
use crate::{catalogue::Epoch, keys::EpochKeeper, readiness::Readiness, registry::Registry as Catalogues};

/// Where to look.
pub(crate) struct Look {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) store: Arc<dyn TallyStore>,
    pub(crate) registry: Arc<Catalogues>,
    pub(crate) keys: Arc<EpochKeeper>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) readiness: Arc<Readiness>,
    /// Of reports.
    pub(crate) admission: Admission<PublisherId>,
}

impl Look {
    /// The page of a collector whose metrics are in `registry`. It holds nothing open: a scraper that is still
    /// connected must not keep the store from being closed.
    pub(crate) fn page(self: &Arc<Self>, registry: Registry, grain: Duration) -> Page {
        let look = Arc::downgrade(self);
        Page::new(registry, grain, move || {
            if let Some(look) = look.upgrade() {
                look.take();
            }
        })
    }

    fn take(&self) {
        self.metrics.ready.set(&self.readiness.standing());
        self.limits();
        self.epochs();
        let (gauges, syncs) = (&self.metrics.gauges, self.store.syncs());
        let in_work = self.admission.in_work();
        gauges.in_work.set(number(in_work.amount as u64));
        gauges.in_work_window.set(number(in_work.window as u64));
        tell(&gauges.store_retries, self.store.retries());
        tell(&gauges.store_syncs, syncs.number);
        gauges.store_sync_seconds.inner().store(syncs.time.as_secs_f64().to_bits(), Relaxed);
        gauges.store_bytes.set(number(self.readiness.store_bytes()));
    }

    fn limits(&self) {
        let gauges = &self.metrics.gauges;
        for (limit, used) in self.metrics.limits() {
            let labels = OfLimit { limit: limit.name };
            gauges.limit.get_or_create(&labels).set(number(limit.value as u64));
            gauges.limit_used.get_or_create(&labels).set(number(used as u64));
        }
    }

    fn epochs(&self) {
        let (catalogue, now, gauges) = (self.registry.snapshot(), self.clock.now(), &self.metrics.gauges);
        let is_kept = |epoch: &&Epoch| !epoch.is_destroyed();
        let of = |state| catalogue.epochs().iter().filter(is_kept).filter(move |epoch| epoch.state(now) == state);
        for state in STATES {
            gauges.epochs.get_or_create(&OfState { state: state.name() }).set(number(of(state).count() as u64));
        }
        let active = of(EpochState::Active).next();
        gauges.epoch_active.set(active.map_or(0, |epoch| epoch.entry.epoch.0.into()));
        gauges.epoch_end.set(active.map_or(0, |epoch| number(epoch.entry.ends_at.0)));
        gauges.epoch_keys.set(number(self.keys.in_memory() as u64));
    }
}

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
