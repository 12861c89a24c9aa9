//! The store's directory: opening it, its keyspaces, and room on its disk.
//!
//! ```text
//! <path>/lock      held by the one process that has the store open
//! <path>/engine/   the database; made under another name and renamed when whole, so that it stands complete or not at all
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use fjall::{
    Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode,
    compaction::Leveled,
    config::{CompressionPolicy, PinningPolicy},
};
use parking_lot::{Mutex, RwLock};
use tacita_protocol::epoch::EpochId;

use super::{EmbeddedOptions, layout, migrate, spent::SpentSet};
use crate::{StoreError, Syncs};

/// An open store directory.
pub(super) struct Disk {
    pub(super) tallies: Keyspace,
    pub(super) outcomes: Keyspace,
    pub(super) log: Keyspace,
    pub(super) periods: Keyspace,
    pub(super) record: Keyspace,
    meta: Keyspace,
    epochs: RwLock<Epochs>,
    /// Held while a batch is applied, and for the instant in which a snapshot is taken.
    applying: Mutex<()>,
    /// Batches brought to the disk, and the nanoseconds that it took.
    syncs: AtomicU64,
    syncing: AtomicU64,
    db: Database,
    path: PathBuf,
    options: EmbeddedOptions,
}

/// The epochs that the store has heard of.
#[derive(Default)]
struct Epochs {
    spent: BTreeMap<EpochId, Arc<SpentSet>>,
    dropped: BTreeSet<EpochId>,
}

impl Disk {
    /// Opens what is in the directory, or makes it. For who holds the directory's [`lock`].
    pub(super) fn open(path: &Path, options: EmbeddedOptions) -> Result<Self, StoreError> {
        let engine = path.join("engine");
        if !engine.try_exists()? {
            create(path, &engine, &options)?;
        }
        let db = open_database(&engine, &options)?;
        migrate::bring_up(&db, &options)?;
        let calm = || small_keyspace(&options);
        let disk = Self {
            tallies: db.keyspace(layout::TALLIES, calm)?,
            outcomes: db.keyspace(layout::OUTCOMES, calm)?,
            log: db.keyspace(layout::LOG, calm)?,
            periods: db.keyspace(layout::PERIODS, calm)?,
            record: db.keyspace(layout::RECORD, calm)?,
            meta: db.keyspace(layout::META, calm)?,
            epochs: RwLock::default(),
            applying: Mutex::default(),
            syncs: AtomicU64::new(0),
            syncing: AtomicU64::new(0),
            db,
            path: path.to_owned(),
            options,
        };
        disk.recall_epochs()?;
        Ok(disk)
    }

    /// Reads which epochs stand and which were dropped, and ends a drop that was cut short.
    fn recall_epochs(&self) -> Result<(), StoreError> {
        let mut epochs = self.epochs.write();
        for entry in self.meta.prefix(layout::DROPPED) {
            epochs.dropped.insert(layout::epoch_of_dropped(&entry.key()?)?);
        }
        for name in self.db.list_keyspace_names() {
            let Some(epoch) = layout::epoch_of_name(&name) else { continue };
            let keyspace = self.db.keyspace(&name, || spent_keyspace(&self.options))?;
            if epochs.dropped.contains(&epoch) {
                self.db.delete_keyspace(keyspace)?;
            } else {
                epochs.spent.insert(epoch, Arc::new(SpentSet::open(keyspace, self.options.generation_entries)?));
            }
        }
        Ok(())
    }

    /// Whether an epoch was dropped.
    pub(super) fn is_dropped(&self, epoch: EpochId) -> bool {
        self.epochs.read().dropped.contains(&epoch)
    }

    /// The spent set of an epoch, if anything was ever spent in it.
    pub(super) fn spent(&self, epoch: EpochId) -> Result<Option<Arc<SpentSet>>, StoreError> {
        let epochs = self.epochs.read();
        if epochs.dropped.contains(&epoch) {
            return Err(StoreError::EpochDropped(epoch));
        }
        Ok(epochs.spent.get(&epoch).cloned())
    }

