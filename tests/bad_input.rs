//! A malformed CSV, map, config, key, address or flag gives one line that names the place and the remedy.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;

use crate::support::{self, path, tacita};

/// The one line that a failing command prints.
fn complaint(args: &[&str]) -> String {
    let output = tacita(args);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{args:?} must fail");
    assert!(output.stdout.is_empty(), "{args:?} printed a result: {}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(said.lines().count(), 1, "{args:?} must say one line: {said}");
    assert!(said.starts_with("error: "), "{said}");
    said
}

fn assert_complaint(args: &[&str], place: &str, remedy: &str) {
    let said = complaint(args);
    assert!(said.contains(place) && said.contains(remedy), "{args:?}: expected '{place}' and '{remedy}' in: {said}");
}

const GOOD_MAP: &str = "[channel]\ncolumn = \"channel\"\n";

/// Files in a folder that lives as long as the test.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let file = self.0.path().join(name);
        fs::write(&file, text).unwrap();
        path(&file).to_owned()
    }
}

#[test]
fn a_malformed_log_is_named_with_its_line() {
    let files = Files::new();
    let map = files.write("map.toml", GOOD_MAP);
    let replay =
        |log: &str, place: &str, remedy: &str| assert_complaint(&["replay", log, "--map", &map], place, remedy);
    replay(&files.write("short.csv", "channel,b\nsearch,1\nsearch\n"), "short.csv:3", "mend or remove the row");
    replay(&files.write("other.csv", "source\nsearch\n"), "other.csv:1", "name one of them in the map");
    replay(&files.write("empty.csv", ""), "empty.csv", "the file has");
    replay(&files.write("bytes.csv", b"channel\n\xff\xfe\n"), "bytes.csv:2", "convert the file");
    replay("/nowhere/log.csv", "/nowhere/log.csv", "No such file");
}

#[test]
fn a_malformed_map_is_named_with_its_line() {
    let files = Files::new();
    let log = files.write("log.csv", "channel\nsearch\n");
    let replay =
        |map: &str, place: &str, remedy: &str| assert_complaint(&["replay", &log, "--map", map], place, remedy);
    replay(&files.write("toml.toml", "[channel]\ncolumn = \n"), "toml.toml:2", "");
    replay(&files.write("typo.toml", "[channel]\ncolum = \"channel\"\n"), "typo.toml:2", "expected");
    replay(&files.write("none.toml", ""), "none.toml:1", "give [channel]");
    replay(
        &files.write("value.toml", format!("{GOOD_MAP}[value]\ncolumn = \"x\"\nbuckets = []\n")),
        "value.toml",
        "[value] needs [conversion]",
    );
}

#[test]
fn a_malformed_config_is_named_with_its_line() {
    let files = Files::new();
    let typo = files.write("collector.toml", "listen = \"127.0.0.1:0\"\ndat = \"x\"\n");
    assert_complaint(&["collector", "--config", &typo], "collector.toml:2:1", "did you mean 'data'?");
    let age = files.write("age.toml", "[windows]\nmax-age = \"soon\"\n");
    assert_complaint(&["collector", "--config", &age], "age.toml:2:1: windows.max-age", "write it like 90s");
    let proxies =
        files.write("relay.toml", "publisher = 1\ncollector = \"http://127.0.0.1:1\"\ntrusted-proxies = [\"x\"]\n");
    // A public key of RFC 8032, section 7.1.
    let key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    assert_complaint(
        &["relay", "--config", &proxies, "--signing-key", key, "--key", "tacita_1_x"],
        "trusted-proxies: 'x'",
        "10.0.0.0/8",
    );
    let but_the_publisher = ["--collector", "http://127.0.0.1:1", "--signing-key", key, "--key", "tacita_1_x"];
    assert_complaint(&[&["relay"], &but_the_publisher[..]].concat(), "publisher:", "--publisher NUMBER");
    assert_complaint(
        &[&["relay", "--publisher", "x"], &but_the_publisher[..]].concat(),
        "--publisher:",
        "expected u32",
    );
}

