//! The one catalogue that all services share: a snapshot in memory, the change log behind it.
//!
//! Readers take the snapshot and never wait. A writer proposes a change on the newest snapshot, appends it at the index that
//! the snapshot has, and shares the result; where another collector appended first, it reads on and proposes anew.

use std::{fmt, sync::Arc};

use tacita_protocol::time::Clock;
use tacita_store::{ChangeLog, LogError, StoreError};
use tokio::sync::{Mutex, watch};

use crate::catalogue::{By, Catalogue, Change, Entry, LogFault, Refused};

pub(crate) struct Registry {
    log: Arc<dyn ChangeLog>,
    clock: Arc<dyn Clock>,
    current: watch::Sender<Arc<Catalogue>>,
    /// Held while the log is read or written, so that snapshots only grow.
    turn: Mutex<()>,
}

/// A change was not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegistryError {
    /// The catalogue does not allow it.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The log could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log does not make sense.
    #[error(transparent)]
    Log(#[from] LogFault),
}

impl Registry {
    /// Reads the whole log.
    pub(crate) async fn open(log: Arc<dyn ChangeLog>, clock: Arc<dyn Clock>) -> Result<Self, RegistryError> {
        let registry = Self { log, clock, current: watch::Sender::default(), turn: Mutex::default() };
        registry.refresh().await?;
        Ok(registry)
    }

    /// The newest catalogue that this collector knows.
    pub(crate) fn snapshot(&self) -> Arc<Catalogue> {
        self.current.borrow().clone()
    }

    /// The same, and whatever follows.
    pub(crate) fn follow(&self) -> watch::Receiver<Arc<Catalogue>> {
        self.current.subscribe()
    }

    /// Takes in what other collectors appended.
    pub(crate) async fn refresh(&self) -> Result<(), RegistryError> {
        let _turn = self.turn.lock().await;
        self.read_on().await
    }

    /// The entries from `from` on as they lie in the store, not as they are remembered.
    pub(crate) async fn stored(&self, from: u64) -> Result<Vec<Vec<u8>>, StoreError> {
        self.log.read(from).await
    }

    /// Whether there is more than `known` holds, be it that another collector appended it just now.
    pub(crate) async fn has_news_for(&self, known: &Catalogue) -> Result<bool, RegistryError> {
        self.refresh().await?;
        Ok(self.snapshot().length() > known.length())
    }

    /// Makes the change that `propose` allows on the newest catalogue; gives the change and the catalogue that holds it.
    ///
    /// The entry says that it was done `by` them. `propose` is called again when another collector was first, so that
    /// numbers and rules are always those of the log.
    pub(crate) async fn apply(
        &self,
        by: By,
        propose: impl Fn(&Catalogue) -> Result<Change, Refused>,
    ) -> Result<(Change, Arc<Catalogue>), RegistryError> {
        let _turn = self.turn.lock().await;
        loop {
            let before = self.snapshot();
            let change = propose(&before)?;
            let (index, previous) = (before.length(), before.head());
            let entry = Entry { index, at: self.clock.now(), by, previous, change: change.clone() }.encode();
            let mut after = Catalogue::clone(&before);
            after.fold(&entry)?;
            match self.log.append(index, &entry).await {
                Ok(()) => {
                    let after = Arc::new(after);
                    self.current.send_replace(after.clone());
                    return Ok((change, after));
                }
                Err(LogError::Conflict { .. }) => self.read_on().await?,
                Err(LogError::Store(error)) => return Err(error.into()),
            }
        }
    }

    async fn read_on(&self) -> Result<(), RegistryError> {
        let before = self.snapshot();
        let entries = self.log.read(before.length()).await?;
        if entries.is_empty() {
            return Ok(());
        }
        let after = match before.length() {
            0 => Catalogue::of_log(&entries)?,
            _ => {
                let mut after = Catalogue::clone(&before);
                entries.iter().try_for_each(|entry| after.fold(entry))?;
                after
            }
        };
        self.current.send_replace(Arc::new(after));
        Ok(())
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Registry({} changes)", self.snapshot().length())
    }
}
