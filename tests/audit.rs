//! `tacita audit`: an auditor verifies the log of a collector, or an exported file, against a head noted before.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{fs, process::Output};

use crate::support::{Deployment, path, tacita, tacita_ok};

const ARRIVALS: [&str; 5] = ["arrivals", "--event", "arrival", "--dimension", "channel=a,b,c"];

fn error(output: &Output) -> String {
    assert!(!output.status.success());
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn an_auditor_verifies_the_log_and_an_export_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let deployment = Deployment::start(folder.path(), &[&ARRIVALS], None);
    let url = deployment.collector.url();
    let admin = |words: &[&str]| {
        let reach = ["admin", "--collector", &url, "--key-file", path(&deployment.operator_key_file)];
        tacita_ok(&[&reach, words].concat())
    };
    let key = admin(&["key", "create", "--role", "auditor", "--expires", "90d"]).trim().to_owned();
    let with = |key: &str, words: &[&str]| tacita(&[&["audit", "--collector", &url, "--key", key], words].concat());
    let audit = |words: &[&str]| {
        let output = with(&key, words);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(admin(&["key", "list"]).lines().any(|line| line.contains("auditor") && line.contains("read")));

    let shown = audit(&["show"]);
    assert!(shown.contains("brand-created") && shown.contains("key 1 (operator)") && shown.contains("collector"));
    let made = audit(&["show", "--last", "1"]);
    assert!(made.contains("api-key-created number") && made.contains(": auditor, until 20"), "{made}");
    let json = audit(&["show", "--last", "2", "--json"]);
    assert_eq!(json.lines().count(), 2);
    assert!(json.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{json}");
    let verified = audit(&["verify"]);
    assert!(verified.contains("a whole chain"), "{verified}");
    let head = verified.lines().find_map(|line| line.strip_prefix("head ")).unwrap().to_owned();

    // A head that was noted stays good when the log grows; another one is none of its heads.
    admin(&["brand", "create", "another"]);
    assert!(audit(&["verify", "--head", &head]).contains("the noted head is that of the first"));
    let other = "ab".repeat(32);
    assert!(error(&with(&key, &["verify", "--head", &other])).contains("another log"));
    assert!(error(&with(&key, &["verify", "--head", "ab"])).contains("64 hexadecimal digits"));

    let file = folder.path().join("audit.jsonl");
    let export = audit(&["export"]);
    fs::write(&file, &export).unwrap();
    let verify = |more: &[&str]| tacita(&[&["audit", "verify", "--file", path(&file)], more].concat());
    assert!(verify(&["--head", &head]).status.success(), "without a collector or a key");
    let lines: Vec<&str> = export.lines().collect();
    assert!(lines.iter().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));

    // Whatever is done to a line is named.
    let broken = |changed: String| {
        fs::write(&file, changed).unwrap();
        error(&verify(&[]))
    };
    assert!(broken(export.replacen("\"acme\"", "\"acne\"", 1)).contains("is altered"));
    assert!(broken([&lines[..4], &lines[5..]].concat().join("\n")).contains("entry 4 is missing or moved"));
    let mut swapped = lines.clone();
    swapped.swap(3, 5);
    assert!(broken(swapped.join("\n")).contains("entry 3 is missing or moved"));
    assert!(broken(String::new()).contains("there is no entry"));
    let last = lines.last().unwrap().replacen("\"version\":2", "\"version\":3", 1);
    assert!(broken([&lines[..lines.len() - 1], &[&last]].concat().join("\n")).contains("has version 3"));
    assert!(broken("nonsense\n".to_owned()).contains("audit.jsonl:1: no line of `tacita audit export`"));
    fs::write(&file, lines[..lines.len() - 1].join("\n")).unwrap();
    assert!(verify(&["--head", &head]).status.success(), "what was cut off is after the noted head");
    fs::write(&file, lines[..4].join("\n")).unwrap();
    assert!(error(&verify(&["--head", &head])).contains("another log"));

    // Nobody else reads it.
    assert!(error(&with(&deployment.brand_key, &["verify"])).contains("use an operator's or an auditor's key"));
    assert!(error(&with(&key, &["verify", "--file", "/nowhere/at/all"])).contains("cannot read /nowhere/at/all"));
}
