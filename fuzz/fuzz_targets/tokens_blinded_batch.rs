//! Any request: it is refused, or it is its own encoding and is served.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use tacita_tokens::{BlindedBatch, Context, EpochKey, Issuer};

const CONTEXT: Context = Context { publisher: 7, epoch: 2960, chain: [0x5a; 32] };

static ISSUER: LazyLock<Issuer> = LazyLock::new(|| {
    let key = EpochKey::generate(&mut ChaCha20Rng::seed_from_u64(0)).expect("a key");
    Issuer::new(&key, &CONTEXT).expect("an issuer")
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(batch) = BlindedBatch::from_bytes(bytes) else { return };
    assert_eq!(batch.to_bytes(), bytes);
    let issued = ISSUER.issue(&batch, &mut ChaCha20Rng::seed_from_u64(1)).expect("a response");
    assert_eq!(issued.len(), batch.len());
});
