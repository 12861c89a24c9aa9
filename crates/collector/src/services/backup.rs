//! The store as it is at one instant, as a stream.

use std::{pin::Pin, sync::Arc};

use futures_util::{Stream, stream};
use tacita_proto::v1::{self, backup_response::Content};
use tacita_protocol::time::Clock;
use tacita_store::backup::{Backup, Part};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::{
    metrics::Metrics,
    pool::{Limit, Overload},
    refusal,
};

/// Parts that wait for a slow reader.
const WAITING: usize = 4;

pub(crate) type BackupStream = Pin<Box<dyn Stream<Item = Result<v1::BackupResponse, Status>> + Send>>;

/// Makes backups, few at a time (one unless told otherwise): each holds on to what is deleted meanwhile.
#[derive(Debug)]
pub(crate) struct Backups {
    store: Option<Arc<dyn Backup>>,
    clock: Arc<dyn Clock>,
    turns: Arc<Semaphore>,
    limit: Limit,
    drain: CancellationToken,
}

/// Leave to make one.
pub(crate) struct BackupTurn {
    store: Arc<dyn Backup>,
    clock: Arc<dyn Clock>,
    drain: CancellationToken,
    place: OwnedSemaphorePermit,
}

impl Backups {
    pub(crate) fn new(
        store: Option<Arc<dyn Backup>>,
        clock: Arc<dyn Clock>,
        drain: CancellationToken,
        (limit, metrics): (Limit, &Metrics),
    ) -> Self {
        Self { store, clock, turns: metrics.permits(limit), limit, drain }
    }

    /// Leave to make one, if this store can be and no other is being made.
    pub(crate) fn turn(&self) -> Result<BackupTurn, Status> {
        let store = self.store.clone().ok_or_else(|| {
            let message = "this collector's state is in PostgreSQL: back the database up with its own tools (pg_dump), and run \
                           `tacita store restored` after restoring one";
            refusal::failed_precondition("NOT_THIS_STORE", message)
        })?;
        let place = self.turns.clone().try_acquire_owned().map_err(|_| Overload(self.limit))?;
        Ok(BackupTurn { store, clock: self.clock.clone(), drain: self.drain.clone(), place })
    }
}

impl BackupTurn {
    /// Begins it. The stream ends with the cut, or with an error: what has no cut is not whole.
    pub(crate) fn begin(self) -> BackupStream {
        let (answers, mut sent) = mpsc::channel(WAITING);
        tokio::spawn(send(self, answers));
        Box::pin(stream::poll_fn(move |context| sent.poll_recv(context)))
    }
}

async fn send(turn: BackupTurn, answers: mpsc::Sender<Result<v1::BackupResponse, Status>>) {
    let BackupTurn { store, clock, drain, place } = turn;
    let (parts, mut made) = mpsc::channel::<Part>(1);
    let taken_at = clock.now();
    // Its place is free when the store is read no more, and not when nobody takes the parts.
    let cutting = tokio::spawn(async move {
        let _place = place;
        store.back_up(parts).await
    });
    let content = |content| v1::BackupResponse { content: Some(content) };
    while let Some(Part { table, rows }) = made.recv().await {
        let part = content(Content::Part(v1::BackupPart { table, rows }));
        let sent = drain.run_until_cancelled(answers.send(Ok(part))).await;
        if sent.is_none() {
            // Nobody may be reading: what was sent has no cut, and so is no backup.
            let ends = refusal::unavailable("DRAINING", "the collector is stopping: make the backup again");
            let _ = answers.try_send(Err(ends));
        }
        if !matches!(sent, Some(Ok(()))) {
            return;
        }
    }
    let last = match cutting.await {
        Ok(Ok(cut)) => Ok(content(Content::Cut(v1::BackupCut {
            schema: cut.schema,
            log_length: cut.log_length,
            rows: cut.rows,
            taken_at: taken_at.0,
        }))),
        Ok(Err(error)) => Err(refusal::store(error)),
        Err(crash) => Err(refusal::internal(crash)),
    };
    let _ = answers.send(last).await;
}
