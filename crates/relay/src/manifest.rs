//! The manifest cache: one signed manifest, the same bytes for every visitor.
//!
//! That sameness keeps the collector from handing one visitor a key of its own. The manifest is verified with the
//! pinned key before it is served, never replaced by an older one or one with other keys, and kept on disk so that it
//! is served while the collector is away, and holds the next one to what was seen.

mod taken;

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use ed25519_dalek::VerifyingKey;
use prost::Message as _;
use tacita_proto::v1::{self, manifest_service_client::ManifestServiceClient};
use tacita_protocol::{
    catalogue::{CatalogueDigest, CatalogueRef, InvalidCatalogue},
    epoch::EpochId,
    id::PublisherId,
    manifest::{ManifestError, SignedManifest},
    time::Clock,
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use self::taken::Taken;
use crate::{
    catalogues::{CatalogueShelf, Catalogues},
    config::RelayConfig,
    metrics::{Fetch, Metrics},
    upstream::{Line, Upstream, answer},
};

/// The pause between two fetches that were asked for out of turn, or while there is nothing to serve.
const SHORT_PAUSE: Duration = Duration::from_secs(1);

/// The manifest could not be renewed. What is held stays in service.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The collector did not give one.
    #[error("the collector gave no manifest: {} ({:?}){}", .0.message(), .0.code(), remedy(.0.code()))]
    Collector(Box<Status>),
    /// It does not hold.
    #[error("the collector's manifest is refused: {}{}", .0, remedy_of_refusal(.0))]
    Refused(#[from] ManifestError),
    /// A catalogue that it names does not hold.
    #[error("the collector's catalogue is refused: {0}; tell whoever runs the collector")]
    Catalogue(#[from] InvalidCatalogue),
    /// It goes back.
    #[error(
        "the collector offers manifest revision {offered}, older than {held}; compare with other publishers' relays"
    )]
    Older {
        /// The revision that was taken last.
        held: u64,
        /// The revision offered.
        offered: u64,
    },
    /// It says something else under the same number.
    #[error("the collector offers other bytes under manifest revision {0}; compare with other publishers' relays")]
    Changed(u64),
    /// Its keys are not those of the directory that is known, or do not link to its end.
    #[error(
        "the collector's key directory does not go on from the one that is known (epoch {0}); compare with other \
         publishers' relays"
    )]
    BrokenDirectory(EpochId),
    /// What was taken last cannot be read.
    #[error(
        "the manifest that was taken last cannot be read from {}: {error}; make the file readable, or move it away, \
         and the next one is taken by its signature alone",
        path.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        error: io::Error,
    },
    /// It cannot be kept.
    #[error("the manifest cannot be written to {}: {error}", path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// The cause.
        error: io::Error,
    },
}

fn remedy(code: Code) -> &'static str {
    match code {
        Code::Unauthenticated | Code::PermissionDenied => "; check the API key, and that it is this publisher's",
        Code::NotFound => "; check the publisher's number",
        _ => "",
    }
}

/// What to do, where the error itself does not say it.
fn remedy_of_refusal(error: &ManifestError) -> &'static str {
    match error {
        ManifestError::Signature | ManifestError::Version(_) => "",
        ManifestError::Publisher(_) => "; check the publisher's number",
        ManifestError::Directory(_) => "; compare with other publishers' relays",
        _ => "; is the collector of an earlier version than this relay? Upgrade it first",
    }
}

impl CacheError {
    /// What was offered is not to be served: an honest collector never offers it.
    fn is_refusal(&self) -> bool {
        !matches!(self, Self::Collector(_) | Self::Unreadable { .. } | Self::Disk { .. })
    }

    /// Trying again would not help a relay that has taken no manifest yet: a setting is wrong. What does not follow
    /// what was taken last is no setting's fault, and the next revision may follow.
    pub(crate) fn is_lasting(&self) -> bool {
        match self {
            Self::Collector(status) => {
                matches!(status.code(), Code::Unauthenticated | Code::PermissionDenied | Code::NotFound)
            }
            Self::Older { .. } | Self::Changed(_) | Self::BrokenDirectory(_) => false,
            _ => true,
        }
    }
}

/// A manifest that verifies.
#[derive(Debug)]
struct Offered {
    taken: Taken,
    token_batch: u32,
    named: Vec<CatalogueRef>,
}

/// The manifest in service, and every catalogue that it names.
#[derive(Debug)]
struct Held {
    taken: Taken,
    token_batch: u32,
    catalogues: Catalogues,
}

