//! Limits on what comes in from anyone: each refusal names the limit and its value.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{collections::BTreeMap, convert::Infallible, net::SocketAddr, sync::Arc, sync::mpsc, time::Duration};

use axum::Extension;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use futures_util::FutureExt as _;
use rand::{RngExt as _, TryCryptoRng, TryRng};
use tacita_proto::v1::{
    self, collection_service_client::CollectionServiceClient, token_service_client::TokenServiceClient,
};
use tacita_protocol::time::SystemClock;
use tacita_relay::{
    ConnectionLimit, RelayConfig, RunningRelay, VisitorLimit,
    simulation::{ByHand, Line},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint, server::TcpConnectInfo},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_types::StatusExt as _;
use tower::ServiceExt as _;

use crate::{
    limits_page,
    support::{
        http::{answer, exchange, exchange_exactly, frame, header},
        *,
    },
};

const SUBMIT: &str = "POST /tacita.v1.CollectionService/SubmitReports HTTP/1.1\r\n";

async fn relay(change: impl FnOnce(&mut RelayConfig)) -> (RunningDouble, tempfile::TempDir, RunningRelay) {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let mut config = double.config(data.path());
    change(&mut config);
    let relay = start(config).await;
    (double, data, relay)
}

/// The answer's head and body in one text.
async fn told(relay: SocketAddr, head: &str, body: &[u8]) -> String {
    let (head, body) = exchange(relay, head, body).await;
    // A gRPC message in a header has its spaces encoded.
    (head + &String::from_utf8_lossy(&body)).replace("%20", " ")
}

#[tokio::test]
async fn a_visitor_submits_up_to_the_limit_whatever_it_claims_and_by_every_way_in() {
    let (_double, _data, relay) = relay(|config| {
        config.visitor_limit = VisitorLimit { envelopes: 128, ..VisitorLimit::default() };
    })
    .await;
    let device = connect(relay.address()).await;
    assert!(submit(&device, envelopes(100)).await.is_ok());
    let refused = submit(&device, envelopes(29)).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.message().contains("128 envelopes per visitor in 86400 s"), "{}", refused.message());

    let text = BASE64_STANDARD.encode(frame(&v1::SubmitReportsRequest { envelopes: envelopes(29) }));
    let head = format!("{SUBMIT}content-type: text/plain\r\nx-forwarded-for: 192.0.2.1\r\n");
    let answer = told(relay.address(), &head, text.as_bytes()).await;
    assert!(answer.contains("128 envelopes per visitor in 86400 s"), "{answer}");

    assert!(submit(&device, envelopes(28)).await.is_ok(), "what was refused has cost nothing");
    let other = connect_from([127, 0, 0, 2], relay.address()).await;
    assert!(submit(&other, envelopes(128)).await.is_ok(), "another visitor has an allowance of its own");
    assert_eq!(relay.seen().submissions_over_limit, 2);
    assert_eq!(relay.seen().envelopes_queued, 256);
}

#[tokio::test]
async fn a_full_queue_costs_a_visitor_nothing() {
    let (double, _data, relay) = relay(|config| {
        config.visitor_limit.envelopes = 256;
        config.queue_bytes = 150 * 86;
        config.batch.age = Duration::from_millis(50);
    })
    .await;
    let (address, state) = double.stop().await;
    let device = connect(relay.address()).await;
    assert!(submit(&device, envelopes(128)).await.is_ok());
    for _ in 0..5 {
        let refused = submit(&device, envelopes(128)).await.unwrap_err();
        assert!(refused.message().contains("queue full"), "{}", refused.message());
    }
    let _double = RunningDouble::serve(address, state).await;
    until("the queue is sent", || relay.seen().held == 0).await;
    assert!(submit(&device, envelopes(128)).await.is_ok());
}

