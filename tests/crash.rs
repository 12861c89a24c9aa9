//! kill -9 of the collector and of the relay in mid-replay: nothing is lost, nothing counts twice.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::{fs, process::Command, thread, time::Duration};

use support::{Deployment, TACITA, path};

const CHANNELS: [&str; 4] = ["search", "direct", "whatsapp", "email"];
const SESSIONS: usize = 3_000;

/// A log whose every seventh session converts.
fn log() -> (String, usize) {
    let mut csv = String::from("channel,bought\n");
    let mut conversions = 0;
    for session in 0..SESSIONS {
        let bought = session % 7 == 0;
        conversions += usize::from(bought);
        csv.push_str(&format!("{},{}\n", CHANNELS[session * session % 4], u8::from(bought)));
    }
    (csv, conversions)
}

const MAP: &str = r#"
[channel]
column = "channel"
[conversion]
column = "bought"
yes = ["1"]
no = ["0"]
"#;

#[test]
fn kill_9_of_collector_and_relay_in_mid_replay_loses_nothing_and_counts_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let labels = format!("channel={}", CHANNELS.join(","));
    let arrivals = ["arrivals", "--event", "arrival", "--epsilon", "4", "--dimension", &labels];
    let conversions = ["conversions", "--event", "conversion", "--epsilon", "4", "--dimension", &labels];
    let mut deployment = Deployment::start(folder.path(), &[&arrivals, &conversions], None);

    let (csv, converted) = log();
    let [log_file, map_file, json] = ["log.csv", "map.toml", "out.json"].map(|name| folder.path().join(name));
    fs::write(&log_file, csv).unwrap();
    fs::write(&map_file, MAP).unwrap();
    let mut replay = Command::new(TACITA)
        .args(["replay", path(&log_file), "--map", path(&map_file), "--json", path(&json), "--patience", "120s"])
        .args(["--relay", &deployment.relay.url(), "--collector", &deployment.collector.url(), "--publisher", "1"])
        .args(["--signing-key", &deployment.signing_key, "--campaign", "acme/spring"])
        .args(["--brand-key", &deployment.brand_key])
        .stdout(fs::File::create(folder.path().join("replay.log")).unwrap())
        .stderr(fs::File::create(folder.path().join("replay.err")).unwrap())
        .spawn()
        .unwrap();

    let mut kills = 0;
    // The pauses are odd so that the kills fall on different moments of a batch's life.
    for pause in [300, 170, 410, 90, 530, 230, 370, 130].map(Duration::from_millis) {
        thread::sleep(pause);
        if replay.try_wait().unwrap().is_some() {
            break;
        }
        let server = if kills % 2 == 0 { &mut deployment.collector } else { &mut deployment.relay };
        server.kill();
        thread::sleep(Duration::from_millis(50));
        server.restart();
        kills += 1;
    }
    let status = replay.wait().unwrap();
    let said = || fs::read_to_string(folder.path().join("replay.err")).unwrap();
    assert!(status.success(), "replay failed after {kills} kills: {}", said());
    assert!(kills >= 2, "the replay ended before both servers were killed; raise SESSIONS");

    let result: serde_json::Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
    for measure in result["runs"][0]["measures"].as_array().unwrap() {
        let expected = if measure["measure"] == "arrivals" { SESSIONS } else { converted };
        assert_eq!(measure["sent"], expected, "{measure}");
        assert_eq!(measure["counted"], expected, "{measure}");
    }
    // What is left of a lost acknowledgement is counted as that, and as nothing else.
    let collector = deployment.collector.url();
    let key = path(&deployment.operator_key_file);
    let status = support::tacita_ok(&["status", "--collector", &collector, "--key-file", key]);
    assert!(status.contains(&format!("{} counted", SESSIONS + converted)), "{status}");
    for refusal in ["spent", "unauthentic", "wrong-", "unknown-", "window-", "invalid-", "closed-"] {
        assert!(!status.contains(refusal), "{status}");
    }
}
