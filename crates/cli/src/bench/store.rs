//! The store that the collectors under measurement keep their state in.

use std::{env, path::Path};

use anyhow::{Context as _, Result};
use tacita_collector::StoreConfig;
use tacita_store::{
    PostgresStore, PostgresUrl,
    postgres::scratch::{ScratchServer, query},
};

use crate::store::StoreText;

/// As `spec/postgres.md` recommends them.
const SETTINGS: [&str; 4] =
    ["max_wal_size=8GB", "checkpoint_timeout=15min", "wal_compression=lz4", "shared_buffers=512MB"];

/// The engine, and what it takes to have it.
pub(super) enum Store {
    /// In each collector's data directory.
    Embedded,
    /// In a database of its own.
    Postgres(Box<Database>),
}

/// A database that is made for one measurement, on a server that may be made for it too.
pub(super) struct Database {
    server: String,
    name: String,
    _own: Option<ScratchServer>,
}

/// What a server says that it has done.
#[derive(Clone, Copy, Default)]
pub(super) struct Work {
    /// Bytes of its write-ahead log.
    pub(super) written_bytes: u64,
    /// Transactions that were taken back: each is a call made again.
    pub(super) rollbacks: u64,
    /// Of those, how many for a deadlock.
    pub(super) deadlocks: u64,
}

impl Store {
    /// Prepares what `--store` names: `embedded`, `postgres` (a server of its own below `folder`), or a URL.
    pub(super) async fn prepare(named: &StoreText, folder: Option<&Path>) -> Result<Self> {
        if named.is_a_server_of_our_own() {
            let folder = folder.map_or_else(env::temp_dir, Path::to_owned);
            let server = ScratchServer::start(&folder, &SETTINGS)?;
            return Database::make(server.url(), Some(server)).await;
        }
        match named.engine()? {
            StoreConfig::Embedded => Ok(Self::Embedded),
            StoreConfig::Postgres(_) => Database::make(named.reveal().to_owned(), None).await,
        }
    }

    /// What a collector is told, with the password if there is one.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Embedded => "embedded".to_owned(),
            Self::Postgres(database) => database.url(),
        }
    }

    /// For people.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Postgres(_) => "postgres",
        }
    }

    /// What the server has done so far; nothing is known of an engine inside the collectors.
    pub(super) async fn work(&self) -> Result<Option<Work>> {
        match self {
            Self::Embedded => Ok(None),
            Self::Postgres(database) => database.work().await.map(Some),
        }
    }

    /// Removes what was made.
    pub(super) async fn remove(self) -> Result<()> {
        match self {
            Self::Embedded => Ok(()),
            Self::Postgres(database) => database.remove().await,
        }
    }
}

impl Database {
    async fn make(server: String, own: Option<ScratchServer>) -> Result<Store> {
        let name = format!("tacita_bench_{}", std::process::id());
        let url: PostgresUrl = server.parse()?;
        let made = query(&url, &format!("CREATE DATABASE {name}")).await;
        made.with_context(|| format!("{url}: the benchmark needs a role that may create a database of its own"))?;
        let database = Self { server, name, _own: own };
        PostgresStore::init(&database.url().parse()?, false).await?;
        Ok(Store::Postgres(Box::new(database)))
    }

    fn url(&self) -> String {
        let joint = if self.server.contains('?') { '&' } else { '?' };
        format!("{}{joint}dbname={}", self.server, self.name)
    }

    async fn work(&self) -> Result<Work> {
        let url = self.url().parse()?;
        let number = async |sql: &str| -> Result<u64> {
            let answer = query(&url, sql).await?;
            answer.first().and_then(|text| text.parse().ok()).context("PostgreSQL gave no number")
        };
        let of_database =
            |column: &str| format!("SELECT {column} FROM pg_stat_database WHERE datname = '{}'", self.name);
        Ok(Work {
            written_bytes: number("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')").await?,
            rollbacks: number(&of_database("xact_rollback")).await?,
            deadlocks: number(&of_database("deadlocks")).await?,
        })
    }

    async fn remove(self) -> Result<()> {
        query(&self.server.parse()?, &format!("DROP DATABASE {} WITH (FORCE)", self.name)).await?;
        Ok(())
    }
}

impl Work {
    /// What was done after `before`.
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            written_bytes: self.written_bytes - before.written_bytes,
            rollbacks: self.rollbacks - before.rollbacks,
            deadlocks: self.deadlocks - before.deadlocks,
        }
    }
}
