//! What all services stand on, laid in order: the store and the vault, the catalogue, the keepers, the metrics.

use std::{fs, path::Path, sync::Arc, time::Duration};

use ed25519_dalek::SigningKey;
use prometheus_client::{metrics::info::Info, registry::Registry as MetricRegistry};
use tacita_admission::Admission;
use tacita_observability::{CallLayer, Page, process};
use tacita_protocol::{id::PublisherId, manifest::DevicePolicy, time::Clock};
use tacita_store::{
    TallyStore,
    backup::Backup,
    vault::{SecretKeys, Vault},
};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::routes::methods;
use crate::{
    CollectorConfig, CollectorError,
    alerts::{AlertKeeper, Messenger, Webhooks},
    catalogue::{By, Refused},
    ingest::least_in_work,
    keys::{EpochKeeper, FreshKey, random_key},
    metrics::{Look, Metrics},
    opening::{OpenStore, fitting_signing_key, open_store},
    readiness::Readiness,
    record::Record,
    registry::{Registry, RegistryError},
    report::Tallies,
    retention::RetentionKeeper,
    work::Work,
};

/// What all services stand on.
pub(super) struct Foundation {
    pub(super) config: CollectorConfig,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) store: Arc<dyn TallyStore>,
    pub(super) backup: Option<Arc<dyn Backup>>,
    pub(super) retention: Arc<RetentionKeeper>,
    pub(super) registry: Arc<Registry>,
    pub(super) keys: Arc<EpochKeeper>,
    pub(super) signing_key: Arc<SigningKey>,
    pub(super) tallies: Arc<Tallies>,
    pub(super) webhooks: Arc<Webhooks>,
    pub(super) alerts: Arc<AlertKeeper>,
    pub(super) record: Arc<Record>,
    /// Of reports, by publishers.
    pub(super) admission: Admission<PublisherId>,
    pub(super) work: Work,
    pub(super) drain: CancellationToken,
    pub(super) metrics: Arc<Metrics>,
    pub(super) readiness: Arc<Readiness>,
    pub(super) calls: CallLayer,
    pub(super) look: Arc<Look>,
    pub(super) page: Arc<Page>,
}

/// What names a build among others.
#[derive(Clone, PartialEq, Eq, Hash, Debug, prometheus_client::encoding::EncodeLabelSet)]
struct Build {
    version: &'static str,
    engine: &'static str,
}

impl Foundation {
    pub(super) async fn lay(config: CollectorConfig, clock: Arc<dyn Clock>) -> Result<Self, CollectorError> {
        make_directory(&config.data)?;
        let store = open_store(&config).await?;
        let vault = Arc::new(Vault::open(&config.vault)?);
        Self::lay_on(store, vault, Box::new(random_key), config, clock).await
    }

    pub(super) async fn lay_on(
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
        let time = Duration::from_millis(config.limits.upload_millis as u64);
        let admission = Admission::new(time, least_in_work(config.limits.crypto_threads));
        let look = Arc::new(Look {
            metrics: metrics.clone(),
            store: store.clone(),
            registry: registry.clone(),
            keys: keys.clone(),
            clock: clock.clone(),
            readiness: readiness.clone(),
            admission: admission.clone(),
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
            admission,
            work: Work::default(),
            drain,
            metrics,
            readiness,
            calls,
            look,
            page,
        })
    }
}

pub(super) fn make_directory(path: &Path) -> Result<(), CollectorError> {
    fs::create_dir_all(path).map_err(|cause| CollectorError::File { path: path.to_owned(), cause })
}

/// Makes the configured policy the one of all manifests, and this program's form theirs: in the log, so that manifests
/// of one revision never differ.
async fn set_device_policy(registry: &Registry, policy: DevicePolicy) -> Result<(), CollectorError> {
    match registry.apply(By::Collector, |catalogue| catalogue.propose_device_policy(policy)).await {
        Ok(_) | Err(RegistryError::Refused(Refused::AlreadySo)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
