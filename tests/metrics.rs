//! The metrics of real servers and the table of them in `spec/observability.md` are one; what dashboards and alert
//! rules ask for is in it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
    time::Duration,
};

use tacita_client::{GrpcTransport, Transport as _};
use tacita_observability::samples::{Sample, samples};
use tacita_protocol::outcome::Outcome;
use tacita_tokens::{ENVELOPE_LEN, Envelope};

use crate::support::{Deployment, free_port, path, tacita, tacita_ok};

/// What is told of a metric.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Row {
    kind: String,
    labels: BTreeSet<String>,
    unit: String,
    meaning: String,
}

type Table = BTreeMap<String, Row>;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The rows of the specification whose names begin with one of these.
fn written(prefixes: &[&str]) -> Table {
    let page = fs::read_to_string(root().join("spec/observability.md")).unwrap();
    let rows = page.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix("| `")?.split('|').map(str::trim).collect();
        let [name, kind, labels, unit, meaning, ""] = cells[..] else { return None };
        let labels = labels.split(',').map(|label| label.trim().trim_matches('`')).filter(|label| !label.is_empty());
        let row = Row {
            kind: kind.to_owned(),
            labels: labels.map(str::to_owned).collect(),
            unit: unit.to_owned(),
            meaning: meaning.to_owned(),
        };
        Some((name.trim_end_matches('`').to_owned(), row))
    });
    rows.filter(|(name, _)| prefixes.iter().any(|prefix| name.starts_with(prefix))).collect()
}

/// The metrics of a page, under the names that the specification has for them.
fn told(page: &str) -> Table {
    let mut families: BTreeMap<&str, Row> = BTreeMap::new();
    for line in page.lines() {
        let Some((word, rest)) = line.strip_prefix("# ").and_then(|line| line.split_once(' ')) else { continue };
        let (family, text) = rest.split_once(' ').unwrap_or((rest, ""));
        let row = families.entry(family).or_default();
        match word {
            "TYPE" => row.kind = text.to_owned(),
            "UNIT" => row.unit = text.to_owned(),
            "HELP" => row.meaning = text.trim_end_matches('.').to_owned(),
            _ => panic!("{line}"),
        }
    }
    for Sample { name, labels, .. } in samples(page) {
        let family = ["_total", "_bucket", "_sum", "_count", "_info"]
            .iter()
            .find_map(|suffix| name.strip_suffix(suffix).filter(|family| families.contains_key(family)))
            .unwrap_or(&name);
        let row = families.get_mut(family).unwrap_or_else(|| panic!("{name} has no type"));
        row.labels.extend(labels.into_iter().map(|(label, _)| label).filter(|label| label != "le"));
    }
    let named = |(family, row): (&str, Row)| match &*row.kind {
        "counter" => (format!("{family}_total"), row),
        "info" => (format!("{family}_info"), row),
        _ => (family.to_owned(), row),
    };
    families.into_iter().map(named).collect()
}

fn assert_same(told: &Table, written: &Table) {
    let names = |table: &Table| table.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(told), names(written), "metrics that are told (left), and that the specification has (right)");
    for (name, row) in told {
        assert_eq!(row, &written[name], "{name}");
    }
}

/// Status and body of a GET.
fn get(address: &str, what: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {what} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split_whitespace().nth(1).unwrap().parse().unwrap(), body.to_owned())
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..600 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("not within a minute: {what}");
}

/// The sum of the samples of this name with these labels.
fn sum(page: &str, name: &str, labels: &[(&str, &str)]) -> f64 {
    let fits = |sample: &Sample| labels.iter().all(|(label, value)| sample.label(label) == *value);
    samples(page).filter(|sample| sample.name == name && fits(sample)).map(|sample| sample.value).sum()
}

/// A collector and a relay that tell their metrics at these addresses.
fn deployment(folder: &Path) -> (Deployment, String, String) {
    let [collector, relay] = [free_port(), free_port()].map(|port| format!("127.0.0.1:{port}"));
    let measure = ["arrivals", "--event", "arrival", "--epsilon", "6"];
    let policy = "token-batch = 16\nledger-bound = 100.0";
    let mut deployment = Deployment::start_on(folder, &[&measure], None, policy, &["--metrics", &collector]);
    let settings = format!(
        "publisher = 1\nmetrics = \"{relay}\"\ntrusted-proxies = [\"127.0.0.1\"]\n\
         [log]\nfilter = \"info\"\n[batch]\nleast = 5\nage = \"20ms\"\n"
    );
    fs::write(folder.join("relay.toml"), settings).unwrap();
    deployment.relay.kill();
    deployment.relay.restart();
    (deployment, collector, relay)
}

