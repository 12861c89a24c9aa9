//! A disk that fills: callers are told, nobody hangs, and nothing acknowledged is lost.
//!
//! Needs root, for a small file system of its own: `cargo test -p tacita-store --test full_disk -- --ignored`.

#![allow(clippy::unwrap_used)]

mod conformance;

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use conformance::reports::{assert_tallied_once, commit, report, reports};
use tacita_store::{
    StoreError, TallyStore as _, Verdict,
    embedded::{EmbeddedOptions, EmbeddedStore},
};
use tempfile::TempDir;

const SIZE: u32 = 512;
const MIB: u64 = 1 << 20;

/// A file system of 32 MiB, 12 of them taken by a file that can be removed.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=32m", "tmpfs"]).arg(dir.path()).status();
        assert!(mounted.is_ok_and(|status| status.success()), "this test must be able to mount a tmpfs");
        fs::write(dir.path().join("ballast"), vec![1; 12 << 20]).unwrap();
        Self(dir)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn make_room(&self) {
        fs::remove_file(self.path().join("ballast")).unwrap();
    }

    fn open(&self, reserved_bytes: u64) -> EmbeddedStore {
        let options = EmbeddedOptions { reserved_bytes, memtable_bytes: MIB, ..EmbeddedOptions::default() };
        EmbeddedStore::open(self.path().join("store"), options).unwrap()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

/// Commits until it fails; how many reports were acknowledged, and the failure.
async fn fill(store: &EmbeddedStore) -> (u32, StoreError) {
    for batch in 0.. {
        let answer = commit(store, reports(batch * SIZE..(batch + 1) * SIZE));
        match tokio::time::timeout(Duration::from_secs(20), answer).await.expect("the store hangs") {
            Ok(verdicts) => assert_eq!(verdicts, [Verdict::Counted; SIZE as usize]),
            Err(error) => return (batch * SIZE, error),
        }
    }
    unreachable!()
}

#[tokio::test]
#[ignore = "mounts a tmpfs"]
async fn with_a_reserve_a_full_disk_refuses_and_goes_on_once_there_is_room() {
    let disk = SmallDisk::new();
    let store = disk.open(8 * MIB);
    let (acknowledged, error) = fill(&store).await;
    assert!(matches!(error, StoreError::DiskFull), "{error}");
    assert_tallied_once(&store, 0..acknowledged).await;
    disk.make_room();
    assert_eq!(commit(&store, vec![report(acknowledged)]).await.unwrap(), [Verdict::Counted]);
    assert_tallied_once(&store, 0..=acknowledged).await;
}

/// Somebody else may fill the disk below any reserve at once, while tables are being written.
#[tokio::test]
#[ignore = "mounts a tmpfs"]
async fn without_a_reserve_a_full_disk_fails_the_store_which_goes_on_by_itself_once_there_is_room() {
    let disk = SmallDisk::new();
    let store = disk.open(0);
    let (acknowledged, error) = fill(&store).await;
    println!("{acknowledged} reports, then: {error}");
    assert!(matches!(error, StoreError::DiskFull | StoreError::Unavailable(_)), "{error}");
    store.check().await.unwrap_err();
    disk.make_room();
    // Nothing is committed meanwhile: who asks whether it is well sees to it that it becomes so.
    let deadline = Instant::now() + Duration::from_secs(60);
    while let Err(error) = store.check().await {
        assert!(Instant::now() < deadline, "{error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for first in (0..acknowledged).step_by(SIZE as usize) {
        let verdicts = commit(&store, reports(first..first + SIZE)).await.unwrap();
        assert_eq!(verdicts, [Verdict::AlreadyCounted; SIZE as usize]);
    }
    // The batch that failed may stand, whole.
    let last = commit(&store, reports(acknowledged..acknowledged + SIZE)).await.unwrap();
    assert!(last.iter().all(|verdict| *verdict == last[0]));
    assert_tallied_once(&store, 0..acknowledged + SIZE).await;
}