impl Offered {
    fn with(self, catalogues: Catalogues) -> Held {
        let Self { taken, token_batch, .. } = self;
        Held { taken, token_batch, catalogues }
    }
}

/// See the module.
pub(crate) struct ManifestCache {
    publisher: PublisherId,
    key: VerifyingKey,
    path: PathBuf,
    upstream: Upstream,
    collector: ManifestServiceClient<Line>,
    shelf: CatalogueShelf,
    held: RwLock<Option<Arc<Held>>>,
    /// What an earlier process has taken last, where that cannot be served.
    kept: Option<Taken>,
    stale: Notify,
    refused: AtomicU64,
    /// Why what the collector offered last was not served, if it was not.
    unserved: Mutex<Option<String>>,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
}

impl ManifestCache {
    /// A cache that serves what the disk holds, if that still verifies and its catalogues are there; in any case it
    /// holds the next one to it.
    ///
    /// # Errors
    /// [`CacheError::Unreadable`]: to go on without would be to forget what was seen.
    pub(crate) fn open(
        config: &RelayConfig,
        upstream: Upstream,
        metrics: Arc<Metrics>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CacheError> {
        let collector = ManifestServiceClient::new(upstream.connection());
        let path = config.data.join("manifest.bin");
        let kept = Taken::read(&path, &config.signing_key, config.publisher)?;
        let mut cache = Self {
            publisher: config.publisher,
            key: config.signing_key,
            path,
            shelf: CatalogueShelf::new(config.publisher, &config.data, upstream.clone(), collector.clone()),
            collector,
            upstream,
            held: RwLock::new(None),
            kept: None,
            stale: Notify::new(),
            refused: AtomicU64::new(0),
            unserved: Mutex::new(None),
            metrics,
            clock,
        };
        let Some(kept) = kept else { return Ok(cache) };
        match cache.servable(&kept) {
            Ok(held) => cache.serve(held),
            Err(reason) => {
                let revision = kept.directory.revision;
                tracing::warn!(revision, reason, "the manifest from disk is not served, and holds the next one to it");
                cache.kept = Some(kept);
            }
        }
        Ok(cache)
    }

    /// What is kept, with the catalogues of the disk.
    fn servable(&self, kept: &Taken) -> Result<Held, String> {
        let offered = self.verify(kept.signed.clone()).map_err(|error| error.to_string())?;
        let catalogues = self.shelf.read_disk(&offered.named)?;
        Ok(offered.with(catalogues))
    }

    fn verify(&self, wire: v1::SignedManifest) -> Result<Offered, ManifestError> {
        let signed = SignedManifest::from(wire.clone());
        let manifest = signed.verify(&self.key, self.publisher)?;
        let token_batch = manifest.policy.token_batch;
        // Devices can be newer than this relay: they ask for the catalogues of measures that it does not know.
        Ok(Offered { taken: Taken::new(&manifest, wire), token_batch, named: signed.catalogues() })
    }

    fn serve(&self, held: Held) {
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(held));
    }

    fn held(&self) -> Option<Arc<Held>> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The signed manifest, for a visitor. `None` until one was fetched.
    pub(crate) fn signed(&self) -> Option<v1::SignedManifest> {
        self.held().map(|held| held.taken.signed.clone())
    }

    /// Whether a manifest was taken, by this process or by an earlier one, and be it one that cannot be served: then
    /// the settings were right once, and the collector may yet offer one that follows.
    pub(crate) fn has_taken_one(&self) -> bool {
        self.kept.is_some() || self.held().is_some()
    }

    /// Why none is served, and what to do. `None` if one is.
    pub(crate) fn missing(&self) -> Option<String> {
        if self.held().is_some() {
            return None;
        }
        let unserved = self.unserved.lock().unwrap_or_else(PoisonError::into_inner);
        Some(match (&*unserved, &self.kept) {
            (Some(why), _) => format!("none is in service, and {why}"),
            (None, Some(_)) => "the one from disk cannot be served, and no other was fetched yet: is the collector \
                                reachable, and the API key right? The log says more"
                .to_owned(),
            (None, None) => {
                "none was fetched yet: is the collector reachable, and the API key right? The log says more".to_owned()
            }
        })
    }

    /// A catalogue of the manifest in service, for a visitor.
    pub(crate) fn catalogue(&self, digest: CatalogueDigest) -> Option<Vec<u8>> {
        self.held()?.catalogues.get(&digest).cloned()
    }

