//! No log of any process, at any level, has an address of a visitor, an API key, a token, an envelope, a nullifier, a
//! password or a page.
//!
//! A collector on a database and a relay run at `trace` while everything that can be refused or fail does so; then the
//! logs of both, and all that the commands between them printed, are searched for each secret in every form that a
//! program would print it in. The same with webhooks that are not taken, and with servers whose TLS handshakes fail.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    fs,
    net::{IpAddr, Ipv4Addr},
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use ed25519_dalek::VerifyingKey;
use tacita_client::{Device, DeviceConfig, GrpcTransport, MemoryStorage, Occurrence, Transport as _};
use tacita_proto::v1::{
    self, collection_service_client::CollectionServiceClient, reporting_service_client::ReportingServiceClient,
    token_service_client::TokenServiceClient,
};
use tacita_protocol::{id::PublisherId, measure::Event, time::SystemClock};
use tacita_store::PostgresOptions;
use tacita_tls::trial::TrialAuthority;
use tacita_tokens::{ENVELOPE_LEN, Envelope};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket},
};
use tonic::{Request, transport::Endpoint};

use crate::{
    server::{self, Fresh},
    support::{Deployment, Server, free_port, path, tacita, tacita_ok},
};

/// What must be in no log, and what it is.
struct Secret {
    what: &'static str,
    forms: Vec<String>,
}

impl Secret {
    fn text(what: &'static str, text: &str) -> Self {
        Self { what, forms: vec![text.to_owned()] }
    }

    /// Bytes as hexadecimal digits, in base64 with either alphabet wherever they stand in what was encoded, and as
    /// `Debug` prints them.
    fn bytes(what: &'static str, bytes: &[u8]) -> Self {
        let debug = format!("{bytes:?}");
        let mut forms = vec![hex::encode(bytes), hex::encode_upper(bytes), debug.trim_matches(['[', ']']).to_owned()];
        for shift in 0..3 {
            // Of three bytes the encoding makes four letters: what stands across the first and the last group is left out.
            let whole = &bytes[shift..];
            let whole = &whole[..whole.len() / 3 * 3];
            forms.extend([STANDARD_NO_PAD.encode(whole), URL_SAFE_NO_PAD.encode(whole)]);
        }
        Self { what, forms }
    }

    /// An API key: whole, and its secret part.
    fn key(what: &'static str, key: &str) -> Self {
        let secret = key.splitn(3, '_').nth(2).unwrap();
        Self { what, forms: vec![key.to_owned(), secret.to_owned()] }
    }
}

/// What of the secrets is in a log, with the line where it is.
fn found<'a>(log: &'a str, secrets: &'a [Secret]) -> Vec<(&'static str, &'a str)> {
    let lines = || log.lines();
    let holds = |line: &str, secret: &Secret| secret.forms.iter().any(|form| line.contains(form.as_str()));
    secrets
        .iter()
        .flat_map(|secret| lines().filter(|line| holds(line, secret)).map(|line| (secret.what, line)))
        .collect()
}

#[test]
fn the_search_finds_each_form_of_what_is_planted() {
    let bytes: Vec<u8> = (100..132).collect();
    let secrets =
        [Secret::bytes("bytes", &bytes), Secret::key("key", "tacita_7_hushhush"), Secret::text("page", "/story")];
    let mut around = vec![9, 9];
    around.extend(&bytes);
    around.push(9);
    for planted in [
        hex::encode(&around),
        STANDARD_NO_PAD.encode(&around),
        URL_SAFE_NO_PAD.encode(&bytes),
        format!("{around:?}"),
        "secret=hushhush".to_owned(),
        "GET /story/1".to_owned(),
    ] {
        let log = format!("a line\nhead {planted} tail\n");
        assert_eq!(found(&log, &secrets).len(), 1, "{planted}");
    }
    assert!(found("a line\nkey number 7\n", &secrets).is_empty());
}

/// Envelopes that count, and those bytes.
fn seal(deployment: &Deployment, folder: &Path, key: &str, reports: usize) -> Vec<Envelope> {
    let (url, file, number) = (deployment.collector.url(), folder.join("sealed"), reports.to_string());
    let which = ["bench", "seal", "--publisher", "1", "--reports", &number, "--key", key];
    tacita_ok(&[&which[..], &["--collector", &url, "--out", path(&file)]].concat());
    let sealed = fs::read(file).unwrap();
    sealed.chunks(ENVELOPE_LEN).map(|envelope| Envelope::from_bytes(envelope).unwrap()).collect()
}