#[tokio::test]
async fn an_address_headers_or_a_body_that_are_too_long_are_refused_by_name() {
    let (_double, _data, relay) = relay(|config| config.allowed_origins = vec!["https://news.example".into()]).await;
    let relay = relay.address();
    let long = "a".repeat(9_000);
    let answer = told(relay, &format!("GET /s/{long} HTTP/1.1\r\n"), b"").await;
    assert!(answer.starts_with("http/1.1 414") && answer.contains("send at most 8192"), "{answer}");

    let header_lines = format!("x-one: {long}\r\nx-two: {long}\r\n");
    let answer = told(relay, &format!("GET /s/x HTTP/1.1\r\n{header_lines}"), b"").await;
    assert!(answer.starts_with("http/1.1 431") && answer.contains("send at most 16384"), "{answer}");

    let page = format!("{SUBMIT}content-type: text/plain\r\norigin: https://news.example\r\n");
    let answer = told(relay, &page, &vec![b'A'; 98_305]).await;
    assert!(answer.starts_with("http/1.1 413") && answer.contains("98305 bytes: send at most 98304"), "{answer}");
    assert!(answer.contains("access-control-allow-origin: https://news.example"), "a page may read why: {answer}");

    let grpc_web = format!("{SUBMIT}content-type: application/grpc-web+proto\r\n");
    let answer = told(relay, &grpc_web, &vec![0; 98_305]).await;
    assert!(answer.contains("grpc-status: 8") && answer.contains("98304"), "{answer}");
    let message = frame(&v1::SubmitReportsRequest { envelopes: vec![vec![0; 70_000]] });
    let answer = told(relay, &grpc_web, &message).await;
    assert!(answer.contains("65536") && !answer.contains("grpc-status:0"), "{answer}");
}

#[tokio::test]
async fn a_busy_relay_says_so_in_the_words_of_whoever_submits_and_serves_the_rest() {
    let (_double, _data, relay) = relay(|config| {
        config.requests.submit_millis = 0;
        config.allowed_origins = vec!["https://news.example".into()];
        config.metrics = Some(([127, 0, 0, 1], 0).into());
    })
    .await;
    let body = frame(&v1::SubmitReportsRequest { envelopes: envelopes(1) });
    let text = BASE64_STANDARD.encode(&body).into_bytes();
    let ways = [
        ("application/grpc-web+proto", &body, "application/grpc-web+proto"),
        ("application/grpc-web-text", &text, "application/grpc-web-text"),
        ("text/plain;charset=UTF-8", &text, "application/grpc-web+proto"),
    ];
    for (media, body, answered_as) in ways {
        for (origin, allowed) in
            [("https://news.example", Some("https://news.example")), ("https://evil.example", None)]
        {
            let page = format!("{SUBMIT}content-type: {media}\r\norigin: {origin}\r\n");
            let (head, _) = exchange(relay.address(), &page, body).await;
            assert!(head.starts_with("http/1.1 200"), "{head}");
            assert_eq!(header(&head, "content-type"), Some(answered_as));
            assert_eq!(header(&head, "access-control-allow-origin"), allowed, "{media}");
            assert_eq!(header(&head, "vary"), Some("origin"));
            let exposed =
                header(&head, "access-control-expose-headers").is_some_and(|names| names.contains("grpc-status"));
            assert_eq!(exposed, allowed.is_some(), "{head}");
        }
        let refused = status_of(relay.address(), &format!("{SUBMIT}content-type: {media}\r\n"), body).await;
        assert_eq!(limit(&refused), ("requests.submit-millis".to_owned(), 0), "{media}");
    }
    let device = connect(relay.address()).await;
    let refused = submit(&device, envelopes(1)).await.unwrap_err();
    assert_eq!((refused.code(), limit(&refused)), (Code::ResourceExhausted, ("requests.submit-millis".to_owned(), 0)));
    assert!(issue(&device).await.is_ok(), "what is no submission is served");

    let ended = r#"code="RESOURCE_EXHAUSTED",reason="LIMIT_REACHED",limit="requests.submit-millis"} 10"#;
    let metrics = exchange(relay.metrics_address().unwrap(), "GET /metrics HTTP/1.1\r\n", b"").await.1;
    let metrics = String::from_utf8(metrics).unwrap();
    assert!(metrics.contains(ended), "refusals are counted by the limit: {metrics}");
}

