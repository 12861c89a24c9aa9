//! Any response: it is refused, or it is its own encoding; and no response but the issuer's gives tokens.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use tacita_tokens::{Context, EpochKey, IssuedBatch, Issuer, Pending};

const CONTEXT: Context = Context { publisher: 7, epoch: 2960, chain: [0x5a; 32] };

static KEY: LazyLock<EpochKey> =
    LazyLock::new(|| EpochKey::generate(&mut ChaCha20Rng::seed_from_u64(0)).expect("a key"));

/// The genuine response to a request of two, into which the input is mixed: bytes from scratch rarely decode.
static GENUINE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let (_, request) = pending();
    let issuer = Issuer::new(&KEY, &CONTEXT).expect("an issuer");
    issuer.issue(&request, &mut ChaCha20Rng::seed_from_u64(2)).expect("a response").to_bytes()
});

fn pending() -> (Pending, tacita_tokens::BlindedBatch) {
    Pending::new(&KEY.public_key(), &CONTEXT, 2, &mut ChaCha20Rng::seed_from_u64(1)).expect("a request")
}

fn check(bytes: &[u8]) {
    let Ok(response) = IssuedBatch::from_bytes(bytes) else { return };
    assert_eq!(response.to_bytes(), bytes);
    assert_eq!(pending().0.finish(&response).is_ok(), bytes == *GENUINE);
}

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    let mut mixed = GENUINE.clone();
    mixed.iter_mut().zip(bytes).for_each(|(mixed, byte)| *mixed ^= byte);
    check(&mixed);
});
