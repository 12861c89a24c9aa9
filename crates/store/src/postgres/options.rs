//! What the PostgreSQL engine may ask of the database.

use std::time::Duration;

/// Bounds of a [`PostgresStore`](super::PostgresStore).
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// Connections at most; as many calls run at a time, others wait for a place. With several collectors their sum
    /// must stay below the server's `max_connections`. Eight, one for each lane, let a request's partitions commit side
    /// by side.
    pub connections: usize,
    /// How long a call may go on being tried while the database is away, restarts, or refuses for reasons that pass, and how long
    /// it may wait for a connection. A bound on the caller's wait.
    pub patience: Duration,
    /// How long one attempt to reach the database may take.
    pub connect_timeout: Duration,
    /// Every call does all its work, has the database take it back as if for a conflict with another one, and tries again.
    #[cfg(any(test, feature = "test-hooks"))]
    pub force_retry: bool,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            connections: 8,
            patience: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(3),
            #[cfg(any(test, feature = "test-hooks"))]
            force_retry: false,
        }
    }
}
