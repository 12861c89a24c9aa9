//! How a call ended: code, reason and limit, as the caller was told.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use tacita_connections::refusal::DOMAIN;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// The most bytes of a reason or of a limit's name.
const WORD: usize = 48;

/// How a call ended. Among the extensions of an answer that is given many times, it saves reading it from the headers each time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ending {
    /// gRPC's name of the code, or `HTTP_` and the status.
    pub(crate) code: String,
    /// The reason of `google.rpc.ErrorInfo`, or nothing.
    pub(crate) reason: String,
    /// The limit that it names, or nothing.
    pub(crate) limit: String,
}

impl Ending {
    /// What an answer's head says, if it says all: `None` when the status comes after the body.
    pub fn of<B>(answer: &Response<B>) -> Option<Self> {
        Self::of_head(answer.status(), answer.headers())
    }

    /// The caller went away.
    pub(crate) fn cancelled() -> Self {
        Self::of_code(Code::Cancelled)
    }

    fn of_code(code: Code) -> Self {
        Self { code: name(code).to_owned(), reason: String::new(), limit: String::new() }
    }

    /// The same, of a head's parts.
    pub(crate) fn of_head(status: StatusCode, headers: &HeaderMap) -> Option<Self> {
        if headers.contains_key(Status::GRPC_STATUS) {
            return Some(Self::of_trailers(headers));
        }
        let grpc = status == StatusCode::OK && is_grpc(headers);
        (!grpc).then(|| Self { code: format!("HTTP_{}", status.as_u16()), ..Self::of_code(Code::Ok) })
    }

    /// What trailers say.
    pub(crate) fn of_trailers(trailers: &HeaderMap) -> Self {
        // The usual case is read without decoding anything.
        if trailers.get(Status::GRPC_STATUS).is_some_and(|status| status == "0") {
            return Self::of_code(Code::Ok);
        }
        let Some(status) = Status::from_header_map(trailers) else { return Self::of_code(Code::Unknown) };
        // Reasons of others are not of a closed set.
        let info = status.get_details_error_info().filter(|info| info.domain == DOMAIN);
        let limit = info.as_ref().and_then(|info| info.metadata.get("limit").cloned());
        Self {
            reason: info.map_or_else(String::new, |info| word(info.reason)),
            limit: limit.map_or_else(String::new, word),
            ..Self::of_code(status.code())
        }
    }

    /// What a piece of a gRPC-Web body says, if it is the frame of the trailers: `tonic-web` sends it as a piece of its own.
    pub(crate) fn of_web_frame(piece: &Bytes) -> Option<Self> {
        match piece.first() {
            Some(0x80) => Some(Self::of_trailers(&web_trailers(piece.get(5..)?))),
            // 0x80 and a length below 2¹⁶ in base64.
            Some(b'g') if piece.starts_with(b"gAA") => {
                Some(Self::of_trailers(&web_trailers(STANDARD.decode(piece).ok()?.get(5..)?)))
            }
            _ => None,
        }
    }
}

/// Whether the body is gRPC-Web's, which holds the trailers.
pub(crate) fn is_grpc_web(headers: &HeaderMap) -> bool {
    media(headers).starts_with(b"application/grpc-web")
}

fn is_grpc(headers: &HeaderMap) -> bool {
    media(headers).starts_with(b"application/grpc")
}

fn media(headers: &HeaderMap) -> &[u8] {
    headers.get(header::CONTENT_TYPE).map_or(&[], HeaderValue::as_bytes)
}

/// `name:value` lines as headers; a line that is none is passed over.
fn web_trailers(lines: &[u8]) -> HeaderMap {
    let pair = |line: &[u8]| {
        let colon = line.iter().position(|&byte| byte == b':')?;
        let name = HeaderName::from_bytes(line[..colon].trim_ascii()).ok()?;
        Some((name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?))
    };
    lines.split(|&byte| byte == b'\n').filter_map(pair).collect()
}

/// A word of ours, or nothing: what comes from elsewhere does not become a label.
fn word(text: String) -> String {
    let fits = text.len() <= WORD && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    if fits { text } else { String::new() }
}

/// A code's name, as gRPC writes it.
fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tonic_types::ErrorDetails;

    use super::*;

    fn refused(reason: &str, domain: &str, limit: &str) -> HeaderMap {
        let metadata = HashMap::from([("limit".to_owned(), limit.to_owned())]);
        let details = ErrorDetails::with_error_info(reason, domain, metadata);
        let status = Status::with_error_details(Code::ResourceExhausted, "no", details);
        let (parts, ()) = status.into_http::<()>().into_parts();
        parts.headers
    }

    #[test]
    fn code_reason_and_limit_are_read_where_they_stand() {
        let ending = Ending::of_head(StatusCode::OK, &refused("LIMIT_REACHED", DOMAIN, "uploads_in_flight")).unwrap();
        assert_eq!((&*ending.code, &*ending.reason), ("RESOURCE_EXHAUSTED", "LIMIT_REACHED"));
        assert_eq!(ending.limit, "uploads_in_flight");
        let page = Ending::of_head(StatusCode::NOT_FOUND, &HeaderMap::new()).unwrap();
        assert_eq!((&*page.code, &*page.reason), ("HTTP_404", ""));
        let grpc = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"))]);
        assert_eq!(Ending::of_head(StatusCode::OK, &grpc), None, "its trailers will tell");
    }

    #[test]
    fn a_reason_that_is_not_ours_or_no_word_is_no_label() {
        for (reason, domain) in
            [("REASON", "another.example"), ("tacita_1_secret value", DOMAIN), (&*"A".repeat(99), DOMAIN)]
        {
            assert_eq!(Ending::of_trailers(&refused(reason, domain, "x")).reason, "", "{reason}");
        }
    }

    #[test]
    fn the_last_frame_of_grpc_web_is_read_in_both_encodings() {
        let lines = b"grpc-status:5\r\ngrpc-message:gone\r\n";
        let mut frame = vec![0x80, 0, 0, 0, lines.len() as u8];
        frame.extend(lines);
        let text = STANDARD.encode(&frame);
        for piece in [Bytes::from(frame), Bytes::from(text)] {
            assert_eq!(Ending::of_web_frame(&piece).unwrap().code, "NOT_FOUND");
        }
        for other in [&b""[..], b"\0\0\0\0\x01x", b"\x80\0", b"gAA!", b"AAAAAAF4"] {
            assert_eq!(Ending::of_web_frame(&Bytes::from_static(other)), None, "{other:?}");
        }
    }
}
