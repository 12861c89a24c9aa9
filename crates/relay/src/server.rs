//! The assembly of a relay: start, serve, drain.

use std::{fs, io, net::SocketAddr, path::PathBuf, sync::Arc, thread, time::Duration};

use prometheus_client::{metrics::info::Info, registry::Registry};
use rand::rngs::StdRng;
use tacita_observability::{CallLayer, Listener, Page, listener::Bound, process};
use tacita_protocol::time::Clock;
use tacita_tls::{Acceptor, TlsError};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    config::{ConfigError, RelayConfig},
    gate::{Allowances, IssuerConnection},
    links::{LinkShelf, LinksError, Totals},
    manifest::{CacheError, ManifestCache},
    metrics::{Looked, Metrics, QueueMetrics},
    queue::{Queue, QueueError, Random},
    readiness::Readiness,
    receipts::Receipts,
    sdk::{Sdk, SdkError},
    seen::RelaySeen,
    services::Services,
    submissions::Submissions,
    uploader::Uploader,
    upstream::Upstream,
    visitor::TrustedProxies,
    web::{self, Origins, ShortLinks},
};

const FORGET_EVERY: Duration = Duration::from_secs(60);

#[cfg(feature = "simulation")]
pub mod simulation;

/// The publisher's edge.
#[derive(Debug)]
pub struct Relay;

/// What names a build among others.
#[derive(Clone, PartialEq, Eq, Hash, Debug, prometheus_client::encoding::EncodeLabelSet)]
struct Build {
    version: &'static str,
    publisher: u32,
}

