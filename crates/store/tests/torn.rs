//! A last write that reached the disk in part: of what was acknowledged before nothing is lost, and the torn batch stands
//! whole or not at all.
//!
//! A loss of power can leave any part of an unfinished write, and in its place anything. The part that the last commit
//! added to the engine's files is cut off at random places, or overwritten from there on.

#![allow(clippy::unwrap_used)]

mod conformance;
#[path = "../../../tests/support/rounds.rs"]
mod rounds;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use conformance::reports::{EPOCH, PUBLISHER, assert_tallied_once, commit, reports};
use rand::RngExt as _;
use tacita_store::{
    TallyStore as _,
    Verdict::{AlreadyCounted, Counted},
    embedded::{EmbeddedOptions, EmbeddedStore},
};
use tempfile::TempDir;

const SIZE: u32 = 40;
/// Batches that are acknowledged before the torn one.
const BEFORE: u32 = 12;

type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Every file below `folder`.
fn read(folder: &Path) -> Files {
    let mut files = Files::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => drop(files.insert(path.strip_prefix(folder).unwrap().to_path_buf(), fs::read(&path).unwrap())),
            }
        }
    }
    files
}

fn write(folder: &Path, files: &Files) {
    for (path, bytes) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// The one file that the last commit changed, and where in it.
fn change(before: &Files, after: &Files) -> (PathBuf, std::ops::Range<usize>) {
    let changed: Vec<_> = after.iter().filter(|&(path, bytes)| before.get(path) != Some(bytes)).collect();
    let [(path, bytes)] = changed[..] else { panic!("one file changes with a commit: {:?}", after.keys()) };
    let old = &before[path];
    let first = old.iter().zip(bytes).position(|(old, new)| old != new).unwrap_or(old.len());
    let last = (0..bytes.len()).rfind(|&at| old.get(at) != Some(&bytes[at])).unwrap();
    (path.clone(), first..last + 1)
}

fn batch(number: u32) -> Vec<tacita_store::Entry> {
    reports(number * SIZE..(number + 1) * SIZE)
}

#[tokio::test]
async fn of_a_torn_last_write_nothing_is_left_and_nothing_before_it_is_lost() {
    let rounds: usize = rounds::rounds(24);
    let home = TempDir::new().unwrap();
    let (before, after) = {
        let store = EmbeddedStore::open(home.path(), EmbeddedOptions::default()).unwrap();
        for number in 0..BEFORE {
            assert_eq!(commit(&store, batch(number)).await.unwrap(), [Counted; SIZE as usize]);
        }
        let before = read(home.path());
        assert_eq!(commit(&store, batch(BEFORE)).await.unwrap(), [Counted; SIZE as usize]);
        (before, read(home.path()))
    };
    let (journal, written) = change(&before, &after);
    let mut whole = 0;
    for round in 0..rounds {
        let mut files = after.clone();
        let bytes = files.get_mut(&journal).unwrap();
        let cut = rand::rng().random_range(written.clone());
        match round % 4 {
            // The file ends there; the rest of the write is old; the rest is anything; a part in the midst is old.
            0 => bytes.truncate(cut),
            1 => bytes[cut..written.end].fill(0),
            2 => rand::rng().fill(&mut bytes[cut..written.end]),
            _ => bytes[cut..written.end.min(cut + 512)].fill(0),
        }
        let torn = TempDir::new().unwrap();
        write(torn.path(), &files);
        let store = EmbeddedStore::open(torn.path(), EmbeddedOptions::default())
            .unwrap_or_else(|error| panic!("torn at {cut} of {written:?}, round {round}: {error}"));
        for number in 0..BEFORE {
            assert_eq!(commit(&store, batch(number)).await.unwrap(), [AlreadyCounted; SIZE as usize]);
        }
        let nullifiers: Vec<_> = batch(BEFORE).iter().map(|entry| entry.nullifier).collect();
        let held = store.spent(PUBLISHER, EPOCH, &nullifiers).await.unwrap().iter().flatten().count() as u32;
        assert!(held == 0 || held == SIZE, "torn at {cut} of {written:?}: {held} of {SIZE} reports stand");
        whole += u32::from(held == SIZE);
        let verdict = if held == 0 { Counted } else { AlreadyCounted };
        assert_eq!(commit(&store, batch(BEFORE)).await.unwrap(), vec![verdict; SIZE as usize]);
        assert_tallied_once(&store, 0..(BEFORE + 1) * SIZE).await;
    }
    println!("{rounds} torn writes of {} bytes; the last batch stood {whole} times", written.len());
}

#[tokio::test]
async fn a_store_whose_files_are_damaged_says_which_it_is_and_what_to_do() {
    let home = TempDir::new().unwrap();
    {
        let store = EmbeddedStore::open(home.path(), EmbeddedOptions::default()).unwrap();
        for number in 0..BEFORE {
            commit(&store, batch(number)).await.unwrap();
        }
    }
    let files = read(home.path());
    let mut refused = 0;
    for (path, bytes) in files.iter().filter(|(_, bytes)| !bytes.is_empty()) {
        let mut damaged = files.clone();
        damaged.insert(path.clone(), bytes.iter().map(|byte| byte ^ 0xa5).collect());
        let folder = TempDir::new().unwrap();
        write(folder.path(), &damaged);
        let Err(error) = EmbeddedStore::open(folder.path(), EmbeddedOptions::default()) else { continue };
        let told = error.to_string();
        let is_told = told.contains(&format!("'{}'", folder.path().display())) && told.contains("restore a backup");
        assert!(is_told, "{}: {told}", path.display());
        refused += 1;
    }
    assert!(refused > 0, "no damage was seen");
}