#[tokio::test]
async fn a_body_of_unstated_length_ends_at_the_limit() {
    let (_double, _data, relay) = relay(|_| {}).await;
    let mut stream = TcpStream::connect(relay.address()).await.unwrap();
    let head = format!(
        "{SUBMIT}host: r\r\nconnection: close\r\ncontent-type: application/grpc-web+proto\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // Frames without end, each a small and whole message.
    let message = frame(&v1::SubmitReportsRequest { envelopes: vec![] });
    let chunk = format!("{:x}\r\n{}\r\n", message.len(), String::from_utf8(message).unwrap());
    let (mut read, mut write) = stream.split();
    let endless = async { while write.write_all(chunk.as_bytes()).await.is_ok() {} };
    let mut answer = Vec::new();
    tokio::select! {
        () = endless => {}
        _ = read.read_to_end(&mut answer) => {}
    }
    read.read_to_end(&mut answer).await.ok();
    let answer = String::from_utf8_lossy(&answer).to_lowercase();
    assert!(answer.contains("98304") && !answer.contains("grpc-status:0"), "{answer}");
}

#[tokio::test]
async fn who_says_nothing_or_dribbles_is_hung_up_on() {
    let (_double, _data, relay) = relay(|config| config.connections.idle = Duration::from_millis(500)).await;
    let hung_up = async |first: &'static [u8]| {
        let mut stream = TcpStream::connect(relay.address()).await.unwrap();
        stream.write_all(first).await.unwrap();
        let mut rest = Vec::new();
        tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut rest)).await.expect("it was borne").ok();
    };
    tokio::join!(
        hung_up(b""),
        hung_up(b"PRI * HTTP/2.0"),
        hung_up(b"POST /tacita.v1.Collec"),
        hung_up(b"GET / HTTP/1.1\r\nhost: r\r\n")
    );
}

async fn hold(source: [u8; 4], relay: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((source, 0).into()).unwrap();
    let mut stream = socket.connect(relay).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: r\r\n\r\n").await.unwrap();
    stream
}

/// Whether a connection is answered otherwise than by "as many are open as may be".
async fn is_served(source: [u8; 4], relay: SocketAddr) -> Result<TcpStream, String> {
    let mut stream = hold(source, relay).await;
    let mut first = [0; 12];
    stream.read_exact(&mut first).await.unwrap();
    match &first {
        b"HTTP/1.1 404" => Ok(stream),
        _ => {
            let (head, body) = answer(&mut stream).await;
            assert_eq!(header(&head, "connection"), Some("close"));
            Err(format!("{}{head}{}", String::from_utf8_lossy(&first), String::from_utf8_lossy(&body)))
        }
    }
}

#[tokio::test]
async fn connections_beyond_the_limits_are_told_which_and_a_place_that_is_left_is_free_again() {
    let (_double, _data, relay) = relay(|config| {
        config.connections = ConnectionLimit { most: 3, per_visitor: 2, ..ConnectionLimit::default() };
        config.trusted_proxies = vec!["127.0.0.9/32".parse().unwrap()];
    })
    .await;
    let address = relay.address();
    let (first, second) = (is_served([127, 0, 0, 1], address).await, is_served([127, 0, 0, 1], address).await);
    let (first, _second) = (first.unwrap(), second.unwrap());
    let refused = is_served([127, 0, 0, 1], address).await.unwrap_err();
    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("2 connections of one address"), "{refused}");

    let _third = is_served([127, 0, 0, 2], address).await.unwrap();
    let refused = is_served([127, 0, 0, 3], address).await.unwrap_err();
    assert!(refused.contains("3 connections are open"), "{refused}");
    assert_eq!(relay.seen().connections_over_limit, 2);

    drop(first);
    for _ in 0..3_000 {
        if let Ok(_fourth) = is_served([127, 0, 0, 4], address).await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the place was never free again");
}

