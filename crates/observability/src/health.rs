//! What gRPC's health service says of a server, up to its end.

use std::time::Duration;

use tokio::{sync::Mutex, time::sleep};
use tokio_util::sync::CancellationToken;
use tonic_health::{ServingStatus, server::HealthReporter};

use crate::Unready;

/// Tells gRPC's health service whether a server is ready, and nothing more once it is about to end.
#[derive(Debug)]
pub struct Health {
    /// The names that it answers for.
    services: &'static [&'static str],
    reporter: HealthReporter,
    /// Cancelled with the server's end, or a moment before.
    ending: CancellationToken,
    /// Held while the service is told, so that nothing older is said after the end.
    telling: Mutex<()>,
}

impl Health {
    /// Of a server of these services, `""` for the whole. Once `end` is cancelled it says nothing more.
    pub fn new(services: &'static [&'static str], end: &CancellationToken) -> Self {
        Self { services, reporter: HealthReporter::new(), ending: end.child_token(), telling: Mutex::default() }
    }

    /// What the health service is made of.
    pub fn reporter(&self) -> HealthReporter {
        self.reporter.clone()
    }

    /// Whether the server is about to end.
    pub fn is_ending(&self) -> bool {
        self.ending.is_cancelled()
    }

    /// Tells what stands, until the end is told.
    pub async fn announce(&self, standing: impl FnOnce() -> Vec<Unready>) {
        let _telling = self.telling.lock().await;
        if self.is_ending() {
            return;
        }
        let status = match standing().is_empty() {
            true => ServingStatus::Serving,
            false => ServingStatus::NotServing,
        };
        for service in self.services {
            self.reporter.set_service_status(service, status).await;
        }
    }

    /// Says that the server is about to end, and ends the streams of those who watch, which would otherwise hold the
    /// end up. Nothing else is said from here on.
    pub async fn end(&self) {
        self.ending.cancel();
        let _telling = self.telling.lock().await;
        for service in self.services {
            self.reporter.set_service_status(service, ServingStatus::NotServing).await;
            self.reporter.clone().clear_service_status(service).await;
        }
    }

    /// Waits for the next announcement; `false` as soon as the server is about to end.
    pub async fn pause(&self, time: Duration) -> bool {
        self.ending.run_until_cancelled(sleep(time)).await.is_some()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use tonic::Request;
    use tonic_health::{
        pb::{HealthCheckRequest, health_check_response::ServingStatus::*, health_server::Health as _},
        server::HealthService,
    };

    use super::*;

    #[tokio::test]
    async fn it_says_what_stands_and_nothing_after_the_end() {
        let end = CancellationToken::new();
        let health = Health::new(&["", "a.Service"], &end);
        let service = HealthService::from_health_reporter(health.reporter());
        let says = async |name: &str| {
            let asked = HealthCheckRequest { service: name.to_owned() };
            service.check(Request::new(asked)).await.map(|answer| answer.into_inner().status())
        };

        let amiss = Unready { reason: "store", told: "the store does not answer".to_owned() };
        health.announce(|| vec![amiss]).await;
        assert_eq!(says("a.Service").await.unwrap(), NotServing);
        health.announce(Vec::new).await;
        assert_eq!((says("").await.unwrap(), says("a.Service").await.unwrap()), (Serving, Serving));
        assert!(health.pause(Duration::ZERO).await);

        health.end().await;
        health.announce(Vec::new).await;
        assert!(says("a.Service").await.is_err(), "a watch would go on");
        assert!(health.is_ending() && !health.pause(Duration::from_secs(60)).await && !end.is_cancelled());
    }
}
