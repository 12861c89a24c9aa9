//! Every open slot sends exactly one report, whatever the value is.

#![allow(missing_docs, clippy::unwrap_used)]

mod double;

use double::*;
use tacita_client::{ClientError, MAX_PENDING, Occurrence, Session, Visit};
use tacita_protocol::{
    channel::Channel,
    domain::Domain,
    id::{CampaignId, MeasureId},
    manifest::{DevicePolicy, Manifest},
    measure::{Event, Measure, Participation},
    tag::{LinkTag, TagStyle},
};

fn channel(name: &str) -> Channel {
    name.parse().unwrap()
}

fn session(device: &tacita_client::Device, url: &str) -> Session {
    match device.begin_session(&visit(url)).unwrap() {
        Visit::Person(session) => session,
        other => panic!("{other:?}"),
    }
}

fn tagged(url: &str, name: &str) -> String {
    let tag = LinkTag { campaign: 1, channel: channel(name), cohort: 0, generation: 0 };
    tag.append_to(url, TagStyle::Fragment).unwrap()
}

/// The label that was answered to a measure before noise.
fn label(recorded: &tacita_client::Recorded, measure: u32) -> String {
    let answer = recorded.answer(MeasureId(measure)).unwrap();
    let manifest = manifest();
    let measure = manifest.measures.iter().find(|m| m.id == answer.measure).unwrap();
    measure.domain.labels(answer.cell as usize, None).join("/")
}

#[tokio::test]
async fn a_visit_sends_one_report_for_each_slot() {
    let relay = Relay::new(&manifest());
    let (device, _) = device(&relay);
    device.refresh().await.unwrap();
    let session = session(&device, STORY);
    session.share(Channel::COPY).unwrap();
    session.share(channel("whatsapp")).unwrap();
    session.convert(Some(5.0)).unwrap();
    session.close().unwrap();
    let summary = device.flush().await;
    assert!(summary.trouble.is_none());
    assert_eq!((summary.delivered(), summary.left, device.pending()), (7, 0, 0));
    assert_eq!(relay.counts(), [(1, 1), (2, 1), (3, 2), (4, 1), (5, 1), (6, 1)].into());
}

#[tokio::test]
async fn the_presence_of_a_report_does_not_depend_on_its_value() {
    let mut presences = Vec::new();
    for (url, to, value) in [
        (FRONT.to_owned(), "whatsapp", None),
        (STORY.to_owned(), "telegram", Some(3.0)),
        (tagged(STORY, "whatsapp"), "viber", Some(f64::NAN)),
    ] {
        let relay = Relay::new(&manifest());
        let (device, _) = device(&relay);
        device.refresh().await.unwrap();
        let session = session(&device, &url);
        session.share(channel(to)).unwrap();
        session.convert(value).unwrap();
        drop(session);
        assert!(device.flush().await.trouble.is_none());
        presences.push((relay.counts(), device.ledger(), relay.inside().issued.clone()));
    }
    assert!(presences.windows(2).all(|pair| pair[0] == pair[1]), "{presences:?}");
}

#[tokio::test]
async fn a_session_slot_is_answered_with_none_where_nothing_happened() {
    let relay = Relay::new(&manifest());
    let (device, _) = device(&relay);
    device.refresh().await.unwrap();
    let recorded = session(&device, STORY).close().unwrap();
    let cells: Vec<_> = recorded.answers.iter().map(|answer| (answer.measure.0, answer.cell)).collect();
    assert_eq!(cells, [(5, 0), (6, 0)]);

    let session = session(&device, STORY);
    assert_eq!(session.share(channel("telegram")).unwrap().recorded.answers.len(), 1);
    session.share(channel("whatsapp")).unwrap();
    let recorded = session.close().unwrap();
    assert_eq!((label(&recorded, 5).as_str(), label(&recorded, 6).as_str()), ("whatsapp", ""));
}

#[tokio::test]
async fn the_values_are_how_one_came_where_one_shared_and_what_is_credited() {
    let relay = Relay::new(&manifest());
    let (device, _) = device(&relay);
    device.refresh().await.unwrap();
    let session = session(&device, &tagged(STORY, "whatsapp"));
    assert_eq!(label(session.opened(), 1), "whatsapp");
    assert_eq!(label(session.opened(), 2), "whatsapp");
    let shared = session.share(channel("telegram")).unwrap();
    assert_eq!(label(&shared.recorded, 3), "telegram");
    let tag = LinkTag::from_url(&shared.links[0].link).unwrap();
    assert_eq!((tag.campaign, tag.channel, tag.generation), (1, channel("telegram"), 1));
    assert_eq!(session.tagged_link(STORY, CampaignId(1), channel("telegram")).unwrap(), shared.links[0].link);
    assert!(matches!(session.tagged_link(STORY, CampaignId(2), Channel::COPY), Err(ClientError::UnknownCampaign(_))));
    assert_eq!(label(&session.convert(None).unwrap(), 4), "whatsapp");
}

