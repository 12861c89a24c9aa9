//! Puts the rooms together, opens the doors, and closes them in order.

use std::{
    fmt, fs,
    io::{ErrorKind, Write as _},
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use ed25519_dalek::{SigningKey, VerifyingKey};
use tacita_proto::v1::{
    admin_service_server::{self, AdminServiceServer},
    collection_service_server::{self, CollectionServiceServer},
    manifest_service_server::{self, ManifestServiceServer},
    reporting_service_server::{self, ReportingServiceServer},
    token_service_server::{self, TokenServiceServer},
};
use tacita_protocol::{manifest::DevicePolicy, time::Clock};
use tacita_store::{
    TallyStore,
    vault::{SecretKeys, Vault},
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tonic::{
    Request,
    service::{Interceptor, Routes, interceptor::InterceptedService},
    transport::{
        Server,
        server::{Router, TcpIncoming},
    },
};
use tonic_health::{ServingStatus, server::HealthReporter};
use zeroize::Zeroizing;

use crate::{
    CollectorConfig, CollectorError,
    alerts::{AlertKeeper, Webhooks},
    auth::{ApiKeyText, Rpc, admit},
    catalogue::{Catalogue, Principal, Refused},
    dashboard,
    ingest::Ingest,
    keys::{EpochKeeper, FreshKey, random_key},
    opening::{OpenStore, fitting_signing_key, open_store},
    pages::for_pages,
    pool::{CryptoPool, Limit},
    registry::{Registry, RegistryError},
    report::{Desk, Tallies},
    services::{Admin, Collection, IssuedCounts, Manifests, Reporting, Tokens},
};

/// The largest message from an operator: a measure's contents, 100,000 ids of up to 256 bytes each, and some to spare.
const ADMIN_MESSAGE_BYTES: usize = 32 << 20;

/// How often an idle connection is asked whether it lives.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// The names that the health service answers for: the whole, and each service.
const SERVICES: [&str; 6] = [
    "",
    admin_service_server::SERVICE_NAME,
    collection_service_server::SERVICE_NAME,
    manifest_service_server::SERVICE_NAME,
    reporting_service_server::SERVICE_NAME,
    token_service_server::SERVICE_NAME,
];

#[cfg(feature = "simulation")]
#[path = "simulation.rs"]
pub mod simulation;

/// The collector: issuer, ingest, reporting and administration behind one listener.
#[derive(Debug)]
pub struct Collector;

/// A collector that answers. Dropping it stops it without waiting; [`RunningCollector::shutdown`] drains it.
pub struct RunningCollector {
    address: SocketAddr,
    operator_key: PathBuf,
    verifying_key: VerifyingKey,
    keys: Arc<EpochKeeper>,
    store: Arc<dyn TallyStore>,
    health: HealthReporter,
    /// Streams stop taking batches, the server takes no more calls.
    drain: CancellationToken,
    /// The keeper ends.
    stop: CancellationToken,
    keeper: JoinHandle<()>,
    /// Ends with the drain.
    alerts: JoinHandle<()>,
    server: JoinHandle<Result<(), tonic::transport::Error>>,
    patience: Duration,
}

/// What all services stand on.
struct Foundation {
    config: CollectorConfig,
    clock: Arc<dyn Clock>,
    store: Arc<dyn TallyStore>,
    registry: Arc<Registry>,
    keys: Arc<EpochKeeper>,
    signing_key: Arc<SigningKey>,
    tallies: Arc<Tallies>,
    webhooks: Arc<Webhooks>,
    alerts: Arc<AlertKeeper>,
    drain: CancellationToken,
}

impl Collector {
    /// Opens the store, publishes the epochs that are due, and answers on `listener`.
    ///
    /// The first collector of a store makes an operator's API key and writes it to `operator.key` in its data directory, readable by
    /// this user alone.
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

        let health = HealthReporter::new();
        announce(&health, foundation.keys.is_ready()).await;
        let (drain, stop) = (foundation.drain.clone(), CancellationToken::new());
        // What is counted already is what came before, and no surge.
        foundation.alerts.take_turn().await;
        let alerts = tokio::spawn({
            let (alerts, drain) = (foundation.alerts.clone(), drain.clone());
            async move { alerts.keep(drain).await }
        });
        let (keys, store) = (foundation.keys.clone(), foundation.store.clone());
        let verifying_key = foundation.signing_key.verifying_key();
        let router = foundation.router(health.clone())?;
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let server = tokio::spawn(router.serve_with_incoming_shutdown(incoming, drain.clone().cancelled_owned()));
        let keeper = tokio::spawn({
            let (keys, stop, health) = (keys.clone(), stop.clone(), health.clone());
            let tell = move |ready| {
                let health = health.clone();
                async move { announce(&health, ready).await }
            };
            async move { keys.keep(stop, tell).await }
        });
        tracing::info!(%address, "the collector answers");
        Ok(RunningCollector {
            address,
            operator_key,
            verifying_key,
            keys,
            store,
            health,
            drain,
            stop,
            keeper,
            alerts,
            server,
            patience,
        })
    }
}

impl RunningCollector {
    /// Where it answers.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The operator's API key that the store's first collector made, from `operator.key` in its data directory.
    ///
    /// # Errors
    /// [`CollectorError::File`] when this was not the first one, or the file was taken away, as it should be once the key is kept
    /// somewhere safe.
    pub fn operator_key(&self) -> Result<ApiKeyText, CollectorError> {
        let text = fs::read_to_string(&self.operator_key)
            .map_err(|cause| CollectorError::File { path: self.operator_key.clone(), cause })?;
        Ok(ApiKeyText::from_text(&text))
    }

    /// The public key that manifests are verified with; publishers pin it.
    pub fn signing_key(&self) -> VerifyingKey {
        self.verifying_key
    }

    /// How often the store tried a call again by itself since it was opened.
    pub fn store_retries(&self) -> u64 {
        self.store.retries()
    }

    /// Ends the active epoch now: the next one, published long since, begins at once, and reports under the old key are taken
    /// until its grace is over.
    ///
    /// # Errors
    /// [`CollectorError::Refused`] when no epoch is active or the next one is not published yet.
    pub async fn rotate_epoch(&self) -> Result<(), CollectorError> {
        Ok(self.keys.rotate().await?)
    }

    /// Drains: takes no more calls, answers what it took, closes the store. Waits at most `limits.drain`; whatever is cut off then
    /// was not acknowledged, so its sender still holds it.
    ///
    /// # Errors
    /// [`CollectorError::Server`] when the server had failed.
    pub async fn shutdown(mut self) -> Result<(), CollectorError> {
        announce(&self.health, false).await;
        self.drain.cancel();
        let ended = tokio::time::timeout(self.patience, &mut self.server).await;
        self.stop.cancel();
        let _ = (&mut self.keeper).await;
        let _ = (&mut self.alerts).await;
        let result = match ended {
            Ok(Ok(served)) => served.map_err(|error| CollectorError::Server(error.to_string())),
            Ok(Err(crash)) => Err(CollectorError::Server(crash.to_string())),
            Err(_) => {
                tracing::warn!("some calls outlasted the drain and were cut off");
                self.server.abort();
                let _ = (&mut self.server).await;
                Ok(())
            }
        };
        // The store writes out what it holds when the last room that uses it goes: a wait for the disk, not for this thread.
        let closed = tokio::task::spawn_blocking(move || drop(self)).await;
        closed.map_err(|crash| CollectorError::Server(crash.to_string()))?;
        result
    }
}

impl Drop for RunningCollector {
    fn drop(&mut self) {
        self.drain.cancel();
        self.stop.cancel();
        self.server.abort();
    }
}

impl fmt::Debug for RunningCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RunningCollector({})", self.address)
    }
}

