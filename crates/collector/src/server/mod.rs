//! Puts the rooms together, opens the doors, and closes them in order.
//!
//! | module | holds |
//! |---|---|
//! | `doors` | how many connections there may be, and how long |
//! | `foundation` | what all services stand on: the store, the catalogue, the keepers |
//! | `routes` | every service, and what stands before it |
//! | `operator_key` | the first operator's key |
//! | `running` | a collector that answers, until it is told to stop |
//! | [`simulation`] | the same rooms, turned by hand |

mod doors;
mod foundation;
mod operator_key;
mod routes;
mod running;
#[cfg(feature = "simulation")]
pub mod simulation;

use std::sync::Arc;

use tacita_observability::Listener;
use tacita_protocol::time::Clock;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub(crate) use self::doors::REFUSING;
pub use self::running::RunningCollector;
use self::{foundation::Foundation, operator_key::ensure_operator_key};
use crate::{CollectorConfig, CollectorError, readiness};

/// The collector: issuer, ingest, reporting and administration behind one listener.
#[derive(Debug)]
pub struct Collector;

impl Collector {
    /// Opens the store, publishes the epochs that are due, and answers on `listener`.
    ///
    /// The first collector of a store makes an operator's API key and writes it to `operator.key` in its data
    /// directory, readable by this user alone.
    ///
    /// # Errors
    /// [`CollectorError`] names what is amiss and the remedy. Nothing is left running then.
    pub async fn start(
        config: CollectorConfig,
        listener: TcpListener,
        clock: Arc<dyn Clock>,
    ) -> Result<RunningCollector, CollectorError> {
        config.check()?;
        let address = listener.local_addr().map_err(|error| CollectorError::Server(error.to_string()))?;
        let patience = config.limits.drain;
        let operator_key = config.data.join("operator.key");
        let foundation = Foundation::lay(config, clock).await?;
        ensure_operator_key(&foundation, &operator_key).await?;
        let doors = doors::server(&foundation.config, &foundation.metrics)?;

        let readiness = foundation.readiness.clone();
        readiness.announce().await;
        let scrapers = foundation.listen_for_scrapers().await?;
        let (drain, stop) = (foundation.drain.clone(), CancellationToken::new());
        let (keys, store, look) = (foundation.keys.clone(), foundation.store.clone(), foundation.look.clone());
        let (alerts, record, retention) =
            (foundation.alerts.clone(), foundation.record.clone(), foundation.retention.clone());
        let work = foundation.work.clone();
        let verifying_key = foundation.signing_key.verifying_key();
        // The last that can fail: what is spawned after it would go on, and hold the store.
        let metrics = foundation.metrics.clone();
        let app = doors::bounded(foundation.routes(readiness.health())?.into_axum_router(), &metrics);
        let alerts = tokio::spawn({
            let drain = drain.clone();
            async move { alerts.keep(drain).await }
        });
        let record = tokio::spawn({
            let drain = drain.clone();
            async move { record.keep(drain).await }
        });
        let retention = tokio::spawn({
            let stop = stop.clone();
            async move { retention.keep(stop).await }
        });
        let server = tokio::spawn(doors.serve(listener, app, drain.clone()));
        let keeper = tokio::spawn({
            let (keys, stop, readiness) = (keys.clone(), stop.clone(), readiness.clone());
            let announce = move || {
                let readiness = readiness.clone();
                async move { readiness.announce().await }
            };
            async move { keys.keep(stop, announce).await }
        });
        let watch = tokio::spawn({
            let readiness = readiness.clone();
            async move { readiness.keep().await }
        });
        tracing::info!(%address, "the collector answers");
        Ok(RunningCollector {
            address,
            operator_key,
            verifying_key,
            keys,
            store,
            readiness,
            listener: scrapers,
            _look: look,
            work,
            drain,
            stop,
            keeper,
            alerts,
            watch,
            record,
            retention,
            server,
            patience,
        })
    }
}

impl Foundation {
    /// The listener for scrapers and probes, if there is to be one.
    async fn listen_for_scrapers(&self) -> Result<Option<Listener>, CollectorError> {
        let Some(address) = self.config.metrics.listen else { return Ok(None) };
        let bound = Listener::bind(address).await.map_err(|error| CollectorError::Metrics { address, error })?;
        let readiness = Arc::downgrade(&self.readiness);
        let standing =
            move || readiness.upgrade().map_or_else(|| vec![readiness::stopping()], |readiness| readiness.standing());
        Ok(Some(bound.serve(self.page.clone(), Arc::new(standing), &self.metrics.connections)))
    }
}
