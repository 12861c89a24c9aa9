//! What the standard health service says: ready from the start, no more once the relay is told to stop.

use tacita_proto::v1::{collection_service_server, manifest_service_server, token_service_server};
use tonic_health::{
    ServingStatus,
    pb::health_server::HealthServer,
    server::{HealthReporter, HealthService},
};

/// The names that it answers for: the whole, and each service.
const SERVICES: [&str; 4] = [
    "",
    manifest_service_server::SERVICE_NAME,
    token_service_server::SERVICE_NAME,
    collection_service_server::SERVICE_NAME,
];

#[derive(Clone, Debug, Default)]
pub(crate) struct Health(HealthReporter);

impl Health {
    pub(super) fn service(&self) -> HealthServer<HealthService> {
        HealthServer::new(HealthService::from_health_reporter(self.0.clone()))
    }

    pub(super) async fn serving(&self) {
        self.say(ServingStatus::Serving).await;
    }

    /// Says that the relay is stopping, and ends the streams of those who watch, which would otherwise hold up the end.
    pub(crate) async fn stopping(&self) {
        self.say(ServingStatus::NotServing).await;
        for service in SERVICES {
            self.0.clone().clear_service_status(service).await;
        }
    }

    async fn say(&self, status: ServingStatus) {
        for service in SERVICES {
            self.0.set_service_status(service, status).await;
        }
    }
}
