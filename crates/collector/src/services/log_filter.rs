//! The filter of this collector's own log: an operator's takes effect with its entry in the audit log, or not at all.

use std::sync::Arc;

use tacita_observability::LogFilter;
use tokio::sync::Mutex;
use tonic::Status;

use crate::{
    catalogue::{By, Change},
    refusal,
    registry::Registry,
    work::Work,
};

/// A filter that no call replaces without an entry.
#[derive(Debug)]
pub(crate) struct AuditedFilter {
    filter: LogFilter,
    registry: Arc<Registry>,
    work: Work,
    /// Held from a filter's entry until it is in force, so that of two calls the later entry names the one that is.
    turn: Arc<Mutex<()>>,
}

impl AuditedFilter {
    pub(crate) fn new(filter: LogFilter, registry: Arc<Registry>, work: Work) -> Self {
        Self { filter, registry, work, turn: Arc::default() }
    }

    /// The filter in force.
    pub(crate) fn text(&self) -> String {
        self.filter.text()
    }

    /// Replaces the filter, and gives the one before.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a filter that would not be taken, before anything is written; those of
    /// [`Registry::apply`] where its entry cannot be. The filter stays.
    pub(crate) async fn replace(&self, by: By, asked: String) -> Result<String, Status> {
        self.filter.would_take(&asked).map_err(|error| refusal::invalid("filter", error.to_string()))?;
        let (filter, registry, turn) =
            (self.filter.clone(), self.registry.clone(), self.turn.clone().lock_owned().await);
        // Otherwise an entry whose caller left would say what never was, as one may that a database wrote after it was given up.
        let replacing = self.work.to_its_end(async move {
            let _turn = turn;
            registry.apply(by, |_| Ok(Change::LogFilterSet { filter: asked.clone() })).await?;
            let before = filter.text();
            filter.set(&asked).map_err(refusal::internal)?;
            tracing::warn!(filter = asked, before, "an operator replaced the log's filter");
            Ok::<_, Status>(before)
        });
        replacing.await?
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use futures_util::FutureExt as _;
    use tacita_observability::LogFormat;
    use tacita_protocol::time::{ManualClock, UnixTime};
    use tacita_store::{
        ChangeLog as _,
        embedded::{EmbeddedOptions, EmbeddedStore},
    };

    use super::*;

    /// A process has one log: each test waits until it has it to itself.
    static LOG: LazyLock<Mutex<LogFilter>> =
        LazyLock::new(|| Mutex::new(LogFilter::to_stderr(LogFormat::Text, "off").unwrap()));

    const ASKED: &str = "off,tacita_store=off";

    async fn audited(folder: &std::path::Path, filter: &LogFilter) -> (Arc<EmbeddedStore>, AuditedFilter) {
        filter.set("off").unwrap();
        let store = Arc::new(EmbeddedStore::open(folder, EmbeddedOptions::default()).unwrap());
        let registry = Registry::open(store.clone(), Arc::new(ManualClock::new(UnixTime(0)))).await.unwrap();
        (store, AuditedFilter::new(filter.clone(), Arc::new(registry), Work::default()))
    }

    #[tokio::test]
    async fn a_filter_and_its_entry_come_to_stand_although_the_caller_left() {
        let (log, folder) = (LOG.lock().await, tempfile::tempdir().unwrap());
        let (store, audited) = audited(folder.path(), &log).await;
        assert!(audited.replace(By::Collector, ASKED.to_owned()).now_or_never().is_none());
        assert_eq!(log.text(), "off", "not before its entry");
        audited.work.ended().await;
        assert_eq!((log.text().as_str(), store.read(0).await.unwrap().len()), (ASKED, 1));
    }

    #[tokio::test]
    async fn where_no_entry_can_be_written_the_filter_stays() {
        let (log, folder) = (LOG.lock().await, tempfile::tempdir().unwrap());
        let (store, audited) = audited(folder.path(), &log).await;
        store.append(0, b"no entry").await.unwrap();
        audited.replace(By::Collector, ASKED.to_owned()).await.unwrap_err();
        assert_eq!(log.text(), "off");
    }

    #[tokio::test]
    async fn a_filter_that_would_not_be_taken_leaves_no_entry() {
        let (log, folder) = (LOG.lock().await, tempfile::tempdir().unwrap());
        let (store, audited) = audited(folder.path(), &log).await;
        audited.replace(By::Collector, "tacita_store=loud".to_owned()).await.unwrap_err();
        // The log that this process has is another one's.
        let others = LogFilter::to_stderr(LogFormat::Text, "off").unwrap();
        let audited = AuditedFilter { filter: others, ..audited };
        audited.replace(By::Collector, ASKED.to_owned()).await.unwrap_err();
        assert_eq!(store.read(0).await.unwrap().len(), 0);
    }
}
