//! The life of an epoch: pending, active, grace, closed; nothing in flight is lost, nothing closed can be opened.
#![allow(clippy::unwrap_used)]

use std::{fs, path::Path};

use sha2::{Digest as _, Sha256};
use tacita_proto::v1;
use tacita_protocol::{
    epoch::{EpochEntry, EpochId, EpochSchedule, EpochState, verify_chain},
    outcome::{Outcome, Refusal},
    time::{Clock as _, UnixTime},
};
use tonic::Code;

use crate::support::{Cast, House, seal};

const SCHEDULE: EpochSchedule = EpochSchedule { active_seconds: 1_000, grace_seconds: 500, published_ahead: 2 };

async fn cast() -> Cast {
    Cast::with(|config| config.schedule = SCHEDULE).await
}

fn state(entry: &EpochEntry, house: &House) -> EpochState {
    entry.state(house.clock.now())
}

/// Whether the vault has a file for the epoch's key.
fn has_key_file(house: &House, entry: &EpochEntry) -> bool {
    let id: [u8; 32] = Sha256::digest(entry.public_key.to_bytes()).into();
    let name = format!("{}.key", hex::encode(id));
    assert!(house.config.data.join("keys").is_dir());
    house.config.data.join("keys").join(name).exists()
}

fn every_file_under(path: &Path) -> Vec<u8> {
    let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { every_file_under(&path) } else { fs::read(path).unwrap() }).collect()
}

