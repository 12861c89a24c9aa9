//! What the engine's errors mean to a caller.

use std::{error::Error, io, path::Path};

use crate::StoreError;

impl From<fjall::Error> for StoreError {
    fn from(error: fjall::Error) -> Self {
        match error {
            fjall::Error::Poisoned => Self::Unavailable(
                "an earlier write failed, so the store must be opened again before it takes more, which it does by itself; \
                 nothing that was acknowledged is lost"
                    .to_owned(),
            ),
            error if says_disk_full(&error) => Self::DiskFull,
            error if says_damaged(&error) => Self::Damaged { path: None, cause: error.to_string() },
            error => Self::Engine(error.to_string()),
        }
    }
}

impl StoreError {
    /// Says which store it is that does not open.
    pub(super) fn at_opening(self, folder: &Path) -> Self {
        match self {
            Self::Damaged { cause, .. } => Self::Damaged { path: Some(folder.to_owned()), cause },
            Self::Engine(cause) => Self::Engine(format!("'{}' does not open: {cause}", folder.display())),
            other => other,
        }
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        if says_disk_full(&error) { Self::DiskFull } else { Self::Engine(error.to_string()) }
    }
}

/// Whether what was read is not what was written, or is gone: not the system's refusal, which may be gone the next time.
fn says_damaged(error: &fjall::Error) -> bool {
    use fjall::LsmError as Tree;
    let io = |error: &io::Error| {
        matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData)
    };
    match error {
        fjall::Error::Io(error) | fjall::Error::Storage(Tree::Io(error)) => io(error),
        fjall::Error::Storage(_)
        | fjall::Error::JournalRecovery(_)
        | fjall::Error::InvalidVersion(_)
        | fjall::Error::Decompress(_)
        | fjall::Error::InvalidTrailer
        | fjall::Error::InvalidTag(_)
        | fjall::Error::Unrecoverable => true,
        _ => false,
    }
}

/// Whether the operating system said, somewhere down the chain of causes, that there is no room.
fn says_disk_full(error: &(dyn Error + 'static)) -> bool {
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    matches!(kind, Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
        || error.source().is_some_and(says_disk_full)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_room_is_told_from_other_faults_at_any_depth() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        assert!(matches!(StoreError::from(full()), StoreError::DiskFull));
        assert!(matches!(StoreError::from(fjall::Error::Io(full())), StoreError::DiskFull));
        let deep = fjall::Error::Storage(fjall::LsmError::Io(io::ErrorKind::QuotaExceeded.into()));
        assert!(matches!(StoreError::from(deep), StoreError::DiskFull));
        let other = fjall::Error::Io(io::ErrorKind::PermissionDenied.into());
        assert!(matches!(StoreError::from(other), StoreError::Engine(_)));
        for damage in [fjall::Error::InvalidTrailer, fjall::Error::Io(io::ErrorKind::UnexpectedEof.into())] {
            let told = StoreError::from(damage).at_opening(Path::new("data/store")).to_string();
            assert!(told.contains("'data/store'") && told.contains("restore a backup"), "{told}");
        }
        assert!(matches!(StoreError::from(fjall::Error::Poisoned), StoreError::Unavailable(_)));
    }
}
