//! The engine for several collectors: one PostgreSQL database, or a Citus cluster that looks like one.
//!
//! | file | holds |
//! |---|---|
//! | `migrations/` | the tables, and the functions that do the work |
//! | `distribute.sql` | what a cluster adds |
//! | `schema` | running the migrations |
//! | `database` | the pool of connections, and trying again |
//! | `batch` | a commit as the function's arguments |
//! | `read` | rows of reads |
//! | `retention` | deleting tallies |
//! | `fault` | what errors mean |
//! | `types` | values as PostgreSQL takes them |
//! | `tls` | encrypted connections |
//! | `url` | where the database is |
//! | `options` | bounds |
//! | `scratch` | a server for tests and benchmarks |
//!
//! A commit is one call of one function, `tacita.commit_reports`: one round trip, one transaction, one partition; and
//! so is the hint, for each partition. What is *not* here: a writer thread, a cache, any state beside the pool.
//! Collectors share nothing but the database.

mod batch;
mod database;
mod fault;
mod options;
mod read;
mod retention;
mod schema;
#[cfg(feature = "scratch-server")]
pub mod scratch;
mod tls;
mod types;
mod url;

use std::{collections::BTreeMap, ops::Range};

use async_trait::async_trait;
use futures_util::future::join_all;
use tacita_protocol::{
    epoch::EpochId,
    id::{MeasureId, PublisherId},
    outcome::Outcome,
    record::PeriodId,
    time::WindowId,
};
use tacita_tokens::{Fingerprint, Nullifier};
use tokio_postgres::types::Type;

use self::{
    batch::{Batch, part},
    database::{Call, Database, Repeat},
    fault::Fault,
    types::{Uuid, unsigned},
};
pub use self::{
    options::PostgresOptions,
    url::{InvalidUrl, PostgresUrl},
};
use crate::{
    ChangeLog, Closing, Committed, Entry, LogError, Partition, PeriodCounts, PeriodRecord, SeriesTally, StoreError,
    TallyStore,
};

const COMMIT: &str = "SELECT tacita.commit_reports($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
const SPENT_BEFORE: &str = "SELECT tacita.spent_before($1, $2, $3)";
const ADD_OUTCOMES: &str = "SELECT tacita.add_outcomes($1, $2, $3)";
const OPEN_EPOCH: &str = "SELECT tacita.open_epoch($1)";
const CLOSE_PERIOD: &str = "SELECT tacita.close_period($1, $2)";
const DROP_EPOCH: &str = "SELECT tacita.drop_epoch($1)";

/// A row if the entry was appended, none if the log does not end there. Of two that append at once the key lets one in.
const APPEND: &str = "
    INSERT INTO tacita.change_log (index, entry)
    SELECT $1, $2 WHERE $1 = (SELECT coalesce(max(index) + 1, 0) FROM tacita.change_log)
    ON CONFLICT DO NOTHING
    RETURNING index";

/// Spent sets, tallies and the change log in a PostgreSQL database. Any number of collectors may have it open.
///
/// Two things differ from an engine of one process, both within the contract. A call whose connection breaks before the
/// answer is asked again where that is safe, so a commit may be told [`AlreadyCounted`](crate::Verdict::AlreadyCounted)
/// of what it counted itself a moment before, and the outcome counts then have both. And a call whose caller has gone
/// away may still be carried out.
#[derive(Debug)]
pub struct PostgresStore {
    database: Database,
}

impl PostgresStore {
    /// Opens the store that [`PostgresStore::init`] has prepared.
    ///
    /// It prepares nothing by itself: a collector may lack the right to, and one of a new version would pull the tables
    /// from under those of the old one.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotPrepared`] if the schema is missing or older, [`StoreError::Schema`] if a newer version of
    /// Tacita has migrated the database, [`StoreError::Unavailable`] if it cannot be reached.
    pub async fn open(url: &PostgresUrl, options: PostgresOptions) -> Result<Self, StoreError> {
        schema::check(url).await?;
        Ok(Self { database: Database::new(url, options)? })
    }

    /// Prepares the database at `url`: runs the migrations that were not run yet, and spreads the tables over a Citus cluster if
    /// `distributed`. Doing it again changes nothing; distributing a store in use moves what it holds.
    ///
    /// # Errors
    ///
    /// [`StoreError::Schema`] if a newer version of Tacita has migrated the database, [`StoreError::Unavailable`] if it cannot be
    /// reached, [`StoreError::Engine`] if it is to be distributed and has no Citus.
    pub async fn init(url: &PostgresUrl, distributed: bool) -> Result<(), StoreError> {
        schema::bring_up(url, distributed).await
    }

