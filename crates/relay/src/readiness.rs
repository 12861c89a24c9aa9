//! Ready means: a manifest is served, the queue takes envelopes, and the relay is not about to end. A collector that is
//! away is none of its reasons: the relay queues meanwhile.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use tacita_observability::{Health, Unready};
use tacita_proto::v1::{collection_service_server, manifest_service_server, token_service_server};
use tokio_util::sync::CancellationToken;
use tonic_health::server::HealthReporter;

use crate::{manifest::ManifestCache, metrics::Metrics, queue::Queue};

/// How often what stands is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// The names that the health service answers for: the whole, and each service.
const SERVICES: [&str; 4] = [
    "",
    manifest_service_server::SERVICE_NAME,
    token_service_server::SERVICE_NAME,
    collection_service_server::SERVICE_NAME,
];

/// What stands against being ready, and who tells it.
pub(crate) struct Readiness {
    manifest: Arc<ManifestCache>,
    queue: Queue,
    metrics: Arc<Metrics>,
    health: Health,
}

impl Readiness {
    pub(crate) fn new(
        manifest: Arc<ManifestCache>,
        queue: Queue,
        metrics: Arc<Metrics>,
        end: &CancellationToken,
    ) -> Self {
        Self { manifest, queue, metrics, health: Health::new(&SERVICES, end) }
    }

    /// Who tells gRPC's health service.
    pub(crate) fn health(&self) -> HealthReporter {
        self.health.reporter()
    }

    /// What stands against being ready; nothing if it is.
    pub(crate) fn standing(&self) -> Vec<Unready> {
        let unready = |reason, told: String| Unready { reason, told };
        let failed = self.metrics.queue.failed.load(Relaxed);
        let queue = match self.queue.check_room(1) {
            _ if failed => Some("its disk failed: the log says how; it is tried again"),
            Err(_) => Some("it is full: is the collector reachable?"),
            Ok(()) => None,
        };
        let ending = self.health.is_ending().then_some("the relay was told to stop and answers what is open");
        [
            self.manifest.missing().map(|told| unready("manifest", told)),
            queue.map(|told| unready("queue", told.to_owned())),
            ending.map(|told| unready("stopping", told.to_owned())),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Tells gRPC's health service what stands, until the end is told.
    pub(crate) async fn announce(&self) {
        self.health.announce(|| self.standing()).await;
    }

    /// Says that the relay is about to end, and nothing else from here on.
    pub(crate) async fn end(&self) {
        self.health.end().await;
    }

    /// Announces again and again until the relay stops.
    pub(crate) async fn keep(self: Arc<Self>) {
        while self.health.pause(LOOK).await {
            self.announce().await;
        }
    }
}
