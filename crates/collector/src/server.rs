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
use prometheus_client::{metrics::info::Info, registry::Registry as MetricRegistry};
use tacita_admission::Door;
use tacita_observability::{CallLayer, Listener, Methods, Page, process};
use tacita_proto::v1::{
    admin_service_server::AdminServiceServer, audit_service_server::AuditServiceServer,
    collection_service_server::CollectionServiceServer, manifest_service_server::ManifestServiceServer,
    reporting_service_server::ReportingServiceServer, token_service_server::TokenServiceServer,
    transparency_service_server::TransparencyServiceServer,
};
use tacita_protocol::{manifest::DevicePolicy, time::Clock};
use tacita_store::{
    TallyStore,
    backup::Backup,
    vault::{SecretKeys, Vault},
};
use tacita_tls::{Acceptor, incoming};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_stream::StreamExt as _;
use tokio_util::sync::CancellationToken;
use tonic::{
    service::Routes,
    transport::{
        Server,
        server::{Router, TcpIncoming},
    },
};
use tonic_health::server::HealthReporter;
use zeroize::Zeroizing;

use crate::{
    CollectorConfig, CollectorError,
    alerts::{AlertKeeper, Messenger, Webhooks},
    auth::ApiKeyText,
    catalogue::{ApiKey, By, Catalogue, NewApiKey, Principal, Refused},
    connections::Connections,
    dashboard,
    guard::Guard,
    ingest::{Ingest, least_in_work},
    keys::{EpochKeeper, FreshKey, random_key},
    limits,
    metrics::{Look, Metrics},
    opening::{OpenStore, fitting_signing_key, open_store},
    pages::for_pages,
    pool::{CryptoPool, Limit},
    quota::TokenQuota,
    readiness::{self, Readiness},
    receipts::Receipts,
    record::Record,
    registry::{Registry, RegistryError},
    report::{Desk, Tallies},
    retention::RetentionKeeper,
    services::{Admin, Audit, Backups, Collection, Manifests, Reporting, Tokens, Transparency},
};

/// The largest message from an operator, and read from no one else: a measure's contents, 100,000 ids of up to 256 bytes each, and some to spare.
const ADMIN_MESSAGE_BYTES: usize = 32 << 20;

/// The descriptors of reflection itself.
const REFLECTION: &[u8] = tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET;

/// How often an idle connection is asked whether it lives.
const KEEPALIVE: Duration = Duration::from_secs(30);

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
    readiness: Arc<Readiness>,
    /// Until it is dropped, it tells the metrics.
    listener: Option<Listener>,
    /// What the page looks at, for as long as it may.
    _look: Arc<Look>,
    /// Streams stop taking batches, the server takes no more calls.
    drain: CancellationToken,
    /// The keeper ends.
    stop: CancellationToken,
    keeper: JoinHandle<()>,
    /// End with the drain.
    alerts: JoinHandle<()>,
    watch: JoinHandle<()>,
    record: JoinHandle<()>,
    /// Ends with the keeper.
    retention: JoinHandle<()>,
    server: JoinHandle<Result<(), tonic::transport::Error>>,
    patience: Duration,
}

/// What all services stand on.
struct Foundation {
    config: CollectorConfig,
    clock: Arc<dyn Clock>,
    store: Arc<dyn TallyStore>,
    backup: Option<Arc<dyn Backup>>,
    retention: Arc<RetentionKeeper>,
    registry: Arc<Registry>,
    keys: Arc<EpochKeeper>,
    signing_key: Arc<SigningKey>,
    tallies: Arc<Tallies>,
    webhooks: Arc<Webhooks>,
    alerts: Arc<AlertKeeper>,
    record: Arc<Record>,
    drain: CancellationToken,
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
    calls: CallLayer,
    look: Arc<Look>,
    page: Arc<Page>,
}

/// What names a build among others.
#[derive(Clone, PartialEq, Eq, Hash, Debug, prometheus_client::encoding::EncodeLabelSet)]
struct Build {
    version: &'static str,
    engine: &'static str,
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
        let acceptor = config.tls.clone().map(Acceptor::new).transpose()?.map(Arc::new);
        let patience = config.limits.drain;
        let operator_key = config.data.join("operator.key");
        let foundation = Foundation::lay(config, clock).await?;
        ensure_operator_key(&foundation, &operator_key).await?;