#[tokio::test]
async fn a_conversion_that_nothing_explains_is_unattributed() {
    let relay = Relay::new(&manifest());
    let (device, clock) = device(&relay);
    device.refresh().await.unwrap();
    drop(session(&device, &tagged(STORY, "whatsapp")));
    clock.set(START.plus(7 * DAY + 30));
    assert_eq!(label(&session(&device, FRONT).convert(None).unwrap(), 4), "whatsapp");
    clock.set(START.plus(7 * DAY + 60));
    assert_eq!(label(&session(&device, FRONT).convert(None).unwrap(), 4), "unattributed");
}

#[tokio::test]
async fn reach_is_answered_once_per_device_and_window() {
    let relay = Relay::new(&manifest());
    let (device, clock) = device(&relay);
    device.refresh().await.unwrap();
    for _ in 0..3 {
        drop(session(&device, STORY));
    }
    clock.set(START.plus(DAY));
    drop(session(&device, STORY));
    assert!(device.flush().await.trouble.is_none());
    assert_eq!((relay.counts()[&1], relay.counts()[&2]), (4, 2));
}

/// A measure of sharers' profiles, by the day.
fn profiles(id: u32) -> Measure {
    let wanted = measure(id, Event::SharerProfile, Participation::Event);
    Measure { domain: Domain::new(Domain::default_dimensions(Event::SharerProfile), wanted.epsilon).unwrap(), ..wanted }
}

fn asking_for_profiles() -> Manifest {
    let mut manifest = manifest();
    manifest.measures.push(profiles(7));
    manifest
}

fn profile(recorded: &tacita_client::Recorded) -> Option<String> {
    let cell = recorded.answer(MeasureId(7))?.cell;
    Some(profiles(7).domain.labels(cell as usize, None).join("/"))
}

#[tokio::test]
async fn the_first_session_of_a_window_tells_where_the_device_shared_in_the_window_before() {
    let relay = Relay::new(&asking_for_profiles());
    let (device, clock) = device(&relay);
    device.refresh().await.unwrap();
    let days: [(u64, &[&str], &str); 5] = [
        (0, &["whatsapp", "telegram"], "neither"),
        (1, &["facebook", "native"], "private-only"),
        (2, &["native", "copy"], "public-only"),
        (3, &["x", "signal"], "neither"),
        (5, &[], "neither"),
    ];
    for (day, channels, told) in days {
        clock.set(START.plus(day * DAY + 60));
        let first = session(&device, STORY);
        assert_eq!(profile(first.opened()).as_deref(), Some(told), "day {day}");
        channels.iter().for_each(|name| drop(first.share(channel(name)).unwrap()));
        assert_eq!(profile(session(&device, STORY).opened()), None, "day {day}: once per window");
        drop(first);
        assert!(device.flush().await.trouble.is_none());
    }
    assert_eq!(relay.counts()[&7], 5);
}

#[tokio::test]
async fn what_is_remembered_of_sharing_can_be_seen_and_is_erased_by_opting_out() {
    let relay = Relay::new(&asking_for_profiles());
    let (device, clock) = device(&relay);
    device.refresh().await.unwrap();
    session(&device, STORY).share(channel("email")).unwrap();
    let line = device.sharing()[0];
    assert_eq!((line.from, line.to, line.profile.label()), (START, START.plus(DAY), "private-only"));
    clock.set(START.plus(DAY));
    assert_eq!(device.sharing(), [line]);
    clock.set(START.plus(2 * DAY));
    assert_eq!(device.sharing(), []);
    clock.set(START.plus(DAY));
    device.opt_out().unwrap();
    device.opt_in().unwrap();
    assert_eq!(device.sharing(), []);
    device.refresh().await.unwrap();
    // The budget of the epoch counts as spent: the report is sent, and says none.
    let answer = *session(&device, STORY).opened().answer(MeasureId(7)).unwrap();
    assert_eq!((answer.cell, answer.exhausted), (0, true));
}

#[tokio::test]
async fn a_profile_is_paid_for_and_sent_whatever_it_is() {
    let mut presences = Vec::new();
    for shared_to in ["whatsapp", "x", "native"] {
        let relay = Relay::new(&asking_for_profiles());
        let (device, clock) = device(&relay);
        device.refresh().await.unwrap();
        session(&device, STORY).share(channel(shared_to)).unwrap();
        clock.set(START.plus(DAY + 60));
        drop(session(&device, STORY));
        assert!(device.flush().await.trouble.is_none());
        presences.push((relay.counts(), device.ledger(), relay.inside().issued.clone()));
    }
    assert!(presences.windows(2).all(|pair| pair[0] == pair[1]), "{presences:?}");
}