/// Sends envelopes from one of loopback's addresses, on behalf of a visitor, and does not mind what becomes of them.
async fn submit_from(source: Ipv4Addr, url: &str, visitor: &str, page: &str, envelopes: Vec<Vec<u8>>) {
    let endpoint = Endpoint::from_shared(url.to_owned()).unwrap().local_address(Some(IpAddr::from(source)));
    let Ok(channel) = endpoint.connect().await else { return };
    let mut request = Request::new(v1::SubmitReportsRequest { envelopes });
    let headers = request.metadata_mut();
    for (name, value) in [("x-forwarded-for", visitor), ("referer", page), ("origin", page)] {
        headers.insert(name, value.parse().unwrap());
    }
    let _ = CollectionServiceClient::new(channel).submit_reports(request).await;
}

/// Asks for tokens on elements that are none.
async fn ask_for_tokens(url: &str, elements: &[u8]) {
    let Ok(channel) = Endpoint::from_shared(url.to_owned()).unwrap().connect().await else { return };
    let request = v1::IssueTokensRequest { publisher: 1, epoch: 1, blinded_batch: elements.to_vec() };
    let mut request = Request::new(request);
    request.metadata_mut().insert("x-forwarded-for", VISITOR.parse().unwrap());
    let _ = TokenServiceClient::new(channel).issue_tokens(request).await;
}

/// Waits until both logs have gone on.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..600 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("not within a minute: {what}");
}

const VISITOR: &str = "203.0.113.77";
const SOURCE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 88);
const PASSWORD: &str = "Tr0ub4dor-and-3";
const PAGE: &str = "https://lantern.example/articles/night-ferry?reader=7";
/// Sixteen blinded elements, as long as they must be, that decode to none.
const ELEMENTS: [u8; 512] = [0xd7; 512];
const WRONG: &str = "tacita_1_AAAAAAAAAAAAAAAAwrongkeywrongkeyAAAAAAAAAAAA";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_log_has_a_secret_whatever_is_refused_and_whatever_fails() {
    let Some(server) = server::alone() else { return };
    let database = Fresh::on(server.url()).await;
    drop(database.open(PostgresOptions::default()).await);
    let folder = tempfile::tempdir().unwrap();
    let store = database.url().replacen("tacita@", &format!("tacita:{PASSWORD}@"), 1);
    let measure = ["arrivals", "--event", "arrival", "--epsilon", "6"];
    let more = ["--store", &store, "--log", "trace", "--log-format", "json"];
    let mut deployment = Deployment::start_on(folder.path(), &[&measure], None, "token-batch = 16", &more);
    let settings = "publisher = 1\ntrusted-proxies = [\"127.0.0.0/8\"]\n[visitor]\ntokens = 16\nenvelopes = 128\n\
                    [log]\nfilter = \"trace\"\n[batch]\nleast = 2\nage = \"20ms\"\n";
    fs::write(folder.path().join("relay.toml"), settings).unwrap();
    deployment.relay.kill();
    deployment.relay.restart();

    let read = |file: &str| fs::read_to_string(folder.path().join(file)).unwrap().trim().to_owned();
    let (relay_key, operator_key) = (read("relay.key"), fs::read_to_string(&deployment.operator_key_file).unwrap());
    let envelopes = seal(&deployment, folder.path(), &relay_key, 32);
    let printed = fail_in_every_way(&mut deployment, &envelopes, &server).await;

    let mut secrets = vec![
        Secret::key("the operator's key", operator_key.trim()),
        Secret::key("the relay's key", &relay_key),
        Secret::key("the brand's key", &deployment.brand_key),
        Secret::key("a wrong key", WRONG),
        Secret::text("a visitor's address", VISITOR),
        Secret::text("a peer's address", &SOURCE.to_string()),
        Secret::text("the database's password", PASSWORD),
        Secret::text("a page", "lantern.example"),
        Secret::text("a page", "night-ferry"),
        Secret::bytes("a blinded element", &ELEMENTS[..32]),
    ];
    for envelope in &envelopes {
        // Behind the header: the token's nonce, and what is sealed.
        let bytes = envelope.as_bytes();
        secrets.push(Secret::bytes("a token", &bytes[10..42]));
        secrets.push(Secret::bytes("an envelope", &bytes[42..]));
    }
    let nullifiers = database.sql("SELECT nullifier::text FROM tacita.spent").await;
    assert_eq!(nullifiers.len(), envelopes.len());
    for nullifier in &nullifiers {
        secrets.push(Secret::text("a nullifier", nullifier));
        secrets.push(Secret::bytes("a nullifier", &hex::decode(nullifier.replace('-', "")).unwrap()));
    }

    let (collector, relay) = (read("collector.log"), read("relay.log"));
    for (name, log) in [("collector", &collector), ("relay", &relay), ("commands", &printed)] {
        let leaks = found(log, &secrets);
        assert!(leaks.is_empty(), "the {name}'s log: {leaks:#?}");
    }
    // It was listened closely: calls at debug, refusals and faults of each kind.
    for (log, said) in [
        (&collector, "\"level\":\"DEBUG\""),
        (&collector, "KEY_INVALID"),
        (&collector, "the store takes nothing"),
        (&collector, "the store takes commits again"),
        (&relay, "DEBUG"),
        (&relay, "an upload broke"),
        (&relay, "LIMIT_REACHED"),
    ] {
        assert!(log.contains(said), "'{said}' is not in the log:\n{log}");
    }
}