        let readiness = foundation.readiness.clone();
        readiness.announce().await;
        let scrapers = foundation.listen_for_scrapers().await?;
        let (drain, stop) = (foundation.drain.clone(), CancellationToken::new());
        let alerts = tokio::spawn({
            let (alerts, drain) = (foundation.alerts.clone(), drain.clone());
            async move { alerts.keep(drain).await }
        });
        let record = tokio::spawn({
            let (record, drain) = (foundation.record.clone(), drain.clone());
            async move { record.keep(drain).await }
        });
        let retention = tokio::spawn({
            let (retention, stop) = (foundation.retention.clone(), stop.clone());
            async move { retention.keep(stop).await }
        });
        let (keys, store, look) = (foundation.keys.clone(), foundation.store.clone(), foundation.look.clone());
        let verifying_key = foundation.signing_key.verifying_key();
        let (most, open) = (foundation.config.limits, foundation.metrics.connections.clone());
        let places = Connections::new(most.connections, most.connections_per_peer);
        let router = foundation.router(readiness.health())?;
        let end = drain.clone().cancelled_owned();
        let server = match acceptor {
            Some(acceptor) => {
                let incoming = places.admit(incoming(listener, acceptor), drain.clone());
                let incoming = incoming.map(move |accepted| accepted.map(|stream| open.count(stream)));
                tokio::spawn(router.serve_with_incoming_shutdown(incoming, end))
            }
            None => {
                let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
                let incoming = places.admit(incoming, drain.clone());
                let incoming = incoming.map(move |accepted| accepted.map(|stream| open.count(stream)));
                tokio::spawn(router.serve_with_incoming_shutdown(incoming, end))
            }
        };
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

impl RunningCollector {
    /// Where it answers.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the metrics are told, if they are.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.listener.as_ref().map(Listener::address)
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
        Ok(self.keys.rotate(By::Collector).await?)
    }

