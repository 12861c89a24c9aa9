//! The example app on the Rust SDK, against the servers that a publisher and an operator run.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::{path::Path, time::Duration};

use example_native_app::{Settings, run};
use support::{Deployment, tacita_ok};
use tacita_client::VerifyingKey;

const MEASURES: [&[&str]; 4] = [
    &["arrivals", "--event", "arrival", "--epsilon", "6"],
    &["shares", "--event", "share", "--epsilon", "6"],
    &["articles", "--event", "content-share", "--epsilon", "6", "--dimension", "content=/articles/night-ferry,other"],
    &["subscriptions", "--event", "conversion", "--epsilon", "6"],
];

/// What a reader sees who types `commands` into the app of one device.
async fn read(deployment: &Deployment, folder: &Path, link: Option<&str>, commands: &str) -> String {
    let key: [u8; 32] = hex::decode(&deployment.signing_key).unwrap().try_into().unwrap();
    let settings = Settings {
        relay: deployment.relay.url(),
        publisher: 1,
        signing_key: VerifyingKey::from_bytes(&key).unwrap(),
        storage: folder.join("app.redb"),
        link: link.map(str::to_owned),
    };
    let mut seen = Vec::new();
    run(settings, commands.as_bytes(), &mut seen).await.unwrap();
    String::from_utf8(seen).unwrap()
}

/// Waits until the brand's report holds so many reports of each measure, in the order of [`MEASURES`].
async fn counted(deployment: &Deployment, wanted: [u64; 4]) {
    let url = deployment.collector.url();
    let args = ["report", "--collector", &url, "--key", &deployment.brand_key, "acme/spring", "--json"];
    let mut seen = [0; 4];
    for _ in 0..300 {
        let report: serde_json::Value = serde_json::from_str(&tacita_ok(&args)).unwrap();
        let measures = report["measures"].as_array().unwrap();
        let of = |name: &str| measures.iter().find(|measure| measure["measure"]["name"] == name).unwrap();
        seen = MEASURES.map(|measure| of(measure[0])["reports"].as_u64().unwrap());
        if seen == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("{seen:?} reports were counted, not {wanted:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_shares_an_article_and_another_comes_by_its_link_and_subscribes() {
    let folder = tempfile::tempdir().unwrap();
    let deployment = Deployment::start(folder.path(), &MEASURES, None);
    let [first, second] = ["first", "second"].map(|name| folder.path().join(name));
    for folder in [&first, &second] {
        std::fs::create_dir(folder).unwrap();
    }

    let seen = read(&deployment, &first, None, "list\nshare sms\nread 9\nread 1\nshare whatsapp\nledger\nquit\n").await;
    for part in
        ["opened by direct (direct)", "3  What the quiet", "read an article first", "articles 1 to 3", "ε 18 of 100"]
    {
        assert!(seen.contains(part), "{part}: {seen}");
    }
    assert!(seen.ends_with("3 reports are with the relay, 0 wait\n"), "{seen}");
    let link = seen.lines().find_map(|line| line.strip_prefix("share https://")).unwrap();
    assert!(link.starts_with("lantern.example/articles/night-ferry#tct=1"), "{link}");

    let link = format!("https://{link}");
    let seen = read(&deployment, &second, Some(&link), "subscribe much\nsubscribe 19\n").await;
    assert!(seen.starts_with("opened by whatsapp (confirmed)\ngive a price"), "{seen}");
    counted(&deployment, [2, 1, 1, 1]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_relay_the_app_works_and_what_was_measured_is_sent_later() {
    let folder = tempfile::tempdir().unwrap();
    let mut deployment = Deployment::start(folder.path(), &MEASURES, None);
    let app = folder.path();
    read(&deployment, app, None, "quit\n").await;
    deployment.relay.kill();
    let seen = read(&deployment, app, None, "read 2\nshare copy\n").await;
    assert!(seen.contains("(not reached: ") && seen.contains("seed-library#tct=1"), "{seen}");
    assert!(seen.contains("0 reports are with the relay, 3 wait\n(they are sent at the next start: "), "{seen}");
    deployment.relay.restart();
    let seen = read(&deployment, app, None, "").await;
    assert!(seen.ends_with("4 reports are with the relay, 0 wait\n"), "{seen}");
    counted(&deployment, [3, 1, 1, 0]).await;

    // Before a device has ever reached its relay there is nothing to measure by, and nothing to stop a reader.
    deployment.relay.kill();
    let new = folder.path().join("new");
    std::fs::create_dir(&new).unwrap();
    let seen = read(&deployment, &new, None, "read 3\nshare email\n").await;
    assert!(
        seen.contains("(not measured: ") && seen.contains("share https://lantern.example/articles/quiet-hours\n"),
        "{seen}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_opts_out_is_not_counted() {
    let folder = tempfile::tempdir().unwrap();
    let deployment = Deployment::start(folder.path(), &MEASURES, None);
    let app = folder.path();
    let seen = read(&deployment, app, None, "read 1\nshare sms\nopt-out\nshare sms\nledger\n").await;
    assert!(seen.contains("erased; ") && seen.contains("nothing was told"), "{seen}");
    assert!(seen.ends_with("0 reports are with the relay, 0 wait\n"), "{seen}");
    let seen = read(&deployment, app, None, "opt-in\n").await;
    assert!(!seen.contains("opened by") && seen.contains("counted from the next visit on"), "{seen}");
    // A spent budget stays spent; the reports say so and are sent.
    let seen = read(&deployment, app, None, "").await;
    assert!(seen.contains("opened by direct"), "{seen}");
    counted(&deployment, [1, 0, 0, 0]).await;
}
