//! Deletes tallies that are past their time: of each window that ended longer ago than they are kept.
//!
//! The log says first up to when they are deleted, once a day at most, and from then on no answer holds them; then they
//! are deleted, and once more by the next start of a collector, in case this one ended in between.

use std::{sync::Arc, time::Duration};

use tacita_protocol::time::{Clock, UnixTime};
use tacita_store::{StoreError, retention::Retention};
use tokio_util::sync::CancellationToken;

use crate::{
    catalogue::{By, Change, Refused},
    registry::{Registry, RegistryError},
    report::Tallies,
};

/// How often the clock and the log are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// After a turn that failed.
const RETRY: Duration = Duration::from_secs(60);
/// Each entry of the log is a revision of every manifest, so there is one a day.
const DAY: u64 = 86_400;

#[derive(Debug)]
pub(crate) struct RetentionKeeper {
    registry: Arc<Registry>,
    store: Arc<dyn Retention>,
    tallies: Arc<Tallies>,
    clock: Arc<dyn Clock>,
    keep: Duration,
}

/// How far a keeper has come since it started.
struct Progress {
    /// Whether something is past its time was asked for windows that had ended by then.
    looked: UnixTime,
    /// And those had been deleted.
    deleted: UnixTime,
}

/// A turn failed; the next one does it.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RetentionKeeper {
    pub(crate) fn new(
        registry: Arc<Registry>,
        store: Arc<dyn Retention>,
        tallies: Arc<Tallies>,
        clock: Arc<dyn Clock>,
        keep: Duration,
    ) -> Self {
        Self { registry, store, tallies, clock, keep }
    }

    /// Takes turns until `stop`.
    pub(crate) async fn keep(&self, stop: CancellationToken) {
        let mut progress = Progress { looked: UnixTime(0), deleted: UnixTime(0) };
        loop {
            let pause = match self.take_turn(&mut progress).await {
                Ok(()) => LOOK,
                Err(error) => {
                    tracing::error!(%error, "tallies past their time were not deleted: it is tried again");
                    RETRY
                }
            };
            if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return;
            }
        }
    }

    async fn take_turn(&self, progress: &mut Progress) -> Result<(), Fault> {
        let past = self.clock.now().0.saturating_sub(self.keep.as_secs());
        let past = UnixTime(past - past % DAY);
        if past > progress.looked {
            self.declare(past).await?;
            progress.looked = past;
        }
        let before = self.registry.snapshot().deleted_before();
        if before > progress.deleted {
            self.tallies.forget_before(before);
            self.delete(before).await?;
            progress.deleted = before;
        }
        Ok(())
    }

    /// Has the log say that windows which had ended by `past` are deleted, if there are any.
    async fn declare(&self, past: UnixTime) -> Result<(), Fault> {
        let catalogue = self.registry.snapshot();
        for counted in catalogue.measures() {
            let measure = &counted.measure;
            let oldest = self.store.oldest_window(measure.id).await?;
            if oldest.is_none_or(|oldest| oldest >= measure.window.window_at(past)) {
                continue;
            }
            let declared = self.registry.apply(By::Collector, |catalogue| match catalogue.deleted_before() < past {
                true => Ok(Change::TalliesDeleted { before: past }),
                false => Err(Refused::AlreadySo),
            });
            return match declared.await {
                Ok(_) | Err(RegistryError::Refused(Refused::AlreadySo)) => Ok(()),
                Err(error) => Err(error.into()),
            };
        }
        Ok(())
    }

    async fn delete(&self, before: UnixTime) -> Result<(), Fault> {
        let mut windows = 0;
        for counted in self.registry.snapshot().measures() {
            let measure = &counted.measure;
            windows += self.store.delete_windows(measure.id, measure.window.window_at(before)).await?;
        }
        if windows > 0 {
            self.store.shed().await?;
            tracing::info!(windows, before = before.0, "deleted the tallies of windows that are past their time");
        }
        Ok(())
    }
}
