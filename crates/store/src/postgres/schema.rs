//! Migrations: they run up from an empty database, each once, and never down.

use std::time::Duration;

use tokio_postgres::{Client, Transaction};

use super::{
    PostgresUrl,
    database::configure,
    fault::{Fault, explain},
    tls,
};
use crate::StoreError;

/// Every migration; the number of each is its place, counted from one.
const MIGRATIONS: &[&str] = &[include_str!("migrations/0001_store.sql"), include_str!("migrations/0002_record.sql")];

/// What spreads the tables over a cluster.
const DISTRIBUTE: &str = include_str!("distribute.sql");

/// The version of the schema that this version of Tacita reads and writes.
pub(super) const KNOWN: u32 = MIGRATIONS.len() as u32;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Where the migrations that were run are written down.
const FOUNDATION: &str = "
    CREATE SCHEMA IF NOT EXISTS tacita;
    CREATE TABLE IF NOT EXISTS tacita.migration (
        number integer PRIMARY KEY,
        run_at timestamptz NOT NULL DEFAULT now()
    );";

/// Held while migrations run, so that collectors that start together run them once. The number is an arbitrary one.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7809642216530145)";

/// Refuses a database whose schema is not the one of this version.
pub(super) async fn check(url: &PostgresUrl) -> Result<(), StoreError> {
    match version(&connect(url).await?).await? {
        KNOWN => Ok(()),
        found => Err(StoreError::NotPrepared { found, known: KNOWN }),
    }
}

/// Runs the migrations that were not run yet; spreads the tables over a cluster if asked to.
///
/// Refuses a database that a newer version has migrated, and one that is to be distributed and cannot be: then nothing was done.
pub(super) async fn bring_up(url: &PostgresUrl, distributed: bool) -> Result<(), StoreError> {
    let mut client = connect(url).await?;
    if distributed {
        require_citus(&client).await?;
    }
    if version(&client).await? != KNOWN {
        let transaction = client.transaction().await.map_err(Fault::from)?;
        migrate(&transaction).await?;
        transaction.commit().await.map_err(Fault::from)?;
    }
    if distributed {
        client.batch_execute(DISTRIBUTE).await.map_err(Fault::from)?;
    }
    Ok(())
}

/// Connects for one task.
pub(super) async fn connect(url: &PostgresUrl) -> Result<Client, StoreError> {
    let config = configure(url, CONNECT_TIMEOUT);
    let (client, connection) = config.connect(tls::connector()?).await.map_err(Fault::from)?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!("a connection to the database ended: {}", explain(&error));
        }
    });
    Ok(client)
}

/// The number of the last migration that was run, 0 for an empty database.
async fn version(client: &Client) -> Result<u32, StoreError> {
    let there = client
        .query_one("SELECT to_regclass('tacita.migration') IS NOT NULL", &[])
        .await
        .and_then(|row| row.try_get::<_, bool>(0))
        .map_err(Fault::from)?;
    if !there {
        return Ok(0);
    }
    let found = client
        .query_one("SELECT coalesce(max(number), 0) FROM tacita.migration", &[])
        .await
        .and_then(|row| row.try_get::<_, i32>(0))
        .map_err(Fault::from)?;
    let found = found.unsigned_abs();
    if found > KNOWN { Err(StoreError::Schema { found, known: KNOWN }) } else { Ok(found) }
}

async fn migrate(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    transaction.batch_execute(LOCK).await.map_err(Fault::from)?;
    transaction.batch_execute(FOUNDATION).await.map_err(Fault::from)?;
    // Anew, under the lock.
    let found = version(transaction.client()).await?;
    for (number, migration) in (1..).zip(MIGRATIONS).filter(|(number, _)| *number > found) {
        let run = async {
            transaction.batch_execute(migration).await?;
            transaction.execute("INSERT INTO tacita.migration (number) VALUES ($1)", &[&(number as i32)]).await
        };
        run.await.map_err(Fault::from)?;
        tracing::info!(number, "the database was migrated");
    }
    Ok(())
}

/// Says what is missing for a cluster: the extension in this database, or on the server too.
async fn require_citus(client: &Client) -> Result<(), StoreError> {
    let rows = |sql| async move { client.query(sql, &[]).await.map_err(Fault::from) };
    if !rows("SELECT FROM pg_extension WHERE extname = 'citus'").await?.is_empty() {
        return Ok(());
    }
    let missing = match rows("SELECT FROM pg_available_extensions WHERE name = 'citus'").await?.is_empty() {
        true => "install the extension on every node, add citus to shared_preload_libraries there, restart, and",
        false => "add citus to shared_preload_libraries on every node, restart, and",
    };
    Err(StoreError::Engine(format!(
        "the database is no Citus cluster: {missing} run CREATE EXTENSION citus in this database on each; nothing was changed"
    )))
}
