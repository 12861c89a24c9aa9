//! A collector without its listener, its timers and its own choice of store: for simulations, which turn it by hand.
//!
//! The rooms are those of [`Collector`](super::Collector), assembled by the same code. What is left out is what runs by the
//! machine's clock: the keepers' loops, the search for surges, the drain.

use std::sync::Arc;

use tacita_protocol::time::Clock;
use tacita_store::{ChangeLog, PeriodRecord, TallyStore, retention::Retention, vault::SecretKeys};
use tacita_tokens::EpochKey;
use tonic::service::Routes;
use tonic_health::server::HealthReporter;

use super::{
    foundation::{Foundation, make_directory},
    operator_key::ensure_operator_key,
};
use crate::{CollectorConfig, CollectorError, keys::EpochKeeper, opening::OpenStore, record::Record, work::Work};

/// What a simulation brings in place of the machine's.
pub struct Given<S> {
    /// Spent sets, tallies, the record and the change log.
    pub store: S,
    /// The secret keys.
    pub vault: Arc<dyn SecretKeys>,
    /// Makes epoch keys.
    pub fresh_key: Box<dyn Fn() -> EpochKey + Send + Sync>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// A collector that does what it is told and nothing else. [`ByHand::crash`] ends it.
#[derive(Debug)]
pub struct ByHand {
    keys: Arc<EpochKeeper>,
    record: Arc<Record>,
    work: Work,
    routes: Routes,
}

impl ByHand {
    /// Assembles it, publishes the epochs that are due, and writes `operator.key` if it is the store's first.
    ///
    /// # Errors
    /// Those of [`Collector::start`](super::Collector::start).
    pub async fn start<S>(config: CollectorConfig, given: Given<S>) -> Result<Self, CollectorError>
    where
        S: TallyStore + PeriodRecord + ChangeLog + Retention + 'static,
    {
        config.check()?;
        make_directory(&config.data)?;
        let operator_key = config.data.join("operator.key");
        let Given { store, vault, fresh_key, clock } = given;
        let fresh_key = Box::new(move || Ok(fresh_key()));
        let foundation =
            Foundation::lay_on(OpenStore::of(Arc::new(store), None), vault, fresh_key, config, clock).await?;
        ensure_operator_key(&foundation, &operator_key).await?;
        let (keys, record, work) = (foundation.keys.clone(), foundation.record.clone(), foundation.work.clone());
        Ok(Self { keys, record, work, routes: foundation.routes(HealthReporter::new())? })
    }

    /// Every gRPC service, to be called without a network.
    pub fn services(&self) -> Routes {
        self.routes.clone()
    }

    /// Ends it, whatever it was about. What it had begun for callers who are gone comes to its end before, or to its
    /// first fault: a process that is gone holds on to no store.
    pub async fn crash(self) {
        let Self { work, routes, .. } = self;
        drop(routes);
        work.ended().await;
    }

    /// One turn of the epoch keeper: publishes, loads and destroys what is due.
    ///
    /// # Errors
    /// [`CollectorError`]; the next turn goes on where this one stopped.
    pub async fn take_turn(&self) -> Result<(), CollectorError> {
        Ok(self.keys.take_turn().await?)
    }

    /// One turn of the record's keeper: closes the open period if its end has passed.
    ///
    /// # Errors
    /// [`CollectorError`]; the next turn closes it.
    pub async fn close_period(&self) -> Result<(), CollectorError> {
        Ok(self.record.take_turn().await?)
    }
}