/// Has calls refused, batches malformed, the collector and the database away, and all envelopes counted in the end.
/// What the commands printed meanwhile.
async fn fail_in_every_way(
    deployment: &mut Deployment,
    envelopes: &[Envelope],
    server: &tacita_store::postgres::scratch::ScratchServer,
) -> String {
    let mut printed = String::new();
    let mut say = |args: &[&str]| {
        let output = tacita(args);
        printed += &String::from_utf8_lossy(&output.stdout);
        printed += &String::from_utf8_lossy(&output.stderr);
    };
    let (collector, relay) = (deployment.collector.url(), deployment.relay.url());
    say(&["admin", "--collector", &collector, "--key", WRONG, "brand", "list"]);
    say(&["report", "--collector", &collector, "--key", WRONG, "acme/spring"]);
    let nowhere = format!("postgresql://tacita:{PASSWORD}@127.0.0.1:1/tacita");
    say(&["store", "init", &nowhere]);
    say(&["check-config", "collector", "--store", &nowhere]);
    say(&["check-config", "collector", "--store", &nowhere.replace("postgresql", "postgresq")]);
    let bytes = |envelopes: &[Envelope]| envelopes.iter().map(|one| one.as_bytes().to_vec()).collect::<Vec<_>>();
    let whole = bytes(envelopes);
    let cut = whole.iter().map(|envelope| envelope[..50].to_vec()).collect();
    let mut altered = whole.clone();
    altered.iter_mut().for_each(|envelope| envelope[80] ^= 1);

    // Straight to the collector without a key, and to the relay: cut, altered, beyond a visitor's limit.
    submit_from(SOURCE, &collector, VISITOR, PAGE, whole.clone()).await;
    submit_from(SOURCE, &relay, VISITOR, PAGE, cut).await;
    submit_from(SOURCE, &relay, VISITOR, PAGE, altered).await;
    for _ in 0..6 {
        submit_from(SOURCE, &relay, VISITOR, PAGE, whole.clone()).await;
    }
    ask_for_tokens(&relay, &ELEMENTS[..48]).await;
    ask_for_tokens(&relay, &ELEMENTS).await;
    let device = GrpcTransport::connect(&relay).unwrap();
    for _ in 0..3 {
        let visitor = device.for_visitor(VISITOR.parse().unwrap());
        let _ = visitor.manifest(PublisherId(1)).await;
    }

    // The collector away, and back.
    deployment.collector.kill();
    submit_from(SOURCE, &relay, "203.0.113.78", PAGE, whole.clone()).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    say(&["status", "--collector", &collector, "--key-file", path(&deployment.operator_key_file)]);
    deployment.collector.restart();

    // The database away, and back.
    server.kill().unwrap();
    submit_from(SOURCE, &relay, "203.0.113.79", PAGE, whole).await;
    let log = deployment.collector.log_file();
    let said = |what: &str| fs::read_to_string(&log).unwrap().contains(what);
    until("the collector says that its store is away", || said("the store takes nothing")).await;
    server.go().unwrap();
    until("the collector says that its store is back", || said("the store takes commits again")).await;

    let reports = format!("{} counted", envelopes.len());
    let key = path(&deployment.operator_key_file).to_owned();
    until("each envelope is counted", || {
        let status = tacita(&["status", "--collector", &collector, "--key-file", &key]);
        String::from_utf8_lossy(&status.stdout).contains(&reports)
    })
    .await;
    printed
}