    /// How many tokens a device asks for at a time. `None` until a manifest was fetched.
    pub(crate) fn token_batch(&self) -> Option<u32> {
        self.held().map(|held| held.token_batch)
    }

    /// How many manifests were offered and refused.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// Tells the cache that the collector knows something newer.
    pub(crate) fn expect_newer(&self) {
        self.stale.notify_one();
    }

    /// The revision in service, 0 for none.
    pub(crate) fn revision(&self) -> u64 {
        self.held().map_or(0, |held| held.taken.directory.revision)
    }

    /// Fetches, verifies, keeps and serves.
    pub(crate) async fn refresh(&self) -> Result<(), CacheError> {
        let refreshed = self.try_refresh().await;
        let fetch = match &refreshed {
            Ok(()) => Fetch::Fresh,
            Err(error) if error.is_refusal() => Fetch::Refused,
            Err(_) => Fetch::Unreachable,
        };
        self.metrics.fetched(fetch, self.clock.now().0);
        if !matches!(refreshed, Err(CacheError::Collector(_))) {
            let unserved = refreshed.as_ref().err().map(CacheError::to_string);
            *self.unserved.lock().unwrap_or_else(PoisonError::into_inner) = unserved;
        }
        refreshed
    }

    /// Says in the log that the manifest was not renewed, and what that leaves.
    pub(crate) fn tell(&self, error: &CacheError) {
        let left = match self.held() {
            Some(_) => "the one in service stays",
            None => "none is in service, and the relay is not ready: it takes envelopes meanwhile",
        };
        if error.is_refusal() {
            tracing::error!(%error, left, "the collector's manifest is not served");
        } else {
            tracing::warn!(%error, left, "the manifest was not renewed");
        }
    }

    async fn try_refresh(&self) -> Result<(), CacheError> {
        let offered = self.verify(self.fetch().await?)?;
        let held = self.held();
        if let Some(last) = held.as_ref().map(|held| &held.taken).or(self.kept.as_ref()) {
            last.check_followed_by(&offered.taken)?;
        }
        match held {
            Some(held) if held.taken.signed == offered.taken.signed => Ok(()),
            held => self.replace(held.as_deref(), offered).await,
        }
    }

    /// Serves a manifest once its catalogues are at hand: whoever is given the one finds the others.
    async fn replace(&self, held: Option<&Held>, offered: Offered) -> Result<(), CacheError> {
        let in_service = held.map(|held| &held.catalogues);
        let catalogues = self.shelf.gather(&offered.named, in_service.unwrap_or(&Catalogues::new())).await?;
        self.keep(&offered.taken.signed).await?;
        tracing::info!(revision = offered.taken.directory.revision, "serving a new manifest");
        let next = offered.with(catalogues);
        self.shelf.forget_others(&next.catalogues).await;
        self.serve(next);
        Ok(())
    }

    async fn fetch(&self) -> Result<v1::SignedManifest, CacheError> {
        let request = self.upstream.request(v1::GetManifestRequest { publisher: self.publisher.0 });
        let answered = answer(self.collector.clone().get_manifest(request)).await;
        let response = answered.map_err(|status| CacheError::Collector(Box::new(status)))?;
        Ok(response.signed_manifest.ok_or(ManifestError::Malformed)?)
    }

    /// Writes beside the file and renames, so that a crash leaves the old one or the new one.
    async fn keep(&self, signed: &v1::SignedManifest) -> Result<(), CacheError> {
        let (path, bytes) = (self.path.clone(), signed.encode_to_vec());
        let written = tokio::task::spawn_blocking(move || replace_file(&path, &bytes)).await;
        let written = written.unwrap_or_else(|_| Err(io::Error::other("the write was interrupted")));
        written.map_err(|error| CacheError::Disk { path: self.path.clone(), error })
    }

    /// Keeps the manifest fresh until told to stop.
    pub(crate) async fn keep_fresh(self: Arc<Self>, every: Duration, stop: CancellationToken) {
        loop {
            let pause = if self.held().is_some() { every } else { SHORT_PAUSE.min(every) };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
                () = self.stale.notified() => tokio::time::sleep(SHORT_PAUSE.min(every)).await,
            }
            if let Err(error) = self.refresh().await {
                self.refused.fetch_add(u64::from(error.is_refusal()), Relaxed);
                self.tell(&error);
            }
        }
    }
}

pub(crate) fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
