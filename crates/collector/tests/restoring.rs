//! A store that was restored to an earlier instant never counts a token twice, on both engines, and goes on with new epochs.
#![allow(clippy::unwrap_used)]

use std::{collections::BTreeMap, fs, path::Path, process::Command, sync::Arc, time::Duration};

use tacita_collector::{CollectorConfig, CollectorError, StoreConfig, mark_restored};
use tacita_proto::v1::{self, backup_response::Content};
use tacita_protocol::{
    epoch::{EpochEntry, EpochSchedule, EpochState},
    outcome::{Outcome, Refusal},
    time::{Clock as _, ManualClock},
};
use tacita_store::{PostgresStore, backup::Part, embedded::EmbeddedStore};
use tokio::time::{Instant, sleep};
use tonic::Code;

use crate::{
    server::Fresh,
    support::{Cast, House, limit_of, seal, until_free},
};

const SCHEDULE: EpochSchedule = EpochSchedule { active_seconds: 1_000, grace_seconds: 500, published_ahead: 2 };

/// Parts of a backup over the wire, with its cut.
async fn backup(house: &House) -> (v1::BackupCut, Vec<Part>) {
    let mut answers = house.admin().backup(v1::BackupRequest {}).await.unwrap().into_inner();
    let (mut cut, mut parts) = (None, Vec::new());
    while let Some(answer) = answers.message().await.unwrap() {
        assert_eq!(cut, None, "the cut comes last");
        match answer.content.unwrap() {
            Content::Part(v1::BackupPart { table, rows }) => parts.push(Part { table, rows }),
            Content::Cut(last) => cut = Some(last),
        }
    }
    (cut.expect("a whole backup ends with its cut"), parts)
}

fn advance(cast: &Cast, seconds: u64) {
    cast.house.clock.set(cast.house.clock.now().plus(seconds));
}

/// Waits until the keeper has caught up with the clock: an epoch is active, and tokens of it are issued.
async fn until_active(cast: &Cast) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let manifest = cast.daily.manifest().await;
        let batch = manifest.policy.token_batch as usize;
        if let Some(active) = manifest.active_epoch(cast.house.clock.now())
            && cast.daily.tokens_of(active, batch).await.is_ok()
        {
            return;
        }
        assert!(Instant::now() < deadline, "no epoch becomes active");
        sleep(Duration::from_millis(20)).await;
    }
}

/// What happened before the cut and after it: envelopes, and what devices knew at the end.
struct Past {
    /// Counted before and after the cut, and never sent: none of them may count in the restored store.
    envelopes: Vec<Vec<u8>>,
    manifest: tacita_protocol::manifest::Manifest,
}

async fn counted(cast: &Cast) -> u64 {
    cast.house.report("acme/spring").await.measures[0].reports
}

/// Counts one report after the cut, and one under an epoch that the cut does not know; seals one that is not sent.
async fn after_the_cut(cast: &mut Cast, before: Vec<u8>) -> Past {
    let arrivals = cast.arrivals.clone();
    let [counted_after, in_flight] = [cast.daily.sealed(&arrivals, 1).await, cast.daily.sealed(&arrivals, 2).await];
    assert_eq!(cast.daily.submit(vec![counted_after.clone()]).await.unwrap(), [Outcome::Counted]);
    // Epochs on, whose keys are published after the cut.
    let known = cast.daily.manifest().await.epochs.last().unwrap().epoch;
    for _ in 0..3 {
        advance(cast, SCHEDULE.active_seconds);
        until_active(cast).await;
    }
    assert!(cast.daily.active_epoch().await.epoch > known, "the active epoch is one that the cut does not know");
    let later = cast.daily.sealed(&arrivals, 3).await;
    assert_eq!(cast.daily.submit(vec![later.clone()]).await.unwrap(), [Outcome::Counted]);
    assert_eq!(counted(cast).await, 3);
    Past { envelopes: vec![before, counted_after, in_flight, later], manifest: cast.daily.manifest().await }
}