    /// The spent set of an epoch, made if need be. For the writer.
    pub(super) fn spent_or_new(&self, epoch: EpochId) -> Result<Arc<SpentSet>, StoreError> {
        if let Some(set) = self.spent(epoch)? {
            return Ok(set);
        }
        let keyspace = self.db.keyspace(&layout::spent_name(epoch), || spent_keyspace(&self.options))?;
        let set = Arc::new(SpentSet::open(keyspace, self.options.generation_entries)?);
        self.epochs.write().spent.insert(epoch, set.clone());
        Ok(set)
    }

    /// Drops an epoch: first the durable mark, from which a restart goes on, then the keyspace. For the writer.
    pub(super) fn drop_epoch(&self, epoch: EpochId) -> Result<(), StoreError> {
        if self.is_dropped(epoch) {
            return Ok(());
        }
        let mut batch = self.batch(1);
        batch.insert(&self.meta, layout::dropped_key(epoch), []);
        self.commit(batch)?;
        let set = {
            let mut epochs = self.epochs.write();
            epochs.dropped.insert(epoch);
            epochs.spent.remove(&epoch)
        };
        if let Some(set) = set {
            self.db.delete_keyspace(set.keyspace.clone())?;
        }
        Ok(())
    }

    /// An atomic batch whose commit returns when it is on the disk.
    pub(super) fn batch(&self, capacity: usize) -> OwnedWriteBatch {
        OwnedWriteBatch::with_capacity(self.db.clone(), capacity).durability(Some(PersistMode::SyncAll))
    }

    /// Brings a batch to the disk and applies it. For the writer.
    pub(super) fn commit(&self, batch: OwnedWriteBatch) -> Result<(), StoreError> {
        let _applying = self.applying.lock();
        let since = Instant::now();
        batch.commit()?;
        self.syncs.fetch_add(1, Relaxed);
        self.syncing.fetch_add(since.elapsed().as_nanos() as u64, Relaxed);
        Ok(())
    }

    /// The batches that were brought to the disk.
    pub(super) fn syncs(&self) -> Syncs {
        Syncs { number: self.syncs.load(Relaxed), time: Duration::from_nanos(self.syncing.load(Relaxed)) }
    }

    /// What the engine's files take.
    pub(super) fn bytes(&self) -> Result<u64, StoreError> {
        Ok(self.db.disk_space()?)
    }

    /// A view across the keyspaces in which every batch is there whole or not at all.
    ///
    /// fjall 3.1 alone does not see to that: when a background thread installs a table while a batch is being applied, it
    /// raises the visible sequence number past the batch's, and a snapshot taken then has the part that is applied so far.
    pub(super) fn snapshot(&self) -> fjall::Snapshot {
        let _not_applying = self.applying.lock();
        self.db.snapshot()
    }

    /// Every keyspace but the spent sets, with its name.
    pub(super) fn kept_keyspaces(&self) -> Result<Vec<(String, Keyspace)>, StoreError> {
        let names = self.db.list_keyspace_names();
        let kept = names.iter().filter(|name| layout::epoch_of_name(name).is_none());
        // They exist: nothing is made.
        kept.map(|name| Ok((name.to_string(), self.db.keyspace(name, || small_keyspace(&self.options))?))).collect()
    }

    /// Brings the tallies in memory into tables, and merges all tables of tallies into new ones.
    pub(super) fn rewrite_tallies(&self) -> Result<(), StoreError> {
        if self.tallies.rotate_memtable()? {
            while self.tallies.sealed_memtable_count() > 0 {
                // Not if the thread that would bring them there has failed.
                self.require_sound()?;
                thread::sleep(Duration::from_millis(1));
            }
        }
        Ok(self.tallies.major_compact()?)
    }

