//! Any bytes as an envelope, a header and a token: refused, or their own encoding.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tacita_tokens::{ENVELOPE_LEN, Envelope, HEADER_LEN, Header, TOKEN_LEN, Token};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(envelope) = Envelope::from_bytes(bytes) {
        assert_eq!(bytes.len(), ENVELOPE_LEN);
        assert_eq!(&envelope.as_bytes()[..], bytes);
        assert_eq!(Header::parse(&bytes[..HEADER_LEN]), Ok(envelope.header()));
    }
    if let Ok(header) = Header::parse(bytes) {
        assert_eq!(&header.to_bytes()[..], bytes);
    }
    let Some(bytes) = bytes.first_chunk::<TOKEN_LEN>() else { return };
    if let Ok(token) = Token::from_bytes(bytes) {
        assert_eq!(*token.to_bytes(), *bytes);
        assert_eq!(Header::parse(&bytes[..HEADER_LEN]), Ok(token.seal(&[0; 16]).header()));
    }
});
