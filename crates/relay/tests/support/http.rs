//! HTTP/1.1 by hand: the bytes that a browser sends, and the bytes that come back.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Sends one request, `head` without host and length; returns the answer's head in lower case, and its body.
pub async fn exchange(relay: SocketAddr, head: &str, body: &[u8]) -> (String, Vec<u8>) {
    let (head, body) = exchange_exactly(relay, head, body).await;
    (head.to_lowercase(), body)
}

/// The same, with the head as it came.
pub async fn exchange_exactly(relay: SocketAddr, head: &str, body: &[u8]) -> (String, Vec<u8>) {
    let length = if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    let head = format!("{head}host: relay.example\r\nconnection: close\r\n{length}\r\n");
    let mut stream = TcpStream::connect(relay).await.unwrap();
    stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
    answer(&mut stream).await
}

/// All that comes until the relay closes.
pub async fn answer(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    let body = answer.split_off(end + 4);
    let head = String::from_utf8(answer).unwrap();
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
pub fn frame(message: &impl prost::Message) -> Vec<u8> {
    let bytes = message.encode_to_vec();
    [&[0][..], &(bytes.len() as u32).to_be_bytes(), &bytes].concat()
}

/// The message and the trailers of a gRPC-Web answer.
pub fn frames(body: &[u8]) -> (Vec<u8>, String) {
    let (mut message, mut trailers, mut rest) = (Vec::new(), String::new(), body);
    while !rest.is_empty() {
        let length = u32::from_be_bytes(rest[1..5].try_into().unwrap()) as usize;
        match rest[0] {
            0x80 => trailers = String::from_utf8(rest[5..5 + length].to_vec()).unwrap(),
            _ => message = rest[5..5 + length].to_vec(),
        }
        rest = &rest[5 + length..];
    }
    (message, trailers)
}

/// The value of a header, in an answer's head.
pub fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, v)| v)
}
