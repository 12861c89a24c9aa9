//! What a browser sends: gRPC-Web over HTTP/1.1, byte by byte, and the preflight before it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use prost::Message as _;
use tacita_proto::v1;
use tacita_protocol::outcome::Outcome;

use crate::support::{
    http::{exchange, frame},
    *,
};

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
    assert!(allowed.contains("access-control-max-age: 86400"), "{allowed}");
    for refused in ["https://evil.example", "http://news.example", "https://news.example:8443", "null"] {
        let refused = preflight(refused).await;
        assert!(!refused.contains("access-control-allow-origin"), "{refused}");
        assert!(refused.contains("vary: origin"), "a cache must not give one page another's answer: {refused}");
    }

    let call = async |origin: &str| {
        let head = format!(
            "POST /tacita.v1.ManifestService/GetManifest HTTP/1.1\r\ncontent-type: application/grpc-web+proto\r\n\
             origin: {origin}\r\n"
        );
        exchange(relay.address(), &head, &frame(&v1::GetManifestRequest { publisher: PUBLISHER.0 })).await.0
    };
    let answered = call("https://news.example").await;
    assert!(answered.contains("access-control-allow-origin: https://news.example"), "{answered}");
    assert!(answered.contains("access-control-expose-headers: grpc-status,grpc-message"), "{answered}");
    assert!(answered.contains("vary: origin"), "{answered}");
    assert!(!call("https://evil.example").await.contains("access-control-allow-origin"));
}

#[tokio::test]
async fn what_is_neither_grpc_nor_grpc_web_is_refused() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let relay = start(double.config(data.path())).await;
    for nowhere in ["/", "/tacita.v1.AdminService/ListPublishers", "/tacita.js", "/s/spring", "/../queue"] {
        let (head, body) = exchange(relay.address(), &format!("GET {nowhere} HTTP/1.1\r\n"), b"").await;
        assert!(head.starts_with("http/1.1 404"), "{head}");
        assert!(String::from_utf8_lossy(&body).contains("nothing is served"), "{nowhere}");
    }
    for (method, media) in [("GET", ""), ("POST", "content-type: application/json\r\n"), ("POST", "")] {
        let head = format!("{method} /tacita.v1.CollectionService/SubmitReports HTTP/1.1\r\n{media}");
        let (head, body) = exchange(relay.address(), &head, b"{}").await;
        assert!(head.starts_with("http/1.1 415"), "{head}");
        assert!(String::from_utf8_lossy(&body).contains("send application/grpc"));
    }
    let head =
        "POST /tacita.v1.CollectionService/SubmitReports HTTP/1.1\r\ncontent-type: application/grpc-web+proto\r\n";
    let (head, body) = exchange(relay.address(), head, b"\0\xff\xff\xff\xffgarbage").await;
    let told = format!("{head}{}", String::from_utf8_lossy(&body));
    assert!(!told.contains("grpc-status:0") && !told.contains("grpc-status: 0"), "{told}");
}
