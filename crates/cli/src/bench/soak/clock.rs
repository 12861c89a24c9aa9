//! A clock that jumps, for processes that know nothing of it: libfaketime, loaded before the C library.
//!
//! Only the time of day is another one; what measures spans (`CLOCK_MONOTONIC`) is left alone, as on a machine whose
//! clock is set.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

/// The clock of some processes.
#[derive(Clone)]
pub(in super::super) struct FakeClock {
    library: PathBuf,
    offset: PathBuf,
}

impl FakeClock {
    /// One that goes right as yet; `None` where libfaketime is not installed.
    pub(super) fn new(scratch: &Path) -> Result<Option<Self>> {
        let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
        let library =
            folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1")).find(|path| path.exists());
        let Some(library) = library else { return Ok(None) };
        let clock = Self { library, offset: scratch.join("clock") };
        clock.set(0)?;
        Ok(Some(clock))
    }

    /// Lets the processes' time of day be so many seconds ahead.
    pub(super) fn set(&self, seconds: i64) -> Result<()> {
        let unfinished = self.offset.with_extension("new");
        fs::write(&unfinished, format!("{seconds:+}"))?;
        Ok(fs::rename(unfinished, &self.offset)?)
    }

    /// Has a process go by it.
    pub(super) fn give_to(&self, command: &mut Command) {
        command.env("LD_PRELOAD", &self.library).env("FAKETIME_TIMESTAMP_FILE", &self.offset);
        command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("FAKETIME_CACHE_DURATION", "1");
    }
}
