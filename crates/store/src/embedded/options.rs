//! What the embedded engine may use of the machine.

/// Bounds of an [`EmbeddedStore`](super::EmbeddedStore). The defaults keep it under 350 MB with ten million spent tokens.
///
/// | memory | bound |
/// |---|---|
/// | blocks and filters read from disk | `cache_bytes` |
/// | nullifiers not yet in tables | 4 × `memtable_bytes` for each epoch that is written to, half of one when calm |
/// | tallies, outcomes and log not yet in tables | 4 × `memtable_bytes` in all |
/// | counters | `cached_counters` × 9 bytes |
/// | commits that wait | `queued_commits` × what the caller puts in one |
/// | filters of the spent sets | 1.5 bytes for each spent nullifier, and at least 3 MiB for each epoch |
/// | index of the tables | about 0.2 bytes for each spent nullifier |
#[derive(Clone, Debug)]
pub struct EmbeddedOptions {
    /// The cache of blocks read from disk.
    pub cache_bytes: u64,
    /// How large a keyspace's table in memory grows before it is written out. Holds for keyspaces made from now on.
    pub memtable_bytes: u64,
    /// How much journal may stand on disk before idle keyspaces are written out to shorten it; at least 64 MiB. What a
    /// reopening replays is bounded by this.
    pub journal_bytes: u64,
    /// Threads that write out and merge tables. One keeps up with one writer; with more, fjall 3.1 keeps the first of
    /// them spinning while another one merges, at a fifth of all CPU time.
    pub engine_threads: usize,
    /// How many counters stay in memory between commits. Those of one group of commits always do.
    pub cached_counters: usize,
    /// How many commits may wait for the writer before callers wait for a place.
    pub queued_commits: usize,
    /// How many nullifiers of an epoch make a generation, which is merged within itself alone. Each costs 1.5 bytes of
    /// memory, and each generation a look into its filter for every new nullifier. Holds for generations begun from now
    /// on.
    pub generation_entries: usize,
    /// How many entries share one fsync; a single commit may hold more.
    pub group_entries: usize,
    /// Free space below which writes are refused with [`StoreError::DiskFull`](crate::StoreError::DiskFull). Merging tables
    /// needs room, and a store that stops before the last byte goes on by itself once there is space again.
    pub reserved_bytes: u64,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        const MIB: u64 = 1 << 20;
        Self {
            cache_bytes: 64 * MIB,
            memtable_bytes: 16 * MIB,
            journal_bytes: 64 * MIB,
            engine_threads: 1,
            cached_counters: 1 << 20,
            queued_commits: 256,
            generation_entries: 1 << 21,
            group_entries: 16_384,
            reserved_bytes: 256 * MIB,
        }
    }
}
