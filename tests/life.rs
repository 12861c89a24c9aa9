//! The life of the processes: backups of a running collector, some of them killed; a restored one; and the end of
//! collector and relay under load.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::support::{self, Deployment, Server, TACITA, free_port, path, tacita};

const ARRIVALS: [&str; 7] =
    ["arrivals", "--event", "arrival", "--epsilon", "4", "--dimension", "channel=search,direct,email,whatsapp"];

/// A made-up audience on its way through the relay.
fn audience(deployment: &Deployment, seed: &str, sessions: &str) -> Child {
    Command::new(TACITA)
        .args(["simulate", "--relay", &deployment.relay.url(), "--publisher", "1", "--patience", "120s"])
        .args(["--signing-key", &deployment.signing_key, "--seed", seed, "--sessions", sessions])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// How many reports it handed over.
fn handed_over(audience: Child) -> u64 {
    let output = audience.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let words: Vec<&str> = said.lines().next().unwrap().split_whitespace().collect();
    let place = words.iter().position(|word| *word == "reports").unwrap();
    words[place - 1].replace(|digit: char| !digit.is_ascii_digit(), "").parse().unwrap()
}

fn operator(deployment: &Deployment, words: &[&str]) -> Output {
    let (url, key) = (deployment.collector.url(), path(&deployment.operator_key_file));
    tacita(&[words, &["--collector", &url, "--key-file", key]].concat())
}

/// How many reports the brand is told of.
fn counted(deployment: &Deployment) -> u64 {
    let (url, key) = (deployment.collector.url(), &deployment.brand_key);
    let output = tacita(&["report", "--collector", &url, "--key", key, "--json", "acme/spring"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    // Proto's JSON leaves zeros out.
    match &answer["measures"][0]["reports"] {
        serde_json::Value::Null => 0,
        reports => reports.to_string().trim_matches('"').parse().unwrap(),
    }
}

fn until_counted(deployment: &Deployment, reports: u64) {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let counted = counted(deployment);
        if counted == reports {
            return;
        }
        assert!(counted < reports && Instant::now() < deadline, "{counted} counted of {reports}");
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_backup_under_load_survives_kills_and_a_restored_collector_goes_on_from_its_cut() {
    let folder = tempfile::tempdir().unwrap();
    let mut deployment = Deployment::start(folder.path(), &[&ARRIVALS], None);
    let load = audience(&deployment, "1", "1500");
    // Backups that are killed at some instant, or whose collector is, leave none; those that end are whole.
    let mut whole = 0;
    for round in 0..8_u64 {
        let to = folder.path().join(format!("backup-{round}"));
        let (url, key) = (deployment.collector.url(), path(&deployment.operator_key_file));
        let mut backup = Command::new(TACITA)
            .args(["backup", "--to", path(&to), "--collector", &url, "--key-file", key])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_millis(7 * round));
        let killed = round % 2 == 0 || round == 5;
        if round == 5 {
            deployment.collector.kill();
            deployment.collector.restart();
        } else if killed {
            backup.kill().unwrap();
        }
        backup.wait().unwrap();
        let verified = tacita(&["backup", "verify", path(&to)]).status.success();
        assert_eq!(verified, to.exists(), "what has the name is whole");
        assert!(verified || killed, "a backup that nobody killed is made");
        whole += u32::from(verified);
    }
    assert!(whole >= 3, "{whole}");
    let first = handed_over(load);
    until_counted(&deployment, first);

    let last = folder.path().join("last");
    let made = operator(&deployment, &["backup", "--to", path(&last)]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let over = operator(&deployment, &["backup", "--to", path(&last)]);
    assert!(!over.status.success(), "a backup is never written over");
    for entry in fs::read_dir(&last).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        for key in secret_keys(&folder.path().join("collector/keys")) {
            assert!(!bytes.windows(32).any(|window| window == key), "a backup holds no secret key");
        }
    }

    // Lost: what is counted after the cut, and the store.
    let lost = handed_over(audience(&deployment, "2", "300"));
    until_counted(&deployment, first + lost);
    deployment.collector.kill();
    let data = folder.path().join("collector");
    let restore = ["restore", "--from", path(&last), "--data", path(&data)];
    let refused = tacita(&restore);
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("holds a store already"));
    fs::rename(data.join("store"), folder.path().join("lost")).unwrap();
    let restored = tacita(&restore);
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    deployment.collector.restart();
    assert_eq!(counted(&deployment), first, "the counts are those of the cut");

    // Relays and devices go on by themselves.
    let more = handed_over(audience(&deployment, "3", "300"));
    until_counted(&deployment, first + more);

    // A store that other tools have brought back is made fit by a command of its own.
    assert_eq!(deployment.collector.stop(), Some(0));
    let marked = support::tacita_ok(&["store", "restored", "embedded", "--data", path(&data)]);
    assert!(marked.contains("will not count") && marked.contains("secret keys were destroyed"), "{marked}");
    deployment.collector.restart();
    assert_eq!(counted(&deployment), first + more);
}

#[test]
fn a_publisher_that_verifies_is_told_of_a_restored_record_and_begins_anew_with_its_receipts_aside() {
    let folder = tempfile::tempdir().unwrap();
    let settings = "token-batch = 4\nledger-bound = 100.0\n[record]\nperiod = \"1s\"";
    let mut deployment = Deployment::start_with(folder.path(), &[&ARRIVALS], None, settings);
    let (data, relay, last) =
        (folder.path().join("collector"), folder.path().join("relay"), folder.path().join("last"));
    let key = fs::read_to_string(folder.path().join("relay.key")).unwrap();
    let verify = |deployment: &Deployment| {
        let reach = ["--signing-key", &deployment.signing_key, "--key", key.trim()];
        let words = ["relay", "verify", path(&relay), "--collector", &deployment.collector.url()];
        tacita(&[&words[..], &reach].concat())
    };
    // How many periods are closed.
    let until_verified = |deployment: &Deployment| -> u64 {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let verified = verify(deployment);
            if verified.status.success() {
                let said = String::from_utf8(verified.stdout).unwrap();
                let closed = said.lines().find_map(|line| line.split_once(" periods are closed"));
                return closed.unwrap().0.parse().unwrap();
            }
            assert!(Instant::now() < deadline, "{}", String::from_utf8_lossy(&verified.stderr));
            thread::sleep(Duration::from_millis(100));
        }
    };
    let first = handed_over(audience(&deployment, "1", "100"));
    until_counted(&deployment, first);
    assert!(operator(&deployment, &["backup", "--to", path(&last)]).status.success());
    let lost = handed_over(audience(&deployment, "2", "100"));
    until_counted(&deployment, first + lost);
    // A head is seen that has what will be lost: the periods of now are closed by then.
    let closed = until_verified(&deployment);
    while until_verified(&deployment) < closed + 2 {
        thread::sleep(Duration::from_millis(100));
    }
    deployment.collector.kill();
    fs::rename(data.join("store"), folder.path().join("lost")).unwrap();
    let said = support::tacita_ok(&["restore", "--from", path(&last), "--data", path(&data)]);
    assert!(said.contains("tell every publisher"), "{said}");
    deployment.collector.restart();

    let told = verify(&deployment);
    let said = String::from_utf8_lossy(&told.stderr);
    assert_eq!(told.status.code(), Some(1), "{said}");
    assert!(said.contains("the record was CUT") || said.contains("the record was REWRITTEN"), "{said}");

    deployment.relay.kill();
    fs::rename(relay.join("receipts"), folder.path().join("receipts-of-the-time-that-is-lost")).unwrap();
    deployment.relay.restart();
    let more = handed_over(audience(&deployment, "3", "100"));
    until_counted(&deployment, first + more);
    until_verified(&deployment);
}

fn secret_keys(vault: &Path) -> Vec<Vec<u8>> {
    let files = fs::read_dir(vault).unwrap().map(|entry| entry.unwrap().path());
    files
        .filter(|file| file.file_name().is_some_and(|name| name != "lock"))
        .map(|file| fs::read(file).unwrap())
        .collect()
}

#[test]
fn collector_and_relay_that_are_told_to_stop_under_load_end_in_order_and_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut deployment = Deployment::start(folder.path(), &[&ARRIVALS], None);
    let load = audience(&deployment, "1", "1500");
    for _ in 0..3 {
        thread::sleep(Duration::from_millis(200));
        for server in [&mut deployment.collector, &mut deployment.relay] {
            assert_eq!(server.stop(), Some(0), "an end in order has exit code 0");
            server.restart();
        }
    }
    let handed = handed_over(load);
    until_counted(&deployment, handed);
    let status = operator(&deployment, &["admin", "status"]);
    let said = String::from_utf8_lossy(&status.stdout).into_owned();
    for refusal in ["spent", "unauthentic", "wrong-", "unknown-", "window-", "invalid-", "closed-"] {
        assert!(!said.contains(refusal), "{said}");
    }
}