/// Nothing of the past counts, and what is new does; devices take the new manifest for newer.
async fn assert_goes_on(cast: &mut Cast, past: Past) {
    assert_eq!(counted(cast).await, 1, "the counts are those of the cut");
    for envelope in past.envelopes {
        let outcomes = cast.daily.submit(vec![envelope]).await.unwrap();
        let closed = [Refusal::ClosedEpoch, Refusal::UnknownEpoch].map(Outcome::Refused);
        assert!(closed.contains(&outcomes[0]), "{outcomes:?}");
    }
    assert_eq!(counted(cast).await, 1);
    let manifest = cast.daily.manifest().await;
    let status = cast.house.status().await;
    let (now, first) = (cast.house.clock.now(), manifest.epochs[0].epoch.0);
    let shown = status.epochs.iter().map(|entry| EpochEntry::try_from(entry).unwrap());
    let (old, new): (Vec<_>, Vec<_>) = shown.partition(|entry| entry.epoch.0 < first);
    assert!(old.iter().all(|entry| entry.state(now) == EpochState::Closed), "those of before are closed: {old:?}");
    assert!(old.len() == 3 && new.iter().all(|entry| entry.state(now) != EpochState::Closed), "{new:?}");
    assert!(manifest.revision > past.manifest.revision, "{} after {}", manifest.revision, past.manifest.revision);
    let last = past.manifest.epochs.last().unwrap();
    assert_eq!(manifest.epochs.len(), 3);
    for entry in &manifest.epochs {
        assert!(entry.epoch > last.epoch.next(), "{} after {}", entry.epoch, last.epoch);
        assert!(past.manifest.epochs.iter().all(|old| old.public_key != entry.public_key), "a key is published once");
    }
    let arrivals = cast.arrivals.clone();
    let new = cast.daily.sealed(&arrivals, 1).await;
    assert_eq!(cast.daily.submit(vec![new.clone(), new]).await.unwrap(), [Outcome::Counted, Outcome::AlreadyCounted]);
    assert_eq!(counted(cast).await, 2);
}

async fn reopened(cast: Cast, between: impl AsyncFnOnce(&CollectorConfig, &ManualClock)) -> Cast {
    let Cast { house, daily, weekly, acme, rival, arrivals, elsewhere } = cast;
    let house = house.reopen_after(between).await;
    let (daily, weekly) = (daily.at(&house), weekly.at(&house));
    Cast { house, daily, weekly, acme, rival, arrivals, elsewhere }
}

#[tokio::test]
async fn a_restored_embedded_store_counts_no_token_twice() {
    let mut cast = Cast::with(|config| config.schedule = SCHEDULE).await;
    let arrivals = cast.arrivals.clone();
    let before = cast.daily.sealed(&arrivals, 0).await;
    assert_eq!(cast.daily.submit(vec![before.clone()]).await.unwrap(), [Outcome::Counted]);
    let (cut, parts) = backup(&cast.house).await;
    let past = after_the_cut(&mut cast, before).await;
    let mut cast = reopened(cast, async |config, clock| {
        let store = config.data.join("store");
        fs::rename(&store, config.data.join("lost")).unwrap();
        EmbeddedStore::restore(&store, cut.schema, parts.into_iter().map(Ok)).unwrap();
        let restored = mark_restored(config, Arc::new(clock.clone())).await.unwrap();
        assert_eq!(restored.closed.len(), 3);
        assert!(restored.keys_destroyed >= 3, "{restored:?}");
        // Again, as if the first time had been cut short: nothing is worse for it.
        let twice = mark_restored(config, Arc::new(clock.clone())).await.unwrap();
        assert!(twice.closed.is_empty() && twice.next_epoch > restored.next_epoch, "{twice:?}");
    })
    .await;
    assert_goes_on(&mut cast, past).await;
    assert_eq!(cast.house.who_made("restored").await, "collector");
    // What was restored can be backed up in its turn.
    assert!(backup(&cast.house).await.0.log_length > cut.log_length);
}

#[tokio::test]
async fn a_collector_does_not_start_on_a_restored_store_with_the_keys_of_the_time_that_is_lost() {
    let cast = Cast::with(|config| config.schedule = SCHEDULE).await;
    let keys: BTreeMap<_, _> = files(&cast.house.config.vault);
    reopened(cast, async |config, clock| {
        mark_restored(config, Arc::new(clock.clone())).await.unwrap();
        let (name, key) = keys.iter().find(|(name, _)| name.ends_with(".key")).unwrap();
        fs::write(config.vault.join(name), key).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let started =
            tacita_collector::Collector::start(config.clone(), listener, Arc::new(clock.clone())).await.map(drop);
        assert!(matches!(&started, Err(CollectorError::VaultOfLostTime(_))), "{started:?}");
        fs::remove_file(config.vault.join(name)).unwrap();
    })
    .await;
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap())).collect()
}

/// Runs one of PostgreSQL's own tools.
fn tool(name: &str, args: &[&str]) {
    let installed = tacita_store::postgres::scratch::program(name).unwrap();
    let output = Command::new(installed).args(args).output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_restored_by_pg_restore_counts_no_token_twice() {
    let Some(database) = Fresh::new().await else { return };
    let url = database.url();
    PostgresStore::init(&url.parse().unwrap(), false).await.unwrap();
    let store = StoreConfig::Postgres(url.parse().unwrap());
    let mut cast = Cast::with(|config| (config.schedule, config.store) = (SCHEDULE, store)).await;
    let arrivals = cast.arrivals.clone();
    let before = cast.daily.sealed(&arrivals, 0).await;
    assert_eq!(cast.daily.submit(vec![before.clone()]).await.unwrap(), [Outcome::Counted]);
    let dump = cast.house.dir.path().join("dump");
    let dump = dump.to_str().unwrap();
    tool("pg_dump", &["--format=custom", "--schema=tacita", "--file", dump, &url]);
    let refused = cast.house.admin().backup(v1::BackupRequest {}).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused}");
    assert!(refused.message().contains("pg_dump"), "{refused}");
    let past = after_the_cut(&mut cast, before).await;
    let mut cast = reopened(cast, async |config, clock| {
        database.sql("DROP SCHEMA tacita CASCADE").await;
        tool("pg_restore", &["--dbname", &url, dump]);
        let restored = mark_restored(config, Arc::new(clock.clone())).await.unwrap();
        assert_eq!(restored.closed.len(), 3);
    })
    .await;
    assert_goes_on(&mut cast, past).await;
}

