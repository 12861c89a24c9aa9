//! Ready means: an epoch is active and its key at hand, the store takes commits, and the collector is not about to end.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tacita_observability::{Health, Unready};
use tacita_proto::v1::{
    admin_service_server, audit_service_server, collection_service_server, manifest_service_server,
    reporting_service_server, token_service_server, transparency_service_server,
};
use tacita_store::TallyStore;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tonic_health::server::HealthReporter;

use crate::keys::EpochKeeper;

/// The reasons, as metrics name them.
pub(crate) const REASONS: [&str; 3] = ["keys", "store", "stopping"];

/// How often the store is asked.
const LOOK: Duration = Duration::from_secs(1);

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often its size is asked.
const SIZE: Duration = Duration::from_secs(60);

/// The names that the health service answers for: the whole, and each service.
const SERVICES: [&str; 8] = [
    "",
    admin_service_server::SERVICE_NAME,
    audit_service_server::SERVICE_NAME,
    collection_service_server::SERVICE_NAME,
    manifest_service_server::SERVICE_NAME,
    reporting_service_server::SERVICE_NAME,
    token_service_server::SERVICE_NAME,
    transparency_service_server::SERVICE_NAME,
];

/// What stands against being ready, and who tells it.
pub(crate) struct Readiness {
    keys: Arc<EpochKeeper>,
    store: Arc<dyn TallyStore>,
    health: Health,
    /// What the store said when it was asked last, if it was not well.
    store_says: Mutex<Option<String>>,
    store_bytes: AtomicU64,
}

impl Readiness {
    pub(crate) fn new(keys: Arc<EpochKeeper>, store: Arc<dyn TallyStore>, drain: &CancellationToken) -> Self {
        let health = Health::new(&SERVICES, drain);
        Self { keys, store, health, store_says: Mutex::default(), store_bytes: AtomicU64::new(0) }
    }

    /// Who tells gRPC's health service.
    pub(crate) fn health(&self) -> HealthReporter {
        self.health.reporter()
    }

    /// What stands against being ready; nothing if it is.
    pub(crate) fn standing(&self) -> Vec<Unready> {
        let keys = (!self.keys.is_ready()).then(|| Unready {
            reason: "keys",
            told: "no epoch is active whose key is at hand: the log says why the epoch keeper's turn fails".to_owned(),
        });
        let store = self.store_says.lock().clone().map(|told| Unready { reason: "store", told });
        let stopping = self.health.is_ending().then(stopping);
        [keys, store, stopping].into_iter().flatten().collect()
    }

    /// The store's size when it was asked last.
    pub(crate) fn store_bytes(&self) -> u64 {
        self.store_bytes.load(Relaxed)
    }

    /// Tells gRPC's health service what stands, until the end is told.
    pub(crate) async fn announce(&self) {
        self.health.announce(|| self.standing()).await;
    }

    /// Says that the collector is about to end, and nothing else from here on.
    pub(crate) async fn end(&self) {
        self.health.end().await;
    }

    /// Asks the store and announces, again and again until the end.
    pub(crate) async fn keep(&self) {
        let mut sized: Option<Instant> = None;
        loop {
            self.ask_store().await;
            if sized.is_none_or(|at| at.elapsed() >= SIZE) {
                if let Ok(Ok(bytes)) = timeout(PATIENCE, self.store.bytes()).await {
                    self.store_bytes.store(bytes, Relaxed);
                }
                sized = Some(Instant::now());
            }
            self.announce().await;
            if !self.health.pause(LOOK).await {
                return;
            }
        }
    }

    async fn ask_store(&self) {
        let says = match timeout(PATIENCE, self.store.check()).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("the store does not answer".to_owned()),
        };
        let before = std::mem::replace(&mut *self.store_says.lock(), says.clone());
        match (before, says) {
            (None, Some(problem)) => tracing::warn!(problem, "not ready: the store takes nothing"),
            (Some(_), None) => tracing::info!("the store takes commits again"),
            _ => {}
        }
    }
}

/// It is about to end.
pub(crate) fn stopping() -> Unready {
    let told = "the collector was told to stop and answers what it took".to_owned();
    Unready { reason: "stopping", told }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.standing()).finish()
    }
}
