//! What a browser sends: gRPC-Web over HTTP/1.1, byte by byte, and the preflight before it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::net::SocketAddr;

use prost::Message as _;
use support::*;
use tacita_proto::v1;
use tacita_protocol::outcome::Outcome;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

async fn exchange(relay: SocketAddr, head: &str, body: &[u8]) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(relay).await.unwrap();
    let head = format!("{head}host: relay.example\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let body = answer.split_off(end + 4);
    let head = String::from_utf8(answer).unwrap().to_lowercase();
    let body = if head.contains("transfer-encoding: chunked") { unchunked(&body) } else { body };
    (head, body)
}

fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let end = bytes.windows(2).position(|window| window == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return whole;
        }
        whole.extend_from_slice(&bytes[end + 2..end + 2 + size]);
        bytes = &bytes[end + 2 + size + 2..];
    }
}

/// One gRPC-Web frame: a flag, a length, the bytes.
fn frame(message: &impl prost::Message) -> Vec<u8> {
    let bytes = message.encode_to_vec();
    [&[0][..], &(bytes.len() as u32).to_be_bytes(), &bytes].concat()
}

#[tokio::test]
async fn a_page_submits_over_http_1() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let relay = start(double.config(data.path())).await;
    let head = "POST /tacita.v1.CollectionService/SubmitReports HTTP/1.1\r\n\
                content-type: application/grpc-web+proto\r\nx-grpc-web: 1\r\n";
    let request = v1::SubmitReportsRequest { envelopes: envelopes(2) };
    let (head, body) = exchange(relay.address(), head, &frame(&request)).await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(head.contains("content-type: application/grpc-web+proto"), "{head}");

    let length = u32::from_be_bytes(body[1..5].try_into().unwrap()) as usize;
    let answer = v1::SubmitReportsResponse::decode(&body[5..5 + length]).unwrap();
    assert_eq!(answer.outcomes, [Outcome::Queued.to_wire(); 2]);
    let trailers = &body[5 + length..];
    assert_eq!(trailers[0], 0x80, "the trailers' frame");
    assert!(String::from_utf8_lossy(&trailers[5..]).contains("grpc-status:0"));
    until("both are counted", || double.state.counted() == 2).await;
}

#[tokio::test]
async fn a_page_reads_the_manifest_that_grpc_devices_read() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let relay = start(double.config(data.path())).await;
    let head = "POST /tacita.v1.ManifestService/GetManifest HTTP/1.1\r\n\
                content-type: application/grpc-web+proto\r\nx-grpc-web: 1\r\n";
    let request = v1::GetManifestRequest { publisher: PUBLISHER.0 };
    let (_, body) = exchange(relay.address(), head, &frame(&request)).await;
    let length = u32::from_be_bytes(body[1..5].try_into().unwrap()) as usize;
    let answer = v1::GetManifestResponse::decode(&body[5..5 + length]).unwrap();
    assert_eq!(answer.signed_manifest, *double.state.manifest.lock().unwrap());
}

#[tokio::test]
async fn only_allowed_origins_may_call_from_another_origin_and_never_with_credentials() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let mut config = double.config(data.path());
    config.allowed_origins = vec!["https://news.example".into()];
    let relay = start(config).await;
    let preflight = async |origin: &str| {
        let head = format!(
            "OPTIONS /tacita.v1.TokenService/IssueTokens HTTP/1.1\r\norigin: {origin}\r\n\
             access-control-request-method: POST\r\naccess-control-request-headers: content-type,x-grpc-web\r\n"
        );
        exchange(relay.address(), &head, b"").await.0
    };
    let allowed = preflight("https://news.example").await;
    assert!(allowed.contains("access-control-allow-origin: https://news.example"), "{allowed}");
    assert!(allowed.contains("x-grpc-web"), "{allowed}");
    assert!(!allowed.contains("access-control-allow-credentials"), "{allowed}");
    let refused = preflight("https://evil.example").await;
    assert!(!refused.contains("access-control-allow-origin"), "{refused}");
}

#[tokio::test]
async fn what_is_neither_grpc_nor_grpc_web_is_refused() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let relay = start(double.config(data.path())).await;
    let (head, _) = exchange(relay.address(), "GET / HTTP/1.1\r\n", b"").await;
    assert!(head.starts_with("http/1.1 400"), "{head}");
    let head =
        "POST /tacita.v1.CollectionService/SubmitReports HTTP/1.1\r\ncontent-type: application/grpc-web+proto\r\n";
    let (head, body) = exchange(relay.address(), head, b"\0\xff\xff\xff\xffgarbage").await;
    let told = format!("{head}{}", String::from_utf8_lossy(&body));
    assert!(!told.contains("grpc-status:0") && !told.contains("grpc-status: 0"), "{told}");
}