#[test]
fn check_config_names_every_problem_and_where_each_setting_comes_from() {
    let files = Files::new();
    let wrong =
        files.write("wrong.toml", "lissten = \"127.0.0.1:1\"\n[epochs]\nactive = 7\n[windows]\nmax-age = \"soon\"\n");
    let output = tacita(&["check-config", "collector", "--config", &wrong]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    let problems: Vec<&str> = said.lines().collect();
    assert_eq!(problems.len(), 3, "{said}");
    for (problem, (place, remedy)) in problems.iter().zip([
        ("wrong.toml:1:1", "did you mean 'listen'?"),
        ("wrong.toml:3:1: epochs.active", "the default is \"7days\""),
        ("wrong.toml:5:1: windows.max-age", "write it like 90s"),
    ]) {
        assert!(problem.starts_with("error: ") && problem.contains(place) && problem.contains(remedy), "{problem}");
    }
    let unfit = "[device]\ntoken-batch = 0\n[epochs]\ngrace = \"1h\"\n[retention]\ntallies = \"1day\"\n";
    let unfit = files.write("unfit.toml", unfit);
    let output = tacita(&["check-config", "collector", "--config", &unfit, "--vault", &unfit]);
    let said = String::from_utf8(output.stderr).unwrap();
    for problem in [
        "error: ",
        "unfit.toml:2:1: device.token-batch: choose 1 to 128",
        "unfit.toml:6:1: retention.tallies",
        "--vault: vault: ",
        "note: ",
        "unfit.toml:4:1: epochs.grace",
    ] {
        assert!(said.contains(problem), "{said}");
    }

    let right = files.write("right.toml", "store = \"postgresql://u:s3cret@db/x\"\ndata = \"x\"\n");
    let output = std::process::Command::new(support::TACITA)
        .args(["check-config", "collector", "--config", &right, "--set", "windows.ahead=2h"])
        .env("TACITA_COLLECTOR__EPOCHS__ACTIVE", "1day")
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!printed.contains("s3cret"), "{printed}");
    for [setting, value, from] in [
        ["listen", "127.0.0.1:7601", "default"],
        ["store", "postgresql://", "right.toml:1:1"],
        ["epochs.active", "1day", "TACITA_COLLECTOR__EPOCHS__ACTIVE"],
        ["windows.ahead", "2h", "--set windows.ahead"],
        ["vault", "", "not set"],
    ] {
        let line = printed.lines().find(|line| line.split_whitespace().next() == Some(setting)).unwrap();
        assert!(line.contains(value) && line.trim_end().ends_with(from), "{line}");
    }
}

#[test]
fn a_variable_that_is_unknown_or_was_renamed_is_named() {
    let with = |name: &str| {
        let mut command = std::process::Command::new(support::TACITA);
        let output = command.args(["collector", "--data", "x"]).env(name, "embedded").output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(with("TACITA_COLLECTOR__STOR").contains("did you mean 'TACITA_COLLECTOR__STORE'?"));
    assert!(with("TACITA_STORE").contains("is called TACITA_COLLECTOR__STORE now"));
}

#[test]
fn a_malformed_key_is_refused_with_where_to_get_one() {
    let files = Files::new();
    assert_complaint(&["status"], "no API key", "operator.key");
    assert_complaint(&["report", "--key", "hello"], "not an API key", "tacita admin key create");
    let empty = files.write("empty.key", "");
    assert_complaint(&["status", "--key-file", &empty], "not an API key", "tacita_ID_SECRET");
    assert_complaint(&["status", "--key-file", "/nowhere/key"], "/nowhere/key", "cannot read");
}

#[test]
fn a_malformed_address_or_flag_is_refused_with_how_to_write_it() {
    assert_complaint(&["report", "--collector", "localhost:7601"], "--collector", "http://HOST:PORT");
    assert_complaint(&["collector", "--listen", "everywhere"], "--listen:", "the default is");
    assert_complaint(&["demo", "--sessions", "many"], "--sessions", "--help");
    assert_complaint(&["demo", "--sesions", "5"], "--sesions", "--sessions");
    assert_complaint(&["replay", "log.csv", "--map", "m.toml", "--epsilon", "0"], "--epsilon", "ε");
    assert_complaint(
        &["simulate", "--publisher", "1", "--signing-key", "12"],
        "--signing-key",
        "64 hexadecimal digits",
    );
    assert_complaint(&["report", "--from", "yesterday"], "--from", "YYYY-MM-DD");
    assert_complaint(
        &["replay", "log.csv", "--map", "m.toml", "--relay", "http://127.0.0.1:1"],
        "--collector",
        "required",
    );
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let nobody = format!("http://127.0.0.1:{}", support::free_port());
    let place = nobody.clone();
    assert_complaint(
        &["report", "--collector", &nobody, "--key", "tacita_1_x"],
        &place,
        "is `tacita collector` running",
    );
}

#[test]
fn a_reader_who_leaves_early_is_no_fault() {
    let mut child = std::process::Command::new(support::TACITA)
        .args(["demo", "--sessions", "5"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
