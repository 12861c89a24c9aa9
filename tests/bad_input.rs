//! A malformed CSV, map, config, key, address or flag gives one line that names the place and the remedy.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;

use crate::support::{self, path, tacita, tacita_ok};

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
        "expected a whole number",
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

/// What check-config says of these arguments, a line each.
fn problems(args: &[&str]) -> Vec<String> {
    let output = tacita(&[&["check-config"], args].concat());
    assert_eq!(output.status.code(), Some(1), "{args:?}");
    String::from_utf8(output.stderr).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn one_problem_hides_no_other() {
    let files = Files::new();
    let wrong = "lissten = \"x\"\nlisten = \"everywhere\"\nstore = \"sqlite\"\nmetrics = \"192.0.2.1:9464\"\n[epochs]\n\
                 active = \"1s\"\n[device]\ntoken-batch = \"many\"\nledger-bound = 0\n[limits]\nconnections = 0\n[log]\n\
                 filter = \"hyper=trace\"\n[tls]\ncertificate = \"/etc/passwd\"\nkey = \"/etc/passwd\"\n";
    let file = files.write("wrong.toml", wrong);
    let all = problems(&["collector", "--config", &file, "--data", "/proc/x"]);
    for problem in [
        "wrong.toml:1:1: there is no setting 'lissten'",
        "wrong.toml:2:1: listen: ",
        "wrong.toml:3:1: store: write 'embedded'",
        "wrong.toml:4:1: metrics: cannot listen on 192.0.2.1:9464",
        "wrong.toml:6:1: epochs.active: an epoch lasts",
        "wrong.toml:8:1: device.token-batch: invalid type: string \"many\", expected a whole number",
        "wrong.toml:9:1: device.ledger-bound",
        "wrong.toml:11:1: limits.connections",
        "wrong.toml:13:1: log.filter: ",
        "wrong.toml:15:1: tls.certificate: /etc/passwd: it holds no certificate",
        "wrong.toml:16:1: tls.key: /etc/passwd: it holds no private key",
        "--data: data: '/proc' cannot be written in",
    ] {
        assert_eq!(all.iter().filter(|said| said.contains(problem)).count(), 1, "{problem}: {all:#?}");
    }
    assert_eq!(all.len(), 12, "{all:#?}");

    let links = files.write("links.toml", "nonsense");
    let all = problems(&[
        "relay",
        "--publisher",
        "0",
        "--collector",
        "nowhere",
        "--key",
        "x",
        "--links",
        &links,
        "--set",
        "batch.least=0",
        "--set",
        "connections.most=none",
        "--set",
        "queue.bytes=1",
    ]);
    for setting in ["publisher", "collector", "key", "signing-key", "links", "batch", "connections.most", "queue.bytes"]
    {
        let place = format!(" {setting}: ");
        assert_eq!(all.iter().filter(|said| said.contains(&place)).count(), 1, "{setting}: {all:#?}");
    }
    assert_eq!(all.len(), 8, "{all:#?}");
}

#[test]
fn what_a_start_refuses_check_config_refuses() {
    let files = Files::new();
    let authority = tacita_tls::trial::TrialAuthority::new(files.0.path()).unwrap();
    let [one, other] = ["one", "other"].map(|name| authority.issue(name, &["localhost"]).unwrap());
    for (args, said) in [
        (vec!["--set", "log.filter=hyper=trace"], "addresses and headers"),
        (vec!["--tls-cert", "/etc/passwd", "--tls-key", path(&one.key)], "it holds no certificate"),
        (vec!["--tls-cert", path(&one.certificate), "--tls-key", path(&other.key)], "not taken with the key"),
        (vec!["--listen", "127.0.0.1:7777", "--metrics", "127.0.0.1:7777"], "the port of listen"),
        (vec!["--data", "/proc/x"], "cannot be written in"),
    ] {
        let folder = files.0.path().join("data");
        let data = if args.contains(&"--data") { vec![] } else { vec!["--data", path(&folder)] };
        let checked = problems(&[&["collector"], &args[..], &data[..]].concat());
        let started = complaint(&[&["collector"], &args[..], &data[..]].concat());
        assert!(checked.iter().any(|problem| problem.contains(said)), "{args:?}: {checked:?}");
        assert!(started.contains(said), "{args:?}: {started}");
    }
    let right = ["--tls-cert", path(&one.certificate), "--tls-key", path(&one.key)];
    tacita_ok(&[&["check-config", "collector"], &right[..]].concat());
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
    assert!(with("TACITA_COLLECTOR_METRICS").contains("write TACITA_COLLECTOR__METRICS"));
    assert!(with("TACITA_COLLECTOR_WINDOWS_MAX_AGE").contains("write TACITA_COLLECTOR__WINDOWS__MAX_AGE"));
    // What Kubernetes sets for a service of that name is not refused, but not passed over either.
    let output = std::process::Command::new(support::TACITA)
        .args(["check-config", "collector"])
        .env("TACITA_COLLECTOR_SERVICE_HOST", "10.0.0.1")
        .output()
        .unwrap();
    assert!(output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("note: TACITA_COLLECTOR_SERVICE_HOST: nothing reads this variable"), "{said}");
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
fn a_key_given_by_a_flag_goes_before_the_other_ones_variable() {
    let said = |args: &[&str], variables: &[(&str, &str)]| {
        let mut command = std::process::Command::new(support::TACITA);
        command.args(args).envs(variables.iter().copied());
        let output = command.output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let nobody = format!("http://127.0.0.1:{}", support::free_port());
    let by_flag = said(
        &["report", "--key", "tacita_2_x", "--collector", &nobody, "acme/spring"],
        &[("TACITA_KEY_FILE", "/nowhere/key")],
    );
    assert!(by_flag.contains("no collector answers"), "{by_flag}");
    let by_file = said(&["status", "--key-file", "/nowhere/key"], &[("TACITA_KEY", "tacita_1_x")]);
    assert!(by_file.contains("/nowhere/key"), "{by_file}");
    let by_variable = said(&["status"], &[("TACITA_KEY_FILE", "/nowhere/key")]);
    assert!(by_variable.contains("/nowhere/key"), "{by_variable}");
    let both = said(&["status", "--key", "tacita_1_x", "--key-file", "/nowhere/key"], &[]);
    assert!(both.contains("--key and --key-file are both given"), "{both}");
    let both = said(&["status"], &[("TACITA_KEY", "tacita_1_x"), ("TACITA_KEY_FILE", "/nowhere/key")]);
    assert!(both.contains("TACITA_KEY and TACITA_KEY_FILE are both given"), "{both}");

    // A relay's two settings, of which each source may say either.
    let files = Files::new();
    let (key, file) = (files.write("key", "tacita_1_x"), files.write("relay.toml", "key = \"tacita_2_x\"\n"));
    let relay = |args: &[&str], variable: Option<(&str, &str)>| {
        let mut command = std::process::Command::new(support::TACITA);
        let output = command.args(["check-config", "relay"]).args(args).envs(variable).output().unwrap();
        let rows = String::from_utf8(output.stdout).unwrap();
        let row = |name: &str| {
            let row = rows.lines().find(|row| row.split_whitespace().next() == Some(name)).unwrap();
            row.ends_with("not set")
        };
        [row("key"), row("key-file")]
    };
    assert_eq!(relay(&["--key-file", &key], Some(("TACITA_RELAY__KEY", "tacita_1_x"))), [true, false]);
    assert_eq!(relay(&["--config", &file], Some(("TACITA_RELAY__KEY_FILE", &key))), [true, false]);
    assert_eq!(relay(&["--key", "tacita_1_x"], Some(("TACITA_RELAY__KEY_FILE", "/nowhere"))), [false, true]);
}

#[test]
fn a_connection_option_stands_before_or_after_the_subcommand() {
    let nobody = format!("http://127.0.0.1:{}", support::free_port());
    let at = ["--collector", &nobody, "--key", "tacita_1_x"];
    for words in [["audit", "verify"], ["keys", "list"], ["admin", "log-filter"]] {
        for args in [[&words[..1], &at[..], &words[1..]].concat(), [&words[..], &at[..]].concat()] {
            assert_complaint(&args, &nobody, "is `tacita collector` running");
        }
    }
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
fn a_folder_of_receipts_that_is_not_there_is_not_taken_for_one_without_differences() {
    let files = Files::new();
    let missing = files.0.path().join("nofolder");
    let key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    let of = ["--publisher", "1", "--collector", "http://127.0.0.1:1", "--signing-key", key, "--key", "tacita_1_x"];
    assert_complaint(&[&["relay", "verify", path(&missing)], &of[..]].concat(), "nofolder", "name the relay's folder");
    assert!(!missing.exists());
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
