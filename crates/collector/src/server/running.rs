//! A collector that answers, and how it ends: readiness first, then the doors, then the keepers, the store last.

use std::{fmt, fs, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use ed25519_dalek::VerifyingKey;
use tacita_observability::Listener;
use tacita_store::TallyStore;
use tokio::{
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    CollectorError, auth::ApiKeyText, catalogue::By, keys::EpochKeeper, metrics::Look, readiness::Readiness, work::Work,
};

/// A collector that answers. Dropping it stops it without waiting; [`RunningCollector::shutdown`] drains it.
pub struct RunningCollector {
    pub(super) address: SocketAddr,
    pub(super) operator_key: PathBuf,
    pub(super) verifying_key: VerifyingKey,
    pub(super) keys: Arc<EpochKeeper>,
    pub(super) store: Arc<dyn TallyStore>,
    pub(super) readiness: Arc<Readiness>,
    /// Until it is dropped, it tells the metrics.
    pub(super) listener: Option<Listener>,
    /// What the page looks at, for as long as it may.
    pub(super) _look: Arc<Look>,
    /// What was begun for callers, be they gone.
    pub(super) work: Work,
    /// Streams stop taking batches, the server takes no more calls.
    pub(super) drain: CancellationToken,
    /// The keeper ends.
    pub(super) stop: CancellationToken,
    pub(super) keeper: JoinHandle<()>,
    /// End with the drain.
    pub(super) alerts: JoinHandle<()>,
    pub(super) watch: JoinHandle<()>,
    pub(super) record: JoinHandle<()>,
    /// Ends with the keeper.
    pub(super) retention: JoinHandle<()>,
    pub(super) server: JoinHandle<()>,
    pub(super) patience: Duration,
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
    /// until its grace is over. That the keeper's turn after it failed is in the log, and made good by its next one.
    ///
    /// # Errors
    /// [`CollectorError::Refused`] when no epoch is active or the next one is not published yet.
    pub async fn rotate_epoch(&self) -> Result<(), CollectorError> {
        self.keys.rotate(By::Collector).await?;
        Ok(())
    }

    /// Drains: takes no more calls, answers what it took, closes the store. Waits at most `limits.drain`; whatever is
    /// cut off then was not acknowledged, so its sender still holds it.
    ///
    /// # Errors
    /// [`CollectorError::Server`] when the server had failed.
    pub async fn shutdown(mut self) -> Result<(), CollectorError> {
        // Before anything is refused.
        self.readiness.end().await;
        self.drain.cancel();
        let begun = Instant::now();
        let ended = timeout(self.patience, &mut self.server).await;
        self.stop.cancel();
        let _ = (&mut self.keeper).await;
        let _ = (&mut self.alerts).await;
        let _ = (&mut self.watch).await;
        let _ = (&mut self.record).await;
        let _ = (&mut self.retention).await;
        let result = match ended {
            Ok(Ok(())) => Ok(()),
            Ok(Err(crash)) => Err(CollectorError::Server(crash.to_string())),
            Err(_) => {
                tracing::warn!("some calls outlasted the drain and were cut off");
                self.server.abort();
                let _ = (&mut self.server).await;
                Ok(())
            }
        };
        if timeout(self.patience.saturating_sub(begun.elapsed()), self.work.ended()).await.is_err() {
            tracing::warn!("what was begun for callers outlasted the drain");
        }
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
