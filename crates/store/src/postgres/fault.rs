//! What the database's and the connection's errors mean: whether the call happened, and whether trying again can help.

use std::io;

use deadpool_postgres::{PoolError, TimeoutType};
use tacita_protocol::epoch::EpochId;
use tokio_postgres::error::SqlState;

use crate::StoreError;

/// Raised by `tacita.commit_reports`: the epoch has no partition yet.
const EPOCH_NOT_OPEN: &str = "TA001";
/// Raised by `tacita.commit_reports` and `tacita.open_epoch`.
const EPOCH_DROPPED: &str = "TA002";

/// Why an attempt failed.
#[derive(Debug)]
pub(super) enum Fault {
    /// Nothing happened, and the cause passes: a conflict with another transaction, or a database that takes no calls just now.
    NotDone(String),
    /// The connection was lost before the answer: it happened whole or not at all.
    Unknown(String),
    /// The epoch has no partition yet.
    EpochNotOpen,
    /// The epoch was dropped.
    EpochDropped,
    /// Trying again does not help.
    Refused(StoreError),
}

impl Fault {
    /// The same for the caller, of a call that concerns this epoch.
    pub(super) fn of(self, epoch: EpochId) -> StoreError {
        match self {
            Self::EpochDropped => StoreError::EpochDropped(epoch),
            other => other.into(),
        }
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::NotDone(cause) | Fault::Unknown(cause) => Self::Unavailable(cause),
            Fault::EpochNotOpen | Fault::EpochDropped => Self::Engine("an epoch opened and dropped at once".to_owned()),
            Fault::Refused(error) => error,
        }
    }
}

/// An error with its causes, which tokio-postgres leaves out of its own text.
pub(super) fn explain(error: &(dyn std::error::Error + 'static)) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", explain(cause)),
        None => error.to_string(),
    }
}

/// Whether the operating system says so.
fn is_of_the_connection(error: &tokio_postgres::Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| !matches!(cause.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput))
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        let said = explain(&error);
        let Some(code) = error.code() else {
            // No answer of the server: the connection, or values and certificates that will not be better another time.
            return if error.is_closed() || is_of_the_connection(&error) {
                Self::Unknown(said)
            } else {
                Self::Refused(StoreError::Engine(said))
            };
        };
        match code.code() {
            EPOCH_NOT_OPEN => return Self::EpochNotOpen,
            EPOCH_DROPPED => return Self::EpochDropped,
            _ => {}
        }
        let passes = [
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::LOCK_NOT_AVAILABLE,
            SqlState::QUERY_CANCELED,
            SqlState::CANNOT_CONNECT_NOW,
            SqlState::TOO_MANY_CONNECTIONS,
            // The old primary after a failover.
            SqlState::READ_ONLY_SQL_TRANSACTION,
            // The epoch's partition went while the commit waited for it.
            SqlState::CHECK_VIOLATION,
        ];
        let lost = [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN];
        if passes.contains(code) {
            Self::NotDone(said)
        } else if lost.contains(code) || code.code().starts_with("08") {
            Self::Unknown(said)
        } else if *code == SqlState::DISK_FULL {
            Self::Refused(StoreError::DiskFull)
        } else {
            Self::Refused(StoreError::Engine(said))
        }
    }
}

impl From<PoolError> for Fault {
    /// There is no connection, so nothing was asked.
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => match Self::from(error) {
                Self::Unknown(said) => Self::NotDone(said),
                other => other,
            },
            PoolError::Timeout(TimeoutType::Wait) => Self::NotDone("all connections are busy".to_owned()),
            PoolError::Timeout(_) => Self::NotDone("the database does not answer".to_owned()),
            PoolError::Closed => Self::Refused(StoreError::Closed),
            other => Self::Refused(StoreError::Engine(explain(&other))),
        }
    }
}