/// Has so many reports counted by way of the relay.
async fn count(deployment: &Deployment, folder: &Path, reports: usize) {
    let (url, file) = (deployment.collector.url(), folder.join("sealed"));
    let key = fs::read_to_string(folder.join("relay.key")).unwrap();
    let number = reports.to_string();
    let which = ["bench", "seal", "--publisher", "1", "--reports", &number];
    tacita_ok(&[&which[..], &["--collector", &url, "--key", key.trim(), "--out", path(&file)]].concat());
    let sealed = fs::read(file).unwrap();
    let envelopes: Vec<_> = sealed.chunks(ENVELOPE_LEN).map(|one| Envelope::from_bytes(one).unwrap()).collect();
    let relay = GrpcTransport::connect(&deployment.relay.url()).unwrap();
    assert_eq!(relay.submit(envelopes).await.unwrap(), vec![Outcome::Queued; reports]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_servers_tell_is_what_the_specification_says_and_nothing_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let (deployment, collector, relay) = deployment(folder.path());
    count(&deployment, folder.path(), 20).await;
    let counted = [("publisher", "1"), ("outcome", "counted")];
    let collectors_page = || get(&collector, "/metrics").1;
    until("the collector tells of 20 reports", || {
        sum(&collectors_page(), "tacita_collector_reports_total", &counted) == 20.0
    })
    .await;
    let relays_page = || get(&relay, "/metrics").1;
    until("the relay tells of 20 answers", || {
        sum(&relays_page(), "tacita_relay_envelopes_total", &[("outcome", "counted")]) == 20.0
    })
    .await;

    let (collectors, relays) = (collectors_page(), relays_page());
    assert_same(&told(&collectors), &written(&["tacita_collector_", "process_"]));
    assert_same(&told(&relays), &written(&["tacita_relay_", "process_"]));
    assert!(collectors.ends_with("# EOF\n") && relays.ends_with("# EOF\n"));
    assert!(sum(&collectors, "tacita_collector_wait_seconds_count", &[("reason", "commit")]) >= 1.0);
    assert!(sum(&collectors, "tacita_collector_store_syncs_total", &[]) >= 1.0);
    assert!(sum(&collectors, "tacita_collector_tokens_issued_total", &[("publisher", "1")]) >= 20.0);
    assert_eq!(sum(&collectors, "tacita_collector_ready", &[]), 1.0);
    assert_eq!(sum(&relays, "tacita_relay_queue_envelopes", &[]), 0.0);
    assert!(sum(&relays, "tacita_relay_batches_answered_total", &[]) >= 1.0);
    for address in [&collector, &relay] {
        assert_eq!(get(address, "/readyz"), (200, "ready\n".to_owned()));
        assert_eq!(get(address, "/healthz").0, 200);
        assert_eq!(get(address, "/").0, 404);
    }
    assert_status(&deployment, &relay);
}

/// `tacita status` says of both what their metrics say.
fn assert_status(deployment: &Deployment, relay: &str) {
    let (url, key, relay) =
        (deployment.collector.url(), path(&deployment.operator_key_file), format!("http://{relay}"));
    let args = ["status", "--collector", &url, "--key-file", key, "--relay", &relay];
    let text = tacita_ok(&args);
    for part in [
        "collector: ready; version ",
        "relay of publisher 1: ready;",
        "20 counted",
        "next batch   waits for ",
        "store        embedded",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let json: serde_json::Value = serde_json::from_str(&tacita_ok(&[&args[..], &["--json"]].concat())).unwrap();
    assert_eq!((&json["collector"]["ready"], &json["relay"]["ready"]), (&true.into(), &true.into()));
    assert_eq!(json["collector"]["publishers"][0]["reports"]["counted"], 20);
    // Without a key the relay alone.
    let alone = tacita_ok(&["status", "--relay", &relay]);
    assert!(!alone.contains("collector: ready") && alone.contains("relay of publisher 1"), "{alone}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_refusal_has_a_reason_a_relay_without_its_collector_says_what_it_waits_for() {
    let folder = tempfile::tempdir().unwrap();
    let (mut deployment, collector, relay) = deployment(folder.path());
    let url = deployment.collector.url();
    let refused = tacita(&["admin", "--collector", &url, "--key", "tacita_1_wrong", "brand", "list"]);
    assert!(!refused.status.success());
    until("the refusal is counted with its reason", || {
        let labels = [("method", "AdminService/ListBrands"), ("code", "UNAUTHENTICATED"), ("reason", "KEY_INVALID")];
        sum(&get(&collector, "/metrics").1, "tacita_collector_calls_total", &labels) == 1.0
    })
    .await;

    deployment.collector.kill();
    let noise = (0..7_u8).map(|number| {
        let mut bytes = [number; ENVELOPE_LEN];
        bytes[..10].copy_from_slice(&[1, 1, 0, 0, 0, 1, 0, 0, 0, 1]);
        Envelope::from_bytes(&bytes).unwrap()
    });
    let to = GrpcTransport::connect(&deployment.relay.url()).unwrap();
    to.submit(noise.collect()).await.unwrap();
    until("the relay waits for the collector", || {
        let page = get(&relay, "/metrics").1;
        let broken = sum(&page, "tacita_relay_uploads_broken_total", &[]) > 0.0;
        let waits: Vec<String> = samples(&page)
            .filter(|sample| sample.name == "tacita_relay_waiting" && sample.value > 0.0)
            .map(|sample| sample.label("reason").to_owned())
            .collect();
        let held = sum(&page, "tacita_relay_queue_envelopes", &[("state", "drawn")]);
        broken && (waits == ["backoff"] || waits == ["collector"]) && held == 7.0
    })
    .await;
    assert_eq!(get(&relay, "/readyz").0, 200, "it takes envelopes meanwhile");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_filter_of_a_log_is_replaced_while_its_server_runs() {
    let folder = tempfile::tempdir().unwrap();
    let (deployment, ..) = deployment(folder.path());
    let (url, key) = (deployment.collector.url(), path(&deployment.operator_key_file));
    let log_filter =
        |filter: &[&str]| tacita(&[&["admin", "--collector", &url, "--key-file", key, "log-filter"], filter].concat());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(text(&log_filter(&[]).stdout), "warn\n");
    let refused = log_filter(&["tacita_collector=loud"]);
    assert!(!refused.status.success() && text(&refused.stderr).contains("no level 'loud'"), "{refused:?}");
    assert!(log_filter(&["info,tacita_observability=debug"]).status.success());
    let said = || fs::read_to_string(folder.path().join("collector.log")).unwrap();
    until("the collector logs calls", || {
        tacita_ok(&["status", "--collector", &url, "--key-file", key]);
        said().contains("a call ended")
    })
    .await;

    // A relay reads it anew from its file.
    let settings = fs::read_to_string(folder.path().join("relay.toml")).unwrap();
    let said = || fs::read_to_string(folder.path().join("relay.log")).unwrap();
    for (filter, answer) in [("info,tacita_relay=debug", "was read anew"), ("h2=trace", "stays")] {
        fs::write(folder.path().join("relay.toml"), settings.replace("\"info\"", &format!("\"{filter}\""))).unwrap();
        deployment.relay.hang_up();
        until(answer, || said().contains(answer)).await;
    }
}

/// Every name of ours in a text.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let ours = |word: &&str| ["tacita_collector_", "tacita_relay_", "process_"].iter().any(|p| word.starts_with(p));
    words.filter(ours).map(str::to_owned).collect()
}

/// A name of a query as the specification has it.
fn is_written(name: &str, table: &Table) -> bool {
    let of_histogram = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
    table.contains_key(name)
        || of_histogram.is_some_and(|name| table.get(name).is_some_and(|row| row.kind == "histogram"))
}

#[test]
fn a_dashboard_and_its_alert_rules_ask_for_metrics_that_there_are() {
    let table = written(&["tacita_", "process_"]);
    let dashboard = fs::read_to_string(root().join("deploy/grafana/tacita.json")).unwrap();
    let rules = fs::read_to_string(root().join("deploy/prometheus/tacita.rules.yml")).unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&dashboard).unwrap();
    let mut asked = BTreeSet::new();
    let panels = dashboard["panels"].as_array().unwrap();
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        let targets = panel["targets"].as_array().unwrap_or_else(|| panic!("{} asks nothing", panel["title"]));
        for target in targets {
            let found = names(target["expr"].as_str().unwrap());
            assert!(!found.is_empty(), "{}", panel["title"]);
            asked.extend(found);
        }
        assert!(
            panel["description"].as_str().is_some_and(|text| !text.is_empty()),
            "{} is not explained",
            panel["title"]
        );
    }
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "each panel has an id of its own");
    asked.extend(names(&rules));
    let unknown: Vec<_> = asked.iter().filter(|name| !is_written(name, &table)).collect();
    assert!(unknown.is_empty(), "{unknown:?} are not in spec/observability.md");
    assert!(asked.len() > 30, "{asked:?}");

    let alerts: Vec<&str> = rules.split("- alert: ").skip(1).collect();
    assert!(alerts.len() >= 10);
    for alert in alerts {
        for part in ["expr:", "for:", "severity:", "summary:", "description:"] {
            assert!(alert.contains(part), "{part} is missing: {alert}");
        }
    }
}
