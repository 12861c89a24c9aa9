//! The whole path on PostgreSQL: SDK, relay, two collectors on one database, a brand's report; and what `tacita` says when the
//! database is not as it must be.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{fs, path::Path, process::Command};

use crate::{
    server::Fresh,
    support::{self, Deployment, TACITA, path},
};

const SESSIONS: usize = 1_500;

/// A password, which the server of the tests does not ask for.
const PASSWORD: &str = "s3cret-w0rd";

/// The database's URL with the password.
fn url(database: &Fresh) -> String {
    database.url().replace("://tacita@", &format!("://tacita:{PASSWORD}@"))
}

/// Runs `tacita` with this store in its environment: whether it succeeded, and all that it said.
fn run(args: &[&str], store: &str) -> (bool, String) {
    let output = Command::new(TACITA).args(args).env("TACITA_COLLECTOR__STORE", store).output().unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    assert!(!said.contains(PASSWORD), "{said}");
    (output.status.success(), said)
}

/// Whether a file says this, or any file under a folder.
fn says(path: &Path, text: &str) -> bool {
    match path.is_dir() {
        true => fs::read_dir(path).unwrap().any(|entry| says(&entry.unwrap().path(), text)),
        false => fs::read(path).unwrap().windows(text.len()).any(|window| window == text.as_bytes()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_devices_send_through_a_relay_to_one_collector_another_one_reports() {
    let Some(database) = Fresh::new().await else { return };
    let store = url(&database);
    let (prepared, said) = run(&["store", "init"], &store);
    assert!(prepared, "{said}");

    let folder = tempfile::tempdir().unwrap();
    let arrivals = ["arrivals", "--event", "arrival", "--epsilon", "4", "--dimension", "channel=search,direct,email"];
    let vault = folder.path().join("vault");
    let policy = "token-batch = 4\nledger-bound = 100.0";
    let more = ["--store", &store, "--vault", path(&vault)];
    let deployment = Deployment::start_on(folder.path(), &[&arrivals], None, policy, &more);
    let second_file = folder.path().join("second.toml");
    let settings = format!("store = \"{store}\"\nvault = \"{}\"\n[device]\n{policy}\n", path(&vault));
    fs::write(&second_file, settings).unwrap();
    let port = support::free_port();
    let listen = format!("127.0.0.1:{port}");
    let data = folder.path().join("second");
    let args = ["collector", "--listen", &listen, "--data", path(&data), "--config", path(&second_file)];
    let second = support::Server::start(port, folder.path().join("second.log"), &args);

    let mut csv = String::from("channel\n");
    for session in 0..SESSIONS {
        csv += ["search\n", "direct\n", "email\n"][session * session % 3];
    }
    let [log_file, map_file, json] = ["log.csv", "map.toml", "out.json"].map(|name| folder.path().join(name));
    fs::write(&log_file, csv).unwrap();
    fs::write(&map_file, "[channel]\ncolumn = \"channel\"\n").unwrap();
    let replay = Command::new(TACITA)
        .args(["replay", path(&log_file), "--map", path(&map_file), "--json", path(&json), "--patience", "120s"])
        .args(["--relay", &deployment.relay.url(), "--collector", &second.url(), "--publisher", "1"])
        .args(["--signing-key", &deployment.signing_key, "--campaign", "acme/spring"])
        .args(["--brand-key", &deployment.brand_key])
        .output()
        .unwrap();
    assert!(replay.status.success(), "{}", String::from_utf8_lossy(&replay.stderr));
    let result: serde_json::Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
    let measure = &result["runs"][0]["measures"][0];
    assert_eq!((&measure["sent"], &measure["counted"]), (&SESSIONS.into(), &SESSIONS.into()), "{measure}");
    assert!(!data.join("operator.key").exists() && !data.join("store").exists() && !data.join("keys").exists());

    drop((deployment, second));
    fs::remove_file(second_file).unwrap();
    assert!(!says(folder.path(), PASSWORD), "a password stands in a log");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_not_as_it_must_be_is_refused_with_what_to_do() {
    let Some(database) = Fresh::new().await else { return };
    let store = url(&database);
    let folder = tempfile::tempdir().unwrap();
    let collector = ["collector", "--listen", "127.0.0.1:0", "--data"].map(str::to_owned);
    let collector = [&collector[..], &[path(&folder.path().join("first")).to_owned()]].concat();
    let collector: Vec<&str> = collector.iter().map(String::as_str).collect();

    let (started, said) = run(&collector, &store);
    assert!(!started && said.contains("run `tacita store init`"), "{said}");
    // What is said on the command line goes before the environment.
    let (started, said) = run(&[&collector[..], &["--store", &store]].concat(), "nonsense");
    assert!(!started && said.contains("run `tacita store init`"), "{said}");
    let (started, said) = run(&collector, &store.replace("postgresql:", "mysql:"));
    assert!(!started && said.contains("write 'embedded', or the URL"), "{said}");

    if database.sql("SELECT name FROM pg_available_extensions WHERE name = 'citus'").await.is_empty() {
        let (done, said) = run(&["store", "init", "--distributed"], &store);
        assert!(!done && said.contains("install the extension on every node"), "{said}");
    }
    for _ in 0..2 {
        assert!(run(&["store", "init"], &store).0);
    }
    database.sql("INSERT INTO tacita.migration (number) VALUES (9)").await;
    for args in [&collector[..], &["store", "init"]] {
        let (done, said) = run(args, &store);
        assert!(!done && said.contains("schema 9") && said.contains("newer"), "{said}");
    }
}
