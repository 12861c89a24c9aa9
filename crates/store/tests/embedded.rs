//! The embedded engine keeps the contract.

#![allow(clippy::unwrap_used)]

mod conformance;

use tacita_store::embedded::{EmbeddedOptions, EmbeddedStore};
use tempfile::TempDir;

/// A directory for a store.
struct Directory(TempDir);

impl conformance::Home for Directory {
    type Store = EmbeddedStore;

    async fn new() -> Option<Self> {
        Some(Self(TempDir::new().unwrap()))
    }

    async fn open(&self) -> EmbeddedStore {
        // Groups, generations and caches small enough that a test's load meets their bounds.
        let options = EmbeddedOptions {
            group_entries: 64,
            cached_counters: 128,
            queued_commits: 8,
            generation_entries: 100,
            memtable_bytes: 64 << 10,
            ..EmbeddedOptions::default()
        };
        EmbeddedStore::open(self.0.path(), options).unwrap()
    }
}

conformance::suite!(Directory);
