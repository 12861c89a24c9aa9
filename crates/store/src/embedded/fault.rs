//! What the engine's errors mean to a caller.

use std::{error::Error, io};

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
            error => Self::Engine(error.to_string()),
        }
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        if says_disk_full(&error) { Self::DiskFull } else { Self::Engine(error.to_string()) }
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
        assert!(matches!(StoreError::from(fjall::Error::Poisoned), StoreError::Unavailable(_)));
    }
}