/// What a brand's server has in its address, so that nobody else posts to it.
const HOOK: &str = "hush-hush-hook-9";

/// A server that takes no post: each connection is answered with this, and what it said is kept.
async fn refusing(answer: &'static [u8]) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let kept = heard.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut said = vec![0; 4_096];
            let length = stream.read(&mut said).await.unwrap_or(0);
            kept.lock().unwrap().push(String::from_utf8_lossy(&said[..length]).into_owned());
            stream.write_all(answer).await.ok();
        }
    });
    (port, heard)
}

/// Has the brand's surges told to these addresses; the secrets that posts are signed by.
async fn declare(deployment: &Deployment, urls: &[String]) -> Vec<String> {
    let webhooks = urls.iter().map(|url| v1::Webhook { url: url.clone(), secret: String::new() }).collect();
    let declaration = Some(v1::Declaration { webhooks, ..Default::default() });
    let mut request = Request::new(v1::DeclareCampaignRequest { campaign: "acme/spring".into(), declaration });
    request.metadata_mut().insert("authorization", format!("Bearer {}", deployment.brand_key).parse().unwrap());
    let channel = Endpoint::from_shared(deployment.collector.url()).unwrap().connect().await.unwrap();
    let declared = ReportingServiceClient::new(channel).declare_campaign(request).await.unwrap().into_inner();
    declared.declaration.unwrap().webhooks.into_iter().map(|webhook| webhook.secret).collect()
}

/// A hundred devices, each of which arrives by one channel.
async fn arrive(deployment: &Deployment, channel: &str) {
    let relay = GrpcTransport::connect(&deployment.relay.url()).unwrap();
    let signing_key = <[u8; 32]>::try_from(hex::decode(&deployment.signing_key).unwrap()).unwrap();
    let config = DeviceConfig::new(PublisherId(1), VerifyingKey::from_bytes(&signing_key).unwrap());
    for number in 0..100 {
        let relay = relay.for_visitor(Ipv4Addr::new(192, 0, 2, number).into());
        let device = Device::open(config.clone(), MemoryStorage::new(), relay, Arc::new(SystemClock)).unwrap();
        device.refresh().await.unwrap();
        device.record(&Occurrence::new(Event::Arrival).label("channel", channel)).unwrap();
        assert_eq!(device.flush().await.left, 0);
    }
}

