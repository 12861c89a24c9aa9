//! Manifest, wallet, outbox: what is fetched, what leaves, what stays.

#![allow(missing_docs, clippy::unwrap_used)]

mod double;

use std::sync::Arc;

use double::*;
use ed25519_dalek::SigningKey;
use tacita_client::{
    ClientError, Device, DeviceConfig, FileStorage, MemoryStorage, Occurrence, StorageError, TransportError, Visit,
};
use tacita_protocol::{
    epoch::{EpochEntry, EpochSchedule},
    id::PublisherId,
    manifest::{Manifest, ManifestError},
    measure::Event,
    outcome::{Outcome, Refusal},
    time::ManualClock,
};

fn arrival() -> Occurrence {
    Occurrence::new(Event::Arrival).label("channel", "search")
}

fn revision(revision: u64) -> Manifest {
    Manifest { revision, ..manifest() }
}

// ---- the manifest ----

#[tokio::test]
async fn a_manifest_of_another_key_is_refused() {
    let relay = Relay::new(&manifest());
    relay.inside().manifest = manifest().sign(&SigningKey::from_bytes(&[1; 32]));
    let (device, _) = device(&relay);
    let error = device.refresh().await.unwrap_err();
    assert!(matches!(error, ClientError::Manifest(ManifestError::Signature)), "{error}");
    assert_eq!(device.tokens(), 0);
}

#[tokio::test]
async fn a_smaller_revision_is_refused_and_the_larger_one_stays_in_force() {
    let machine = Machine::new();
    let relay = Relay::new(&revision(10));
    let device = machine.device(&relay);
    device.refresh().await.unwrap();
    relay.publish(&revision(9));
    for device in [device.clone(), device] {
        let error = device.refresh().await.unwrap_err();
        assert!(matches!(error, ClientError::Rollback { remembered: 10, offered: 9 }), "{error}");
        device.record(&arrival()).unwrap();
    }
    let reopened = machine.device(&relay);
    assert!(matches!(reopened.refresh().await, Err(ClientError::Rollback { .. })));
    relay.publish(&revision(11));
    reopened.refresh().await.unwrap();
}

#[tokio::test]
async fn another_manifest_of_the_same_revision_is_refused_and_the_first_stays_in_force() {
    let machine = Machine::new();
    let relay = Relay::new(&revision(10));
    let device = machine.device(&relay);
    device.refresh().await.unwrap();
    relay.publish(&Manifest { measures: vec![], ..revision(10) });
    let error = device.refresh().await.unwrap_err();
    assert!(matches!(error, ClientError::Equivocation(10)), "{error}");
    assert!(error.to_string().contains("compare the manifests"));
    device.record(&arrival()).unwrap();
    drop(device);
    let reopened = machine.device(&relay);
    assert!(matches!(reopened.refresh().await, Err(ClientError::Equivocation(10))), "what it saw outlives a restart");
    relay.publish(&revision(10));
    reopened.refresh().await.unwrap();
}

#[tokio::test]
async fn a_directory_that_does_not_continue_the_known_one_is_refused() {
    let relay = Relay::new(&manifest());
    let (device, _) = device(&relay);
    device.refresh().await.unwrap();
    let schedule = EpochSchedule::default();
    let forged = |epoch: u32| epoch_key(50 + epoch).public_key();
    // Another key under a known number, and a third epoch that hangs on another second one.
    let first = EpochEntry::following(None, forged(1), START, &schedule);
    let second = EpochEntry::following(Some(&first), forged(2), first.ends_at, &schedule);
    let third = EpochEntry::following(Some(&second), forged(3), second.ends_at, &schedule);
    for epochs in [vec![first.clone()], vec![first, second], vec![third]] {
        relay.publish(&Manifest { epochs, ..revision(11) });
        let error = device.refresh().await.unwrap_err();
        assert!(matches!(error, ClientError::BrokenDirectory(_)), "{error}");
    }
    relay.publish(&Manifest { epochs: epochs(3), ..revision(11) });
    device.refresh().await.unwrap();
}

// ---- the wallet ----

#[tokio::test]
async fn tokens_come_a_whole_batch_at_a_time_when_fewer_than_half_are_left() {
    let relay = Relay::new(&manifest());
    let (device, _) = device(&relay);
    for _ in 0..3 {
        device.refresh().await.unwrap();
    }
    assert_eq!((device.tokens(), relay.inside().issued.clone()), (8, vec![8]));
    for (sent, held) in [(4, 4), (1, 3), (1, 10)] {
        (0..sent).for_each(|_| drop(device.record(&arrival()).unwrap()));
        assert_eq!(device.flush().await.delivered(), sent);
        assert_eq!(device.tokens(), held);
    }
    (0..30).for_each(|_| drop(device.record(&arrival()).unwrap()));
    assert_eq!(device.flush().await.delivered(), 30);
    assert!(relay.inside().issued.iter().all(|&size| size == 8));
}