#[tokio::test]
async fn occurrences_without_a_session_are_remembered_and_told_as_well() {
    let relay = Relay::new(&asking_for_profiles());
    let (device, clock) = device(&relay);
    device.refresh().await.unwrap();
    device.record(&Occurrence::new(Event::ContentShare).label("channel", "x")).unwrap();
    device.record(&Occurrence::absent(Event::Share).label("channel", "sms")).unwrap();
    device.record(&Occurrence::new(Event::Share).label("channel", "no-such-channel")).unwrap();
    clock.set(START.plus(DAY));
    assert_eq!(profile(&device.record(&Occurrence::new(Event::SharerProfile)).unwrap()).unwrap(), "public-only");
    clock.set(START.plus(2 * DAY));
    let said = Occurrence::new(Event::SharerProfile).label("profile", "both");
    assert_eq!(profile(&device.record(&said).unwrap()).unwrap(), "both");
}

/// ε = 1 each: two slots are paid for, the others answer `none`.
fn poor() -> Manifest {
    let policy = DevicePolicy { token_batch: 8, ledger_bound_micro: 2_500_000 };
    Manifest { policy, measures: vec![measure(1, Event::Share, Participation::Event)], ..manifest() }
}

#[tokio::test]
async fn an_exhausted_ledger_answers_none_and_the_report_is_sent_all_the_same() {
    let relay = Relay::new(&poor());
    let (device, _) = device(&relay);
    device.refresh().await.unwrap();
    let share = Occurrence::new(Event::Share).label("channel", "whatsapp");
    let answers: Vec<_> = (0..5).flat_map(|_| device.record(&share).unwrap().answers).collect();
    let exhausted: Vec<_> = answers.iter().map(|answer| (answer.cell, answer.exhausted)).collect();
    assert_eq!(exhausted, [(1, false), (1, false), (0, true), (0, true), (0, true)]);
    let ledger = device.ledger();
    assert_eq!((ledger[0].spent_micro, ledger[0].bound_micro), (2_000_000, 2_500_000));
    assert!(device.flush().await.trouble.is_none());
    assert_eq!(relay.counts()[&1], 5);
}

#[tokio::test]
async fn a_new_epoch_brings_a_new_budget_and_a_clock_set_back_does_not() {
    let relay = Relay::new(&poor());
    let (device, clock) = device(&relay);
    device.refresh().await.unwrap();
    let share = Occurrence::new(Event::Share).label("channel", "whatsapp");
    let exhausted = || device.record(&share).unwrap().answers[0].exhausted;
    assert_eq!([(); 3].map(|()| exhausted()), [false, false, true]);
    clock.set(START.plus(8 * DAY));
    assert_eq!([(); 3].map(|()| exhausted()), [false, false, true]);
    clock.set(START.plus(60));
    assert!(exhausted());
}

#[tokio::test]
async fn short_epochs_bring_no_new_budgets() {
    let relay = Relay::new(&Manifest { epochs: epochs_of(DAY, 9), ..poor() });
    let (device, clock) = device(&relay);
    device.refresh().await.unwrap();
    let share = Occurrence::new(Event::Share).label("channel", "whatsapp");
    let exhausted = || device.record(&share).unwrap().answers[0].exhausted;
    assert_eq!([(); 3].map(|()| exhausted()), [false, false, true]);
    for day in 1..6 {
        clock.set(START.plus(day * DAY + 60));
        assert!(exhausted(), "the epoch of day {day} has no budget of its own");
        assert_eq!(device.ledger().len(), 1);
    }
    clock.set(START.plus(6 * DAY + 60));
    assert_eq!([(); 3].map(|()| exhausted()), [false, false, true], "six days after it last began anew");
    device.opt_out().unwrap();
    device.opt_in().unwrap();
    device.refresh().await.unwrap();
    clock.set(START.plus(7 * DAY + 60));
    assert!(exhausted(), "nor does opting out and in");
}

#[tokio::test]
async fn a_campaign_has_a_budget_within_its_brands() {
    let mut manifest = Manifest { policy: DevicePolicy { token_batch: 8, ledger_bound_micro: 9_000_000 }, ..poor() };
    manifest.campaigns[0].policy.device_epsilon_micro = 1_000_000;
    let relay = Relay::new(&manifest);
    let (device, _) = device(&relay);
    device.refresh().await.unwrap();
    let share = Occurrence::new(Event::Share).label("channel", "whatsapp");
    let exhausted = || device.record(&share).unwrap().answers[0].exhausted;
    assert_eq!([(); 2].map(|()| exhausted()), [false, true]);
    assert_eq!(device.ledger()[0].spent_micro, 1_000_000);
}

