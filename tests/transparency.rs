//! `tacita relay verify`: what a relay sent was counted, through kills of relay and collector; a record that was
//! altered is named.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{fs, net::Ipv4Addr, path::Path, process::Output, time::Duration};

use fjall::{Database, KeyspaceCreateOptions, PersistMode};
use rand::RngExt as _;
use tacita_client::{GrpcTransport, Transport as _, TransportError};
use tacita_proto::v1::{self, transparency_service_client::TransparencyServiceClient};
use tacita_protocol::{
    id::PublisherId,
    outcome::Outcome,
    record::{PeriodId, RecordEntry},
    time::UnixTime,
};
use tacita_relay::receipts::{
    self,
    compare::{Compared, Comparison, compare},
};
use tacita_tokens::{ENVELOPE_LEN, Envelope};
use tonic::Request;

use crate::support::{Deployment, path, tacita, tacita_ok};

/// Envelopes of one request.
const REQUEST: usize = 8;
/// Requests between two kills.
const REQUESTS: usize = 12;
const ROUNDS: usize = 6;
/// With those of one round more, in which nothing is killed.
const REPORTS: usize = REQUEST * REQUESTS * (ROUNDS + 1);

/// A relay and a collector whose record has a period for each second.
fn deployment(folder: &Path) -> Deployment {
    let list = folder.join("contents.txt");
    fs::write(&list, (0..REPORTS).map(|number| format!("/story/{number}\n")).collect::<String>()).unwrap();
    let measure = ["stories", "--event", "content-share", "--catalogue", path(&list), "--epsilon", "4"];
    let settings = "token-batch = 64\nledger-bound = 100.0\n[record]\nperiod = \"1s\"";
    let mut deployment = Deployment::start_with(folder, &[&measure], None, settings);
    let settings = "publisher = 1\ntrusted-proxies = [\"127.0.0.1\"]\n[batch]\nleast = 10\nage = \"20ms\"\n";
    fs::write(folder.join("relay.toml"), settings).unwrap();
    deployment.relay.kill();
    deployment.relay.restart();
    deployment
}

fn key(folder: &Path) -> String {
    fs::read_to_string(folder.join("relay.key")).unwrap().trim().to_owned()
}

fn seal(deployment: &Deployment, folder: &Path) -> Vec<Envelope> {
    let (url, file, reports) = (deployment.collector.url(), folder.join("sealed"), REPORTS.to_string());
    let which = ["bench", "seal", "--distinct", "--publisher", "1", "--reports", &reports];
    tacita_ok(&[&which[..], &["--collector", &url, "--key", &key(folder), "--out", path(&file)]].concat());
    let sealed = fs::read(file).unwrap();
    sealed.chunks(ENVELOPE_LEN).map(|envelope| Envelope::from_bytes(envelope).unwrap()).collect()
}

/// Hands requests in, each again until it is acknowledged.
async fn submit(relay: String, round: u8, envelopes: Vec<Envelope>) {
    let relay = GrpcTransport::connect(&relay).unwrap();
    for (number, request) in envelopes.chunks(REQUEST).enumerate() {
        let transport = relay.for_visitor(Ipv4Addr::new(10, round, 0, number as u8).into());
        loop {
            match transport.submit(request.to_vec()).await {
                Ok(outcomes) => break assert_eq!(outcomes, vec![Outcome::Queued; request.len()]),
                Err(TransportError::Unavailable(_) | TransportError::Limited(_)) => {
                    tokio::time::sleep(Duration::from_millis(30)).await;
                }
                Err(other) => panic!("{other}"),
            }
        }
    }
}

fn verify(deployment: &Deployment, folder: &Path) -> Output {
    let (url, key) = (deployment.collector.url(), key(folder));
    let reach = ["--collector", &url, "--signing-key", &deployment.signing_key, "--key", &key];
    tacita(&[&["relay", "verify", path(&folder.join("relay")), "--all"], &reach[..]].concat())
}

/// The same, without asking the program: every period judged as if it had been closed long ago.
async fn judged(deployment: &Deployment, folder: &Path) -> Comparison {
    let mut client = TransparencyServiceClient::connect(deployment.collector.url()).await.unwrap();
    let mut request = Request::new(v1::ListRecordRequest::default());
    request.metadata_mut().insert("authorization", format!("Bearer {}", key(folder)).parse().unwrap());
    let page = client.list_record(request).await.unwrap().into_inner();
    assert_eq!(page.next_period, 0, "one page");
    let entries: Vec<RecordEntry> = page.entries.iter().map(|entry| entry.try_into().unwrap()).collect();
    let pinned: [u8; 32] = hex::decode(&deployment.signing_key).unwrap().try_into().unwrap();
    let pinned = ed25519_dalek::VerifyingKey::from_bytes(&pinned).unwrap();
    let kept = receipts::read(&folder.join("relay"), PublisherId(1), &pinned).unwrap();
    compare(&entries, PeriodId(page.head.unwrap().periods), &[kept], UnixTime(u64::MAX))
}

