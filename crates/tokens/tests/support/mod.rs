//! One key, one context, and the roles around them.
#![allow(dead_code, unreachable_pub, reason = "each test file is a crate of its own and uses its share")]

use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use tacita_tokens::{Context, Envelope, EpochKey, IssuedBatch, Issuer, Opener, PAYLOAD_LEN, Pending, Token};

pub const CONTEXT: Context = Context { publisher: 7, epoch: 2960, chain: [0x5a; 32] };
pub const PAYLOAD: [u8; PAYLOAD_LEN] = *b"sixteen bytes...";

pub fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

pub fn key() -> EpochKey {
    EpochKey::generate(&mut rng(0)).unwrap()
}

pub fn opener() -> Opener {
    Opener::new(&key(), &CONTEXT).unwrap()
}

/// A request under way, and its response.
pub fn issuance(count: usize, seed: u64) -> (Pending, IssuedBatch) {
    issuance_of(&key(), &CONTEXT, count, seed)
}

pub fn issuance_of(key: &EpochKey, context: &Context, count: usize, seed: u64) -> (Pending, IssuedBatch) {
    let mut rng = rng(seed);
    let (pending, request) = Pending::new(&key.public_key(), context, count, &mut rng).unwrap();
    let response = Issuer::new(key, context).unwrap().issue(&request, &mut rng).unwrap();
    (pending, response)
}

pub fn tokens(count: usize, seed: u64) -> Vec<Token> {
    let (pending, response) = issuance(count, seed);
    pending.finish(&response).unwrap()
}

pub fn envelopes(count: usize, seed: u64) -> Vec<Envelope> {
    tokens(count, seed).into_iter().map(|token| token.seal(&PAYLOAD)).collect()
}