#[tokio::test]
async fn a_measure_that_breaks_its_campaigns_policy_opens_no_slot() {
    let mut manifest = Manifest { policy: DevicePolicy { token_batch: 8, ledger_bound_micro: 9_000_000 }, ..poor() };
    manifest.campaigns[0].policy.report_epsilon_micro = 999_999;
    let relay = Relay::new(&manifest);
    let (device, _) = device(&relay);
    device.refresh().await.unwrap();
    let share = Occurrence::new(Event::Share).label("channel", "whatsapp");
    assert!(device.record(&share).unwrap().answers.is_empty());
    assert!(device.ledger().is_empty());
}

#[tokio::test]
async fn a_session_pays_before_it_knows_its_value() {
    let measures = vec![measure(5, Event::Share, Participation::Session)];
    let relay = Relay::new(&Manifest { measures, ..poor() });
    let (device, _) = device(&relay);
    device.refresh().await.unwrap();
    let open = session(&device, STORY);
    assert_eq!(device.ledger()[0].spent_micro, 1_000_000);
    drop(open);
    drop(session(&device, STORY));
    let broke = session(&device, STORY);
    broke.share(channel("whatsapp")).unwrap();
    let answer = broke.close().unwrap().answers[0];
    assert_eq!((answer.cell, answer.exhausted), (0, true));
}

#[tokio::test]
async fn an_absent_occurrence_opens_session_slots_alone() {
    let relay = Relay::new(&manifest());
    let (device, _) = device(&relay);
    device.refresh().await.unwrap();
    let measures = |occurrence: &Occurrence| -> Vec<u32> {
        device.record(occurrence).unwrap().answers.iter().map(|answer| answer.measure.0).collect()
    };
    assert_eq!(measures(&Occurrence::absent(Event::Share)), [5]);
    assert_eq!(measures(&Occurrence::new(Event::Share).label("channel", "whatsapp")), [3, 5]);
    assert_eq!(measures(&Occurrence::absent(Event::Arrival)), [0_u32; 0]);
}

#[tokio::test]
async fn a_simulated_device_repeats_its_answers() {
    let answers = async |seed: u8| {
        let relay = Relay::new(&manifest());
        let config = tacita_client::DeviceConfig::new(PUBLISHER, pinned()).simulated([seed; 32]);
        let clock = std::sync::Arc::new(tacita_protocol::time::ManualClock::new(START));
        let device =
            tacita_client::Device::open(config, tacita_client::MemoryStorage::new(), relay.clone(), clock).unwrap();
        device.refresh().await.unwrap();
        for _ in 0..20 {
            device.record(&Occurrence::new(Event::Arrival).label("channel", "whatsapp")).unwrap();
        }
        assert!(device.flush().await.trouble.is_none());
        let mut values: Vec<_> = relay.reports().iter().map(|report| report.value).collect();
        values.sort_unstable();
        values
    };
    assert_eq!(answers(1).await, answers(1).await);
    assert_ne!(answers(1).await, answers(2).await);
}

#[tokio::test]
async fn who_has_no_manifest_is_told_to_fetch_one() {
    let relay = Relay::new(&manifest());
    let (device, clock) = device(&relay);
    assert!(matches!(device.begin_session(&visit(STORY)), Err(ClientError::NoManifest)));
    device.refresh().await.unwrap();
    clock.set(START.plus(100 * DAY));
    assert!(matches!(device.begin_session(&visit(STORY)), Err(ClientError::NoActiveEpoch)));
}

#[tokio::test]
async fn robots_previews_and_internal_visits_are_not_measured() {
    let relay = Relay::new(&manifest());
    let (device, _) = device(&relay);
    device.refresh().await.unwrap();
    let from = |user_agent: &'static str, referrer: &'static str| {
        let evidence = tacita_protocol::arrival::Evidence { user_agent, referrer, ..visit(STORY) };
        device.begin_session(&evidence).unwrap()
    };
    assert!(matches!(from("TelegramBot (like TwitterBot)", ""), Visit::Preview(Some(_))));
    assert!(matches!(from("Mozilla/5.0 (compatible; Googlebot/2.1)", ""), Visit::Robot));
    assert!(matches!(from("", FRONT), Visit::Internal));
    assert_eq!(device.pending(), 0);
}

#[tokio::test]
async fn what_waits_is_bounded_and_nothing_that_waits_is_given_up_for_it() {
    let relay = Relay::new(&manifest());
    let (device, _) = device(&relay);
    device.refresh().await.unwrap();
    let arrival = Occurrence::new(Event::Arrival).label("channel", "search");
    for _ in 0..MAX_PENDING {
        device.record(&arrival).unwrap();
    }
    assert!(matches!(device.record(&arrival), Err(ClientError::Full)));
    assert!(matches!(device.begin_session(&visit(STORY)), Err(ClientError::Full)));
    assert_eq!(device.pending(), MAX_PENDING);
}
