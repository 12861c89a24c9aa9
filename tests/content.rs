//! Shared contents on the whole path: a measure with 22,000 contents through SDK, relay, collector and report.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{fs, net::Ipv4Addr, path::Path, sync::Arc, time::Duration};

use tacita_client::{Device, DeviceConfig, GrpcTransport, MemoryStorage, Session, VerifyingKey, Visit};
use tacita_protocol::{
    arrival::{Evidence, Navigation},
    channel::Channel,
    id::PublisherId,
    time::SystemClock,
};

use crate::support::{Deployment, path, tacita, tacita_ok};

const CONTENTS: usize = 22_000;
const DEVICES: usize = 80;
const SHARES: usize = 75;

/// Shares out of every 75: content 3 is the most popular, then 21,999, then 11,000; the rest are spread out.
fn content(share: usize) -> usize {
    match share % SHARES {
        0..30 => 3,
        30..45 => 21_999,
        45..55 => 11_000,
        _ => share * 7_919 % CONTENTS,
    }
}

fn visit(device: &Device) -> Session {
    let url = "https://news.example/a/story";
    let evidence = Evidence { url, referrer: "", user_agent: "", navigation: Navigation::Navigate, landing_pages: &[] };
    match device.begin_session(&evidence).unwrap() {
        Visit::Person(session) => session,
        other => panic!("{other:?}"),
    }
}

/// Shares what `content` says, on devices that know only the relay and the pinned key.
async fn share_everything(relay: &str, signing_key: &str) {
    let key: [u8; 32] = hex::decode(signing_key).unwrap().try_into().unwrap();
    let config = DeviceConfig::new(PublisherId(1), VerifyingKey::from_bytes(&key).unwrap());
    let transport = GrpcTransport::connect(relay).unwrap();
    for number in 0..DEVICES {
        let secret = std::array::from_fn(|index| (number >> (8 * (index % 4))) as u8);
        let config = config.clone().simulated(secret);
        let transport = transport.for_visitor(Ipv4Addr::new(10, 0, 0, number as u8).into());
        let device = Device::open(config, MemoryStorage::new(), transport, Arc::new(SystemClock)).unwrap();
        device.refresh().await.unwrap();
        let session = visit(&device);
        for share in 0..SHARES {
            let id = format!("/story/{}", content(number * SHARES + share));
            session.share_content(&id, Channel::COPY).unwrap();
        }
        session.close().unwrap();
        let summary = device.flush().await;
        assert!(summary.trouble.is_none() && summary.left == 0, "{summary:?}");
    }
}

