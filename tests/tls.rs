//! The whole path over TLS: visitors to a relay over https, the relay to the collector with its certificate, a brand's report.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    fs,
    net::IpAddr,
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use ed25519_dalek::VerifyingKey;
use tacita_client::{Device, DeviceConfig, GrpcTransport, MemoryStorage, Visit};
use tacita_protocol::{
    arrival::{Evidence, Navigation},
    id::PublisherId,
    time::SystemClock,
};
use tacita_tls::{ClientTls, Identity, trial::TrialAuthority};

use crate::support::{Server, free_port, path, tacita, tacita_ok};

/// One report each.
const VISITS: usize = 20;
/// One report each, too.
const REPLAYED: usize = 10;
const HOSTS: [&str; 2] = ["localhost", "127.0.0.1"];

#[test]
fn a_report_path_with_tls_on_every_connection_counts() {
    let folder = tempfile::tempdir().unwrap();
    let servers = TrialAuthority::new(&folder.path().join("servers")).unwrap();
    let relays = TrialAuthority::new(&folder.path().join("relays")).unwrap();
    let of_collector = servers.issue("collector", &HOSTS).unwrap();
    let of_relay = servers.issue("relay", &HOSTS).unwrap();
    let own = relays.issue("daily-news", &["tacita://publisher/daily-news"]).unwrap();
    let other = relays.issue("weekly-news", &["tacita://publisher/weekly-news"]).unwrap();
    let ca = servers.file();

    let (collector_port, relay_port) = (free_port(), free_port());
    let [collector, relay] = [collector_port, relay_port].map(|port| format!("127.0.0.1:{port}"));
    let (collector_url, relay_url) = (format!("https://{collector}"), format!("https://{relay}"));
    let data = folder.path().join("collector");
    let file = folder.path().join("collector.toml");
    let (certificate, key) = (path(&of_collector.certificate), path(&of_collector.key));
    let settings = format!(
        "[tls]\ncertificate = {certificate:?}\nkey = {key:?}\n[device]\ntoken-batch = 4\nledger-bound = 100.0\n\
         [policy]\nreports-per-window = 1\n"
    );
    fs::write(&file, settings).unwrap();
    let args = ["collector", "--listen", &collector, "--data", path(&data), "--config", path(&file)];
    let client_ca = ["--client-ca", path(&relays.file())].map(str::to_owned);
    let args = [&args[..], &client_ca.each_ref().map(String::as_str)].concat();
    let _collector = Server::start(collector_port, folder.path().join("collector.log"), &args);

    // What somebody sees who forgot half of it.
    let ask = |words: &[&str]| {
        let output = tacita(&[&["status", "--key", "tacita_1_x"], words].concat());
        String::from_utf8(output.stderr).unwrap()
    };
    let unknown = ask(&["--collector", &collector_url]);
    assert!(unknown.contains("--ca FILE") && !unknown.contains("running there"), "{unknown}");
    let plain = ask(&["--collector", &collector_url.replace("https", "http")]);
    assert!(plain.contains("write https://"), "{plain}");

    let operator_key = data.join("operator.key");
    let reach = ["--collector", &collector_url, "--ca", path(&ca)];
    let admin = |words: &[&str]| {
        tacita_ok(&[&["admin"], &reach[..], &["--key-file", path(&operator_key)], words].concat()).trim().to_owned()
    };
    admin(&["publisher", "create", "daily-news"]);
    admin(&["brand", "create", "acme"]);
    admin(&["campaign", "create", "acme/spring", "--publisher", "daily-news"]);
    admin(&[
        "measure",
        "create",
        "acme/spring",
        "arrivals",
        "--event",
        "arrival",
        "--dimension",
        "channel=direct,whatsapp,email",
    ]);
    let relay_key = admin(&["key", "create", "--role", "publisher", "--subject", "daily-news"]);
    let brand_key = admin(&["key", "create", "--role", "brand", "--subject", "acme"]);
    let signing_key = tacita_ok(&[&["status"], &reach[..], &["--key-file", path(&operator_key)]].concat())
        .lines()
        .find_map(|line| line.strip_prefix("signing key"))
        .unwrap()
        .trim()
        .to_owned();

    let relay_file = folder.path().join("relay.toml");
    fs::write(&relay_file, "publisher = 1\ntrusted-proxies = [\"127.0.0.1\"]\n[batch]\nleast = 20\nage = \"1s\"\n")
        .unwrap();
    let relay_data = folder.path().join("relay");
    let start = [
        &["relay", "--listen", &relay, "--collector", &collector_url, "--ca", path(&ca), "--key", &relay_key][..],
        &["--signing-key", &signing_key, "--data", path(&relay_data), "--config", path(&relay_file)],
        &["--tls-cert", path(&of_relay.certificate), "--tls-key", path(&of_relay.key)],
    ]
    .concat();
    let with = |identity: &Identity| -> Vec<String> {
        let shown = ["--client-cert", path(&identity.certificate), "--client-key", path(&identity.key)];
        start.iter().chain(&shown).map(|&word| word.to_owned()).collect()
    };

    // Neither without a certificate nor with another publisher's does a relay start.
    let refused = |args: &[&str]| {
        let output = tacita(args);
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let said = refused(&start);
    assert!(said.contains("tacita://publisher/daily-news"), "{said}");
    let others = with(&other);
    assert!(
        refused(&others.iter().map(String::as_str).collect::<Vec<_>>()).contains("the client certificate is another's")
    );

    let own = with(&own);
    let log = folder.path().join("relay.log");
    let _relay = Server::start(relay_port, log, &own.iter().map(String::as_str).collect::<Vec<_>>());
    let verify = ["keys", "verify", "--signing-key", &signing_key, "--ca", path(&ca)];
    let source = format!("1@{relay_url}");
    assert!(tacita_ok(&[&verify[..], &[&source, &source]].concat()).contains("all 2 relays serve the same keys"));

    let report =
        |more: &[&str]| tacita_ok(&[&["report"], &reach[..], &["--key", &brand_key, "acme/spring"], more].concat());
    assert!(report(&[]).contains("0 reports"));

    // A real log goes the same way and trusts the same authority; it ends when each of its reports is counted.
    let (log, map) = (folder.path().join("log.csv"), folder.path().join("map.toml"));
    fs::write(&log, format!("source\n{}", "whatsapp\n".repeat(REPLAYED))).unwrap();
    fs::write(&map, "[channel]\ncolumn = \"source\"\n").unwrap();
    let of_relay = ["--relay", &relay_url, "--ca", path(&ca), "--publisher", "1", "--signing-key", &signing_key];
    let of_brand = ["--collector", &collector_url, "--campaign", "acme/spring", "--brand-key", &brand_key];
    let said = tacita_ok(&[&["replay", path(&log), "--map", path(&map)], &of_relay[..], &of_brand].concat());
    assert!(said.contains("1 channels"), "{said}");
    tokio::runtime::Runtime::new().unwrap().block_on(visits(&relay_url, &ca, &signing_key));
    let counted = format!("{} reports", VISITS + REPLAYED);
    let deadline = Instant::now() + Duration::from_secs(60);
    while !report(&[]).contains(&counted) {
        assert!(Instant::now() < deadline, "{}", report(&[]));
        thread::sleep(Duration::from_millis(200));
    }

    // A made-up audience goes the same way.
    tacita_ok(&[&["simulate", "--sessions", "30"], &of_relay[..]].concat());

    // An authority that does not fit the address is an error and no silent connection in the clear.
    let plain = format!("http://{collector}");
    let told = refused(&["report", "--collector", &plain, "--ca", path(&ca), "--key", &brand_key]);
    assert!(told.contains("write https://"), "{told}");
    let told = refused(&["report", "--collector", &collector_url, "--key", &brand_key]);
    assert!(told.contains("UnknownIssuer"), "{told}");
}

/// Twenty visits with an arrival each, of devices that trust the relay's authority.
async fn visits(relay_url: &str, ca: &Path, signing_key: &str) {
    let bytes: [u8; 32] = hex::decode(signing_key).unwrap().try_into().unwrap();
    let config = DeviceConfig::new(PublisherId(1), VerifyingKey::from_bytes(&bytes).unwrap());
    let tls = ClientTls { authority: Some(ca.to_owned()), identity: None };
    let relay = tacita_tls::Server::new(relay_url, &tls).unwrap();
    let transport = GrpcTransport::over(relay.connect_lazy(), relay.connect_lazy());
    for visitor in 0..VISITS {
        // Each from an address of its own: one address has few tokens.
        let transport = transport.for_visitor(IpAddr::from([192, 0, 2, visitor as u8]));
        let device = Device::open(config.clone(), MemoryStorage::default(), transport, Arc::new(SystemClock)).unwrap();
        device.refresh().await.unwrap();
        let evidence = Evidence {
            url: "https://news.example/",
            referrer: "",
            user_agent: "",
            navigation: Navigation::Navigate,
            landing_pages: &[],
        };
        assert!(matches!(device.begin_session(&evidence).unwrap(), Visit::Person(_)));
        assert_eq!(device.flush().await.left, 0);
    }
}