#[tokio::test]
async fn a_trusted_proxy_may_hold_every_connection() {
    let (_double, _data, relay) = relay(|config| {
        config.connections = ConnectionLimit { most: 3, per_visitor: 1, ..ConnectionLimit::default() };
        config.trusted_proxies = vec!["127.0.0.9/32".parse().unwrap()];
    })
    .await;
    let address = relay.address();
    let _held = [
        is_served([127, 0, 0, 9], address).await.unwrap(),
        is_served([127, 0, 0, 9], address).await.unwrap(),
        is_served([127, 0, 0, 9], address).await.unwrap(),
    ];
    assert!(is_served([127, 0, 0, 9], address).await.unwrap_err().contains("3 connections are open"));
}

/// Name and value of the limit that a refusal names.
fn limit(status: &Status) -> (String, u64) {
    let info = status.get_details_error_info().unwrap_or_else(|| panic!("no details: {status:?}"));
    assert_eq!((info.reason.as_str(), info.domain.as_str()), ("LIMIT_REACHED", "tacita.v1"));
    let value = info.metadata["value"].parse().unwrap();
    assert!(status.message().contains(&format!("{value}")), "{}", status.message());
    (info.metadata["limit"].clone(), value)
}

/// The status that stands in the head of an answer.
async fn status_of(relay: SocketAddr, head: &str, body: &[u8]) -> Status {
    status_in(&exchange_exactly(relay, head, body).await.0)
}

fn status_in(head: &str) -> Status {
    let mut headers = ::http::HeaderMap::new();
    for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
        headers.insert(::http::HeaderName::try_from(name.to_lowercase()).unwrap(), value.parse().unwrap());
    }
    Status::from_header_map(&headers).unwrap_or_else(|| panic!("no status: {head}"))
}

async fn issue(device: &Channel) -> Result<(), Status> {
    let blinded_batch = vec![3; 32 * TOKEN_BATCH as usize];
    let request = v1::IssueTokensRequest { publisher: PUBLISHER.0, epoch: 1, blinded_batch };
    TokenServiceClient::new(device.clone()).issue_tokens(request).await.map(drop)
}

/// A request whose body does not come.
async fn without_its_body(relay: SocketAddr) -> Status {
    let mut stream = TcpStream::connect(relay).await.unwrap();
    let head = format!(
        "{SUBMIT}host: r\r\nconnection: close\r\ncontent-type: application/grpc-web+proto\r\ncontent-length: 100\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    status_in(&answer(&mut stream).await.0)
}

/// A generator that gives nothing until it may. The queue's writer asks it for keys, and stands still meanwhile.
struct HeldUp {
    asked: mpsc::Sender<()>,
    may: mpsc::Receiver<()>,
}

impl HeldUp {
    fn wait(&self) {
        self.asked.send(()).ok();
        // Whoever held it up has gone: from there on it gives at once.
        self.may.recv().ok();
    }
}

impl TryRng for HeldUp {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.wait();
        Ok(rand::rng().random())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.wait();
        Ok(rand::rng().random())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.wait();
        rand::rng().fill(bytes);
        Ok(())
    }
}

impl TryCryptoRng for HeldUp {}

/// One request more than may wait for a disk that does nothing. Whoever stayed would be refused earlier, by
/// `requests.submit-millis`: those that wait here have left, and what they brought is kept when the disk goes on.
async fn beyond_those_that_wait() -> Status {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let collector = Endpoint::from_shared(format!("http://{}", double.address)).unwrap().connect_lazy();
    let line = move || Line::new(collector.clone().map_err(|error| Status::from_error(error.into())));
    let ((asked, is_asked), (go, may)) = (mpsc::channel(), mpsc::channel());
    let random = Box::new(HeldUp { asked, may });
    let relay = ByHand::start(double.config(data.path()), line, random, Arc::new(SystemClock)).await.unwrap();
    // Two, as one visitor alone may submit 1,024 envelopes.
    let devices = ["192.0.2.1:4431", "192.0.2.2:4431"].map(|address| {
        let visitor = TcpConnectInfo { local_addr: None, remote_addr: address.parse().ok() };
        CollectionServiceClient::new(relay.app().layer(Extension(visitor)))
    });
    let submit = |number: usize| {
        let mut device = devices[number % devices.len()].clone();
        async move { device.submit_reports(v1::SubmitReportsRequest { envelopes: envelopes(1) }).await.map(drop) }
    };
    let first = tokio::spawn(submit(0));
    // The writer has that one in its hands.
    tokio::task::spawn_blocking(move || is_asked.recv().map(|()| is_asked)).await.unwrap().unwrap();
    for number in 0..1_024 {
        assert!(submit(number).now_or_never().is_none(), "{number} is to wait");
    }
    let refused = submit(0).await.unwrap_err();
    drop(go);
    first.await.unwrap().unwrap();
    assert_eq!(relay.seen().held, 1_025);
    refused
}

