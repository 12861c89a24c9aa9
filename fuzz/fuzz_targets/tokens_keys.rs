//! Any 32 bytes as a public key and as a secret one: refused, or their own encoding, and fit for use.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use tacita_tokens::{Context, EpochKey, Opener, Pending, PublicKey};

const CONTEXT: Context = Context { publisher: 7, epoch: 2960, chain: [0x5a; 32] };

fuzz_target!(|bytes: [u8; 32]| {
    if let Ok(key) = PublicKey::from_bytes(&bytes) {
        assert_eq!(key.to_bytes(), bytes);
        assert!(Pending::new(&key, &CONTEXT, 1, &mut ChaCha20Rng::seed_from_u64(1)).is_ok());
    }
    if let Ok(key) = EpochKey::from_bytes(&bytes) {
        assert_eq!(*key.to_bytes(), bytes);
        assert_eq!(PublicKey::from_bytes(&key.public_key().to_bytes()), Ok(key.public_key()));
        assert!(Opener::new(&key, &CONTEXT).is_ok());
    }
});
