//! The audit log: what is in it, and that whatever is done to a store's log is found and named.
#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, LazyLock},
    time::Duration,
};

use serde_json::Value;
use tacita_collector::{Collector, CollectorConfig, CollectorError, StoreConfig};
use tacita_observability::{LogFilter, LogFormat};
use tacita_proto::v1::{self, audit_service_client::AuditServiceClient};
use tacita_protocol::{
    audit::{Broken, Head, Link, Place, walk},
    time::ManualClock,
};
use tacita_store::{
    ChangeLog as _, PostgresStore, PostgresUrl,
    embedded::{EmbeddedOptions, EmbeddedStore},
    postgres::scratch::query,
};
use tokio::{net::TcpListener, sync::Mutex};
use tonic::Code;

use crate::{
    server::Fresh,
    support::{Cast, House, NOON, PATIENCE},
};

/// The filter of this program's log, of which there is one: each test waits until it has it to itself.
static LOG: LazyLock<Mutex<LogFilter>> =
    LazyLock::new(|| Mutex::new(LogFilter::to_stderr(LogFormat::Text, "off").unwrap()));

/// Another filter that is as quiet.
const FILTER: &str = "off,tacita_store=off";

/// Kinds of entries that are looked for elsewhere: in `restoring.rs` and `alerts.rs`; and one that is written no more.
const ELSEWHERE: [&str; 5] = ["restored", "tallies-deleted", "surge-found", "surge-told", "campaign-declared"];

/// Every kind of entry that there is, out of the source.
fn kinds() -> BTreeSet<String> {
    let source = include_str!("../src/catalogue/change.rs").split_once("enum Change {").unwrap().1;
    let lines = source.split_once("\n}").unwrap().0.lines().filter_map(|line| line.strip_prefix("    "));
    let variants = lines.filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()));
    let kind = |variant: &str| {
        let name = variant.split(|letter: char| !letter.is_alphanumeric()).next().unwrap();
        let hyphened = name.chars().flat_map(|letter| letter.is_uppercase().then_some('-').into_iter().chain([letter]));
        hyphened.skip(1).collect::<String>().to_lowercase()
    };
    variants.map(kind).collect()
}

async fn auditor(house: &House) -> String {
    house.create_key(v1::Role::Auditor, "").await
}

/// The log as an auditor reads it, in pages of three.
async fn entries(house: &House, key: &str) -> Vec<v1::AuditEntry> {
    let mut entries: Vec<v1::AuditEntry> = Vec::new();
    loop {
        let request = v1::ListAuditEntriesRequest { from: entries.len() as u64, page_size: 3 };
        let page = AuditServiceClient::new(house.caller(key)).list_audit_entries(request).await.unwrap().into_inner();
        assert!(page.entries.len() <= 3);
        entries.extend(page.entries);
        if !page.more {
            return entries;
        }
    }
}

fn links(entries: &[v1::AuditEntry]) -> Vec<Link> {
    let link = |entry: &v1::AuditEntry| match entry.entry.is_empty() {
        true => Link { digest: Head(entry.digest.clone().try_into().unwrap()), place: Place::Unsaid },
        false => Link::read(&entry.entry),
    };
    entries.iter().map(link).collect()
}

/// The head that a collector remembers, and of how many entries.
async fn head(house: &House, key: &str) -> (u64, Head) {
    let mut audit = AuditServiceClient::new(house.caller(key));
    let head = audit.get_audit_head(v1::GetAuditHeadRequest {}).await.unwrap().into_inner();
    (head.length, Head(head.head.try_into().unwrap()))
}

fn read(entry: &v1::AuditEntry) -> Value {
    serde_json::from_slice(&entry.entry).unwrap()
}

