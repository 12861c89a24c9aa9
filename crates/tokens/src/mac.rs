//! HMAC (RFC 2104) over SHA-512 and SHA-256, for whatever is derived from a key. Constant time in key and message.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha512};
use zeroize::Zeroizing;

pub(crate) fn hmac_sha512(key: &[u8], message: &[&[u8]]) -> Zeroizing<[u8; 64]> {
    Zeroizing::new(hmac::<Hmac<Sha512>>(key, message).finalize().into_bytes().into())
}

pub(crate) fn hmac_sha256(key: &[u8], message: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(hmac::<Hmac<Sha256>>(key, message).finalize().into_bytes().into())
}

fn hmac<M: Mac + KeyInit>(key: &[u8], message: &[&[u8]]) -> M {
    // Expect safety: RFC 2104 §2 hashes keys longer than a block and pads the others; no length is refused.
    let mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
    message.iter().fold(mac, |mac, part| mac.chain_update(part))
}