/// The report, once it holds every share.
async fn report(deployment: &Deployment, more: &[&str]) -> serde_json::Value {
    let (url, key) = (deployment.collector.url(), deployment.brand_key.clone());
    for _ in 0..300 {
        let args = [&["report", "--collector", &url, "--key", &key, "acme/spring", "--json"], more].concat();
        let report: serde_json::Value = serde_json::from_str(&tacita_ok(&args)).unwrap();
        if report["measures"][0]["reports"] == DEVICES * SHARES {
            return report;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("not every share was counted");
}

/// A row's interval holds `truth`.
fn holds(row: &serde_json::Value, truth: f64) -> bool {
    let estimate = &row["estimate"];
    estimate["low"].as_f64().unwrap() <= truth && truth <= estimate["high"].as_f64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_22_000_contents_the_popular_ones_are_found_with_intervals_that_hold() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("contents.txt");
    fs::write(&list, (0..CONTENTS).map(|number| format!("/story/{number}\n")).collect::<String>()).unwrap();
    let measure = ["stories", "--event", "content-share", "--catalogue", path(&list), "--tail", "50", "--epsilon", "4"];
    let deployment =
        Deployment::start_with(folder.path(), &[&measure], None, "token-batch = 75\nledger-bound = 1000.0");
    share_everything(&deployment.relay.url(), &deployment.signing_key).await;

    let top = report(&deployment, &["--top", "3"]).await;
    let rows = top["rows"].as_array().unwrap();
    let found: Vec<&str> = rows.iter().map(|row| row["labels"][0].as_str().unwrap()).collect();
    assert_eq!(found, ["/story/3", "/story/21999", "/story/11000"], "{rows:?}");

    let mut truth = vec![0_u32; CONTENTS];
    (0..DEVICES * SHARES).for_each(|share| truth[content(share)] += 1);
    let whole = report(&deployment, &[]).await;
    let rows = whole["rows"].as_array().unwrap();
    assert_eq!(rows.len(), CONTENTS + 50);
    for planted in [3, 21_999, 11_000] {
        // Four standard deviations: three fixed cells miss by chance less than once in five thousand runs.
        let (estimate, truth) = (&rows[planted]["estimate"], f64::from(truth[planted]));
        let deviation = estimate["variance"].as_f64().unwrap().sqrt();
        assert!((estimate["value"].as_f64().unwrap() - truth).abs() < 4.0 * deviation, "{estimate} {truth}");
        assert_eq!(estimate["above_zero"], true, "{estimate}");
    }
    let held = truth.iter().zip(rows).filter(|&(&truth, row)| holds(row, f64::from(truth))).count();
    let share = held as f64 / CONTENTS as f64;
    println!("{held} of {CONTENTS} intervals hold: {:.2} %", 100.0 * share);
    assert!((0.92..0.98).contains(&share), "{held} of {CONTENTS}");
}

#[test]
fn a_list_of_contents_that_is_none_is_refused_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("contents.txt");
    fs::write(&list, "/a\n/b\n/a\n").unwrap();
    let deployment = Deployment::start(folder.path(), &[], None);
    let create = |more: &[&str]| {
        let (url, key) = (deployment.collector.url(), path(&deployment.operator_key_file).to_owned());
        let fixed = ["admin", "--collector", &url, "--key-file", &key, "measure", "create", "acme/spring", "stories"];
        let output = tacita(&[&fixed[..], &["--event", "content-share"], more].concat());
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let told = create(&["--catalogue", path(&list)]);
    assert!(told.contains("contents.txt:3: '/a' stands twice"), "{told}");
    assert!(create(&[]).contains("contents: name the contents"), "{}", create(&[]));
    assert!(create(&["--tail", "5"]).contains("--catalogue"), "{}", create(&["--tail", "5"]));
}

#[test]
fn the_online_news_are_counted_to_the_last_and_the_most_shared_are_found() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let list = root.join("../shared/data/online_news_popularity_14828.csv");
    if !list.exists() {
        println!("skipped: the_online_news_are_counted_to_the_last_and_the_most_shared_are_found needs ../shared/data");
        return;
    }
    let (folder, map) = (tempfile::tempdir().unwrap(), root.join("examples/online-news.toml"));
    let json = folder.path().join("out.json");
    let sample = ["--sample", "6000", "--epsilon", "6", "--top", "5", "--json", path(&json)];
    let said = tacita_ok(&[&["replay", path(&list), "--map", path(&map)], &sample[..]].concat());
    println!("{said}");
    let result: serde_json::Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
    let measure = &result["runs"][0]["measures"][0];
    assert_eq!((measure["sent"].as_u64(), measure["counted"].as_u64()), (Some(6_000), Some(6_000)));
    assert_eq!(result["intervals"], 14_829);
    let held = result["share"].as_f64().unwrap();
    assert!((0.92..0.98).contains(&held), "{held}");
    // The three most shared articles have 1.3 to 1.7 % of all shares: some 80 of 6,000 each, eight standard deviations of the
    // noise. The fourth has half of that, and is lost among the noise of 14,824 others.
    let mut cells = measure["cells"].as_array().unwrap().clone();
    cells.sort_by_key(|cell| std::cmp::Reverse(cell["truth"].as_u64()));
    for cell in &cells[..3] {
        assert!(said.contains(cell["cell"].as_str().unwrap()), "{cell}");
    }
}