    /// Drains: takes no more calls, answers what it took, closes the store. Waits at most `limits.drain`; whatever is cut off then
    /// was not acknowledged, so its sender still holds it.
    ///
    /// # Errors
    /// [`CollectorError::Server`] when the server had failed.
    pub async fn shutdown(mut self) -> Result<(), CollectorError> {
        // Before anything is refused.
        self.readiness.end().await;
        self.drain.cancel();
        let ended = tokio::time::timeout(self.patience, &mut self.server).await;
        self.stop.cancel();
        let _ = (&mut self.keeper).await;
        let _ = (&mut self.alerts).await;
        let _ = (&mut self.watch).await;
        let _ = (&mut self.record).await;
        let _ = (&mut self.retention).await;
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

impl Foundation {
    async fn lay(config: CollectorConfig, clock: Arc<dyn Clock>) -> Result<Self, CollectorError> {
        make_directory(&config.data)?;
        let store = open_store(&config).await?;
        let vault = Arc::new(Vault::open(&config.vault)?);
        Self::lay_on(store, vault, Box::new(random_key), config, clock).await
    }

    async fn lay_on(
        OpenStore { tallies: store, record, log, retention, backup }: OpenStore,
        vault: Arc<dyn SecretKeys>,
        fresh_key: FreshKey,
        config: CollectorConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CollectorError> {
        let registry = Arc::new(Registry::open(log, clock.clone()).await?);
        let signing_key = Arc::new(fitting_signing_key(&registry, &*vault, &config).await?);
        set_device_policy(&registry, config.device_policy).await?;
        let mut metric_registry = MetricRegistry::default();
        process::register(&mut metric_registry);
        let own = metric_registry.sub_registry_with_prefix("tacita_collector");
        let build = Build { version: env!("CARGO_PKG_VERSION"), engine: store.engine() };
        own.register("build", "The version, and the store's engine (embedded, postgres)", Info::new(build));
        let metrics = Arc::new(Metrics::new(own));
        let calls = CallLayer::new(own, methods()?);
        let (known, spent, time) = (registry.clone(), store.clone(), clock.clone());
        let keys = EpochKeeper::new(known, vault, fresh_key, spent, time, config.schedule, metrics.clone());
        let keys = Arc::new(keys);
        keys.take_turn().await?;
        let drain = CancellationToken::new();
        let (kept, max_age) = (config.limits.kept_tallies_bytes, config.window_policy.max_age);
        let tallies = Arc::new(Tallies::new(store.clone(), clock.clone(), max_age, kept, metrics.clone()));
        tallies.forget_before(registry.snapshot().deleted_before());
        let keep = config.retention.tallies;
        let retention = RetentionKeeper::new(registry.clone(), retention, tallies.clone(), clock.clone(), keep);
        let retention = Arc::new(retention);
        let root = Zeroizing::new(signing_key.to_bytes());
        let webhooks = Arc::new(Webhooks::new(root, config.alerts.loopback_webhooks, metrics.webhooks.clone()));
        let step = config.alerts.step;
        let messenger = Messenger::new(registry.clone(), clock.clone(), webhooks.clone(), drain.clone());
        let alerts = AlertKeeper::new(registry.clone(), tallies.clone(), clock.clone(), messenger, step, &metrics);
        let alerts = Arc::new(alerts);
        let readiness = Arc::new(Readiness::new(keys.clone(), store.clone(), &drain));
        let look = Arc::new(Look {
            metrics: metrics.clone(),
            store: store.clone(),
            registry: registry.clone(),
            keys: keys.clone(),
            clock: clock.clone(),
            readiness: readiness.clone(),
        });
        let page = Arc::new(look.page(metric_registry, config.metrics.grain));
        let record = Arc::new(Record::new(record, clock.clone(), signing_key.clone(), config.record_period));
        Ok(Self {
            config,
            clock,
            store,
            backup,
            retention,
            registry,
            keys,
            signing_key,
            tallies,
            webhooks,
            alerts,
            record,
            drain,
            metrics,
            readiness,
            calls,
            look,
            page,
        })
    }

    /// The listener for scrapers and probes, if there is to be one.
    async fn listen_for_scrapers(&self) -> Result<Option<Listener>, CollectorError> {
        let Some(address) = self.config.metrics.listen else { return Ok(None) };
        let bound = Listener::bind(address).await.map_err(|error| CollectorError::Metrics { address, error })?;
        let readiness = Arc::downgrade(&self.readiness);
        let standing =
            move || readiness.upgrade().map_or_else(|| vec![readiness::stopping()], |readiness| readiness.standing());
        Ok(Some(bound.serve(self.page.clone(), Arc::new(standing))))
    }

    fn router(self, health: HealthReporter) -> Result<Router, CollectorError> {
        Ok(Server::builder()
            // gRPC-Web comes by HTTP/1.1 too.
            .accept_http1(true)
            .http2_keepalive_interval(Some(KEEPALIVE))
            .http2_keepalive_timeout(Some(KEEPALIVE))
            .http2_adaptive_window(Some(true))
            .max_concurrent_streams(self.config.limits.streams_per_connection)
            .add_routes(self.routes(health)?))
    }

    /// Every service, as yet without a listener.
    fn routes(self, health: HealthReporter) -> Result<Routes, CollectorError> {
        let most = self.config.limits.message_bytes;
        let reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(tacita_proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .build_v1()
            .map_err(|error| CollectorError::Server(error.to_string()))?;
        let health = tonic_health::server::HealthService::from_health_reporter(health);
        let certificates = self.config.tls.as_ref().is_some_and(|tls| tls.clients.is_some());
        let guard = Guard::new(self.registry.clone(), self.clock.clone(), certificates);
        let reporting = guard.before(ReportingServiceServer::new(self.reporting()));
        let collection = self.collection()?;
        let check = collection.door();
        let collection = Door::new(CollectionServiceServer::new(collection).max_decoding_message_size(most), check);
        let admin = AdminServiceServer::new(self.admin()).max_decoding_message_size(ADMIN_MESSAGE_BYTES);
        let services = Routes::new(guard.before(tonic_health::pb::health_server::HealthServer::new(health)))
            .add_service(guard.before(reflection))
            .add_service(guard.before(ManifestServiceServer::new(self.manifests())))
            .add_service(guard.before(TokenServiceServer::new(self.tokens()?)))
            .add_service(guard.before(collection))
            .add_service(for_pages(reporting, &self.config.dashboard_origins))
            .add_service(guard.before(admin))
            .add_service(guard.before(TransparencyServiceServer::new(self.transparency())))
            .add_service(guard.before(AuditServiceServer::new(Audit { registry: self.registry.clone() })));
        let services = limits::named(services);
        let routes = if self.config.serve_dashboard { dashboard::beside(services) } else { services };
        Ok(Routes::from(routes.into_axum_router().layer(self.calls)))
    }

    fn manifests(&self) -> Manifests {
        Manifests::new(self.registry.clone(), self.signing_key.clone())
    }

    fn tokens(&self) -> Result<Tokens, CollectorError> {
        let limit = Limit { name: "issuances_in_flight", value: self.config.limits.issuances_in_flight };
        let pool = self.pool("issue", limit)?;
        let (registry, keys, clock) = (self.registry.clone(), self.keys.clone(), self.clock.clone());
        let quota = TokenQuota::new(registry.clone(), self.config.limits.tokens_per_publisher);
        Ok(Tokens { registry, keys, clock, pool, metrics: self.metrics.clone(), quota })
    }

    fn collection(&self) -> Result<Collection, CollectorError> {
        let limits = &self.config.limits;
        let time = Duration::from_millis(limits.upload_millis as u64);
        let ingest = Ingest {
            registry: self.registry.clone(),
            keys: self.keys.clone(),
            store: self.store.clone(),
            clock: self.clock.clone(),
            pool: self.pool("open", Limit { name: "uploads_in_flight", value: limits.uploads_in_flight })?,
            opening: Arc::default(),
            windows: self.config.window_policy,
            reports_per_batch: limits.reports_per_batch,
            admission: self.metrics.admission(time, least_in_work(limits.crypto_threads)),
            upload_millis: Limit { name: "upload_millis", value: limits.upload_millis },
            metrics: self.metrics.clone(),
        };
        let streams = Limit { name: "upload_streams", value: limits.upload_streams };
        let drain = self.drain.clone();
        let receipts = Receipts { signing_key: self.signing_key.clone(), clock: self.clock.clone() };
        Ok(Collection::new(Arc::new(ingest), receipts, streams, limits.batches_per_stream, drain))
    }

    fn transparency(&self) -> Transparency {
        Transparency { registry: self.registry.clone(), record: self.record.clone() }
    }

    fn reporting(&self) -> Reporting {
        let limits = &self.config.limits;
        let desk = Arc::new(Desk::new(self.tallies.clone(), self.clock.clone()));
        let queries = Limit { name: "queries_in_flight", value: limits.queries_in_flight };
        let followers = Limit { name: "followers", value: limits.followers };
        let (registry, webhooks) = (self.registry.clone(), self.webhooks.clone());
        let (limits, metrics) = ([queries, followers], self.metrics.clone());
        Reporting::new(registry, desk, webhooks, limits, self.drain.clone(), metrics)
    }

    fn admin(&self) -> Admin {
        Admin {
            registry: self.registry.clone(),
            store: self.store.clone(),
            keys: self.keys.clone(),
            clock: self.clock.clone(),
            rules: self.config.rules(),
            metrics: self.metrics.clone(),
            page: self.page.clone(),
            readiness: self.readiness.clone(),
            log: self.config.log.clone(),
            verifying_key: self.signing_key.verifying_key(),
            backups: Backups::new(self.backup.clone(), self.clock.clone(), self.drain.clone()),
        }
    }

    fn pool(&self, kind: &'static str, limit: Limit) -> Result<CryptoPool, CollectorError> {
        CryptoPool::new(kind, self.config.limits.crypto_threads, limit, &self.metrics)
            .map_err(|error| CollectorError::Server(error.to_string()))
    }
}

/// The methods that calls are counted by: a path that is none is the dashboard's, or `other`.
fn methods() -> Result<Methods, CollectorError> {
    let sets = [tacita_proto::DESCRIPTORS, tonic_health::pb::FILE_DESCRIPTOR_SET, REFLECTION];
    let other = |path: &str| match path.starts_with("/tacita.") || path.starts_with("/grpc.") {
        true => "other",
        false => "dashboard",
    };
    Methods::new(&sets, &["dashboard", "other"], other).map_err(|error| CollectorError::Server(error.to_string()))
}

fn make_directory(path: &Path) -> Result<(), CollectorError> {
    fs::create_dir_all(path).map_err(|cause| CollectorError::File { path: path.to_owned(), cause })
}

/// Makes the configured policy the one of all manifests: in the log, so that manifests of one revision never differ.
async fn set_device_policy(registry: &Registry, policy: DevicePolicy) -> Result<(), CollectorError> {
    match registry.apply(By::Collector, |catalogue| catalogue.propose_device_policy(policy)).await {
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
    let (principal, hash, created_at) = (Principal::Operator, text.hash(), foundation.clock.now());
    let wish = NewApiKey { principal, hash, created_at, read_only: false, valid_seconds: 0 };
    match registry.apply(By::Collector, |catalogue| catalogue.propose_api_key(id, &wish)).await {
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
    catalogue.api_keys().iter().any(ApiKey::administers)
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