#[tokio::test]
async fn an_epoch_goes_from_pending_to_closed_and_its_key_goes_with_it() {
    let mut cast = cast().await;
    let manifest = cast.daily.manifest().await;
    let [first, second, third] = &manifest.epochs[..] else { panic!("{:?}", manifest.epochs) };
    let states = [first, second, third].map(|entry| state(entry, &cast.house));
    assert_eq!(states, [EpochState::Active, EpochState::Pending, EpochState::Pending]);

    // Tokens of the active epoch only.
    let mut in_flight = cast.daily.tokens_of(first, 32).await.unwrap();
    assert_eq!(cast.daily.tokens_of(second, 32).await.unwrap_err().code(), Code::FailedPrecondition);
    let key_file = cast
        .house
        .config
        .data
        .join("keys")
        .join(format!("{}.key", hex::encode(Sha256::digest(first.public_key.to_bytes()))));
    let secret = fs::read(&key_file).unwrap();

    // Grace: what is in flight counts, a new epoch is published, tokens are issued of the next one.
    cast.house.clock.set(first.ends_at.plus(200));
    cast.house.until(|status| status.epochs.len() == 4).await;
    assert_eq!(state(first, &cast.house), EpochState::Grace);
    let arrivals = cast.arrivals.clone();
    let late = seal(in_flight.remove(0), cast.daily.report(&arrivals, 1));
    assert_eq!(cast.daily.submit(vec![late]).await.unwrap(), [Outcome::Counted]);
    assert_eq!(cast.daily.tokens_of(first, 32).await.unwrap_err().code(), Code::FailedPrecondition);
    assert!(cast.daily.tokens_of(second, 32).await.is_ok());

    // Closed: refused at once, the key destroyed soon, the chain whole.
    let too_late = seal(in_flight.remove(0), cast.daily.report(&arrivals, 1));
    cast.house.clock.set(first.closes_at);
    assert_eq!(cast.daily.submit(vec![too_late.clone()]).await.unwrap(), [Outcome::Refused(Refusal::ClosedEpoch)]);
    for _ in 0..100 {
        if cast.daily.manifest().await.epoch(EpochId(1)).is_none() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let manifest = cast.daily.manifest().await;
    assert_eq!(manifest.epochs.first().unwrap().epoch, EpochId(2));
    assert!(!has_key_file(&cast.house, first) && has_key_file(&cast.house, second));
    assert_eq!(cast.daily.submit(vec![too_late]).await.unwrap(), [Outcome::Refused(Refusal::ClosedEpoch)]);

    // And not a trace of it in any file.
    let everything = every_file_under(&cast.house.config.data);
    assert!(!everything.windows(32).any(|window| window == secret));
    assert_eq!(cast.house.report("acme/spring").await.measures[0].reports, 1);

    let status = cast.house.status().await;
    let all: Vec<_> = status.epochs.iter().map(|entry| EpochEntry::try_from(entry).unwrap()).collect();
    assert_eq!(verify_chain(&all), Ok(()));
    assert_eq!(all.first().unwrap(), first);
}

#[tokio::test]
async fn tokens_of_an_epoch_are_issued_a_little_before_and_after_it_is_active() {
    let cast = cast().await;
    let manifest = cast.daily.manifest().await;
    let (first, second) = (&manifest.epochs[0], &manifest.epochs[1]);
    let issues = async |entry: &EpochEntry, at: UnixTime| {
        cast.house.clock.set(at);
        cast.daily.tokens_of(entry, 32).await.is_ok()
    };
    assert!(!issues(second, second.starts_at.minus(101)).await);
    assert!(issues(second, second.starts_at.minus(100)).await);
    assert!(issues(first, first.ends_at.plus(99)).await);
    assert!(!issues(first, first.ends_at.plus(100)).await);
}

#[tokio::test]
async fn a_report_sealed_in_an_epoch_that_is_about_to_begin_counts() {
    let mut cast = cast().await;
    let second = cast.daily.manifest().await.epochs[1].clone();
    cast.house.clock.set(second.starts_at.minus(50));
    let token = cast.daily.tokens_of(&second, 32).await.unwrap().remove(0);
    let arrivals = cast.arrivals.clone();
    let early = seal(token, cast.daily.report(&arrivals, 1));
    assert_eq!(cast.daily.submit(vec![early]).await.unwrap(), [Outcome::Counted]);
}

#[tokio::test]
async fn a_rotation_ends_an_epoch_early_and_loses_nothing_in_flight() {
    let mut cast = cast().await;
    let before = cast.daily.manifest().await;
    let token = cast.daily.token().await;
    cast.house.clock.set(before.epochs[0].starts_at.plus(300));
    let answer = cast.house.admin().rotate_epoch(v1::RotateEpochRequest::default()).await.unwrap().into_inner();
    assert_eq!(answer.active.unwrap().epoch, 2);

    let after = cast.daily.manifest().await;
    assert!(after.revision > before.revision);
    let states: Vec<_> = after.epochs.iter().map(|entry| state(entry, &cast.house)).collect();
    assert_eq!(states, [EpochState::Grace, EpochState::Active, EpochState::Pending, EpochState::Pending]);
    assert_eq!(after.epochs[0].chain, before.epochs[0].chain);
    let arrivals = cast.arrivals.clone();
    let envelope = seal(token, cast.daily.report(&arrivals, 1));
    assert_eq!(cast.daily.submit(vec![envelope]).await.unwrap(), [Outcome::Counted]);
    assert_eq!(cast.daily.token().await.epoch(), 2);
}

#[tokio::test]
async fn after_a_long_stop_an_epoch_is_active_at_once() {
    let cast = cast().await;
    cast.house.clock.set(cast.house.clock.now().plus(1_000_000));
    let house = cast.house.reopen().await;
    let status = house.status().await;
    let all: Vec<_> = status.epochs.iter().map(|entry| EpochEntry::try_from(entry).unwrap()).collect();
    let states: Vec<_> = all.iter().map(|entry| state(entry, &house)).collect();
    use EpochState::{Active, Closed, Pending};
    assert_eq!(states, [Closed, Closed, Closed, Active, Pending, Pending]);
    assert_eq!(verify_chain(&all), Ok(()));
    assert_eq!(fs::read_dir(house.config.data.join("keys")).unwrap().filter(is_key).count(), 3);
}

fn is_key(entry: &std::io::Result<fs::DirEntry>) -> bool {
    entry.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "key")
}

#[tokio::test]
async fn a_rotation_whose_turn_fails_stands_and_is_not_to_be_asked_for_again() {
    let cast = cast().await;
    let keys = cast.house.config.data.join("keys");
    let away = cast.house.config.data.join("away");
    fs::rename(&keys, &away).unwrap();
    let answer = cast.house.admin().rotate_epoch(v1::RotateEpochRequest::default()).await.unwrap().into_inner();
    assert_eq!(answer.active.unwrap().epoch, 2);
    assert!(!answer.unfinished.is_empty());
    fs::rename(&away, &keys).unwrap();
    // The keeper ends the turn: what was published ahead is made up for.
    cast.house.until(|status| status.epochs.len() == 4).await;
    assert_eq!(cast.daily.active_epoch().await.epoch.0, 2);
}
