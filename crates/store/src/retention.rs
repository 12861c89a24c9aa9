//! Deleting what is past its time.

use async_trait::async_trait;
use tacita_protocol::{id::MeasureId, time::WindowId};

use crate::StoreError;

/// An engine that deletes tallies for good.
#[async_trait]
pub trait Retention: Send + Sync + std::fmt::Debug {
    /// The first window of a measure that has a tally.
    async fn oldest_window(&self, measure: MeasureId) -> Result<Option<WindowId>, StoreError>;

    /// Deletes the tallies of a measure in all windows before `before`, of every publisher; says how many windows of a
    /// publisher went.
    ///
    /// When it returns, no read finds them, and that survives a restart. When the bytes leave the disk is the engine's
    /// affair: see [`Retention::shed`]. Doing it again deletes what was counted there since, usually nothing.
    ///
    /// Not guaranteed: that nothing is counted there later. Which windows count is the caller's affair, and such are long closed.
    async fn delete_windows(&self, measure: MeasureId, before: WindowId) -> Result<u64, StoreError>;

    /// Rewrites the tables that hold deleted tallies, so that their bytes are in none.
    ///
    /// The embedded engine merges all tables of tallies into new ones; the old files go with their last reader, at the
    /// latest at the next opening. Its journal keeps what was written last, whatever became of it, until as much again
    /// was written (`journal_bytes`, 64 MiB). PostgreSQL does all this by itself and in its own time (`VACUUM`, the
    /// recycling of the WAL): nothing is done here.
    async fn shed(&self) -> Result<(), StoreError>;
}
