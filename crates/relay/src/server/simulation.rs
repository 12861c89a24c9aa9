//! A relay without its listener, its timers and its way to the collector: for simulations, which turn it by hand.
//!
//! The rooms are those of [`Relay`](super::Relay), assembled by the same code. What is left out is what runs by the
//! machine's clock: the age at which a batch is due, the pauses between uploads, the renewal of the manifest; and
//! connections.

use std::{sync::Arc, thread::JoinHandle};

use axum::Router;
use prometheus_client::registry::Registry;
use rand::CryptoRng;
use tacita_observability::CallLayer;
use tacita_protocol::time::Clock;
use tonic_health::server::HealthReporter;

use super::{RelayConfig, RelayError, Rooms};
pub use crate::upstream::Line;
use crate::{
    manifest::CacheError,
    metrics::Metrics,
    seen::RelaySeen,
    services::Services,
    uploader::Uploader,
    upstream::Upstream,
    web::{self, Origins},
};

/// A relay that does what it is told and nothing else. Dropping it is a crash.
pub struct ByHand {
    services: Arc<Services>,
    app: Router,
    uploader: Uploader,
    writer: JoinHandle<()>,
}

impl ByHand {
    /// Opens the queue and fetches the manifest, as a relay does at its start.
    ///
    /// # Errors
    /// Those of [`Relay::start`](super::Relay::start).
    pub async fn start(
        config: RelayConfig,
        collector: impl Fn() -> Line + Send + Sync + 'static,
        random: Box<dyn CryptoRng + Send>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, RelayError> {
        config.check()?;
        let upstream = Upstream::over(collector, &config)?;
        let mut registry = Registry::default();
        let metrics = Arc::new(Metrics::new(&mut registry));
        let calls = CallLayer::new(&mut registry, web::methods()?);
        let Rooms { services, uploader, writer } = Rooms::furnish(&config, upstream, metrics, random, clock).await?;
        let origins = Origins::new(&config.allowed_origins)?;
        let app = web::app(services.clone(), config.requests, origins, None, None, (HealthReporter::new(), calls))?;
        Ok(Self { services, app, uploader, writer })
    }

    /// All that is served, to be called without a network. Requests need the extension `TcpConnectInfo`.
    pub fn app(&self) -> Router {
        self.app.clone()
    }

    /// Renews the manifest.
    ///
    /// # Errors
    /// [`CacheError`]; the one in service stays.
    pub async fn refresh_manifest(&self) -> Result<(), CacheError> {
        self.services.manifest.refresh().await
    }

    /// Draws up to `most` batches and uploads them, those that were not answered before them first.
    ///
    /// # Errors
    /// What broke. The batches are kept and sent again by the next call.
    pub async fn upload(&mut self, most: usize) -> Result<(), String> {
        self.uploader.upload(most).await
    }

    /// Batches sent and not answered.
    pub fn unanswered(&self) -> usize {
        self.uploader.unanswered()
    }

    /// What it saw since it started.
    pub fn seen(&self) -> RelaySeen {
        let (queue, metrics) = (&self.services.queue, &self.services.metrics);
        RelaySeen { waiting: queue.waiting(), held: queue.held(), ..metrics.seen() }
    }

    /// Ends it at once and waits until its folder is free. Its app must have been dropped.
    pub fn crash(self) {
        let Self { services, app, uploader, writer } = self;
        drop((services, app, uploader));
        // A panic of the writer shows where its folder is opened next.
        let _ = writer.join();
    }
}