/// Ready means: the store is open and an epoch is active.
async fn announce(health: &HealthReporter, ready: bool) {
    let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
    for service in SERVICES {
        health.set_service_status(service, status).await;
    }
}

impl Foundation {
    async fn lay(config: CollectorConfig, clock: Arc<dyn Clock>) -> Result<Self, CollectorError> {
        make_directory(&config.data)?;
        let store = open_store(&config).await?;
        let vault = Arc::new(Vault::open(&config.vault)?);
        Self::lay_on(store, vault, Box::new(random_key), config, clock).await
    }

    async fn lay_on(
        OpenStore { tallies: store, log }: OpenStore,
        vault: Arc<dyn SecretKeys>,
        fresh_key: FreshKey,
        config: CollectorConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CollectorError> {
        let registry = Arc::new(Registry::open(log, clock.clone()).await?);
        let signing_key = Arc::new(fitting_signing_key(&registry, &*vault, &config).await?);
        set_device_policy(&registry, config.device_policy).await?;
        let schedule = config.schedule;
        let keys = EpochKeeper::new(registry.clone(), vault, fresh_key, store.clone(), clock.clone(), schedule);
        let keys = Arc::new(keys);
        keys.take_turn().await?;
        let drain = CancellationToken::new();
        let (kept, max_age) = (config.limits.kept_tallies_bytes, config.window_policy.max_age);
        let tallies = Arc::new(Tallies::new(store.clone(), clock.clone(), max_age, kept));
        let root = Zeroizing::new(signing_key.to_bytes());
        let webhooks = Arc::new(Webhooks::new(root, config.alerts.loopback_webhooks, drain.clone()));
        let step = config.alerts.step;
        let alerts = AlertKeeper::new(registry.clone(), tallies.clone(), clock.clone(), webhooks.clone(), step);
        let alerts = Arc::new(alerts);
        Ok(Self { config, clock, store, registry, keys, signing_key, tallies, webhooks, alerts, drain })
    }

    fn router(self, health: HealthReporter) -> Result<Router, CollectorError> {
        Ok(Server::builder()
            // gRPC-Web comes by HTTP/1.1 too.
            .accept_http1(true)
            .http2_keepalive_interval(Some(KEEPALIVE))
            .http2_keepalive_timeout(Some(KEEPALIVE))
            .http2_adaptive_window(Some(true))
            .add_routes(self.routes(health)?))
    }

    /// Every service, as yet without a listener.
    fn routes(self, health: HealthReporter) -> Result<Routes, CollectorError> {
        let most = self.config.limits.message_bytes;
        let issued = Arc::new(IssuedCounts::default());
        let reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(tacita_proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .build_v1()
            .map_err(|error| CollectorError::Server(error.to_string()))?;
        let health = tonic_health::server::HealthService::from_health_reporter(health);
        let services = Routes::new(tonic_health::pb::health_server::HealthServer::new(health))
            .add_service(reflection)
            .add_service(ManifestServiceServer::new(self.manifests()))
            .add_service(TokenServiceServer::new(self.tokens(issued.clone())?))
            .add_service(CollectionServiceServer::new(self.collection()?).max_decoding_message_size(most))
            .add_service(for_pages(ReportingServiceServer::new(self.reporting()), &self.config.dashboard_origins)?)
            .add_service(self.guarded_admin(issued));
        Ok(if self.config.serve_dashboard { dashboard::beside(services) } else { services })
    }

    /// Administration, which takes large messages: of whom its methods would not admit, none is read.
    fn guarded_admin(
        &self,
        issued: Arc<IssuedCounts>,
    ) -> InterceptedService<AdminServiceServer<Admin>, impl Interceptor + Clone + 'static> {
        let registry = self.registry.clone();
        let guard = move |request: Request<()>| match admit(&registry.snapshot(), &request, Rpc::Administer) {
            Ok(_) => Ok(request),
            Err(refused) => Err(refused),
        };
        let admin = AdminServiceServer::new(self.admin(issued)).max_decoding_message_size(ADMIN_MESSAGE_BYTES);
        InterceptedService::new(admin, guard)
    }

    fn manifests(&self) -> Manifests {
        Manifests::new(self.registry.clone(), self.signing_key.clone())
    }

    fn tokens(&self, issued: Arc<IssuedCounts>) -> Result<Tokens, CollectorError> {
        let limit = Limit { name: "issuances_in_flight", value: self.config.limits.issuances_in_flight };
        let pool = self.pool("issue", limit)?;
        let (registry, keys, clock) = (self.registry.clone(), self.keys.clone(), self.clock.clone());
        Ok(Tokens { registry, keys, clock, pool, issued })
    }

    fn collection(&self) -> Result<Collection, CollectorError> {
        let limits = &self.config.limits;
        let ingest = Ingest {
            registry: self.registry.clone(),
            keys: self.keys.clone(),
            store: self.store.clone(),
            clock: self.clock.clone(),
            pool: self.pool("open", Limit { name: "uploads_in_flight", value: limits.uploads_in_flight })?,
            opening: Arc::default(),
            windows: self.config.window_policy,
            reports_per_batch: limits.reports_per_batch,
            reports_waiting: Limit { name: "reports_waiting", value: limits.reports_waiting },
        };
        let streams = Limit { name: "upload_streams", value: limits.upload_streams };
        let (registry, drain) = (self.registry.clone(), self.drain.clone());
        Ok(Collection::new(registry, Arc::new(ingest), streams, limits.batches_per_stream, drain))
    }

    fn reporting(&self) -> Reporting {
        let limits = &self.config.limits;
        let desk = Arc::new(Desk::new(self.tallies.clone(), self.clock.clone()));
        let queries = Limit { name: "queries_in_flight", value: limits.queries_in_flight };
        let followers = Limit { name: "followers", value: limits.followers };
        let (registry, alerts, webhooks) = (self.registry.clone(), self.alerts.clone(), self.webhooks.clone());
        Reporting::new(registry, desk, alerts, webhooks, [queries, followers], self.drain.clone())
    }

    fn admin(&self, issued: Arc<IssuedCounts>) -> Admin {
        Admin {
            registry: self.registry.clone(),
            store: self.store.clone(),
            keys: self.keys.clone(),
            clock: self.clock.clone(),
            measures: self.config.measure_policy,
            issued,
            verifying_key: self.signing_key.verifying_key(),
        }
    }

    fn pool(&self, kind: &'static str, limit: Limit) -> Result<CryptoPool, CollectorError> {
        CryptoPool::new(kind, self.config.limits.crypto_threads, limit)
            .map_err(|error| CollectorError::Server(error.to_string()))
    }
}

fn make_directory(path: &Path) -> Result<(), CollectorError> {
    fs::create_dir_all(path).map_err(|cause| CollectorError::File { path: path.to_owned(), cause })
}

/// Makes the configured policy the one of all manifests: in the log, so that manifests of one revision never differ.
async fn set_device_policy(registry: &Registry, policy: DevicePolicy) -> Result<(), CollectorError> {
    match registry.apply(|catalogue| catalogue.propose_device_policy(policy)).await {
        Ok(_) | Err(RegistryError::Refused(Refused::AlreadySo)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Makes the first operator's key. The file is written before the log: a key in the log that nobody has would lock everybody
/// out, a file of a key that the log does not know is written over at the next start.
async fn ensure_operator_key(foundation: &Foundation, path: &Path) -> Result<(), CollectorError> {
    let registry = &foundation.registry;
    let id = registry.snapshot().next_api_key();
    if has_operator(&registry.snapshot()) {
        return Ok(());
    }
    let text = ApiKeyText::generate(id).map_err(|error| CollectorError::Key(error.to_string()))?;
    write_secret(path, text.expose()).map_err(|cause| CollectorError::File { path: path.to_owned(), cause })?;
    let now = foundation.clock.now();
    match registry.apply(|catalogue| catalogue.propose_api_key(id, Principal::Operator, text.hash(), now)).await {
        Ok(_) => tracing::info!(file = %path.display(), "made an operator's API key"),
        // Another collector, started at the same instant, was the first: it has the operator's key, and this file is none.
        Err(RegistryError::Refused(Refused::AlreadySo)) if has_operator(&registry.snapshot()) => {
            fs::remove_file(path).map_err(|cause| CollectorError::File { path: path.to_owned(), cause })?;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

fn has_operator(catalogue: &Catalogue) -> bool {
    catalogue.api_keys().iter().any(|key| key.principal == Principal::Operator && !key.revoked)
}

/// Writes a file that only this user may read, in one step.
fn write_secret(path: &Path, text: &str) -> std::io::Result<()> {
    let unfinished = path.with_extension("unfinished");
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    fs::rename(unfinished, path)
}
