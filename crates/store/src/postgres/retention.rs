//! Deleting tallies. Their bytes go when the server vacuums.

use async_trait::async_trait;
use tacita_protocol::{id::MeasureId, time::WindowId};
use tokio_postgres::types::Type;

use super::{
    PostgresStore,
    database::{Call, Repeat},
    read,
};
use crate::{StoreError, retention::Retention};

/// One statement, so one transaction: a reader finds a window whole or not at all. Rows of a series come by lane and slot; it counts once.
const DELETE: &str = "
    WITH near AS (
        DELETE FROM tacita.tally WHERE measure = $1 AND window_id < $2 RETURNING part / 256 AS publisher, window_id
    ), far AS (
        DELETE FROM tacita.far_tally WHERE measure = $1 AND window_id < $2
    )
    SELECT count(DISTINCT (publisher, window_id)) FROM near";

const OLDEST: &str = "SELECT min(window_id) FROM tacita.tally WHERE measure = $1";

#[async_trait]
impl Retention for PostgresStore {
    async fn oldest_window(&self, measure: MeasureId) -> Result<Option<WindowId>, StoreError> {
        let measure = i64::from(measure.0);
        let arguments = [(&measure as _, Type::INT8)];
        let rows = self.database.run(Call { sql: OLDEST, arguments: &arguments, repeat: Repeat::Always }).await?;
        let row = rows.first().ok_or_else(|| StoreError::Engine("a least window without an answer".to_owned()))?;
        Ok(read::column::<Option<i64>>(row, 0)?.and_then(|window| u32::try_from(window).ok()).map(WindowId))
    }

    async fn delete_windows(&self, measure: MeasureId, before: WindowId) -> Result<u64, StoreError> {
        let (measure, before) = (i64::from(measure.0), i64::from(before.0));
        let arguments = [(&measure as _, Type::INT8), (&before as _, Type::INT8)];
        let rows = self.database.run(Call { sql: DELETE, arguments: &arguments, repeat: Repeat::Always }).await?;
        let row = rows.first().ok_or_else(|| StoreError::Engine("a deletion without an answer".to_owned()))?;
        Ok(u64::try_from(read::column::<i64>(row, 0)?).unwrap_or_default())
    }

    async fn shed(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