/// A relay could not start.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// A setting cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The data folder cannot be used.
    #[error("the data folder {}: {error}", path.display())]
    Data {
        /// The folder.
        path: PathBuf,
        /// The cause.
        error: io::Error,
    },
    /// The queue cannot be opened.
    #[error("the queue in {}: {error}", path.display())]
    Queue {
        /// The folder.
        path: PathBuf,
        /// The cause.
        error: QueueError,
    },
    /// The manifest is refused, and waiting would not help.
    #[error(transparent)]
    Manifest(#[from] CacheError),
    /// The SDK's files cannot be served.
    #[error(transparent)]
    Sdk(#[from] SdkError),
    /// The short links cannot be served.
    #[error(transparent)]
    Links(#[from] LinksError),
    /// The listener cannot be used.
    #[error("the listener: {0}")]
    Listen(io::Error),
    /// The listener for metrics does not start.
    #[error("cannot tell metrics at {address}: {error}; choose another address with --metrics")]
    Metrics {
        /// Where it should be.
        address: SocketAddr,
        /// The cause.
        error: io::Error,
    },
    /// The reflection service cannot be built.
    #[error("reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// A relay at work. Dropping it stops it; [`RunningRelay::shutdown`] drains it.
pub struct RunningRelay {
    address: SocketAddr,
    tokens: Arc<Allowances>,
    manifest: Arc<ManifestCache>,
    queue: Queue,
    metrics: Arc<Metrics>,
    /// Until it is dropped, it tells the metrics.
    scrapers: Option<Listener>,
    sdk: Option<Sdk>,
    totals: Option<Arc<Totals>>,
    accept: CancellationToken,
    upload: CancellationToken,
    server: JoinHandle<()>,
    uploader: JoinHandle<()>,
    readiness: Arc<Readiness>,
    writer: Option<thread::JoinHandle<()>>,
    /// How long a drain waits, twice.
    patience: Duration,
}

impl Relay {
    /// Starts a relay on `listener`. `clock` refills the visitors' allowances and says which day a click belongs to.
    ///
    /// A collector that is away is waited for: the relay serves the manifest of its disk, queues envelopes and tells
    /// devices to come back for the rest.
    ///
    /// # Errors
    /// What waiting would not mend: a setting, a folder that cannot be used, an SDK's build that is not whole, short links
    /// that do not hold; and of a relay that has taken no manifest yet a refused API key, a manifest that does not verify or
    /// cannot be written.
    pub async fn start(
        config: RelayConfig,
        listener: TcpListener,
        clock: Arc<dyn Clock>,
    ) -> Result<RunningRelay, RelayError> {
        config.check()?;
        let upstream = Upstream::new(&config)?;
        let acceptor = config.tls.clone().map(Acceptor::new).transpose();
        let unusable = |error: TlsError| ConfigError::Tls { setting: "tls.certificate", problem: error.to_string() };
        let acceptor = acceptor.map_err(unusable)?.map(Arc::new);
        let address = listener.local_addr().map_err(RelayError::Listen)?;
        let sdk = config.sdk.as_deref().map(Sdk::read).transpose()?;
        let links = open_links(&config, clock.clone())?;
        let scrapers = bind_for_scrapers(config.metrics).await?;
        let mut registry = Registry::default();
        process::register(&mut registry);
        let own = registry.sub_registry_with_prefix("tacita_relay");
        let build = Build { version: env!("CARGO_PKG_VERSION"), publisher: config.publisher.0 };
        own.register("build", "The version, and whose relay it is", Info::new(build));
        let metrics = Arc::new(Metrics::new(own));
        let calls = CallLayer::new(own, web::methods()?);
        let random = Box::new(rand::make_rng::<StdRng>());
        let furnished = Rooms::furnish(&config, upstream, metrics.clone(), random, clock).await?;
        let Rooms { services, uploader, writer } = furnished;
        let (tokens, envelopes) = (services.tokens.clone(), services.envelopes.clone());
        let (manifest, queue, proxies) = (services.manifest.clone(), services.queue.clone(), services.proxies.clone());
        let submissions = services.submissions.clone();

        let (accept, upload) = (CancellationToken::new(), CancellationToken::new());
        let readiness = Readiness::new(manifest.clone(), queue.clone(), metrics.clone(), &accept);
        let readiness = Arc::new(readiness);
        readiness.announce().await;
        let look =
            look(readiness.clone(), metrics.clone(), manifest.clone(), queue.clone(), (tokens.clone(), submissions));
        // What a page dates is no finer than what the batches date for the collector.
        let page = Arc::new(Page::new(registry, config.batch.age, look));
        let scrapers = scrapers.map(|bound| {
            let readiness = readiness.clone();
            bound.serve(page, Arc::new(move || readiness.standing()), &metrics.connections)
        });
        let (origins, requests) = (Origins::new(&config.allowed_origins)?, config.requests);
        let app = web::app(services, requests, origins, sdk.as_ref(), links.clone(), (readiness.health(), calls))?;
        tokio::spawn(readiness.clone().keep());
        let limits = (config.connections, requests);
        let connections = web::connections::server(limits, proxies, &metrics, acceptor);
        let server = tokio::spawn(connections.serve(listener, app, accept.clone()));
        let uploader = tokio::spawn(uploader.run(upload.clone()));
        tokio::spawn(manifest.clone().keep_fresh(config.manifest_refresh, accept.clone()));
        tokio::spawn(forget_visitors([tokens.clone(), envelopes], accept.clone()));
        let totals = links.map(|links| {
            tokio::spawn(links.shelf.keep_fresh(accept.clone()));
            tokio::spawn(links.totals.clone().keep_written(accept.clone()));
            links.totals
        });
        tracing::info!(publisher = %config.publisher, %address, "relay started");
        Ok(RunningRelay {
            address,
            tokens,
            manifest,
            queue,
            metrics,
            scrapers,
            sdk,
            totals,
            accept,
            upload,
            server,
            uploader,
            readiness,
            writer: Some(writer),
            patience: config.drain,
        })
    }
}

/// A relay before anything in it runs by itself.
struct Rooms {
    services: Arc<Services>,
    uploader: Uploader,
    /// The thread that writes the queue; ends when the last handle of the queue is gone.
    writer: thread::JoinHandle<()>,
}

impl Rooms {
    async fn furnish(
        config: &RelayConfig,
        upstream: Upstream,
        metrics: Arc<Metrics>,
        random: Random,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, RelayError> {
        let (queue, writer) = open_queue(config, metrics.queue.clone(), random).await?;
        let manifest = match open_manifest(config, upstream.clone(), metrics.clone(), clock.clone()).await {
            Ok(manifest) => manifest,
            Err(error) => {
                // So that whoever mends the cause finds the folder free.
                close_queue(&queue, Some(writer)).await;
                return Err(error);
            }
        };
        let receipts = match open_receipts(config, clock.clone()) {
            Ok(receipts) => receipts,
            Err(error) => {
                close_queue(&queue, Some(writer)).await;
                return Err(error);
            }
        };
        let limit = config.visitor_limit;
        let services = Arc::new(Services {
            publisher: config.publisher,
            manifest,
            tokens: Arc::new(Allowances::new(limit.of_tokens(), clock.clone())?),
            envelopes: Arc::new(Allowances::new(limit.of_envelopes(), clock)?),
            issuer: IssuerConnection::new(upstream.clone()),
            proxies: TrustedProxies::new(config.trusted_proxies.clone()),
            submissions: Submissions::new(config.requests.submit_millis),
            queue: queue.clone(),
            metrics: metrics.clone(),
        });
        let uploader = Uploader::new(queue, config.batch, receipts, upstream, metrics);
        Ok(Self { services, uploader, writer })
    }
}

impl RunningRelay {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the metrics are told, if they are.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.scrapers.as_ref().map(Listener::address)
    }

    /// The SDK that it serves.
    pub fn sdk(&self) -> Option<&Sdk> {
        self.sdk.as_ref()
    }

    /// What it saw since it started.
    pub fn seen(&self) -> RelaySeen {
        RelaySeen {
            visitors: self.tokens.remembered(),
            manifests_refused: self.manifest.refused(),
            waiting: self.queue.waiting(),
            held: self.queue.held(),
            ..self.metrics.seen()
        }
    }

    /// Drains: accepts nothing new, answers what is open, waits for the collector's answers to what was sent, closes the
    /// queue. What waits stays on disk for the next start.
    pub async fn shutdown(mut self) {
        // Before anything is refused.
        self.readiness.end().await;
        self.accept.cancel();
        end_within(self.patience, &mut self.server, "requests were still open").await;
        if let Some(totals) = &self.totals {
            totals.write().await;
        }
        self.upload.cancel();
        end_within(self.patience, &mut self.uploader, "batches were not answered; they are kept").await;
        close_queue(&self.queue, self.writer.take()).await;
        tracing::info!("relay stopped");
    }
}

impl Drop for RunningRelay {
    fn drop(&mut self) {
        self.accept.cancel();
        self.upload.cancel();
        self.server.abort();
        self.uploader.abort();
    }
}

async fn close_queue(queue: &Queue, writer: Option<thread::JoinHandle<()>>) {
    queue.close().await;
    if let Some(writer) = writer {
        tokio::task::spawn_blocking(move || writer.join().ok()).await.ok();
    }
}

async fn end_within(time: Duration, task: &mut JoinHandle<()>, otherwise: &str) {
    if tokio::time::timeout(time, &mut *task).await.is_err() {
        tracing::warn!("{otherwise}");
        task.abort();
    }
}

async fn open_queue(
    config: &RelayConfig,
    metrics: QueueMetrics,
    random: Random,
) -> Result<(Queue, thread::JoinHandle<()>), RelayError> {
    let (data, capacity, policy) = (config.data.clone(), config.capacity(), config.batch);
    let path = data.join("queue");
    let folder = path.clone();
    let opened = tokio::task::spawn_blocking(move || {
        fs::create_dir_all(&data).map_err(|error| RelayError::Data { path: data, error })?;
        let opened = Queue::open(&folder, capacity, policy, metrics, random);
        opened.map_err(|error| RelayError::Queue { path: folder, error })
    });
    opened.await.unwrap_or_else(|_| Err(RelayError::Queue { path, error: QueueError::Closed }))
}

fn open_receipts(config: &RelayConfig, clock: Arc<dyn Clock>) -> Result<Receipts, RelayError> {
    let opened = Receipts::open(&config.data, (config.publisher, config.signing_key), config.receipts_kept, clock);
    opened.map_err(|error| RelayError::Data { path: config.data.clone(), error })
}

fn open_links(config: &RelayConfig, clock: Arc<dyn Clock>) -> Result<Option<ShortLinks>, RelayError> {
    let Some(file) = &config.links else { return Ok(None) };
    let shelf = Arc::new(LinkShelf::open(file)?);
    let opened = Totals::open(&config.data, clock);
    let totals = Arc::new(opened.map_err(|error| RelayError::Data { path: config.data.clone(), error })?);
    Ok(Some(ShortLinks { shelf, totals }))
}

async fn open_manifest(
    config: &RelayConfig,
    upstream: Upstream,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
) -> Result<Arc<ManifestCache>, RelayError> {
    let cache = Arc::new(ManifestCache::open(config, upstream, metrics, clock)?);
    match cache.refresh().await {
        Ok(()) => {}
        Err(error) if error.is_lasting() && !cache.has_taken_one() => return Err(error.into()),
        Err(error) => cache.tell(&error),
    }
    Ok(cache)
}

/// What stands somewhere already, and is looked at when the page is made.
fn look(
    readiness: Arc<Readiness>,
    metrics: Arc<Metrics>,
    manifest: Arc<ManifestCache>,
    queue: Queue,
    (tokens, submissions): (Arc<Allowances>, Submissions),
) -> impl Fn() + Send + Sync + 'static {
    move || {
        metrics.look(&Looked {
            standing: readiness.standing(),
            visitors: tokens.remembered(),
            waiting: queue.waiting(),
            held: queue.held(),
            capacity: queue.capacity(),
            since: queue.since(),
            in_work: submissions.in_work(),
            revision: manifest.revision(),
        });
    }
}

/// The address for scrapers and probes, if there is to be one: taken before anything is opened.
async fn bind_for_scrapers(address: Option<SocketAddr>) -> Result<Option<Bound>, RelayError> {
    let Some(address) = address else { return Ok(None) };
    let bound = Listener::bind(address).await.map_err(|error| RelayError::Metrics { address, error })?;
    Ok(Some(bound))
}

async fn forget_visitors(allowances: [Arc<Allowances>; 2], stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(FORGET_EVERY)).await.is_some() {
        allowances.iter().for_each(|one| one.forget());
    }
}
