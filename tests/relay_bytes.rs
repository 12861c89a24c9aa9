//! What the relay forwards holds no address, header or timing of a visitor: this test listens between relay and collector
//! and reads the bytes.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use prost::Message as _;
use tacita_proto::v1::{
    self, collection_service_client::CollectionServiceClient, manifest_service_client::ManifestServiceClient,
    token_service_client::TokenServiceClient,
};
use tacita_protocol::{
    epoch::EpochEntry,
    id::{MeasureId, PublisherId},
    report::Report,
    time::{Clock as _, SystemClock, WindowLength},
};
use tacita_tokens::{ENVELOPE_LEN, IssuedBatch, Pending};
use tonic::Request;

use crate::support::{self, Deployment};

/// Marks that a visitor's requests carry, each as a header or an address.
const VISITOR: &str = "203.0.113.77";
const AGENT: &str = "VisitorAgent/9.75";
const COOKIE: &str = "session=visitor-0975";
const REPORTS: usize = 240;

/// Every connection's bytes from the relay towards the collector, by order of connecting.
type Tapped = Arc<Mutex<Vec<Vec<u8>>>>;

/// Listens on `port`, passes everything on to `collector_port`, keeps what goes there.
fn tap(port: u16, collector_port: u16) -> Tapped {
    let tapped = Tapped::default();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    let kept = tapped.clone();
    thread::spawn(move || {
        for relay in listener.incoming().map_while(Result::ok) {
            let collector = TcpStream::connect((Ipv4Addr::LOCALHOST, collector_port)).unwrap();
            let connection = {
                let mut kept = kept.lock().unwrap();
                kept.push(Vec::new());
                kept.len() - 1
            };
            let (back_from, back_to) = (collector.try_clone().unwrap(), relay.try_clone().unwrap());
            thread::spawn(move || pass(back_from, back_to, |_| {}));
            let kept = kept.clone();
            thread::spawn(move || pass(relay, collector, |bytes| kept.lock().unwrap()[connection].extend(bytes)));
        }
    });
    tapped
}

fn pass(mut from: TcpStream, mut to: TcpStream, mut keep: impl FnMut(&[u8])) {
    let mut buffer = [0; 16_384];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        keep(&buffer[..read]);
        if to.write_all(&buffer[..read]).is_err() {
            return;
        }
    }
}

/// One request as the collector gets it: its decoded headers and its gRPC messages.
#[derive(Default, Debug)]
struct Forwarded {
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Forwarded {
    fn path(&self) -> &str {
        self.headers.iter().find(|(name, _)| name == ":path").map_or("", |(_, value)| value)
    }

    /// The gRPC messages that have arrived whole: a flag, a length, the bytes.
    fn messages(&self) -> Vec<&[u8]> {
        let mut rest = self.body.as_slice();
        let mut messages = Vec::new();
        while let [flag, a, b, c, d, tail @ ..] = rest {
            assert_eq!(*flag, 0, "an uncompressed message");
            let Some((message, next)) = tail.split_at_checked(u32::from_be_bytes([*a, *b, *c, *d]) as usize) else {
                break;
            };
            messages.push(message);
            rest = next;
        }
        messages
    }
}

/// Reads one connection's HTTP/2 frames (RFC 9113 §4.1), as far as they have arrived whole, into requests, by stream.
fn requests(bytes: &[u8]) -> Vec<Forwarded> {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const DATA: u8 = 0;
    const HEADERS: u8 = 1;
    let Some(mut rest) = bytes.strip_prefix(PREFACE) else { return Vec::new() };
    let mut hpack = fluke_hpack::Decoder::new();
    let mut streams: BTreeMap<u32, Forwarded> = BTreeMap::new();
    while let [l0, l1, l2, kind, flags, s0, s1, s2, s3, tail @ ..] = rest {
        let Some((payload, next)) = tail.split_at_checked(u32::from_be_bytes([0, *l0, *l1, *l2]) as usize) else {
            break;
        };
        let stream = streams.entry(u32::from_be_bytes([*s0, *s1, *s2, *s3])).or_default();
        let padded = flags & 0x08 != 0 && matches!(*kind, DATA | HEADERS);
        assert!(!padded, "this reader knows no padding");
        match *kind {
            DATA => stream.body.extend(payload),
            HEADERS => {
                let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
                let decoded = hpack.decode(payload).expect("headers decode");
                stream.headers.extend(decoded.into_iter().map(|(name, value)| (text(name), text(value))));
            }
            _ => {}
        }
        rest = next;
    }
    streams.into_values().filter(|request| !request.headers.is_empty()).collect()
}

/// A request as a visitor's browser or app would send it.
fn of_visitor<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    for (name, value) in [("x-forwarded-for", VISITOR), ("x-visitor-agent", AGENT), ("cookie", COOKIE)] {
        request.metadata_mut().insert(name, value.parse().unwrap());
    }
    request
}

