//! Several collectors on one PostgreSQL database: they follow each other, share the keys, and count each report once
//! between them.
#![allow(clippy::unwrap_used)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tacita_collector::{Collector, CollectorConfig, CollectorError, StoreConfig};
use tacita_proto::v1;
use tacita_protocol::{
    measure::Measure,
    outcome::{Outcome, Refusal},
    report::Report,
    time::{ManualClock, WindowId},
};
use tacita_store::{PostgresOptions, PostgresStore, SeriesTally, TallyStore as _};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use tonic::Code;

use crate::{
    server::{self, Fresh},
    support::{Cast, Device, House, NOON, cells, seal},
};

/// Reports of one load; each raises a counter that no other one raises.
const REPORTS: usize = 1_500;
/// Reports of one request.
const BATCH: usize = 50;

/// An empty store in this database.
async fn prepare(database: &Fresh) -> StoreConfig {
    let url = database.url().parse().unwrap();
    PostgresStore::init(&url, false).await.unwrap();
    StoreConfig::Postgres(url)
}

async fn cast(database: &Fresh) -> Cast {
    let store = prepare(database).await;
    Cast::with(|config| config.store = store).await
}

/// A measure with a counter for each report.
async fn wide_measure(house: &House) -> Measure {
    let ids = (0..REPORTS).map(|number| format!("/stories/{number}")).collect();
    let request = v1::CreateMeasureRequest {
        campaign: "acme/spring".into(),
        name: "stories".into(),
        event: v1::Event::ContentShare.into(),
        epsilon_micro: 4_000_000,
        contents: Some(v1::Contents { ids, tail: 0 }),
        ..Default::default()
    };
    let answer = house.admin().create_measure(request).await.unwrap().into_inner();
    Measure::try_from(&answer.measure.unwrap()).unwrap()
}

fn window(measure: &Measure) -> WindowId {
    measure.window.window_at(NOON)
}

/// Report `n` raises counter `n`.
async fn envelopes(device: &Device, measure: &Measure) -> Vec<Vec<u8>> {
    let mut tokens = Vec::new();
    while tokens.len() < REPORTS {
        tokens.extend(device.tokens().await);
    }
    let report = |value| Report { measure: measure.id, window: window(measure), value };
    tokens.into_iter().zip(0..REPORTS as u64).map(|(token, value)| seal(token, report(value))).collect()
}