    /// The fingerprints of those that are spent, of one partition.
    async fn spent_in(
        &self,
        partition: Partition,
        epoch: EpochId,
        nullifiers: Vec<Uuid>,
    ) -> Result<Vec<Option<i64>>, StoreError> {
        let (part, number) = (part(partition), i64::from(epoch.0));
        let arguments = [(&part as _, Type::INT8), (&number as _, Type::INT8), (&nullifiers as _, Type::UUID_ARRAY)];
        let call = Call { sql: SPENT_BEFORE, arguments: &arguments, repeat: Repeat::Always };
        let rows = self.database.run(call).await.map_err(|fault| fault.of(epoch))?;
        let row = rows.first().ok_or_else(|| StoreError::Engine("a hint without an answer".to_owned()))?;
        read::column(row, 0)
    }

    /// Makes the epoch's partition, if it is not there.
    async fn open_epoch(&self, epoch: EpochId) -> Result<(), Fault> {
        let arguments = [(&i64::from(epoch.0) as _, Type::INT8)];
        self.database.run(Call { sql: OPEN_EPOCH, arguments: &arguments, repeat: Repeat::Always }).await?;
        Ok(())
    }
}

#[async_trait]
impl TallyStore for PostgresStore {
    async fn commit(&self, partition: Partition, epoch: EpochId, entries: Vec<Entry>) -> Result<Committed, StoreError> {
        debug_assert!(entries.iter().all(|entry| Partition::of(partition.publisher, &entry.nullifier) == partition));
        let batch = Batch::new(partition, epoch.0, &entries);
        drop(entries);
        let arguments = batch.arguments();
        let call = || Call { sql: COMMIT, arguments: &arguments, repeat: Repeat::Always };
        let rows = match self.database.run(call()).await {
            Err(Fault::EpochNotOpen) => {
                self.open_epoch(epoch).await.map_err(|fault| fault.of(epoch))?;
                self.database.run(call()).await
            }
            answer => answer,
        };
        let rows = rows.map_err(|fault| fault.of(epoch))?;
        let row = rows.first().ok_or_else(|| StoreError::Engine("a commit without an answer".to_owned()))?;
        batch.committed(&read::column::<Vec<i64>>(row, 0)?)
    }

    async fn spent(
        &self,
        publisher: PublisherId,
        epoch: EpochId,
        nullifiers: &[Nullifier],
    ) -> Result<Vec<Option<Fingerprint>>, StoreError> {
        let mut places: BTreeMap<Partition, Vec<usize>> = BTreeMap::new();
        for (place, nullifier) in nullifiers.iter().enumerate() {
            places.entry(Partition::of(publisher, nullifier)).or_default().push(place);
        }
        let mut fingerprints = vec![None; nullifiers.len()];
        let calls = places.into_iter().map(|(partition, places)| async move {
            let uuids: Vec<Uuid> = places.iter().map(|&place| Uuid(*nullifiers[place].as_bytes())).collect();
            (places, self.spent_in(partition, epoch, uuids).await)
        });
        for (places, held) in join_all(calls).await {
            for (place, held) in places.into_iter().zip(held?) {
                fingerprints[place] = held.map(|held| Fingerprint::from_bytes(unsigned(held)));
            }
        }
        Ok(fingerprints)
    }

    async fn add_outcomes(&self, publisher: PublisherId, outcomes: &[(Outcome, u64)]) -> Result<PeriodId, StoreError> {
        let mut rising: Vec<(i16, i64)> = Vec::with_capacity(outcomes.len());
        for &(outcome, count) in outcomes.iter().filter(|(_, count)| *count > 0) {
            // The wire's numbers are small.
            rising.push((outcome.to_wire() as i16, i64::try_from(count).unwrap_or(i64::MAX)));
        }
        rising.sort_unstable();
        let (outcomes, counts): (Vec<i16>, Vec<i64>) = rising.into_iter().unzip();
        // A publisher's refusals have no nullifier, so no lane: they stand in the first.
        let part = part(Partition { publisher, lane: 0 });
        let arguments =
            [(&part as _, Type::INT8), (&outcomes as _, Type::INT2_ARRAY), (&counts as _, Type::INT8_ARRAY)];
        let rows =
            self.database.run(Call { sql: ADD_OUTCOMES, arguments: &arguments, repeat: Repeat::UnlessDone }).await?;
        let row = rows.first().ok_or_else(|| StoreError::Engine("counts without an answer".to_owned()))?;
        Ok(PeriodId(read::number(read::column(row, 0)?)?))
    }

    async fn outcomes(&self) -> Result<Vec<(PublisherId, Outcome, u64)>, StoreError> {
        let rows = self.database.run(Call { sql: read::OUTCOMES, arguments: &[], repeat: Repeat::Always }).await?;
        read::outcomes(&rows)
    }

