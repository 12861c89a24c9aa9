//! The pool of connections, and trying again.
//!
//! What is tried is a value, a statement with its arguments, and no code of ours runs between attempts: so a repetition
//! cannot differ from the first attempt. Each statement is one transaction of its own.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_postgres::{
    Config, Row,
    types::{ToSql, Type},
};

use super::{
    PostgresOptions, PostgresUrl,
    fault::{Fault, explain},
    tls,
};
use crate::StoreError;

/// The pause before the second attempt; it doubles from one to the next.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// One statement, which is one transaction.
pub(super) struct Call<'a> {
    pub(super) sql: &'a str,
    pub(super) arguments: &'a [(&'a (dyn ToSql + Sync), Type)],
    pub(super) repeat: Repeat,
}

/// When a call may be tried again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Repeat {
    /// Doing it twice is as doing it once: also after a connection was lost and nobody knows.
    Always,
    /// Only if it certainly was not done.
    UnlessDone,
}

/// A bounded pool of connections to one database.
pub(super) struct Database {
    pool: Pool,
    options: PostgresOptions,
    retries: AtomicU64,
}

/// What a URL says, with what every connection needs.
pub(super) fn configure(url: &PostgresUrl, connect_timeout: Duration) -> Config {
    let mut config = url.config().clone();
    config.connect_timeout(connect_timeout).keepalives(true).keepalives_idle(Duration::from_secs(10));
    if config.get_application_name().is_none() {
        config.application_name("tacita");
    }
    config
}

impl Database {
    /// Connects when first asked something.
    pub(super) fn new(url: &PostgresUrl, options: PostgresOptions) -> Result<Self, StoreError> {
        let mut config = configure(url, options.connect_timeout);
        config.tcp_user_timeout(options.patience);
        // Durable before the answer, whatever the server's default; and a call that nobody waits for any more ends.
        let session = format!(
            "{} -c synchronous_commit=on -c default_transaction_isolation=read\\ committed -c statement_timeout={}",
            config.get_options().unwrap_or_default(),
            options.patience.as_millis(),
        );
        config.options(session.trim());
        let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let pool = Pool::builder(Manager::from_config(config, tls::connector()?, manager))
            .max_size(options.connections.max(1))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| StoreError::Engine(explain(&error)))?;
        Ok(Self { pool, options, retries: AtomicU64::new(0) })
    }

    /// How often a call was tried again.
    pub(super) fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    /// Makes a call, again if need be, for as long as patience lasts.
    pub(super) async fn run(&self, call: Call<'_>) -> Result<Vec<Row>, Fault> {
        let deadline = Instant::now() + self.options.patience;
        let mut pause = FIRST_PAUSE;
        let mut spoilt = self.spoils_first();
        loop {
            let fault = match self.attempt(&call, deadline, spoilt).await {
                Ok(rows) => return Ok(rows),
                Err(fault) => fault,
            };
            spoilt = false;
            let again = match fault {
                Fault::NotDone(_) => true,
                Fault::Unknown(_) => call.repeat == Repeat::Always,
                _ => false,
            };
            if !again || Instant::now() + pause > deadline {
                return Err(fault);
            }
            self.retries.fetch_add(1, Ordering::Relaxed);
            tracing::debug!(?fault, "a call to the database is tried again");
            sleep(jittered(pause)).await;
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    }

    /// Makes a call once. One that is `spoilt` does its work and has it taken back.
    async fn attempt(&self, call: &Call<'_>, deadline: Instant, spoilt: bool) -> Result<Vec<Row>, Fault> {
        let patience = deadline.saturating_duration_since(Instant::now());
        let timeouts = Timeouts {
            wait: Some(patience),
            create: Some(self.options.connect_timeout.min(patience)),
            recycle: Some(patience),
        };
        let mut connection = self.pool.timeout_get(&timeouts).await?;
        if spoilt {
            return spoil(&mut connection, call).await;
        }
        match timeout_at(deadline, connection.query_typed(call.sql, call.arguments)).await {
            Ok(answer) => Ok(answer?),
            Err(_) => {
                // Its answer would be taken for that of the next call's turn: the connection goes.
                drop(Object::take(connection));
                Err(Fault::Unknown("the database does not answer".to_owned()))
            }
        }
    }

    #[cfg(any(test, feature = "test-hooks"))]
    fn spoils_first(&self) -> bool {
        self.options.force_retry
    }

    #[cfg(not(any(test, feature = "test-hooks")))]
    fn spoils_first(&self) -> bool {
        false
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("pool", &self.pool.status())
            .field("retries", &self.retries)
            .finish_non_exhaustive()
    }
}

/// Makes a call, takes it back, and claims a conflict.
async fn spoil(connection: &mut Object, call: &Call<'_>) -> Result<Vec<Row>, Fault> {
    let transaction = connection.transaction().await?;
    transaction.query_typed(call.sql, call.arguments).await?;
    transaction.rollback().await?;
    Err(Fault::NotDone("a test wants it tried again".to_owned()))
}

/// Half of it to all of it, so that those who failed together do not come back together.
fn jittered(pause: Duration) -> Duration {
    let chance = getrandom::u32().unwrap_or_default();
    pause / 2 + pause / 2 * (chance >> 16) / 0xffff
}