    /// Refuses while less than the reserve is free.
    pub(super) fn require_room(&self) -> Result<(), StoreError> {
        let disk = rustix::fs::statvfs(&self.path).map_err(io::Error::from)?;
        if disk.f_bavail.saturating_mul(disk.f_frsize) < self.options.reserved_bytes {
            return Err(StoreError::DiskFull);
        }
        Ok(())
    }

    /// Refuses when a write cannot succeed.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        self.require_room()?;
        self.require_sound()
    }

    /// Refuses once a write has failed: the engine takes no more until it is opened again.
    pub(super) fn require_sound(&self) -> Result<(), StoreError> {
        Ok(self.db.persist(PersistMode::Buffer)?)
    }

    /// Waits while the background threads are behind with the tables of `keyspace`; fails if one of them has failed.
    ///
    /// The engine waits by itself inside a commit, in steps of 100 ms and for good if its threads have died. So the writer
    /// waits here, before the engine would.
    pub(super) fn wait_for_tables(&self, keyspace: &Keyspace) -> Result<(), StoreError> {
        const STEP: Duration = Duration::from_millis(1);
        // One short of the engine's limits of 4 and 30: a group of commits can seal one table more at most.
        while keyspace.sealed_memtable_count() >= 3 || keyspace.l0_table_count() >= 28 {
            self.require_sound()?;
            thread::sleep(STEP);
        }
        Ok(())
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Takes the directory for this process, waiting a moment for a predecessor that is just closing.
pub(super) fn lock(path: &Path) -> Result<File, StoreError> {
    const TRIES: u32 = 10;
    let file = File::options().create(true).truncate(false).write(true).open(path.join("lock"))?;
    for _ in 0..TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(error.into()),
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(50)),
        }
    }
    Err(StoreError::InUse(path.to_owned()))
}

/// Makes the database under another name and renames it: a crash in here leaves nothing that looks like a store.
fn create(path: &Path, engine: &Path, options: &EmbeddedOptions) -> Result<(), StoreError> {
    let unfinished = path.join("engine.unfinished");
    if unfinished.try_exists()? {
        fs::remove_dir_all(&unfinished)?;
    }
    let db = open_database(&unfinished, options)?;
    for name in [layout::TALLIES, layout::OUTCOMES, layout::LOG, layout::PERIODS, layout::RECORD] {
        db.keyspace(name, || small_keyspace(options))?;
    }
    let meta = db.keyspace(layout::META, || small_keyspace(options))?;
    let mut batch = db.batch().durability(Some(PersistMode::SyncAll));
    batch.insert(&meta, layout::SCHEMA_KEY, layout::SCHEMA.to_be_bytes());
    batch.commit()?;
    drop(meta);
    drop(db);
    fs::rename(&unfinished, engine)?;
    Ok(File::open(path)?.sync_all()?)
}

pub(super) fn open_database(engine: &Path, options: &EmbeddedOptions) -> Result<Database, StoreError> {
    Ok(Database::builder(engine)
        .cache_size(options.cache_bytes)
        .max_journaling_size(options.journal_bytes.max(64 << 20))
        .worker_threads(options.engine_threads.max(1))
        .open()?)
}

/// Nullifiers are random: compressing them costs time and saves nothing. Look-ups are rare, since the generations'
/// filters answer for nearly all absent ones: so tables wait unmerged until about a generation of them is there, and
/// are then merged once. In small tables, for the next merge takes in again what reaches over the generation's end. At
/// 20 that wait the engine would slow down.
pub(super) fn spent_keyspace(options: &EmbeddedOptions) -> KeyspaceCreateOptions {
    let merging = Leveled::default().with_l0_threshold(12).with_table_target_size(16 << 20);
    KeyspaceCreateOptions::default()
        .max_memtable_size(options.memtable_bytes)
        .data_block_compression_policy(CompressionPolicy::disabled())
        .filter_block_pinning_policy(PinningPolicy::new([true, true, false]))
        .compaction_strategy(Arc::new(merging))
}

/// For what is small and written over and over.
pub(super) fn small_keyspace(options: &EmbeddedOptions) -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default().max_memtable_size(options.memtable_bytes / 4)
}