#[test]
fn a_second_signal_ends_at_once_what_the_first_one_waits_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut deployment = Deployment::start(folder.path(), &[&ARRIVALS], None);
    let settings = "publisher = 1\ndrain = \"1h\"\ntrusted-proxies = [\"127.0.0.1\"]\n";
    fs::write(folder.path().join("relay.toml"), settings).unwrap();
    deployment.relay.kill();
    deployment.relay.restart();
    // A request that was taken, and whose end does not come.
    let address = deployment.relay.url().replace("http://", "");
    let mut request = std::net::TcpStream::connect(address).unwrap();
    let head = "POST /tacita.v1.CollectionService/SubmitReports HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n\
                content-type: application/grpc-web+proto\r\ncontent-length: 100\r\n\r\n";
    request.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 12];
    request.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100");
    deployment.relay.tell_to_stop();
    deployment.relay.until_said("stopping: ");
    deployment.relay.tell_to_stop();
    assert_eq!(deployment.relay.ended(), Some(1));
    deployment.relay.until_said("told to stop a second time");
    // Nothing of its state is the worse for it.
    deployment.relay.restart();
    assert_eq!(deployment.relay.stop(), Some(0));
}

/// A collector on its own, with these arguments beside.
fn lone_collector(folder: &Path, more: &[&str]) -> Server {
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let data = folder.join("data");
    let args = [&["collector", "--listen", &listen, "--data", path(&data)], more].concat();
    Server::start(port, folder.join("collector.log"), &args)
}