/// Begins TLS with a server in ways that cannot end well.
async fn shake_hands_badly(port: u16) {
    let request = format!("GET {PAGE} HTTP/1.1\r\nauthorization: Bearer {WRONG}\r\nx-forwarded-for: {VISITOR}\r\n\r\n");
    // A handshake of which the first record is longer than it may be, one that is cut short, and none at all.
    for said in [&b"\x16\x03\x01\xff\xff\x01\x00"[..], b"\x16\x03\x01\x00\x05\x01", request.as_bytes(), b""] {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((SOURCE, 0).into()).unwrap();
        let mut stream = socket.connect((Ipv4Addr::LOCALHOST, port).into()).await.unwrap();
        stream.write_all(said).await.unwrap();
        stream.shutdown().await.ok();
        stream.read_to_end(&mut Vec::new()).await.ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_log_has_a_webhooks_address_or_what_was_said_in_a_handshake_that_failed() {
    let folder = tempfile::tempdir().unwrap();
    let measure = ["arrivals", "--event", "arrival", "--epsilon", "6", "--dimension", "channel=whatsapp,email,search"];
    let settings = ["--set", "alerts.step=2s", "--set", "alerts.loopback-webhooks=true", "--log", "trace"];
    let deployment =
        Deployment::start_on(folder.path(), &[&measure], None, "token-batch = 4\nledger-bound = 100.0", &settings);

    // Brands' servers that refuse, and that speak no TLS.
    let (refusing_port, posts) = refusing(b"HTTP/1.1 500 hush\r\ncontent-length: 0\r\n\r\n").await;
    let (broken_port, _) = refusing(b"HTTP/1.1 200 OK\r\n\r\n").await;
    let hooks = [("http", refusing_port), ("https", broken_port)];
    let hooks = hooks.map(|(scheme, port)| format!("{scheme}://127.0.0.1:{port}/{HOOK}?token={HOOK}"));
    let mut secrets: Vec<Secret> =
        declare(&deployment, &hooks).await.iter().map(|key| Secret::text("a webhook's key", key)).collect();
    assert_eq!(secrets.len(), 2);
    for _ in 0..4 {
        arrive(&deployment, "email").await;
    }
    let deadline = Instant::now() + Duration::from_secs(120);
    while posts.lock().unwrap().is_empty() {
        assert!(Instant::now() < deadline, "no surge was told");
        arrive(&deployment, "whatsapp").await;
    }

    // Servers with TLS: a collector that asks for certificates, and a relay.
    let authority = TrialAuthority::new(&folder.path().join("authority")).unwrap();
    let strangers = TrialAuthority::new(&folder.path().join("strangers")).unwrap();
    let own = authority.issue("server", &["127.0.0.1"]).unwrap();
    let other = strangers.issue("client", &["tacita://publisher/daily-news"]).unwrap();
    let (collector_port, relay_port) = (free_port(), free_port());
    let [listen, relay] = [collector_port, relay_port].map(|port| format!("127.0.0.1:{port}"));
    let [data, relay_data] = ["secured", "secured-relay"].map(|name| folder.path().join(name));
    let tls = ["--tls-cert", path(&own.certificate), "--tls-key", path(&own.key), "--log", "trace"];
    let args = ["collector", "--listen", &listen, "--data", path(&data), "--client-ca", path(&authority.file())]
        .map(str::to_owned);
    let args = [args.iter().map(String::as_str).collect::<Vec<_>>(), tls.to_vec()].concat();
    let _collector = Server::start(collector_port, folder.path().join("secured.log"), &args);
    let (upstream, relay_key) = (deployment.collector.url(), folder.path().join("relay.key"));
    let args = ["relay", "--listen", &relay, "--collector", &upstream, "--publisher", "1", "--data", path(&relay_data)];
    let pinned = ["--signing-key", &deployment.signing_key, "--key-file", path(&relay_key)];
    let _relay =
        Server::start(relay_port, folder.path().join("secured-relay.log"), &[&args[..], &pinned, &tls].concat());
    let mut printed = String::new();
    for port in [collector_port, relay_port] {
        shake_hands_badly(port).await;
    }
    let url = format!("https://{listen}");
    let shown = ["--client-cert", path(&other.certificate), "--client-key", path(&other.key)];
    let ca = authority.file();
    for trusted in [&[][..], &["--ca", path(&ca)], &[&["--ca", path(&ca)], &shown[..]].concat()] {
        let output = tacita(&[&["status", "--collector", &url, "--key", WRONG], trusted].concat());
        printed += &String::from_utf8_lossy(&[output.stdout, output.stderr].concat());
    }

    secrets.extend([
        Secret::text("a webhook's address", HOOK),
        Secret::key("the brand's key", &deployment.brand_key),
        Secret::key("a wrong key", WRONG),
        Secret::text("a visitor's address", VISITOR),
        Secret::text("a visitor's address", "192.0.2."),
        Secret::text("a peer's address", &SOURCE.to_string()),
        Secret::text("a page", "night-ferry"),
    ]);
    for key in [&own.key, &other.key] {
        let text = fs::read_to_string(key).unwrap();
        secrets.extend(
            text.lines().filter(|line| !line.starts_with("--")).map(|line| Secret::text("a private key", line)),
        );
    }
    let heard = posts.lock().unwrap().join("\n");
    let signed = heard.split("v1=").nth(1).expect("a signature").split_whitespace().next().unwrap();
    secrets.push(Secret::text("a signature", signed));
    let log = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    until("both posts are told of", || log("collector.log").matches("a webhook was not taken").count() >= 2).await;
    for name in ["collector.log", "relay.log", "secured.log", "secured-relay.log"] {
        let text = log(name);
        let leaks = found(&text, &secrets);
        assert!(leaks.is_empty(), "{name}: {leaks:#?}");
    }
    let leaks = found(&printed, &secrets);
    assert!(leaks.is_empty(), "the commands: {leaks:#?}");
    assert!(printed.contains("UnknownIssuer"), "{printed}");
}