    async fn tallies(&self, measure: MeasureId, windows: Range<WindowId>) -> Result<Vec<SeriesTally>, StoreError> {
        let numbers = [measure.0, windows.start.0, windows.end.0].map(i64::from);
        let arguments = numbers.each_ref().map(|number| (number as _, Type::INT8));
        let rows =
            self.database.run(Call { sql: read::TALLIES, arguments: &arguments, repeat: Repeat::Always }).await?;
        read::tallies(&rows)
    }

    async fn drop_epoch(&self, epoch: EpochId) -> Result<(), StoreError> {
        let arguments = [(&i64::from(epoch.0) as _, Type::INT8)];
        self.database.run(Call { sql: DROP_EPOCH, arguments: &arguments, repeat: Repeat::Always }).await?;
        Ok(())
    }

    async fn is_dropped(&self, epoch: EpochId) -> Result<bool, StoreError> {
        let arguments = [(&i64::from(epoch.0) as _, Type::INT8)];
        let call = Call { sql: read::IS_DROPPED, arguments: &arguments, repeat: Repeat::Always };
        let rows = self.database.run(call).await?;
        let row = rows.first().ok_or_else(|| StoreError::Engine("an epoch without an answer".to_owned()))?;
        read::column(row, 0)
    }

    fn retries(&self) -> u64 {
        self.database.retries()
    }

    fn engine(&self) -> &'static str {
        "postgres"
    }

    async fn check(&self) -> Result<(), StoreError> {
        let rows = self.database.run(Call { sql: read::WRITABLE, arguments: &[], repeat: Repeat::Always }).await?;
        let row = rows.first().ok_or_else(|| StoreError::Engine("a check without an answer".to_owned()))?;
        match read::column(row, 0)? {
            true => Ok(()),
            false => Err(StoreError::Unavailable("it is read-only, a standby perhaps".to_owned())),
        }
    }

    async fn bytes(&self) -> Result<u64, StoreError> {
        let rows = self.database.run(Call { sql: read::SIZE, arguments: &[], repeat: Repeat::Always }).await?;
        let row = rows.first().ok_or_else(|| StoreError::Engine("a size without an answer".to_owned()))?;
        Ok(read::column::<i64>(row, 0)?.unsigned_abs())
    }
}

#[async_trait]
impl PeriodRecord for PostgresStore {
    async fn last_closing(&self) -> Result<Option<Closing>, StoreError> {
        let call = Call { sql: read::LAST_CLOSING, arguments: &[], repeat: Repeat::Always };
        self.database.run(call).await?.first().map(read::closing).transpose()
    }

    async fn close_period(&self, closing: Closing) -> Result<(), StoreError> {
        let (period, at) = (i64::from(closing.period.0), i64::try_from(closing.at.0).unwrap_or(i64::MAX));
        let arguments = [(&period as _, Type::INT8), (&at as _, Type::INT8)];
        self.database.run(Call { sql: CLOSE_PERIOD, arguments: &arguments, repeat: Repeat::Always }).await?;
        Ok(())
    }

    async fn closed_periods(
        &self,
        publisher: PublisherId,
        from: PeriodId,
        most: usize,
    ) -> Result<Vec<PeriodCounts>, StoreError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let numbers = [i64::from(publisher.0), i64::from(from.0), most];
        let arguments = numbers.each_ref().map(|number| (number as _, Type::INT8));
        let call = Call { sql: read::CLOSED_PERIODS, arguments: &arguments, repeat: Repeat::Always };
        self.database.run(call).await?.iter().map(read::period_counts).collect()
    }
}

#[async_trait]
impl ChangeLog for PostgresStore {
    async fn read(&self, from: u64) -> Result<Vec<Vec<u8>>, StoreError> {
        let Ok(from) = i64::try_from(from) else { return Ok(Vec::new()) };
        let arguments = [(&from as _, Type::INT8)];
        let rows = self.database.run(Call { sql: read::LOG, arguments: &arguments, repeat: Repeat::Always }).await?;
        read::log(&rows)
    }

    async fn append(&self, expected: u64, entry: &[u8]) -> Result<(), LogError> {
        let conflict = LogError::Conflict { expected };
        let Ok(index) = i64::try_from(expected) else { return Err(conflict) };
        let arguments = [(&index as _, Type::INT8), (&entry as _, Type::BYTEA)];
        let call = Call { sql: APPEND, arguments: &arguments, repeat: Repeat::UnlessDone };
        let rows = self.database.run(call).await.map_err(StoreError::from)?;
        if rows.is_empty() { Err(conflict) } else { Ok(()) }
    }
}