/// Sends one batch until it is answered, as a relay does: the outcome of each report.
async fn persist(device: &Device, batch: Vec<Vec<u8>>) -> Vec<Outcome> {
    for _ in 0..600 {
        match device.submit(batch.clone()).await {
            Ok(outcomes) => return outcomes,
            Err(status) => assert!(
                matches!(status.code(), Code::Unavailable | Code::ResourceExhausted),
                "nothing that a relay would give up on: {status:?}"
            ),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("a batch was not answered in a minute");
}

/// Every report counted, and none twice.
async fn assert_each_counted_once(database: &Fresh, measure: &Measure) {
    let store = PostgresStore::open(&database.url().parse().unwrap(), PostgresOptions::default()).await.unwrap();
    let window = window(measure);
    let tallies = store.tallies(measure.id, window..WindowId(window.0 + 1)).await.unwrap();
    let [SeriesTally { reports, counters, .. }] = &tallies[..] else { panic!("{} series", tallies.len()) };
    assert_eq!(*counters, (0..REPORTS as u32).map(|counter| (counter, 1)).collect::<Vec<_>>());
    assert_eq!(*reports, REPORTS as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn three_collectors_that_are_all_sent_the_same_reports_count_each_once_without_deadlock() {
    let Some(database) = Fresh::new().await else { return };
    let Cast { house, daily, .. } = cast(&database).await;
    let measure = wide_measure(&house).await;
    let envelopes = Arc::new(envelopes(&daily, &measure).await);
    let houses = [house.another().await, house.another().await, house];

    let mut uploads = JoinSet::new();
    for (place, house) in houses.iter().enumerate() {
        for batch in 0..REPORTS / BATCH {
            let (device, envelopes) = (daily.at(house), envelopes.clone());
            uploads.spawn(async move {
                // The same batches everywhere, at each collector in another order, and with another one's neighbours mixed in.
                let first = (batch * BATCH + place * BATCH / 3) % REPORTS;
                let mut mine: Vec<_> = (0..BATCH).map(|n| envelopes[(first + n) % REPORTS].clone()).collect();
                mine.rotate_left(place * 7);
                persist(&device, mine).await
            });
        }
    }
    let outcomes = uploads.join_all().await.concat();
    let number = |wanted| outcomes.iter().filter(|&&outcome| outcome == wanted).count();
    assert_eq!(number(Outcome::Counted), REPORTS);
    assert_eq!(number(Outcome::AlreadyCounted), 2 * REPORTS);
    assert_each_counted_once(&database, &measure).await;

    let retries: u64 = houses.iter().map(|house| house.collector.store_retries()).sum();
    println!("{retries} retries");
    assert!(retries <= 30, "{retries} retries of {} commits", 3 * 8 * REPORTS / BATCH);
    for house in houses {
        house.collector.shutdown().await.unwrap();
    }
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(database.sql(deadlocks).await, ["0"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_database_that_is_stopped_for_seconds_in_mid_load_costs_no_report() {
    let Some(server) = server::alone() else { return };
    let database = Fresh::on(server.url()).await;
    let Cast { house, daily, .. } = cast(&database).await;
    let measure = wide_measure(&house).await;
    let envelopes = envelopes(&daily, &measure).await;
    let houses = [house.another().await, house];

    let (gone, is_gone) = watch::channel(false);
    let answered = Arc::new(AtomicUsize::new(0));
    let mut uploads = JoinSet::new();
    for (number, batch) in envelopes.chunks(BATCH).enumerate() {
        let (device, batch, answered) = (daily.at(&houses[number % 2]), batch.to_vec(), answered.clone());
        let mut is_gone = is_gone.clone();
        uploads.spawn(async move {
            if number * BATCH > REPORTS / 2 {
                // The later half comes while nobody is there.
                is_gone.wait_for(|gone| *gone).await.unwrap();
            }
            let outcomes = persist(&device, batch).await;
            answered.fetch_add(1, Ordering::Relaxed);
            outcomes
        });
    }
    while answered.load(Ordering::Relaxed) < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let server = Arc::new(server);
    let on_server = |act: fn(&tacita_store::postgres::scratch::ScratchServer)| {
        let server = server.clone();
        async move { tokio::task::spawn_blocking(move || act(&server)).await.unwrap() }
    };
    on_server(|server| server.stop().unwrap()).await;
    gone.send(true).unwrap();
    // A question waits as long as a call may, and is then told to come again.
    let asked = houses[0].ask(&houses[0].operator, cells("acme/spring")).await.unwrap_err();
    assert_eq!(asked.code(), Code::Unavailable, "{asked:?}");
    assert!(uploads.try_join_next().is_none_or(|done| done.is_ok()));
    on_server(|server| server.go().unwrap()).await;

    let outcomes = uploads.join_all().await.concat();
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Counted | Outcome::AlreadyCounted)));
    assert_each_counted_once(&database, &measure).await;
    assert!(houses.iter().map(|house| house.collector.store_retries()).sum::<u64>() > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn collectors_follow_each_others_catalogue_epochs_and_keys() {
    let Some(database) = Fresh::new().await else { return };
    let Cast { house: first, mut daily, arrivals, .. } = cast(&database).await;
    let second = first.another().await;
    assert!(second.collector.operator_key().is_err(), "the first collector has the operator's key");
    let directory = |status: v1::GetStatusResponse| (status.signing_key, status.epochs);
    assert_eq!(directory(first.status().await), directory(second.status().await));

    // Tokens of the one are good at the other.
    let envelope = daily.sealed(&arrivals, 1).await;
    assert_eq!(daily.at(&second).submit(vec![envelope.clone()]).await.unwrap(), [Outcome::Counted]);
    assert_eq!(daily.submit(vec![envelope]).await.unwrap(), [Outcome::AlreadyCounted]);

    // A measure made here a moment ago is known there: nothing is refused for being news.
    let measure = first.create_measure("acme/spring", "fresh", 2_000_000).await;
    let envelope = daily.sealed(&measure, 2).await;
    assert_eq!(daily.at(&second).submit(vec![envelope]).await.unwrap(), [Outcome::Counted]);

    // A rotation there is one here.
    first.clock.set(NOON.plus(600));
    second.admin().rotate_epoch(v1::RotateEpochRequest::default()).await.unwrap();
    let expected = directory(second.status().await);
    for _ in 0..600 {
        if directory(first.status().await) == expected {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(directory(first.status().await), expected);
    let token = daily.token().await;
    assert_eq!(token.epoch(), 2);
    let envelope = seal(token, daily.report(&arrivals, 1));
    assert_eq!(daily.at(&second).submit(vec![envelope]).await.unwrap(), [Outcome::Counted]);

    // What one has closed is closed for the other, and the key is gone for both.
    let closes = daily.manifest().await.epochs[0].closes_at;
    first.clock.set(closes);
    let manifests = async |house: &House| daily.at(house).manifest().await.epochs.first().unwrap().epoch.0;
    for _ in 0..600 {
        if manifests(&first).await == 2 && manifests(&second).await == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!((manifests(&first).await, manifests(&second).await), (2, 2));
    assert_eq!(directory(first.status().await), directory(second.status().await));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_vault_that_is_given_up_at_one_collector_is_used_by_no_other() {
    let Some(database) = Fresh::new().await else { return };
    let Cast { house: first, mut daily, arrivals, .. } = cast(&database).await;
    let second = first.another().await;
    let before = daily.manifest().await.epochs;
    let envelope = daily.sealed(&arrivals, 1).await;
    let compromise = Some(v1::Compromise { reason: "copied".into(), grace_seconds: 0 });
    second.admin().rotate_epoch(v1::RotateEpochRequest { compromise }).await.unwrap();

    // Whatever the other one knows yet: nothing of those epochs counts.
    let outcomes = daily.submit(vec![envelope]).await.unwrap();
    assert_eq!(outcomes, [Outcome::Refused(Refusal::ClosedEpoch)]);
    // And as soon as it reads on, it issues none of their tokens and serves the fresh keys.
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while daily.manifest().await.epochs.iter().any(|entry| before.contains(entry)) {
        assert!(tokio::time::Instant::now() < deadline, "the other collector does not follow");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for entry in &before {
        assert_eq!(daily.tokens_of(entry, 32).await.unwrap_err().code(), tonic::Code::FailedPrecondition);
    }
    let envelope = daily.sealed(&arrivals, 1).await;
    assert_eq!(daily.at(&second).submit(vec![envelope]).await.unwrap(), [Outcome::Counted]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_key_that_is_revoked_at_one_collector_ends_at_the_others_with_its_open_streams() {
    let Some(database) = Fresh::new().await else { return };
    let Cast { house: first, acme, .. } = cast(&database).await;
    let second = first.another().await;
    let mut alerts =
        second.reporting(&acme).watch_alerts(v1::WatchAlertsRequest::default()).await.unwrap().into_inner();
    first.revoke(acme.split('_').nth(1).unwrap().parse().unwrap()).await;
    let ended = tokio::time::timeout(Duration::from_secs(60), alerts.message()).await.expect("it ends with its key");
    assert_eq!(ended.unwrap_err().code(), Code::Unauthenticated);
    let refused = second.reporting(&acme).list_campaigns(v1::ListCampaignsRequest {}).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn collectors_that_start_together_on_an_empty_store_agree_on_epochs_keys_and_operator() {
    let Some(database) = Fresh::new().await else { return };
    let store = prepare(&database).await;
    let dir = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(NOON);
    let starts = (0..4).map(|number| {
        let mut config = CollectorConfig::new(dir.path().join(format!("{number}")));
        (config.store, config.vault) = (store.clone(), dir.path().join("vault"));
        let clock = Arc::new(clock.clone());
        async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            Collector::start(config, listener, clock).await.unwrap()
        }
    });
    let collectors = JoinSet::from_iter(starts).join_all().await;
    assert!(collectors.iter().all(|collector| collector.signing_key() == collectors[0].signing_key()));
    let operators = collectors.iter().filter(|collector| collector.operator_key().is_ok()).count();
    assert_eq!(operators, 1);
    let of_kind = |kind: &str| {
        format!("SELECT count(*) FROM tacita.change_log WHERE convert_from(entry, 'UTF8') LIKE '%{kind}%'")
    };
    assert_eq!(database.sql(&of_kind("epoch-published")).await, ["3"]);
    assert_eq!(database.sql(&of_kind("signing-key-adopted")).await, ["1"]);
    assert_eq!(database.sql(&of_kind("api-key-created")).await, ["1"]);
    for collector in collectors {
        collector.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn a_collector_with_another_vault_is_sent_away() {
    let Some(database) = Fresh::new().await else { return };
    let Cast { house, .. } = cast(&database).await;
    let start = async |config: CollectorConfig| {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Collector::start(config, listener, Arc::new(house.clock.clone())).await.map(drop).unwrap_err()
    };
    let data = house.dir.path().join("other");
    let config = CollectorConfig { store: house.config.store.clone(), ..CollectorConfig::new(&data) };
    let refused = start(config.clone()).await;
    let vault = data.join("keys");
    assert!(matches!(&refused, CollectorError::SigningKeyMissing(missing) if *missing == vault), "{refused}");
    assert!(refused.to_string().contains("--vault"), "{refused}");
    assert!(!vault.join("signing").exists(), "nothing is left there to be taken for the key");
    std::fs::write(vault.join("signing"), [7; 32]).unwrap();
    let refused = start(config.clone()).await;
    assert!(matches!(&refused, CollectorError::AnotherVault(other) if *other == vault), "{refused}");
    assert!(refused.to_string().contains("one vault"), "{refused}");

    // Nor do keys that are in use serve a second store.
    let Some(other) = Fresh::new().await else { return };
    let config = CollectorConfig { store: prepare(&other).await, data: data.clone(), ..house.config.clone() };
    let refused = start(config).await;
    assert!(matches!(refused, CollectorError::VaultOfAnotherStore(_)), "{refused}");
}

#[tokio::test]
async fn a_collector_says_what_to_run_where_the_schema_is_missing() {
    let Some(database) = Fresh::new().await else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut config = CollectorConfig::new(dir.path());
    config.store = StoreConfig::Postgres(database.url().parse().unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refused = Collector::start(config, listener, Arc::new(ManualClock::new(NOON))).await.unwrap_err();
    assert!(refused.to_string().contains("run `tacita store init`"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn collectors_at_once_never_issue_more_than_the_quota_of_a_publisher() {
    let Some(database) = Fresh::new().await else { return };
    let store = prepare(&database).await;
    // Ten batches and a part of one: a share is a batch, so what is issued is exact.
    let Cast { house, daily, .. } = Cast::with(|config| {
        config.store = store;
        config.limits.tokens_per_publisher = 10 * 32 + 7;
    })
    .await;
    let other = house.another().await;
    let epoch = daily.active_epoch().await;
    let mut buyers = JoinSet::new();
    for house in [&house, &other] {
        for _ in 0..4 {
            let (device, epoch) = (daily.at(house), epoch.clone());
            buyers.spawn(async move {
                let mut batches = 0;
                loop {
                    match device.tokens_of(&epoch, 32).await {
                        Ok(_) => batches += 1,
                        Err(status) if status.code() == Code::ResourceExhausted => return batches,
                        Err(status) => panic!("{status:?}"),
                    }
                }
            });
        }
    }
    let bought: Vec<u32> = buyers.join_all().await;
    assert_eq!(bought.iter().sum::<u32>(), 10, "{bought:?}");
    let house = house.reopen().await;
    assert!(daily.at(&house).tokens_of(&epoch, 32).await.is_err(), "nor after a restart");
}
