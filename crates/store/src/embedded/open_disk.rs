//! The open disk, and opening it again after it failed.
//!
//! After a failed write the engine takes no more: nobody can say what reached the disk. Opened anew it says so itself,
//! as after a crash. The writer does that once there is room; meanwhile reads go on.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use parking_lot::RwLock;

use super::{
    EmbeddedOptions,
    disk::{Disk, lock},
};
use crate::{StoreError, Syncs};

/// How long those who read may take to let go of a disk that failed. A backup takes longer: then it is tried again.
const LETTING_GO: Duration = Duration::from_secs(1);

/// The store's directory, and the disk in it while it is open.
#[derive(Debug)]
pub(super) struct OpenDisk {
    /// `None` only while it is opened again.
    disk: RwLock<Option<Arc<Disk>>>,
    /// What the disks before this one did.
    before: RwLock<Syncs>,
    path: PathBuf,
    options: EmbeddedOptions,
    /// Released last: fields are dropped in this order.
    _lock: File,
}

impl OpenDisk {
    /// Takes the directory for this process and opens it, or makes it.
    pub(super) fn open(path: &Path, options: EmbeddedOptions) -> Result<Self, StoreError> {
        fs::create_dir_all(path)?;
        let lock = lock(path)?;
        let disk = Disk::open(path, options.clone())?;
        Ok(Self {
            disk: RwLock::new(Some(Arc::new(disk))),
            before: RwLock::default(),
            path: path.to_owned(),
            options,
            _lock: lock,
        })
    }

    /// The open disk.
    pub(super) fn disk(&self) -> Result<Arc<Disk>, StoreError> {
        let reopening = || StoreError::Unavailable("a write failed, and the store is being opened again".to_owned());
        self.disk.read().clone().ok_or_else(reopening)
    }

    /// Refuses when there is no room, or once a write has failed.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        self.disk()?.check()
    }

    /// Whether it must be opened again before it takes more.
    pub(super) fn has_failed(&self) -> bool {
        self.disk().and_then(|disk| disk.require_sound()).is_err()
    }

    /// Opens the disk again once there is room, and shows it to readers when `learn` has read from it what the caller must know.
    pub(super) fn reopen<T>(&self, learn: impl FnOnce(&Disk) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let failed = self.disk.read().clone();
        if let Some(failed) = failed {
            failed.require_room()?;
            self.let_go(failed)?;
        }
        let disk = Disk::open(&self.path, self.options.clone())?;
        let learnt = learn(&disk)?;
        *self.disk.write() = Some(Arc::new(disk));
        tracing::info!("the store was opened again after a write that failed; nothing that was acknowledged is lost");
        Ok(learnt)
    }

    /// Closes a disk, once nobody reads it any more.
    fn let_go(&self, failed: Arc<Disk>) -> Result<(), StoreError> {
        *self.disk.write() = None;
        let deadline = Instant::now() + LETTING_GO;
        while Arc::strong_count(&failed) > 1 {
            if Instant::now() >= deadline {
                *self.disk.write() = Some(failed);
                return Err(StoreError::Unavailable("a read goes on in a store that failed".to_owned()));
            }
            thread::sleep(Duration::from_millis(1));
        }
        let done = failed.syncs();
        let mut before = self.before.write();
        *before = Syncs { number: before.number + done.number, time: before.time + done.time };
        Ok(())
    }

    /// The batches that were brought to the disk since the store was opened first.
    pub(super) fn syncs(&self) -> Syncs {
        let before = *self.before.read();
        let now = self.disk.read().as_ref().map(|disk| disk.syncs()).unwrap_or_default();
        Syncs { number: before.number + now.number, time: before.time + now.time }
    }
}
