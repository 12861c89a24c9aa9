//! The brand's page on the collector's own port, beside the services.
#![allow(missing_docs, clippy::unwrap_used)]

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::House;

/// Sends one request by HTTP/1.1 and reads the whole answer.
async fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).to_lowercase()
}

const PAGE: &str = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
const NO_SERVICE: &str = "POST /tacita.v1.NoService/Ask HTTP/1.1\r\nhost: x\r\ncontent-type: application/grpc\r\n\
                          content-length: 0\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn a_browser_gets_the_page_with_its_policy_and_grpc_is_told_that_there_is_no_such_service() {
    let house = House::open(|_| {}).await;
    let page = ask(house.collector.address(), PAGE).await;
    assert!(page.starts_with("http/1.1 200"), "{page}");
    assert!(page.contains("content-security-policy: default-src 'none'; script-src 'self';"), "{page}");
    let refused = ask(house.collector.address(), NO_SERVICE).await;
    assert!(refused.starts_with("http/1.1 200") && refused.contains("grpc-status: 12"), "{refused}");
}

#[tokio::test]
async fn without_the_dashboard_there_is_no_page() {
    let house = House::open(|config| config.serve_dashboard = false).await;
    let answer = ask(house.collector.address(), PAGE).await;
    assert!(!answer.contains("<html"), "{answer}");
}
