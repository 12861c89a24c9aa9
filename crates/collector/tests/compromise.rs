//! A vault that was copied is given up: what its thief holds opens, makes and counts nothing any more.
#![allow(clippy::unwrap_used)]

use rand::rngs::SysRng;
use tacita_proto::v1;
use tacita_protocol::{
    epoch::{EpochEntry, EpochSchedule, EpochState, verify_chain},
    manifest::Manifest,
    outcome::{Outcome, Refusal},
    time::Clock as _,
};
use tacita_store::vault::{KeyId, Secret, Vault};
use tacita_tokens::{EpochKey, Issuer, Pending, Token};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::support::{Cast, Device, House, NOON, seal};

const SCHEDULE: EpochSchedule = EpochSchedule { active_seconds: 1_000, grace_seconds: 500, published_ahead: 2 };

async fn cast() -> Cast {
    Cast::with(|config| config.schedule = SCHEDULE).await
}

/// A copy of the vault.
struct Thief(Vec<(KeyId, Secret)>);

impl Thief {
    fn copies(house: &House) -> Self {
        let vault = Vault::open(&house.config.vault).unwrap();
        let key = |id| (id, vault.get(&id).unwrap().unwrap());
        Self(vault.list().unwrap().into_iter().map(key).collect())
    }

    fn has(&self, epoch: &EpochEntry) -> bool {
        self.0.iter().any(|(id, _)| *id == epoch.public_key.id().0)
    }

    /// A token of an epoch, made without the collector.
    fn token(&self, daily: &Device, epoch: &EpochEntry) -> Token {
        let (_, secret) = self.0.iter().find(|(id, _)| *id == epoch.public_key.id().0).unwrap();
        let context = epoch.context(daily.publisher);
        let issuer = Issuer::new(&EpochKey::from_bytes(secret).unwrap(), &context).unwrap();
        let (pending, blinded) = Pending::new(&epoch.public_key, &context, 1, &mut SysRng).unwrap();
        pending.finish(&issuer.issue(&blinded, &mut SysRng).unwrap()).unwrap().remove(0)
    }

    async fn sends(&self, cast: &mut Cast, epoch: &EpochEntry) -> Outcome {
        let token = self.token(&cast.daily, epoch);
        let report = cast.daily.report(&cast.arrivals.clone(), 1);
        cast.daily.submit(vec![seal(token, report)]).await.unwrap()[0]
    }
}

async fn give_up(house: &House, grace_seconds: u64) -> Result<EpochEntry, tonic::Status> {
    let compromise = Some(v1::Compromise { reason: "a copy of the vault was found".into(), grace_seconds });
    let answer = house.admin().rotate_epoch(v1::RotateEpochRequest { compromise }).await?.into_inner();
    Ok((&answer.active.unwrap()).try_into().unwrap())
}

async fn issue_refused(cast: &Cast, epoch: &EpochEntry) {
    let refused = cast.daily.tokens_of(epoch, 32).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused}");
    assert_eq!(refused.get_details_error_info().unwrap().reason, "EPOCH_NOT_ACTIVE");
}

fn listed(manifest: &Manifest) -> Vec<u32> {
    manifest.epochs.iter().map(|entry| entry.epoch.0).collect()
}

#[tokio::test]
async fn a_copied_vault_that_was_given_up_opens_and_makes_nothing_in_any_epoch() {
    let mut cast = cast().await;
    // A key that a turn had left there, unpublished: the thief has it too, and it would serve the next epoch.
    let left = EpochKey::generate(&mut SysRng).unwrap();
    let vault = Vault::open(&cast.house.config.vault).unwrap();
    vault.put(&left.public_key().id().0, &left.to_bytes()).unwrap();
    let before = cast.daily.manifest().await;
    let arrivals = cast.arrivals.clone();
    let in_flight = cast.daily.sealed(&arrivals, 1).await;
    let thief = Thief::copies(&cast.house);
    assert_eq!(thief.0.len(), 4);
    assert_eq!(thief.sends(&mut cast, &before.epochs[0]).await, Outcome::Counted, "that is what the copy is worth");

    cast.house.clock.set(before.epochs[0].starts_at.plus(300));
    let active = give_up(&cast.house, 0).await.unwrap();

    assert_eq!((active.epoch.0, active.starts_at), (4, before.epochs[0].starts_at.plus(300)));
    for entry in &before.epochs {
        assert_eq!(thief.sends(&mut cast, entry).await, Outcome::Refused(Refusal::ClosedEpoch), "{}", entry.epoch);
        issue_refused(&cast, entry).await;
    }
    let late = cast.daily.submit(vec![in_flight]).await.unwrap();
    assert_eq!(late, [Outcome::Refused(Refusal::ClosedEpoch)], "so is what was in flight");
    let after = cast.daily.manifest().await;
    assert!(after.revision > before.revision);
    assert_eq!(listed(&after), [4, 5, 6]);
    assert!(!after.epochs.iter().any(|entry| thief.has(entry)), "no epoch has a key of the copy");
    let kept = vault.list().unwrap();
    assert!(kept.len() == 3 && !thief.0.iter().any(|(id, _)| kept.contains(id)), "and none is in the vault");

    // Devices go on: the directory continues the one they know, and what they seal now counts.
    let directory: Vec<_> = before.epochs.iter().chain(&after.epochs).cloned().collect();
    assert_eq!(verify_chain(&directory), Ok(()));
    let fresh = cast.daily.sealed(&arrivals, 1).await;
    assert_eq!(cast.daily.submit(vec![fresh]).await.unwrap(), [Outcome::Counted]);
    let now = cast.house.clock.now();
    let status = cast.house.status().await;
    let states = status.epochs.iter().map(|entry| EpochEntry::try_from(entry).unwrap().state(now));
    use EpochState::{Active, Closed, Pending};
    assert_eq!(states.collect::<Vec<_>>(), [Closed, Closed, Closed, Active, Pending, Pending]);

    // The same after a restart, which reads it all from the log.
    let Cast { house, daily, .. } = cast;
    let house = house.reopen().await;
    assert_eq!(listed(&daily.at(&house).manifest().await), [4, 5, 6]);
}