#[tokio::test]
async fn a_proof_by_another_key_leaves_the_wallet_as_it_was() {
    let relay = Relay::new(&manifest());
    let (device, _) = device(&relay);
    device.refresh().await.unwrap();
    (0..5).for_each(|_| drop(device.record(&arrival()).unwrap()));
    assert_eq!(device.flush().await.delivered(), 5);
    relay.inside().wrong_key = true;
    let error = device.refresh().await.unwrap_err();
    assert!(matches!(error, ClientError::Tokens(tacita_tokens::Error::ProofRejected)), "{error}");
    assert_eq!(device.tokens(), 3);
}

#[tokio::test]
async fn the_wallet_survives_reopening() {
    let machine = Machine::new();
    let relay = Relay::new(&manifest());
    let device = machine.device(&relay);
    device.refresh().await.unwrap();
    device.record(&arrival()).unwrap();
    drop(device);
    let device = machine.device(&relay);
    assert_eq!((device.tokens(), device.pending()), (8, 1));
    // The manifest too: it measures and seals before it is online.
    relay.inside().manifest_down = true;
    relay.inside().issue_down = true;
    device.record(&arrival()).unwrap();
    let summary = device.flush().await;
    assert!(summary.trouble.is_some());
    assert_eq!((summary.delivered(), relay.reports().len()), (2, 2));
}

#[tokio::test]
async fn tokens_of_an_epoch_in_grace_are_spent_last_and_die_with_it() {
    let relay = Relay::new(&manifest());
    let (device, clock) = device(&relay);
    device.refresh().await.unwrap();
    clock.set(START.plus(7 * DAY + 60));
    device.refresh().await.unwrap();
    assert_eq!(device.tokens(), 16);
    (0..2).for_each(|_| drop(device.record(&arrival()).unwrap()));
    assert_eq!(device.flush().await.delivered(), 2);
    let epochs: Vec<u8> = relay.inside().arrived.iter().map(|envelope| envelope[9]).collect();
    assert_eq!(epochs, [2, 2]);
    clock.set(START.plus(9 * DAY));
    device.record(&arrival()).unwrap();
    assert_eq!(device.flush().await.delivered(), 1);
    assert_eq!(device.tokens(), 5);
}

#[tokio::test]
async fn tokens_of_a_compromised_epoch_are_thrown_away_and_what_waits_goes_under_the_fresh_one() {
    let relay = Relay::new(&manifest());
    let (device, clock) = device(&relay);
    device.refresh().await.unwrap();
    device.record(&arrival()).unwrap();
    let at = START.plus(DAY);
    clock.set(at);
    // Both epochs that it knows are given up; the third one's key continues the directory.
    let mut epochs = epochs(3);
    epochs[..2].iter_mut().for_each(|entry| entry.cut_short(at, at));
    epochs[2].starts_at = at;
    for (revision, listed) in [(11, &epochs[..]), (12, &epochs[2..])] {
        relay.publish(&Manifest { revision, epochs: listed.to_vec(), ..manifest() });
        device.refresh().await.unwrap();
        assert_eq!(device.tokens(), 8, "the old ones are gone");
    }
    assert_eq!(device.flush().await.delivered(), 1);
    assert!(relay.inside().arrived.iter().all(|envelope| envelope[9] == 3));
}

// ---- the outbox ----

#[tokio::test]
async fn a_failing_relay_loses_nothing_and_a_retry_sends_the_same_bytes() {
    let relay = Relay::new(&manifest());
    let (device, _) = device(&relay);
    device.refresh().await.unwrap();
    (0..3).for_each(|_| drop(device.record(&arrival()).unwrap()));
    relay.inside().lose_answers = true;
    for _ in 0..3 {
        let summary = device.flush().await;
        assert!(matches!(summary.trouble, Some(ClientError::Transport(TransportError::Unavailable(_)))));
        assert_eq!((summary.delivered(), summary.left), (0, 3));
    }
    relay.inside().lose_answers = false;
    assert_eq!(device.flush().await.outcomes, [(Outcome::Queued, 3)].into());
    let arrived = relay.inside().arrived.clone();
    assert_eq!(arrived.len(), 12);
    assert!(arrived.chunks(3).all(|attempt| attempt == &arrived[..3]));
    assert_eq!(relay.reports().len(), 3);
}

#[tokio::test]
async fn without_tokens_reports_wait_and_sealed_ones_are_sent_nonetheless() {
    let relay = Relay::new(&manifest());
    let (device, _) = device(&relay);
    device.refresh().await.unwrap();
    relay.inside().issue_down = true;
    (0..11).for_each(|_| drop(device.record(&arrival()).unwrap()));
    let summary = device.flush().await;
    assert!(summary.trouble.is_some());
    assert_eq!((summary.delivered(), summary.left), (8, 3));
    relay.inside().issue_down = false;
    assert_eq!(device.flush().await.delivered(), 3);
}

#[tokio::test]
async fn a_refusal_is_final_and_counted() {
    let relay = Relay::new(&manifest());
    let (device, _) = device(&relay);
    device.refresh().await.unwrap();
    relay.inside().refuse = Some(Refusal::UnknownMeasure);
    device.record(&arrival()).unwrap();
    let summary = device.flush().await;
    assert!(summary.trouble.is_none());
    assert_eq!((summary.delivered(), summary.refused(), summary.left), (0, 1, 0));
    assert_eq!(device.flush().await.outcomes, [].into());
}