#[tokio::test]
async fn every_limit_of_the_page_is_met_and_named_with_its_value() {
    let mut met = BTreeMap::new();
    let mut meet = |status: Status, name: &str, value: u64| {
        assert_eq!(limit(&status), (name.to_owned(), value));
        let code = match status.code() {
            Code::InvalidArgument => "INVALID_ARGUMENT",
            Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
            _ => panic!("{status:?}"),
        };
        met.insert(name.to_owned(), code.to_owned());
    };

    let (_double, _data, small) = relay(|config| {
        config.visitor_limit = VisitorLimit { tokens: TOKEN_BATCH, envelopes: 128, ..VisitorLimit::default() };
    })
    .await;
    let device = connect(small.address()).await;
    issue(&device).await.unwrap();
    meet(issue(&device).await.unwrap_err(), "visitor.tokens", TOKEN_BATCH.into());
    submit(&device, envelopes(128)).await.unwrap();
    meet(submit(&device, envelopes(1)).await.unwrap_err(), "visitor.envelopes", 128);
    meet(submit(&device, envelopes(129)).await.unwrap_err(), "envelopes-per-request", 128);
    meet(submit(&device, vec![vec![0; 70_000]]).await.unwrap_err(), "requests.message-bytes", 65_536);
    let health = HealthCheckRequest { service: "x".repeat(70_000) };
    meet(HealthClient::new(device).check(health).await.unwrap_err(), "requests.message-bytes", 65_536);

    let web = "content-type: application/grpc-web+proto\r\n";
    let long = "a".repeat(9_000);
    let post = |query: &str| format!("POST /tacita.v1.CollectionService/SubmitReports?{query} HTTP/1.1\r\n{web}");
    let by_hand = async |head: String, body: Vec<u8>| status_of(small.address(), &head, &body).await;
    meet(by_hand(post(&long), vec![]).await, "requests.address-bytes", 8_192);
    let heads = format!("{}x-one: {long}\r\nx-two: {long}\r\n", post(""));
    meet(by_hand(heads, vec![]).await, "requests.header-bytes", 16_384);
    meet(by_hand(post(""), vec![0; 98_305]).await, "requests.body-bytes", 98_304);

    let (_double, _data, busy) = relay(|config| config.requests.submit_millis = 0).await;
    meet(submit(&connect(busy.address()).await, envelopes(1)).await.unwrap_err(), "requests.submit-millis", 0);
    let (_double, _data, hasty) = relay(|config| config.requests.time = Duration::from_secs(1)).await;
    meet(without_its_body(hasty.address()).await, "requests.time", 1);
    meet(beyond_those_that_wait().await, "requests-waiting", 1_024);

    let (away, _data, full) = relay(|config| config.queue_bytes = 150 * 86).await;
    away.stop().await;
    let device = connect(full.address()).await;
    submit(&device, envelopes(128)).await.unwrap();
    meet(submit(&device, envelopes(128)).await.unwrap_err(), "queue.bytes", 150 * 86);

    for (most, per_visitor, name) in [(1, 9, "connections.most"), (9, 1, "connections.per-visitor")] {
        let (_double, _data, narrow) = relay(|config| {
            config.connections = ConnectionLimit { most, per_visitor, ..ConnectionLimit::default() };
        })
        .await;
        let first = connect(narrow.address()).await;
        submit(&first, vec![]).await.unwrap();
        let second = connect(narrow.address()).await;
        meet(submit(&second, vec![]).await.unwrap_err(), name, 1);
    }
    assert_eq!(met, limits_page::written("Relay"));
}