#[tokio::test]
async fn every_change_is_logged_with_who_made_it_and_when_and_no_secret_is() {
    let log = LOG.lock().await;
    log.set("off").unwrap();
    let Cast { house, daily, acme, rival, .. } = Cast::with(|config| config.log = Some(log.clone())).await;
    let key = auditor(&house).await;
    daily.token().await;
    let contents = v1::CreateMeasureRequest {
        campaign: "acme/spring".into(),
        name: "contents".into(),
        event: v1::Event::ContentShare.into(),
        epsilon_micro: 4_000_000,
        contents: Some(v1::Contents { ids: vec!["/one".into(), "/two".into()], tail: 0 }),
        ..Default::default()
    };
    house.admin().create_measure(contents).await.unwrap();
    house.clock.set(NOON.plus(60));
    let said = v1::Declaration {
        market: "a market of ours".into(),
        webhooks: vec![v1::Webhook { url: "https://acme.example/hook?token=hidden".into(), ..Default::default() }],
        ..Default::default()
    };
    let request = v1::DeclareCampaignRequest { campaign: "acme/spring".into(), declaration: Some(said) };
    house.reporting(&acme).declare_campaign(request).await.unwrap();
    house.admin().rotate_epoch(v1::RotateEpochRequest::default()).await.unwrap();
    let compromise = Some(v1::Compromise { reason: "copied".into(), grace_seconds: 0 });
    house.admin().rotate_epoch(v1::RotateEpochRequest { compromise }).await.unwrap();
    house.revoke(rival.split('_').nth(1).unwrap().parse().unwrap()).await;
    house.admin().set_log_filter(v1::SetLogFilterRequest { filter: FILTER.into() }).await.unwrap();
    assert_eq!(log.text(), FILTER);
    let mut backup = house.admin().backup(v1::BackupRequest {}).await.unwrap().into_inner();
    while backup.message().await.unwrap().is_some() {}

    let entries = entries(&house, &key).await;
    let by = |kind: &str| {
        let found = entries.iter().map(read).find(|entry| entry["change"].get(kind).is_some());
        found.map_or_else(|| panic!("no {kind}"), |entry| (entry["by"].clone(), entry["at"].as_u64().unwrap()))
    };
    let operator = serde_json::json!({ "api-key": { "number": 1, "principal": "operator" } });
    let number: u32 = acme.split('_').nth(1).unwrap().parse().unwrap();
    let brand = serde_json::json!({ "api-key": { "number": number, "principal": { "brand": 1 } } });
    let written = [
        ("signing-key-adopted", &Value::from("collector"), NOON),
        ("device-policy-set", &Value::from("collector"), NOON),
        ("epoch-published", &Value::from("collector"), NOON),
        ("api-key-created", &Value::from("collector"), NOON),
        ("tokens-set-aside", &Value::from("collector"), NOON),
        ("publisher-created", &operator, NOON),
        ("brand-created", &operator, NOON),
        ("campaign-created", &operator, NOON),
        ("measure-created", &operator, NOON),
        ("contents-listed", &operator, NOON),
        ("declaration-made", &brand, NOON.plus(60)),
        ("epoch-ended", &operator, NOON.plus(60)),
        ("keys-compromised", &operator, NOON.plus(60)),
        ("epoch-destroyed", &Value::from("collector"), NOON.plus(60)),
        ("api-key-revoked", &operator, NOON.plus(60)),
        ("log-filter-set", &operator, NOON.plus(60)),
        ("backup-taken", &operator, NOON.plus(60)),
    ];
    for (kind, who, when) in &written {
        assert_eq!(by(kind), ((*who).clone(), when.0), "{kind}");
    }
    let looked_for = written.iter().map(|(kind, ..)| *kind).chain(ELSEWHERE).map(str::to_owned);
    assert_eq!(looked_for.collect::<BTreeSet<_>>(), kinds(), "every kind is looked for");
    let spec = include_str!("../../../spec/administration.md");
    assert!(kinds().iter().all(|kind| spec.contains(&format!("`{kind}`"))), "spec/administration.md, section 4");
    let heads = walk(&links(&entries)).unwrap();
    assert_eq!(head(&house, &key).await, (heads.len() as u64, *heads.last().unwrap()));

    let text: String = entries.iter().map(|entry| String::from_utf8_lossy(&entry.entry).into_owned()).collect();
    let secret = |key: &str| key.splitn(3, '_').nth(2).unwrap().to_owned();
    let secrets = [&house.operator, &daily.key, &acme, &rival, &key].map(|key| secret(key));
    for hidden in secrets.iter().map(String::as_str).chain(["a market of ours", "acme.example", "token=hidden"]) {
        assert!(!text.contains(hidden), "{hidden}");
    }

    // It is all there again after a restart, and goes on.
    let house = house.reopen().await;
    let listed = house.reporting(&acme).list_campaigns(v1::ListCampaignsRequest {}).await.unwrap().into_inner();
    assert_eq!(listed.campaigns[0].declaration.as_ref().unwrap().market, "a market of ours");
    house.create_brand("another").await;
    let later = walk(&links(&self::entries(&house, &key).await)).unwrap();
    assert_eq!(later[..heads.len()], heads[..], "a head stays the head of what it stood for");
    assert!(later.len() > heads.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_filter_is_in_force_with_its_entry_and_not_while_the_store_takes_none() {
    let Some(database) = Fresh::new().await else { return };
    let url: PostgresUrl = database.url().parse().unwrap();
    PostgresStore::init(&url, false).await.unwrap();
    let log = LOG.lock().await;
    log.set("off").unwrap();
    let store = StoreConfig::Postgres(url.clone());
    let house = House::open(|config| (config.store, config.log) = (store, Some(log.clone()))).await;
    let holder = tokio::spawn(async move {
        let lock = "BEGIN; LOCK TABLE tacita.change_log IN SHARE MODE; SELECT pg_sleep(3600)";
        assert!(query(&url, lock).await.is_err(), "it is ended");
    });
    let locks = async |which: &str| {
        let of_this = "relation = 'tacita.change_log'::regclass AND a.datname = current_database()";
        let sql = format!("SELECT pid FROM pg_locks JOIN pg_stat_activity a USING (pid) WHERE {of_this} AND {which}");
        database.sql(&sql).await
    };
    let until_some = async |which: &str| {
        let some = async {
            loop {
                let found = locks(which).await;
                if !found.is_empty() {
                    break found;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, some).await.expect(which)
    };
    let holders = until_some("granted AND mode = 'ShareLock'").await;

    let (mut admin, asked) = (house.admin(), v1::SetLogFilterRequest { filter: FILTER.into() });
    let (mut early, too_early) = (admin.clone(), asked.clone());
    let asking = tokio::spawn(async move { early.set_log_filter(too_early).await });
    until_some("NOT granted").await;
    assert_eq!(log.text(), "off", "its entry is not written");
    // The store gives up after its patience.
    assert_eq!(asking.await.unwrap().unwrap_err().code(), Code::Unavailable);
    assert_eq!(log.text(), "off", "nor will it be");

    for pid in holders {
        database.sql(&format!("SELECT pg_terminate_backend({pid})")).await;
    }
    holder.await.unwrap();
    let answer = admin.set_log_filter(asked).await.unwrap().into_inner();
    assert_eq!((answer.before.as_str(), answer.filter.as_str(), log.text().as_str()), ("off", FILTER, FILTER));
    let last = house.audited().await.pop().unwrap();
    assert_eq!(last["change"]["log-filter-set"]["filter"], FILTER);
    assert_eq!(last["by"]["api-key"]["principal"], "operator");
}

/// Whether a collector starts on this configuration; why not.
async fn refusal(house: &House, config: CollectorConfig) -> CollectorError {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    Collector::start(config, listener, Arc::new(house.clock.clone())).await.map(drop).unwrap_err()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_is_done_to_an_entry_of_a_database_is_named_and_no_collector_starts_on_it() {
    let Some(database) = Fresh::new().await else { return };
    let url = database.url().parse().unwrap();
    PostgresStore::init(&url, false).await.unwrap();
    let Cast { house, acme, .. } = Cast::with(|config| config.store = StoreConfig::Postgres(url)).await;
    let said = v1::Declaration { market: "France".into(), ..Default::default() };
    let request = v1::DeclareCampaignRequest { campaign: "acme/spring".into(), declaration: Some(said) };
    house.reporting(&acme).declare_campaign(request).await.unwrap();
    let key = auditor(&house).await;
    let log = entries(&house, &key).await;
    let last = log.len() as u64 - 1;
    let declared = log.iter().position(|entry| read(entry)["change"].get("declaration-made").is_some()).unwrap();
    assert!(walk(&links(&log)).is_ok() && last > 8);
    database.sql("CREATE TABLE kept AS SELECT * FROM tacita.change_log").await;

    // In the middle of an entry's text, so that it stays JSON: a name, a number, a time.
    let alter = |index: u64| {
        format!(
            "UPDATE tacita.change_log SET entry = convert_to(regexp_replace(convert_from(entry, 'UTF8'), '\"at\":17', '\"at\":16'), 'UTF8') WHERE index = {index}"
        )
    };
    let swap = "UPDATE tacita.change_log AS one SET entry = other.entry FROM kept AS other \
                WHERE (one.index = 4 AND other.index = 6) OR (one.index = 6 AND other.index = 4)";
    for (what, broken) in [
        (alter(5), Broken::Altered(5)),
        (alter(0), Broken::Altered(0)),
        (
            "UPDATE tacita.change_log SET entry = set_byte(entry, 3, 0) WHERE index = 7".to_owned(),
            Broken::Unreadable(7),
        ),
        ("DELETE FROM tacita.change_log WHERE index = 4".to_owned(), Broken::Displaced { index: 4, found: 5 }),
        (swap.to_owned(), Broken::Displaced { index: 4, found: 6 }),
    ] {
        database.sql(&what).await;
        assert_eq!(walk(&links(&entries(&house, &key).await)), Err(broken), "{what}");
        let config = CollectorConfig { data: house.dir.path().join("other"), ..house.config.clone() };
        let refused = refusal(&house, config).await.to_string();
        assert!(refused.contains(&broken.to_string()), "{refused}");
        database.sql("TRUNCATE tacita.change_log").await;
        database.sql("INSERT INTO tacita.change_log SELECT * FROM kept").await;
    }

    // The last entry shows in the head that the collector remembers.
    database.sql(&alter(last)).await;
    let heads = walk(&links(&entries(&house, &key).await)).unwrap();
    assert_ne!(head(&house, &key).await.1, *heads.last().unwrap());
    database.sql("TRUNCATE tacita.change_log").await;
    database.sql("INSERT INTO tacita.change_log SELECT * FROM kept").await;

    // What is private is not shown, and yet not altered unseen.
    let other = "UPDATE tacita.change_log SET entry = convert_to(replace(convert_from(entry, 'UTF8'), 'France', 'Frence'), 'UTF8')";
    database.sql(other).await;
    let altered: Vec<_> = entries(&house, &key).await.into_iter().filter(|entry| entry.private_part_altered).collect();
    assert_eq!(altered.iter().map(|entry| entry.index).collect::<Vec<_>>(), [declared as u64]);
    let config = CollectorConfig { data: house.dir.path().join("other"), ..house.config.clone() };
    let refused = refusal(&house, config).await.to_string();
    assert!(refused.contains(&format!("entry {declared} ")) && refused.contains("private part"), "{refused}");
}

/// Changes the log of an embedded store that nobody has open.
fn on_embedded_log(data: &Path, change: impl FnOnce(&fjall::Keyspace)) {
    let database = fjall::Database::builder(data.join("store/engine")).open().unwrap();
    change(&database.keyspace("log", fjall::KeyspaceCreateOptions::default).unwrap());
    database.persist(fjall::PersistMode::SyncAll).unwrap();
}

#[tokio::test]
async fn an_altered_entry_of_an_embedded_store_is_named_at_the_start() {
    let Cast { house, .. } = Cast::assemble().await;
    let House { dir, clock, config, collector, .. } = house;
    collector.shutdown().await.unwrap();
    let start = async |config: &CollectorConfig| {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Collector::start(config.clone(), listener, Arc::new(clock.clone())).await
    };
    let key = |index: u64| index.to_be_bytes();
    let mut kept = Vec::new();
    on_embedded_log(&config.data, |log| {
        kept = log.get(key(5)).unwrap().unwrap().to_vec();
        log.insert(key(5), String::from_utf8(kept.clone()).unwrap().replacen("\"at\":17", "\"at\":16", 1)).unwrap();
    });
    let refused = start(&config).await.unwrap_err().to_string();
    assert!(refused.contains(&Broken::Altered(5).to_string()), "{refused}");

    on_embedded_log(&config.data, |log| log.remove(key(5)).unwrap());
    let refused = start(&config).await.unwrap_err().to_string();
    assert!(refused.contains(&Broken::Displaced { index: 5, found: 6 }.to_string()), "{refused}");

    on_embedded_log(&config.data, |log| log.insert(key(5), kept).unwrap());
    start(&config).await.unwrap().shutdown().await.unwrap();
    drop(dir);
}

#[tokio::test]
async fn a_store_of_version_1_opens_and_its_entries_are_held_by_the_chain_from_then_on() {
    let dir = tempfile::tempdir().unwrap();
    let config = CollectorConfig::new(dir.path());
    let store = EmbeddedStore::open(dir.path().join("store"), EmbeddedOptions::default()).unwrap();
    let early = [
        r#"{"version":1,"at":5,"change":{"publisher-created":{"id":1,"name":"daily"}}}"#,
        r#"{"version":1,"at":5,"change":{"brand-created":{"id":1,"name":"acme"}}}"#,
        r#"{"version":1,"at":6,"change":{"campaign-created":{"id":1,"brand":1,"name":"spring","publishers":[1],"attribution_seconds":60}}}"#,
        r#"{"version":1,"at":7,"change":{"campaign-declared":{"campaign":1,"declaration":{"market":"Spain","currency":"","costs":[],"bucket_values":[],"categories":[],"webhooks":[]}}}}"#,
    ];
    for (index, entry) in (0..).zip(early) {
        store.append(index, entry.as_bytes()).await.unwrap();
    }
    drop(store);

    let clock = ManualClock::new(NOON);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let collector = Collector::start(config.clone(), listener, Arc::new(clock.clone())).await.unwrap();
    let channel =
        tonic::transport::Channel::from_shared(format!("http://{}", collector.address())).unwrap().connect_lazy();
    let operator = collector.operator_key().unwrap().expose().to_owned();
    let house = House { dir, clock, config, collector, channel, operator };

    let entries = entries(&house, &house.operator).await;
    let links = links(&entries);
    assert!(walk(&links).is_ok());
    assert_eq!(entries[0].entry, early[0].as_bytes());
    assert!(entries[3].entry.is_empty(), "what the brand declared is withheld");
    assert_eq!(links[3].digest, Head::of_entry(early[3].as_bytes()));
    assert!(matches!(links[4].place, Place::After { index: 4, .. }));
    let mut altered = links.clone();
    altered[1].digest = Head::of_entry(b"something else");
    assert_eq!(walk(&altered), Err(Broken::AlteredEarly(4)));
    house.collector.shutdown().await.unwrap();
}
