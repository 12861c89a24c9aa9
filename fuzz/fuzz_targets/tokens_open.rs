//! Any envelopes, and a genuine one with any change: only the genuine one opens, alone and among others.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use tacita_tokens::{Context, ENVELOPE_LEN, Envelope, EpochKey, Issuer, Opener, Pending};

const CONTEXT: Context = Context { publisher: 7, epoch: 2960, chain: [0x5a; 32] };

static OPENER: LazyLock<Opener> = LazyLock::new(|| Opener::new(&key(), &CONTEXT).expect("an opener"));

static GENUINE: LazyLock<Envelope> = LazyLock::new(|| {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let (pending, request) = Pending::new(&key().public_key(), &CONTEXT, 1, &mut rng).expect("a request");
    let response = Issuer::new(&key(), &CONTEXT).expect("an issuer").issue(&request, &mut rng).expect("a response");
    pending.finish(&response).expect("tokens").remove(0).seal(b"sixteen bytes...")
});

fn key() -> EpochKey {
    EpochKey::generate(&mut ChaCha20Rng::seed_from_u64(0)).expect("a key")
}

fuzz_target!(|bytes: &[u8]| {
    let changed = bytes.chunks(ENVELOPE_LEN).take(8).map(|change| {
        let mut envelope = *GENUINE.as_bytes();
        envelope.iter_mut().zip(change).for_each(|(byte, change)| *byte ^= change);
        envelope
    });
    let whole = bytes.as_chunks::<ENVELOPE_LEN>().0.iter().take(8).copied();
    let envelopes: Vec<_> = changed.chain(whole).filter_map(|bytes| Envelope::from_bytes(&bytes).ok()).collect();
    for (envelope, opened) in envelopes.iter().zip(OPENER.open_many(&envelopes)) {
        assert_eq!(opened.is_ok(), *envelope == *GENUINE);
        assert_eq!(opened, OPENER.open(envelope));
    }
});
