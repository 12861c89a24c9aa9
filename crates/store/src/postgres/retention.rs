//! Deleting tallies. Their bytes go when the server vacuums.

use std::collections::BTreeSet;

use async_trait::async_trait;
use tacita_protocol::{id::MeasureId, time::WindowId};
use tokio_postgres::types::Type;

use super::{
    PostgresStore,
    database::{Call, Repeat},
    read,
};
use crate::{StoreError, retention::Retention};

/// Plain statements of one table each, which a cluster hands to every node. A reader between the two would find a
/// window without its far counters; collectors no longer show it by then.
const DELETE_FAR: &str = "DELETE FROM tacita.far_tally WHERE measure = $1 AND window_id < $2";
/// The rows of a window come by publisher, lane and slot.
const DELETE: &str = "
    DELETE FROM tacita.tally WHERE measure = $1 AND window_id < $2 RETURNING part / 256, window_id";
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
        self.database.run(Call { sql: DELETE_FAR, arguments: &arguments, repeat: Repeat::Always }).await?;
        let rows = self.database.run(Call { sql: DELETE, arguments: &arguments, repeat: Repeat::Always }).await?;
        let window = |row| Ok((read::column::<i64>(row, 0)?, read::column::<i64>(row, 1)?));
        let windows = rows.iter().map(window).collect::<Result<BTreeSet<_>, StoreError>>()?;
        Ok(windows.len() as u64)
    }

    async fn shed(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
