//! Any request to a relay: gRPC, gRPC-Web, a submission without preflight, a short link, an address that is not served.
//! It is answered.
#![no_main]

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use libfuzzer_sys::fuzz_target;
use prost::Message;
use tacita_fuzz::{plant, scratch};
use tacita_proto::v1;
use tacita_relay::fuzzing::Edge;

static EDGE: LazyLock<Edge> = LazyLock::new(|| Edge::open(&scratch("relay").join("state")));

/// A gRPC-Web call: a flag, a length, the message.
fn frame(message: &impl Message) -> Vec<u8> {
    let message = message.encode_to_vec();
    [&[0][..], &(message.len() as u32).to_be_bytes(), &message].concat()
}

fn call(path: &str, media: &str, body: &[u8]) -> Vec<u8> {
    let head =
        format!("POST {path}\ncontent-type: {media}\norigin: https://shop.example\nx-forwarded-for: 192.0.2.1\n\n");
    [head.as_bytes(), body].concat()
}

fn seeds() -> Vec<Vec<u8>> {
    const SUBMIT: &str = "/tacita.v1.CollectionService/SubmitReports";
    const ISSUE: &str = "/tacita.v1.TokenService/IssueTokens";
    const MANIFEST: &str = "/tacita.v1.ManifestService/GetManifest";
    const CATALOGUE: &str = "/tacita.v1.ManifestService/GetCatalogue";
    let submission = frame(&v1::SubmitReportsRequest { envelopes: vec![vec![1; 86], vec![0; 3]] });
    let issue = frame(&v1::IssueTokensRequest { publisher: 7, epoch: 1, blinded_batch: vec![5; 64] });
    let catalogue = frame(&v1::GetCatalogueRequest { publisher: 7, digest: vec![7; 32] });
    let binary = "application/grpc-web+proto";
    vec![
        call(SUBMIT, "text/plain", STANDARD.encode(&submission).as_bytes()),
        call(SUBMIT, "application/grpc-web-text", STANDARD.encode(&submission).as_bytes()),
        call(SUBMIT, binary, &submission),
        call(ISSUE, binary, &issue),
        call(MANIFEST, "application/grpc", &frame(&v1::GetManifestRequest { publisher: 7 })),
        call(CATALOGUE, binary, &catalogue),
        b"OPTIONS /tacita.v1.TokenService/IssueTokens\norigin: https://shop.example\naccess-control-request-method: POST\n\n".to_vec(),
        b"GET /s/spring-wa?a=1&tct=100000000000000\nuser-agent: Mozilla/5.0 (iPhone)\nsec-fetch-mode: navigate\n\n".to_vec(),
        b"HEAD /s/ferry?x=%0d%0a//evil\nuser-agent: TelegramBot (like TwitterBot)\n\n".to_vec(),
    ]
}

fuzz_target!(init: plant("relay_http", seeds()), |bytes: &[u8]| EDGE.request(bytes));