/// Buys tokens and submits reports one by one, with a visitor's headers on each; the envelopes in their order.
async fn visit(relay: String) -> Vec<Vec<u8>> {
    let mut manifests = ManifestServiceClient::connect(relay.clone()).await.unwrap();
    let signed = manifests.get_manifest(of_visitor(v1::GetManifestRequest { publisher: 1 })).await.unwrap();
    let manifest = signed.into_inner().signed_manifest.unwrap().manifest;
    let manifest = v1::Manifest::decode(manifest.as_slice()).unwrap();
    let now = SystemClock.now();
    let epochs: Vec<EpochEntry> = manifest.epochs.iter().map(|entry| entry.try_into().unwrap()).collect();
    let epoch = epochs.iter().find(|entry| entry.starts_at <= now && now < entry.ends_at).unwrap();
    let context = epoch.context(PublisherId(1));

    let mut tokens = TokenServiceClient::connect(relay.clone()).await.unwrap();
    let mut collection = CollectionServiceClient::connect(relay).await.unwrap();
    let mut envelopes = Vec::new();
    while envelopes.len() < REPORTS {
        let batch = manifest.policy.unwrap().token_batch as usize;
        let (pending, blinded) = Pending::new(&epoch.public_key, &context, batch, &mut rand::rng()).unwrap();
        let request = v1::IssueTokensRequest { publisher: 1, epoch: epoch.epoch.0, blinded_batch: blinded.to_bytes() };
        let issued = tokens.issue_tokens(of_visitor(request)).await.unwrap().into_inner().issued_batch;
        for token in pending.finish(&IssuedBatch::from_bytes(&issued).unwrap()).unwrap() {
            let window = WindowLength::DAY.window_at(now);
            let report = Report { measure: MeasureId(manifest.measures[0].id), window, value: 1 };
            let envelope = token.seal(&report.to_bytes()).as_bytes().to_vec();
            let request = v1::SubmitReportsRequest { envelopes: vec![envelope.clone()] };
            collection.submit_reports(of_visitor(request)).await.unwrap();
            envelopes.push(envelope);
        }
    }
    envelopes
}

#[test]
fn what_the_relay_forwards_holds_no_address_header_or_order_of_a_visitor() {
    let folder = tempfile::tempdir().unwrap();
    let tap_port = support::free_port();
    let arrivals = ["arrivals", "--event", "arrival", "--dimension", "channel=a,b,c"];
    let collector_port = support::free_port();
    let tapped = tap(tap_port, collector_port);
    let deployment = Deployment::start(folder.path(), &[&arrivals], Some((tap_port, collector_port)));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let submitted = runtime.block_on(visit(deployment.relay.url()));

    let deadline = Instant::now() + Duration::from_secs(30);
    let uploaded = loop {
        let uploaded = uploaded(&tapped.lock().unwrap());
        if uploaded.len() >= submitted.len() {
            break uploaded;
        }
        assert!(Instant::now() < deadline, "{} of {} reports were uploaded", uploaded.len(), submitted.len());
        thread::sleep(Duration::from_millis(100));
    };

    // All of them, nothing else, in another order.
    let sorted = |list: &[Vec<u8>]| {
        let mut list = list.to_vec();
        list.sort();
        list
    };
    assert_eq!(sorted(&uploaded), sorted(&submitted));
    assert_ne!(uploaded, submitted, "the order of submission must not survive");
    let next_to_each_other = uploaded.windows(2).filter(|pair| {
        let place = |envelope: &Vec<u8>| submitted.iter().position(|known| known == envelope).unwrap();
        place(&pair[0]) + 1 == place(&pair[1])
    });
    // A random permutation keeps about one pair of neighbours; 12 would be one chance in a billion.
    assert!(next_to_each_other.count() < 12, "neighbours in submission are neighbours in the upload");

    let connections = tapped.lock().unwrap().clone();
    for bytes in &connections {
        for mark in [VISITOR, AGENT, COOKIE, "x-forwarded-for", "cookie", "x-visitor-agent"] {
            assert!(!bytes.windows(mark.len()).any(|window| window == mark.as_bytes()), "'{mark}' in the bytes");
        }
        assert_no_marks(&requests(bytes));
    }
    assert_issuance_and_upload_share_no_connection(&connections);
}

/// The envelopes uploaded so far. Their messages hold envelopes and a batch number, and not a byte more.
fn uploaded(connections: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut envelopes = Vec::new();
    for request in connections.iter().flat_map(|bytes| requests(bytes)) {
        if !request.path().ends_with("/UploadReports") {
            continue;
        }
        for message in request.messages() {
            let upload = v1::UploadReportsRequest::decode(message).unwrap();
            assert_eq!(upload.encode_to_vec(), message, "no field that the protocol does not have");
            assert!(upload.envelopes.iter().all(|envelope| envelope.len() == ENVELOPE_LEN));
            envelopes.extend(upload.envelopes);
        }
    }
    envelopes
}

fn assert_no_marks(requests: &[Forwarded]) {
    let expected = [
        ":method",
        ":scheme",
        ":path",
        ":authority",
        "te",
        "content-type",
        "user-agent",
        "authorization",
        "grpc-timeout",
    ];
    for request in requests {
        for (name, value) in &request.headers {
            assert!(expected.contains(&name.as_str()), "the relay forwards the header {name}: {value}");
            for mark in [VISITOR, AGENT, COOKIE] {
                assert!(!value.contains(mark), "{name} carries {mark}");
            }
        }
    }
}

fn assert_issuance_and_upload_share_no_connection(connections: &[Vec<u8>]) {
    let carries =
        |bytes: &Vec<u8>, method: &str| requests(bytes).iter().any(|request| request.path().ends_with(method));
    assert!(connections.iter().any(|bytes| carries(bytes, "/IssueTokens")));
    assert!(connections.iter().any(|bytes| carries(bytes, "/UploadReports")));
    assert!(!connections.iter().any(|bytes| carries(bytes, "/IssueTokens") && carries(bytes, "/UploadReports")));
}
