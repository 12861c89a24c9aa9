//! A device that an earlier program has left: it goes on where that one stood.
//!
//! `format-1.bin` is a state as the last program of format 1 wrote it, over this double's keys, in the second epoch.
//! Its manifest is of revision 10, lists epochs 1 to 3, and is from before campaigns had policies: it no longer
//! verifies.

#![allow(missing_docs, clippy::unwrap_used)]

mod double;

use std::sync::Arc;

use double::*;
use ed25519_dalek::SigningKey;
use redb::{Database, TableDefinition};
use tacita_client::{ClientError, Device, DeviceConfig, LedgerLine, Occurrence};
use tacita_protocol::{
    epoch::{EpochEntry, EpochId, EpochSchedule},
    id::{BrandId, CampaignId},
    manifest::{Manifest, ManifestCampaign},
    measure::{Event, Measure, Participation},
};

const STATES: TableDefinition<'_, u32, &[u8]> = TableDefinition::new("device");

/// A machine as the earlier program left it, in the second epoch.
fn left_by_format_1() -> Machine {
    let machine = Machine::new();
    machine.clock.set(START.plus(7 * DAY + 120));
    let database = Database::create(machine.path()).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(STATES).unwrap().insert(1, &include_bytes!("format-1.bin")[..]).unwrap();
    transaction.commit().unwrap();
    machine
}

/// What the collector says by now: the same revision, with policies.
fn today() -> Manifest {
    let mut manifest = manifest();
    manifest.epochs = epochs(3);
    manifest.measures.push(Measure { campaign: CampaignId(2), ..measure(8, Event::Arrival, Participation::Event) });
    let autumn = ManifestCampaign {
        id: CampaignId(2),
        brand: BrandId(1),
        name: "autumn".parse().unwrap(),
        ..manifest.campaigns[0].clone()
    };
    manifest.campaigns.push(autumn);
    manifest
}

fn bound(micro: u32) -> Manifest {
    let mut manifest = today();
    manifest.policy.ledger_bound_micro = micro;
    manifest
}

fn spent(device: &Device) -> Vec<(BrandId, EpochId, u64)> {
    device
        .ledger()
        .into_iter()
        .map(|LedgerLine { brand, epoch, spent_micro, .. }| (brand, epoch, spent_micro))
        .collect()
}

#[tokio::test]
async fn a_device_of_format_1_loses_no_report_no_token_and_no_expense() {
    let machine = left_by_format_1();
    let relay = Relay::new(&bound(7_000_000));
    let device = machine.device(&relay);
    let before = [(BrandId(3), EpochId(2), 6_000_000), (BrandId(1), EpochId(2), 1_000_000)];
    assert_eq!((spent(&device), device.tokens(), device.pending()), (before.to_vec(), 4, 7));
    assert_eq!(device.sharing().len(), 1);
    assert_eq!(device.flush().await.delivered(), 7);
    assert_eq!(relay.reports().len(), 7, "each with a token of its own, the four that were sealed before among them");

    // One ε is left of brand 3's, six of brand 1's: what was spent before the upgrade is spent.
    let arrival = Occurrence::new(Event::Arrival).label("channel", "search");
    let exhausted = |device: &Device| {
        let answers = device.record(&arrival).unwrap().answers;
        answers.iter().map(|answer| (answer.measure.0, answer.exhausted)).collect::<Vec<_>>()
    };
    assert_eq!(exhausted(&device), [(1, false), (8, false)]);
    drop(device);
    let device = machine.device(&relay);
    assert_eq!(exhausted(&device), [(1, true), (8, false)]);
    assert_eq!(spent(&device)[0], (BrandId(3), EpochId(2), 7_000_000));
}

#[tokio::test]
async fn a_manifest_that_no_longer_verifies_still_holds_the_next_one_to_its_revision_and_its_keys() {
    let machine = left_by_format_1();
    let relay = Relay::new(&Manifest { revision: 9, ..today() });
    let device = machine.device(&relay);
    let error = device.refresh().await.unwrap_err();
    assert!(matches!(error, ClientError::Rollback { remembered: 10, offered: 9 }), "{error}");

    let schedule = EpochSchedule::default();
    let forged = |previous: Option<&EpochEntry>, epoch: u32| {
        let starts_at = previous.map_or(START, |last| last.ends_at);
        EpochEntry::following(previous, epoch_key(50 + epoch).public_key(), starts_at, &schedule)
    };
    let first = forged(None, 1);
    let second = forged(Some(&first), 2);
    let third = forged(Some(&second), 3);
    let fourth = forged(Some(&third), 4);
    for epochs in [vec![first, second.clone()], vec![second, third], vec![fourth]] {
        relay.publish(&Manifest { revision: 11, epochs, ..today() });
        let error = device.refresh().await.unwrap_err();
        assert!(matches!(error, ClientError::BrokenDirectory(_)), "{error}");
    }

    relay.publish(&today());
    device.refresh().await.unwrap();
    relay.publish(&bound(1));
    assert!(matches!(device.refresh().await, Err(ClientError::Equivocation(10))), "from here on to all of it");
}

#[tokio::test]
async fn a_manifest_of_another_pinned_key_holds_nobody_to_anything() {
    let machine = left_by_format_1();
    let other = SigningKey::from_bytes(&[1; 32]);
    let relay = Relay::new(&today());
    relay.inside().manifest = Manifest { revision: 1, ..today() }.sign(&other);
    let config = DeviceConfig::new(PUBLISHER, other.verifying_key());
    let device = Device::open(config, machine.storage(), relay, Arc::new(machine.clock)).unwrap();
    device.refresh().await.unwrap();
}