#[tokio::test]
async fn one_backup_is_made_at_a_time_by_an_operator() {
    let cast = Cast::assemble().await;
    let brand = tacita_proto::v1::admin_service_client::AdminServiceClient::new(cast.house.caller(&cast.acme));
    let refused = brand.clone().backup(v1::BackupRequest {}).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    // Some 10 MB in parts of half a megabyte: more than waits on the way to a reader who does not read.
    for number in 0..20 {
        let ids = (0..2_000).map(|id| format!("{number}/{id}/{}", "x".repeat(240))).collect();
        let request = v1::CreateMeasureRequest {
            campaign: "acme/spring".into(),
            name: format!("contents-{number}"),
            event: v1::Event::ContentShare.into(),
            epsilon_micro: 4_000_000,
            contents: Some(v1::Contents { ids, tail: 0 }),
            ..Default::default()
        };
        cast.house.admin().create_measure(request).await.unwrap();
    }
    let ask = async || cast.house.admin().backup(v1::BackupRequest {}).await;
    let unread = ask().await.unwrap();
    assert_eq!(limit_of(&ask().await.unwrap_err()), ("backups".into(), 1));
    drop(unread);
    until_free(ask).await;
}

#[tokio::test]
async fn a_backup_is_in_the_audit_log_and_in_itself_and_no_manifest_changes() {
    let Cast { house, daily, .. } = Cast::assemble().await;
    let before = daily.signed_manifest().await;
    let request = v1::CreateApiKeyRequest { role: v1::Role::Operator.into(), read_only: true, ..Default::default() };
    let (_, reader) = house.make_key(request).await;
    let reader = tacita_proto::v1::admin_service_client::AdminServiceClient::new(house.caller(&reader));
    let refused = reader.clone().backup(v1::BackupRequest {}).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused}");
    let revision = daily.manifest().await.revision;

    let (cut, parts) = backup(&house).await;

    let entries = house.audited().await;
    let last = entries.last().unwrap();
    assert_eq!(
        (&last["by"]["api-key"]["number"], &last["change"]["backup-taken"]),
        (&1.into(), &serde_json::json!({}))
    );
    assert_eq!(cut.log_length, entries.len() as u64);
    let holds = |part: &Part| part.rows.windows(12).any(|bytes| bytes == b"backup-taken");
    assert!(parts.iter().any(holds), "it stands in the backup itself");
    assert_eq!(daily.manifest().await.revision, revision, "no manifest is made anew");
    assert!(before.manifest != daily.signed_manifest().await.manifest, "but by the key that was made");
}

#[tokio::test]
async fn counts_past_their_time_are_deleted_for_good_and_answers_say_so() {
    const DAY: u64 = 86_400;
    let mut cast = Cast::with(|config| config.retention.tallies = Duration::from_secs(30 * DAY)).await;
    let arrivals = cast.arrivals.clone();
    let old = cast.daily.sealed(&arrivals, 0).await;
    assert_eq!(cast.daily.submit(vec![old]).await.unwrap(), [Outcome::Counted]);
    let first = cast.house.report("acme/spring").await;
    assert!(first.notices.iter().all(|notice| notice.code != "DELETED"), "{:?}", first.notices);
    advance(&cast, 20 * DAY);
    until_active(&cast).await;
    let token = cast.daily.token().await;
    let report = cast.daily.report(&arrivals, 1);
    assert_eq!(cast.daily.submit(vec![seal(token, report)]).await.unwrap(), [Outcome::Counted]);
    assert_eq!(counted(&cast).await, 2);
    advance(&cast, 15 * DAY);
    let deadline = Instant::now() + Duration::from_secs(60);
    let answer = loop {
        let answer = cast.house.report("acme/spring").await;
        if answer.notices.iter().any(|notice| notice.code == "DELETED") {
            break answer;
        }
        assert!(Instant::now() < deadline, "{:?}", answer.notices);
        sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(answer.measures[0].reports, 1, "the first window is gone, the second is not");
    assert_eq!(cast.house.who_made("tallies-deleted").await, "collector");
    let cast = reopened(cast, async |_, _| {}).await;
    assert_eq!(counted(&cast).await, 1);
}
