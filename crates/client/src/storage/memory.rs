//! State in memory alone.

use std::fmt;

use parking_lot::Mutex;

use super::{Change, Look, Storage};
use crate::{ClientError, state::DeviceState};

/// Keeps the state in memory: for server-side event sources whose visitors are ephemeral, and for simulations.
///
/// Reports that were not flushed are lost with the process, and so are the tokens: nothing is ever used twice.
#[derive(Default)]
pub struct MemoryStorage(Mutex<DeviceState>);

impl MemoryStorage {
    /// An empty state.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Storage for MemoryStorage {
    fn update(&self, change: &mut Change<'_>) -> Result<(), ClientError> {
        let mut held = self.0.lock();
        let mut next = held.clone();
        change(&mut next)?;
        *held = next;
        Ok(())
    }

    fn read(&self, look: &mut Look<'_>) {
        look(&self.0.lock());
    }
}

impl fmt::Debug for MemoryStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryStorage")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_that_fails_changes_nothing() {
        let storage = MemoryStorage::new();
        let failed = super::super::update::<()>(&storage, |state| {
            state.next_session = 9;
            Err(ClientError::NoManifest)
        });
        assert!(failed.is_err());
        assert_eq!(super::super::read(&storage, |state| state.next_session), 0);
    }
}