#[test]
fn whatever_a_server_says_in_json_is_json() {
    let folder = tempfile::tempdir().unwrap();
    let metrics = format!("127.0.0.1:{}", free_port());
    let json = ["--log-format", "json", "--metrics", &metrics, "--set", "epochs.grace=1h"];
    let mut collector = lone_collector(folder.path(), &json);
    let data = folder.path().join("data");
    let second = tacita(&["collector", "--listen", "127.0.0.1:0", "--data", path(&data), "--log-format", "json"]);
    assert!(!second.status.success());
    assert_eq!(collector.stop(), Some(0));
    let said = fs::read_to_string(collector.log_file()).unwrap() + &String::from_utf8(second.stderr).unwrap();
    for line in said.lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok_and(|line| line.is_object()), "{line}");
    }
    for announced in
        ["note: ", "collector on http://", "metrics at http://", "signing key", "stopping: ", "is open in another"]
    {
        assert!(said.contains(announced), "{announced}: {said}");
    }
}

#[test]
fn what_a_server_makes_is_for_its_user_alone_and_a_folder_that_others_may_look_into_is_remarked_upon() {
    let folder = tempfile::tempdir().unwrap();
    let mut collector = lone_collector(folder.path(), &[]);
    assert_eq!(collector.stop(), Some(0));
    let mut folders = vec![folder.path().join("data")];
    while let Some(next) = folders.pop() {
        assert_eq!(fs::metadata(&next).unwrap().permissions().mode() & 0o077, 0, "{}", next.display());
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0, "{}", path.display());
            folders.extend(path.is_dir().then_some(path));
        }
    }
    assert!(!fs::read_to_string(collector.log_file()).unwrap().contains("warning: "));

    let data = folder.path().join("data");
    fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).unwrap();
    collector.restart();
    assert_eq!(collector.stop(), Some(0));
    let said = fs::read_to_string(collector.log_file()).unwrap();
    assert!(said.contains("warning: others than this user may look into"), "{said}");
    assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o755, "it is its owner's affair");
}
