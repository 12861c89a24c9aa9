//! The queue's files: a fjall database of two keyspaces.
//!
//! | keyspace | key | value |
//! |---|---|---|
//! | `waiting` | 16 random bytes | one envelope |
//! | `batches` | the batch's number, 8 random bytes | the batch's envelopes, in the order in which they are sent |
//!
//! No time, no counter and nothing of a visitor is written. (The engine's journal is a log, and a log is in the order of
//! arrival until it is rewritten: `spec/relay.md` says what that means.)

use std::{io::ErrorKind, path::Path, sync::Arc};

use fjall::{
    CompressionType, Database, Keyspace, KeyspaceCreateOptions, PersistMode, compaction::Leveled,
    config::CompressionPolicy,
};
use rand::{CryptoRng, RngExt as _};
use tacita_protocol::receipt::BatchDigest;
use tacita_tokens::{ENVELOPE_LEN, Envelope};

use super::QueueError;

/// Where an envelope waits.
pub(super) type Key = [u8; 16];

/// The number of a batch: random, so that it says nothing of how many came before.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct BatchId(pub(crate) u64);

/// A batch, in the order in which it is sent, each time the same.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) id: BatchId,
    pub(crate) envelopes: Vec<Envelope>,
    /// Whether it was found on disk: then it may have been sent before.
    pub(crate) is_found: bool,
}

impl Batch {
    /// What its receipt must name.
    pub(crate) fn digest(&self) -> BatchDigest {
        BatchDigest::of(self.envelopes.iter().map(|envelope| envelope.as_bytes().as_slice()))
    }
}

/// The engine's smallest bound on its journal.
const JOURNAL_BYTES: u64 = 64 << 20;
const CACHE_BYTES: u64 = 8 << 20;
/// A table that was written out is freed under a lock that writes wait for: 16 MiB took 60 ms, on a processor that was busy.
const MEMTABLE_BYTES: u64 = 4 << 20;
/// Most envelopes leave within minutes. What is not merged before that is never merged, and fsyncs do not wait behind it.
const TABLES_BEFORE_COMPACTION: u8 = 16;
/// One writes tables out, whatever the other compacts: else writes would wait until it has ended.
const WORKERS: usize = 2;

pub(super) struct Disk {
    database: Database,
    waiting: Keyspace,
    batches: Keyspace,
}

/// Changes to be made durable together, or not at all.
pub(super) struct Changes<'a> {
    disk: &'a Disk,
    batch: fjall::OwnedWriteBatch,
}

impl Disk {
    pub(super) fn open(folder: &Path) -> Result<Self, QueueError> {
        let database = Database::builder(folder)
            .max_journaling_size(JOURNAL_BYTES)
            .cache_size(CACHE_BYTES)
            .worker_threads(WORKERS)
            .open()?;
        // Sealed reports look random: compressing them would be work for nothing.
        let compaction = Arc::new(Leveled::default().with_l0_threshold(TABLES_BEFORE_COMPACTION));
        let options = || {
            KeyspaceCreateOptions::default()
                .max_memtable_size(MEMTABLE_BYTES)
                .compaction_strategy(compaction.clone())
                .data_block_compression_policy(CompressionPolicy::all(CompressionType::None))
        };
        let waiting = database.keyspace("waiting", options)?;
        let batches = database.keyspace("batches", options)?;
        Ok(Self { database, waiting, batches })
    }

    /// The keys of all envelopes that wait.
    pub(super) fn waiting(&self) -> Result<Vec<Key>, QueueError> {
        let read = |entry: fjall::Guard| {
            let key = entry.key()?;
            key.as_ref().try_into().map_err(|_| unreadable("the key of a waiting envelope"))
        };
        self.waiting.iter().map(read).collect()
    }

    /// All batches that were drawn and not answered.
    pub(super) fn batches(&self) -> Result<Vec<Batch>, QueueError> {
        let read = |entry: fjall::Guard| {
            let (key, value) = entry.into_inner()?;
            let id = key.as_ref().try_into().map_err(|_| unreadable("the number of a batch"))?;
            let envelopes = value.chunks(ENVELOPE_LEN).map(read_envelope).collect::<Result<_, _>>()?;
            Ok(Batch { id: BatchId(u64::from_be_bytes(id)), envelopes, is_found: true })
        };
        self.batches.iter().map(read).collect()
    }

    /// The envelopes behind `keys`, in that order.
    pub(super) fn envelopes(&self, keys: &[Key]) -> Result<Vec<Envelope>, QueueError> {
        let read = |key: &Key| {
            let value = self.waiting.get(key)?.ok_or_else(|| unreadable("a waiting envelope"))?;
            read_envelope(&value)
        };
        keys.iter().map(read).collect()
    }

    pub(super) fn changes(&self) -> Changes<'_> {
        Changes { disk: self, batch: self.database.batch().durability(Some(PersistMode::SyncData)) }
    }
}

impl Changes<'_> {
    /// Adds envelopes under fresh random keys.
    pub(super) fn add(&mut self, envelopes: &[Envelope], random: &mut (dyn CryptoRng + Send)) -> Vec<Key> {
        let add = |envelope: &Envelope| {
            let key: Key = random.random();
            self.batch.insert(&self.disk.waiting, key, envelope.as_bytes().as_slice());
            key
        };
        envelopes.iter().map(add).collect()
    }

    /// Moves envelopes from the pool into a batch.
    pub(super) fn seal(&mut self, keys: &[Key], batch: &Batch) {
        for key in keys {
            self.batch.remove(&self.disk.waiting, *key);
        }
        let bytes: Vec<u8> = batch.envelopes.iter().flat_map(|envelope| *envelope.as_bytes()).collect();
        self.batch.insert(&self.disk.batches, batch.id.0.to_be_bytes(), bytes);
    }

    /// Forgets a batch.
    pub(super) fn forget(&mut self, batch: BatchId) {
        self.batch.remove(&self.disk.batches, batch.0.to_be_bytes());
    }

    /// Returns after the fsync.
    pub(super) fn commit(self) -> Result<(), QueueError> {
        Ok(self.batch.commit()?)
    }
}

fn read_envelope(bytes: &[u8]) -> Result<Envelope, QueueError> {
    Envelope::from_bytes(bytes).map_err(|_| unreadable("an envelope"))
}

fn unreadable(what: &str) -> QueueError {
    QueueError::Disk(format!("{what} is missing or does not read; was the folder changed by hand?"))
}

impl From<fjall::Error> for QueueError {
    fn from(error: fjall::Error) -> Self {
        let kind = match &error {
            fjall::Error::Io(io) | fjall::Error::Storage(fjall::LsmError::Io(io)) => Some(io.kind()),
            _ => None,
        };
        match kind {
            Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge) => Self::DiskFull,
            _ if matches!(error, fjall::Error::Locked) => Self::Disk("another relay uses this folder".into()),
            _ => Self::Disk(error.to_string()),
        }
    }
}
