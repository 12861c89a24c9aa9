//! Submission as a page makes it while it is being left: without preflight, from its own origin or an allowed one.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::net::SocketAddr;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use prost::Message as _;
use tacita_proto::v1;
use tacita_protocol::outcome::Outcome;
use tacita_relay::RunningRelay;

use crate::support::{
    http::{exchange, frame, frames, header},
    *,
};

const SUBMIT: &str = "POST /tacita.v1.CollectionService/SubmitReports HTTP/1.1\r\n";
const TEXT: &str = "content-type: text/plain;charset=UTF-8\r\n";

async fn relay_for(origins: &[&str]) -> (RunningDouble, tempfile::TempDir, RunningRelay) {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let mut config = double.config(data.path());
    config.allowed_origins = origins.iter().map(|&origin| origin.to_owned()).collect();
    let relay = start(config).await;
    (double, data, relay)
}

fn text(envelopes: Vec<Vec<u8>>) -> Vec<u8> {
    BASE64_STANDARD.encode(frame(&v1::SubmitReportsRequest { envelopes })).into_bytes()
}

async fn submit_text(relay: SocketAddr, headers: &str, envelopes: Vec<Vec<u8>>) -> (String, Vec<u8>) {
    exchange(relay, &format!("{SUBMIT}{TEXT}{headers}"), &text(envelopes)).await
}

#[tokio::test]
async fn an_allowed_page_submits_in_a_simple_request_and_reads_the_outcomes() {
    let (double, _data, relay) = relay_for(&["https://news.example"]).await;
    let wrong = vec![1; 85];
    let sent = [envelopes(2), vec![wrong]].concat();
    let (head, body) = submit_text(relay.address(), "origin: https://news.example\r\n", sent).await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert_eq!(header(&head, "access-control-allow-origin"), Some("https://news.example"));
    assert_eq!(header(&head, "content-type"), Some("application/grpc-web+proto"));
    let (message, trailers) = frames(&body);
    let outcomes = v1::SubmitReportsResponse::decode(message.as_slice()).unwrap().outcomes;
    let queued = Outcome::Queued.to_wire();
    let refused = Outcome::Refused(tacita_protocol::outcome::Refusal::WrongLength).to_wire();
    assert_eq!(outcomes, [queued, queued, refused]);
    assert!(trailers.contains("grpc-status:0"), "{trailers}");
    until("both are counted", || double.state.counted() == 2).await;
}

#[tokio::test]
async fn the_answer_can_be_asked_for_as_text() {
    let (_double, _data, relay) = relay_for(&[]).await;
    let (head, body) = submit_text(relay.address(), "accept: application/grpc-web-text\r\n", envelopes(1)).await;
    assert_eq!(header(&head, "content-type"), Some("application/grpc-web-text+proto"));
    // Each frame is encoded by itself, as gRPC-Web allows.
    let frames: Vec<u8> =
        body.split_inclusive(|&byte| byte == b'=').flat_map(|part| BASE64_STANDARD.decode(part).unwrap()).collect();
    let outcome = v1::SubmitReportsResponse { outcomes: vec![Outcome::Queued.to_wire()] };
    assert!(frames.starts_with(&frame(&outcome)), "{frames:?}");
}

#[tokio::test]
async fn pages_of_the_relays_own_origin_and_programs_need_no_leave_and_others_are_refused() {
    let (double, _data, relay) = relay_for(&["https://news.example"]).await;
    let own =
        ["", "origin: https://relay.example\r\n", "origin: https://site.example\r\nsec-fetch-site: same-origin\r\n"];
    for headers in own {
        let (head, _) = submit_text(relay.address(), headers, envelopes(1)).await;
        assert!(head.starts_with("http/1.1 200"), "{headers}: {head}");
    }
    for origin in ["https://evil.example", "http://news.example", "https://relay.example.evil.example", "null"] {
        let headers = format!("origin: {origin}\r\nsec-fetch-site: cross-site\r\n");
        let (head, body) = submit_text(relay.address(), &headers, envelopes(1)).await;
        assert!(head.starts_with("http/1.1 403"), "{origin}: {head}");
        assert!(String::from_utf8_lossy(&body).contains("allowed-origins"));
        assert_eq!(header(&head, "access-control-allow-origin"), None);
    }
    until("what was allowed is counted", || double.state.counted() == own.len()).await;
    assert_eq!(relay.seen().envelopes_queued, own.len() as u64, "what was refused is not");
}

#[tokio::test]
async fn plain_text_is_taken_for_submissions_only_and_what_is_no_submission_is_refused() {
    let (_double, _data, relay) = relay_for(&["*"]).await;
    let manifest = BASE64_STANDARD.encode(frame(&v1::GetManifestRequest { publisher: PUBLISHER.0 }));
    let head = format!("POST /tacita.v1.ManifestService/GetManifest HTTP/1.1\r\n{TEXT}");
    let (head, body) = exchange(relay.address(), &head, manifest.as_bytes()).await;
    assert!(head.starts_with("http/1.1 415"), "{head}");
    assert!(String::from_utf8_lossy(&body).contains("for SubmitReports, text/plain"));

    let unframed = BASE64_STANDARD.encode(v1::SubmitReportsRequest { envelopes: envelopes(1) }.encode_to_vec());
    for body in [&b"not base64!"[..], unframed.as_bytes(), b"AAAA", &text(envelopes(1))[..40]] {
        let (head, body) = exchange(relay.address(), &format!("{SUBMIT}{TEXT}"), body).await;
        let told = format!("{head}{}", String::from_utf8_lossy(&body));
        assert!(
            told.contains("grpc-status") && !told.contains("grpc-status:0") && !told.contains("grpc-status: 0"),
            "{told}"
        );
    }
    assert_eq!(relay.seen().envelopes_queued, 0);
}

#[tokio::test]
async fn the_grpc_calls_limits_hold_for_simple_requests_too() {
    let (_double, _data, relay) = relay_for(&["https://news.example"]).await;
    let headers = "origin: https://news.example\r\n";
    let (head, body) = submit_text(relay.address(), headers, envelopes(129)).await;
    let told = format!("{head}{}", String::from_utf8_lossy(&body));
    assert!(told.contains("129 reports in one request: send at most 128") || told.contains("129%20reports"), "{told}");
    assert_eq!(header(&head, "access-control-allow-origin"), Some("https://news.example"), "a page may read why");
}