/// Waits until so many reports are counted, so many answered, and all in closed periods.
async fn until_recorded(deployment: &Deployment, folder: &Path, reports: usize, sent: usize) -> Comparison {
    let mut last = Comparison::default();
    for _ in 0..300 {
        last = judged(deployment, folder).await;
        let counted = |rows: &Comparison| {
            rows.rows.iter().filter(|row| row.outcome == Outcome::Counted).map(|row| row.recorded).sum::<u64>()
        };
        // Every report has a receipt, counted or known when it was sent again; while one is on its way the two differ.
        let answered: u64 = last.rows.iter().map(|row| row.answered).sum();
        let all_answered = answered >= sent as u64 && last.still_open == 0;
        if counted(&last) == reports as u64 && all_answered && last.differences.is_empty() {
            return last;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("not everything is in the record after a minute: {last:?}");
}

/// Changes the store behind the collector's back: fewer counted in a period.
fn alter(folder: &Path, period: PeriodId, by: u64) {
    let db = Database::builder(folder.join("collector/store/engine")).open().unwrap();
    let record = db.keyspace("record", KeyspaceCreateOptions::default).unwrap();
    let key = [1, period.0].map(u32::to_be_bytes).concat();
    let mut value = record.get(&*key).unwrap().unwrap().to_vec();
    assert_eq!(value[..4], 2_u32.to_be_bytes(), "the first outcome by its number is `counted`");
    let less = u64::from_be_bytes(value[4..12].try_into().unwrap()) - by;
    value[4..12].copy_from_slice(&less.to_be_bytes());
    record.insert(&*key, &*value).unwrap();
    db.persist(PersistMode::SyncAll).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sent_was_counted_through_kills_and_an_altered_record_is_named() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path();
    let mut deployment = deployment(folder);
    let nothing = verify(&deployment, folder);
    assert!(nothing.status.success() && String::from_utf8_lossy(&nothing.stdout).contains("nothing to compare"));
    let envelopes = seal(&deployment, folder);
    let (killed, calm) = envelopes.split_at(REPORTS - REQUEST * REQUESTS);
    for (round, part) in killed.chunks(REQUEST * REQUESTS).enumerate() {
        let submitting = tokio::spawn(submit(deployment.relay.url(), round as u8, part.to_vec()));
        tokio::time::sleep(Duration::from_millis(rand::rng().random_range(5..300))).await;
        tokio::task::block_in_place(|| {
            let servers = match round % 3 {
                0 => vec![&mut deployment.collector],
                1 => vec![&mut deployment.relay],
                _ => vec![&mut deployment.relay, &mut deployment.collector],
            };
            for server in servers {
                server.kill();
                server.restart();
            }
        });
        submitting.await.unwrap();
    }
    // And once more what was counted before: in the record as that.
    submit(deployment.relay.url(), ROUNDS as u8, envelopes[..REQUEST].to_vec()).await;
    until_recorded(&deployment, folder, killed.len(), killed.len() + REQUEST).await;
    submit(deployment.relay.url(), ROUNDS as u8 + 1, calm.to_vec()).await;
    let compared = until_recorded(&deployment, folder, REPORTS, REPORTS + REQUEST).await;
    println!("{} reports without a receipt, explained", compared.explained);
    let verified = verify(&deployment, folder);
    let said = |output: &Output| {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&output.stdout), text(&output.stderr))
    };
    assert!(verified.status.success(), "{:?}", said(&verified));
    assert!(said(&verified).0.contains("what was sent was counted"), "{:?}", said(&verified));
    let collector = deployment.collector.url();
    let reach = ["admin", "--collector", &collector, "--key-file", path(&deployment.operator_key_file)];
    let record = tacita_ok(&[&reach[..], &["record", "daily-news"]].concat());
    assert!(record.contains("counted") && record.contains("periods are closed"), "{record}");

    // Reports less than were answered, in a period that the relay has seen, and in which no answer was lost.
    let whole = |row: &&Compared| row.outcome == Outcome::Counted && row.recorded > 3 && row.recorded == row.answered;
    let period = compared.rows.iter().rfind(whole).unwrap().period;
    deployment.collector.kill();
    alter(folder, period, 3);
    let period = period.to_string();
    deployment.collector.restart();
    let altered = verify(&deployment, folder);
    let (rows, error) = said(&altered);
    assert_eq!(altered.status.code(), Some(1), "{rows}");
    assert!(error.contains("REWRITTEN"), "{error}");
    let named = |rows: &str| {
        let row = rows.lines().find(|row| row.contains("MISSING")).unwrap_or_else(|| panic!("{rows}"));
        row.split_whitespace().next().unwrap() == period && row.contains(" counted ")
    };
    assert!(named(&rows), "period {period}: {rows}");
    // To a relay that verifies for the first time the receipts tell.
    fs::remove_file(folder.join("relay/receipts/head")).unwrap();
    let dropped = verify(&deployment, folder);
    let (rows, error) = said(&dropped);
    assert_eq!(dropped.status.code(), Some(1), "{rows}");
    assert!(error.contains("1 differences") && named(&rows), "period {period}: {error} {rows}");
}
