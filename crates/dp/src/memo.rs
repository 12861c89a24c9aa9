//! Memoized answers: the same question gets the same randomized answer, without storing it.
//!
//! The generator is a pseudorandom function of what was asked, so a retry or a second tab of one slot repeats its answer
//! bit for bit (the permanent response of RAPPOR: Erlingsson, Pihur and Korolova, CCS 2014, §3.1). Distinct slots of a
//! window get independent noise: were one answer shared by all of them, the answers of a device would be correlated and
//! the stated variance too small. Each slot is charged to the ledger. Specification: spec/statistics/memo.md.

use hmac::{Hmac, KeyInit, Mac};
use rand_chacha::ChaCha20Rng;
use rand_core::{CryptoRng, SeedableRng};
use sha2::Sha256;

/// Separates this use of the device's secret from every other; the last byte is the version.
const LABEL: &[u8; 16] = b"tacita-dp-memo\x00\x01";

/// The generator for one answer: ChaCha20 (20 rounds, 64-bit counter from 0, nonce 0) under the key
/// HMAC-SHA256(`device_secret`, label ‖ measure ‖ window ‖ slot ‖ value), each a big-endian 32-bit integer.
///
/// * `measure`: the measure's number within the manifest.
/// * `window`: the window's number.
/// * `slot`: the ordinal of the slot on this device in this window, 0 for once-per-device measures such as reach.
/// * `value`: the true cell.
///
/// The caller rotates the secret every epoch, so that a memoized answer is no lasting fingerprint.
#[must_use]
pub fn generator(device_secret: &[u8; 32], measure: u32, window: u32, slot: u32, value: u32) -> impl CryptoRng + use<> {
    ChaCha20Rng::from_seed(seed(device_secret, measure, window, slot, value))
}

fn seed(device_secret: &[u8; 32], measure: u32, window: u32, slot: u32, value: u32) -> [u8; 32] {
    // HMAC pads a key with zeros to SHA-256's block of 64 bytes (RFC 2104, §2): done here, nothing is left to refuse.
    let mut block = [0; 64];
    block[..32].copy_from_slice(device_secret);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(LABEL);
    for part in [measure, window, slot, value] {
        mac.update(&part.to_be_bytes());
    }
    mac.finalize().into_bytes().into()
}