#[tokio::test]
async fn reports_whose_window_is_two_days_past_are_dropped_and_counted() {
    let relay = Relay::new(&manifest());
    let (device, clock) = device(&relay);
    device.refresh().await.unwrap();
    relay.inside().submit_down = true;
    device.record(&arrival()).unwrap();
    clock.set(START.plus(3 * DAY - 1));
    assert_eq!(device.flush().await.left, 1);
    clock.set(START.plus(60));
    device.record(&arrival()).unwrap();
    clock.set(START.plus(3 * DAY));
    relay.inside().submit_down = false;
    let summary = device.flush().await;
    assert_eq!((summary.expired, summary.delivered(), summary.left), (2, 0, 0));
    assert_eq!(device.flush().await.expired, 0);
}

#[tokio::test]
async fn flushes_at_the_same_time_send_each_report_once() {
    let relay = Relay::new(&manifest());
    let (device, _) = device(&relay);
    device.refresh().await.unwrap();
    (0..20).for_each(|_| drop(device.record(&arrival()).unwrap()));
    let (one, two) = tokio::join!(device.flush(), device.flush());
    assert_eq!(one.delivered() + two.delivered(), 20);
    assert_eq!(relay.inside().arrived.len(), 20);
}

// ---- the storage, and consent ----

#[tokio::test]
async fn a_session_that_a_crash_left_open_is_answered_when_the_device_is_opened_again() {
    let machine = Machine::new();
    let relay = Relay::new(&manifest());
    let device = machine.device(&relay);
    device.refresh().await.unwrap();
    let Visit::Person(session) = device.begin_session(&visit(STORY)).unwrap() else { panic!("a person") };
    session.share("whatsapp".parse().unwrap()).unwrap();
    assert_eq!(device.pending(), 5);
    // As a crash leaves it: a copy of the file, with the session open.
    let after = Machine::new();
    std::fs::copy(machine.path(), after.path()).unwrap();
    let reopened = after.device(&relay);
    assert_eq!(reopened.flush().await.delivered(), 5);
    assert_eq!(relay.counts(), [(1, 1), (2, 1), (3, 1), (5, 1), (6, 1)].into());
}

#[test]
fn two_devices_on_one_file_and_two_publishers_on_one_device_are_refused() {
    let machine = Machine::new();
    let relay = Relay::new(&manifest());
    let device = machine.device(&relay);
    assert!(matches!(FileStorage::open(machine.path()), Err(StorageError::InUse(_))));
    drop(device);
    let other = DeviceConfig::new(PublisherId(8), pinned());
    let error = Device::open(other, machine.storage(), relay, Arc::new(machine.clock)).unwrap_err();
    assert!(matches!(error, ClientError::OtherPublisher { .. }), "{error}");
}

#[tokio::test]
async fn who_opts_out_is_forgotten_and_not_measured_until_opting_in() {
    let relay = Relay::new(&manifest());
    let (device, _) = device(&relay);
    device.refresh().await.unwrap();
    let Visit::Person(session) = device.begin_session(&visit(STORY)).unwrap() else { panic!("a person") };
    device.opt_out().unwrap();
    assert_eq!((device.pending(), device.tokens(), device.ledger()), (0, 0, vec![]));
    assert!(session.share("whatsapp".parse().unwrap()).unwrap().recorded.answers.is_empty());
    assert!(session.close().unwrap().answers.is_empty());
    assert!(matches!(device.begin_session(&visit(STORY)).unwrap(), Visit::OptedOut));
    assert!(device.record(&arrival()).unwrap().answers.is_empty());
    device.refresh().await.unwrap();
    assert!(device.flush().await.trouble.is_none());
    assert!(relay.inside().arrived.is_empty());
    assert_eq!(device.tokens(), 0);

    device.opt_in().unwrap();
    device.refresh().await.unwrap();
    let answer = device.record(&arrival()).unwrap().answers[0];
    assert!(answer.exhausted, "an opt-out must not renew the epoch's budget");
    assert_eq!(device.flush().await.delivered(), 1);
}

#[tokio::test]
async fn devices_of_one_config_share_the_manifest_that_one_has_verified() {
    let relay = Relay::new(&manifest());
    let config = DeviceConfig::new(PUBLISHER, pinned());
    let clock = Arc::new(ManualClock::new(START));
    let open = || Device::open(config.clone(), MemoryStorage::new(), relay.clone(), clock.clone()).unwrap();
    let devices: Vec<Device> = (0..3).map(|_| open()).collect();
    for device in &devices {
        device.refresh().await.unwrap();
        device.record(&arrival()).unwrap();
        assert_eq!(device.flush().await.delivered(), 1);
    }
}

#[test]
fn nothing_secret_is_printed() {
    let relay = Relay::new(&manifest());
    let (device, _) = device(&relay);
    let printed = format!("{device:?}");
    assert!(printed.contains("publisher") && printed.len() < 400, "{printed}");
}
