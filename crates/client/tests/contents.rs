//! Shared contents: the catalogue is had before anything is measured, by all devices alike, and tells contents apart.

#![allow(missing_docs, clippy::unwrap_used)]

mod double;

use std::sync::Arc;

use double::*;
use tacita_client::{ClientError, Device, DeviceConfig, MemoryStorage, Occurrence, Session, Visit};
use tacita_protocol::{
    catalogue::Contents,
    channel::Channel,
    domain::{Dimension, Domain, Values},
    id::MeasureId,
    manifest::Manifest,
    measure::{Event, Measure, Participation},
    time::ManualClock,
};

const COUNT: usize = 22_000;

fn contents() -> Contents {
    Contents::new((0..COUNT).map(|number| format!("/story/{number}")).collect()).unwrap()
}

/// Shares 3 as ever, shared contents 7 by event and 8 by session.
fn manifest_over(contents: &Contents) -> Manifest {
    let values = Values::Catalogue(contents.reference(10));
    let dimension = Dimension { name: Dimension::CONTENT.parse().unwrap(), values };
    let over = |id: u32, participation| {
        let share = measure(id, Event::ContentShare, participation);
        let domain = Domain::new(vec![dimension.clone()], share.epsilon).unwrap();
        Measure { domain, ..share }
    };
    let measures = vec![
        measure(3, Event::Share, Participation::Event),
        over(7, Participation::Event),
        over(8, Participation::Session),
    ];
    Manifest { measures, ..manifest() }
}

fn relay() -> (Relay, Contents) {
    let contents = contents();
    let relay = Relay::new(&manifest_over(&contents));
    let catalogue = contents.catalogue();
    relay.inside().catalogues.insert(catalogue.digest(), catalogue.as_bytes().to_vec());
    (relay, contents)
}

fn session(device: &Device) -> Session {
    match device.begin_session(&visit(STORY)).unwrap() {
        Visit::Person(session) => session,
        other => panic!("{other:?}"),
    }
}

fn share_of_story_7() -> Occurrence {
    Occurrence::new(Event::ContentShare).label("content", "/story/7")
}

fn cell(recorded: &tacita_client::Recorded, measure: u32) -> usize {
    recorded.answer(MeasureId(measure)).unwrap().cell as usize
}

#[tokio::test]
async fn each_share_answers_which_content_it_was() {
    let (relay, _) = relay();
    let (device, _) = device(&relay);
    device.refresh().await.unwrap();
    let session = session(&device);
    let first = session.share_content("/story/21999", Channel::COPY).unwrap().recorded;
    assert_eq!((first.answers.len(), cell(&first, 7)), (2, COUNT));
    let unlisted = session.share_content("/never-listed", Channel::COPY).unwrap().recorded;
    assert!((COUNT + 1..=COUNT + 10).contains(&cell(&unlisted, 7)));
    let unnamed = session.share(Channel::COPY).unwrap().recorded;
    assert_eq!(cell(&unnamed, 7), 0, "a slot opened, and nobody said which content");
    session.share_content("/story/0", Channel::COPY).unwrap();
    assert_eq!(cell(&session.close().unwrap(), 8), 1, "a session's last share stands");
    let recorded = device.record(&Occurrence::new(Event::ContentShare).label("content", "/story/5")).unwrap();
    assert_eq!(cell(&recorded, 7), 6);
    assert!(device.flush().await.trouble.is_none());
    assert_eq!(relay.counts(), [(3, 4), (7, 5), (8, 2)].into());
}

#[tokio::test]
async fn a_catalogue_is_fetched_once_with_the_manifest_whatever_is_shared() {
    let (relay, contents) = relay();
    let config = DeviceConfig::new(PUBLISHER, pinned());
    let clock = Arc::new(ManualClock::new(START.plus(60)));
    let open = || Device::open(config.clone(), MemoryStorage::new(), relay.clone(), clock.clone()).unwrap();
    let (sharing, silent) = (open(), open());
    sharing.refresh().await.unwrap();
    assert_eq!(relay.inside().fetched, [contents.catalogue().digest()], "before anything is shared");
    silent.refresh().await.unwrap();
    session(&sharing).share_content("/story/7", Channel::COPY).unwrap();
    assert!(sharing.flush().await.trouble.is_none());
    sharing.refresh().await.unwrap();
    let newer = Manifest { revision: 11, ..manifest_over(&contents) };
    relay.publish(&newer);
    sharing.refresh().await.unwrap();
    assert_eq!(relay.inside().fetched.len(), 1, "one config, one catalogue");
}

#[tokio::test]
async fn a_manifest_without_its_catalogue_is_not_put_in_force() {
    let (relay, contents) = relay();
    let digest = contents.catalogue().digest();
    let (device, _) = device(&relay);
    let right = relay.inside().catalogues.remove(&digest).unwrap();
    assert!(matches!(device.refresh().await, Err(ClientError::Transport(_))));
    let mut wrong = right.clone();
    wrong[0] ^= 1;
    relay.inside().catalogues.insert(digest, wrong);
    assert!(matches!(device.refresh().await, Err(ClientError::Catalogue(_))));
    assert!(matches!(device.record(&share_of_story_7()), Err(ClientError::NoManifest)));
    relay.inside().catalogues.insert(digest, right);
    device.refresh().await.unwrap();
    assert_eq!(cell(&device.record(&share_of_story_7()).unwrap(), 7), 8);
}

#[tokio::test]
async fn a_file_keeps_the_catalogue_for_the_next_start_and_forgets_it_on_opting_out() {
    let (relay, _) = relay();
    let machine = Machine::new();
    machine.device(&relay).refresh().await.unwrap();
    let device = machine.device(&relay);
    assert_eq!(cell(&device.record(&share_of_story_7()).unwrap(), 7), 8, "without asking anybody");
    device.opt_out().unwrap();
    assert_eq!(relay.inside().fetched.len(), 1);
    drop(device);
    let device = machine.device(&relay);
    device.opt_in().unwrap();
    device.refresh().await.unwrap();
    assert_eq!(relay.inside().fetched.len(), 2);
}

#[tokio::test]
async fn a_manifest_whose_catalogue_is_lost_still_holds_the_next_one_to_all_of_it() {
    let (relay, _) = relay();
    let machine = Machine::new();
    machine.device(&relay).refresh().await.unwrap();
    let database = redb::Database::open(machine.path()).unwrap();
    let lost = database.begin_write().unwrap();
    assert!(lost.delete_table(redb::TableDefinition::<&[u8; 32], &[u8]>::new("catalogues")).unwrap());
    lost.commit().unwrap();
    drop(database);
    let device = machine.device(&relay);
    assert!(matches!(device.record(&share_of_story_7()), Err(ClientError::NoManifest)));
    relay.publish(&manifest());
    assert!(matches!(device.refresh().await, Err(ClientError::Equivocation(10))));
}