#[tokio::test]
async fn with_a_grace_what_is_in_flight_counts_a_while_and_no_token_is_issued() {
    let mut cast = cast().await;
    let before = cast.daily.manifest().await;
    let arrivals = cast.arrivals.clone();
    let [in_time, too_late] = [cast.daily.sealed(&arrivals, 1).await, cast.daily.sealed(&arrivals, 1).await];
    let thief = Thief::copies(&cast.house);
    let at = before.epochs[0].starts_at.plus(300);
    cast.house.clock.set(at);
    assert_eq!(give_up(&cast.house, 60).await.unwrap().epoch.0, 4);

    // The first stays until its grace is over, so those between it and the fresh ones stay listed: a chain has no hole.
    let after = cast.daily.manifest().await;
    assert_eq!(listed(&after), [1, 2, 3, 4, 5, 6]);
    let states: Vec<_> = after.epochs.iter().map(|entry| entry.state(at)).collect();
    use EpochState::{Active, Closed, Grace, Pending};
    assert_eq!(states, [Grace, Closed, Closed, Active, Pending, Pending]);
    for entry in &before.epochs {
        issue_refused(&cast, entry).await;
    }
    assert_eq!(cast.daily.submit(vec![in_time]).await.unwrap(), [Outcome::Counted]);
    for entry in &before.epochs[1..] {
        assert_eq!(thief.sends(&mut cast, entry).await, Outcome::Refused(Refusal::ClosedEpoch), "{}", entry.epoch);
    }
    cast.house.clock.set(at.plus(60));
    assert_eq!(cast.daily.submit(vec![too_late]).await.unwrap(), [Outcome::Refused(Refusal::ClosedEpoch)]);
}

#[tokio::test]
async fn an_epoch_in_grace_is_given_up_too_and_no_grace_is_longer_than_was_planned() {
    let mut cast = cast().await;
    let before = cast.daily.manifest().await;
    let thief = Thief::copies(&cast.house);
    let first = &before.epochs[0];
    cast.house.clock.set(first.ends_at.plus(10));
    cast.house.until(|status| status.epochs.len() == 4).await;
    assert_eq!(thief.sends(&mut cast, first).await, Outcome::Counted, "it is in grace");
    give_up(&cast.house, 1_000_000).await.unwrap();
    let after = cast.daily.manifest().await;
    let closes: Vec<_> = after.epochs.iter().take(2).map(|entry| entry.closes_at).collect();
    assert_eq!(closes, [first.closes_at, before.epochs[1].closes_at]);
    give_up(&cast.house, 0).await.unwrap();
    assert_eq!(thief.sends(&mut cast, first).await, Outcome::Refused(Refusal::ClosedEpoch));
}

#[tokio::test]
async fn the_audit_log_says_who_gave_the_vault_up_and_why() {
    let Cast { house, .. } = cast().await;
    house.clock.set(NOON.plus(60));
    give_up(&house, 0).await.unwrap();
    let mut entries = house.audited().await.into_iter();
    let said = entries.find(|entry| entry["change"].get("keys-compromised").is_some()).unwrap();
    assert_eq!(said["by"]["api-key"]["number"], 1);
    assert_eq!(said["change"]["keys-compromised"]["reason"], "a copy of the vault was found");
    assert_eq!(said["at"], NOON.plus(60).0);
}

#[tokio::test]
async fn without_a_reason_nothing_is_given_up() {
    let Cast { house, daily, .. } = cast().await;
    let before = daily.manifest().await.revision;
    for reason in ["", "  ", "two\nlines", &"long ".repeat(60)] {
        let compromise = Some(v1::Compromise { reason: reason.into(), grace_seconds: 0 });
        let refused = house.admin().rotate_epoch(v1::RotateEpochRequest { compromise }).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
        assert!(refused.message().starts_with("compromise.reason: "), "{refused}");
    }
    assert_eq!(daily.manifest().await.revision, before);
}
