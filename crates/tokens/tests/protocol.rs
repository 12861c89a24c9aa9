//! What holds for every batch, payload and context.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::collections::HashSet;

use proptest::prelude::*;
use support::{CONTEXT, PAYLOAD, envelopes, issuance, issuance_of, key, opener, rng, tokens};
use tacita_tokens::{
    BlindedBatch, Context, ENVELOPE_LEN, Envelope, EpochKey, Error, Fingerprint, Header, IssuedBatch, Issuer,
    Nullifier, Opener, PAYLOAD_LEN, Pending, PublicKey, TOKEN_LEN, Token,
};

fn contexts() -> impl Strategy<Value = Context> {
    (any::<u32>(), any::<u32>(), any::<[u8; 32]>()).prop_map(|(publisher, epoch, chain)| Context {
        publisher,
        epoch,
        chain,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_sealed_under_an_issued_token_is_what_the_collector_opens(
        context in contexts(),
        count in 1usize..12,
        payload: [u8; PAYLOAD_LEN],
        seed: u64,
    ) {
        let key = EpochKey::generate(&mut rng(seed)).unwrap();
        let (pending, response) = issuance_of(&key, &context, count, seed);
        let tokens = pending.finish(&response).unwrap();
        prop_assert!(tokens.iter().all(|token| (token.publisher(), token.epoch()) == (context.publisher, context.epoch)));
        let envelopes: Vec<_> = tokens.into_iter().map(|token| token.seal(&payload)).collect();
        let opener = Opener::new(&key, &context).unwrap();
        for (envelope, opened) in envelopes.iter().zip(opener.open_many(&envelopes)) {
            let opened = opened.unwrap();
            prop_assert_eq!(opened.payload, payload);
            prop_assert_eq!(opened.nullifier, opener.nullifier(&envelope.header()));
            prop_assert_eq!(opened.fingerprint, envelope.fingerprint());
            prop_assert_eq!(Ok(opened), opener.open(envelope));
        }
    }

    #[test]
    fn a_header_survives_its_bytes(publisher: u32, epoch: u32, nonce: [u8; 32]) {
        let header = Header { publisher, epoch, nonce };
        prop_assert_eq!(Header::parse(&header.to_bytes()), Ok(header));
    }

    #[test]
    fn any_bytes_of_the_right_length_and_format_are_an_envelope_that_keeps_them(mut bytes in any::<[u8; ENVELOPE_LEN]>()) {
        bytes[..2].copy_from_slice(&[1, 1]);
        let envelope = Envelope::from_bytes(&bytes).unwrap();
        prop_assert_eq!(envelope.as_bytes(), &bytes);
        prop_assert_eq!(&envelope.header().to_bytes()[..], &bytes[..42]);
    }

    #[test]
    fn batches_survive_their_bytes(count in 1usize..20, seed: u64) {
        let (_, request) = Pending::new(&key().public_key(), &CONTEXT, count, &mut rng(seed)).unwrap();
        let bytes = request.to_bytes();
        prop_assert_eq!(bytes.len(), count * 32);
        prop_assert_eq!(BlindedBatch::from_bytes(&bytes).unwrap().to_bytes(), bytes);
        let bytes = issuance(count, seed).1.to_bytes();
        prop_assert_eq!(bytes.len(), count * 32 + 64);
        prop_assert_eq!(IssuedBatch::from_bytes(&bytes).unwrap().to_bytes(), bytes);
    }

    #[test]
    fn bytes_that_decode_encode_to_themselves(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(batch) = BlindedBatch::from_bytes(&bytes) {
            prop_assert_eq!(batch.to_bytes(), bytes.clone());
        }
        if let Ok(batch) = IssuedBatch::from_bytes(&bytes) {
            prop_assert_eq!(batch.to_bytes(), bytes);
        }
    }
}

#[test]
fn keys_survive_their_bytes() {
    let key = key();
    let public_key = key.public_key();
    assert_eq!(*EpochKey::from_bytes(&key.to_bytes()).unwrap().to_bytes(), *key.to_bytes());
    assert_eq!(PublicKey::from_bytes(&public_key.to_bytes()), Ok(public_key.clone()));
    assert_eq!(PublicKey::from_bytes(&public_key.to_bytes()).unwrap().id(), public_key.id());
}

#[test]
fn a_token_from_the_wallet_seals_as_the_one_that_went_in() {
    let token = tokens(1, 1).remove(0);
    let stored: [u8; TOKEN_LEN] = *token.to_bytes();
    let restored = Token::from_bytes(&stored).unwrap();
    assert_eq!((restored.publisher(), restored.epoch()), (CONTEXT.publisher, CONTEXT.epoch));
    assert_eq!(token.seal(&PAYLOAD), restored.seal(&PAYLOAD));
}

#[test]
fn a_report_sent_again_has_its_fingerprint_and_a_token_spent_twice_has_another() {
    let stored = *tokens(1, 1).remove(0).to_bytes();
    let seal = |payload| opener().open(&Token::from_bytes(&stored).unwrap().seal(payload)).unwrap();
    let (first, again, other) = (seal(&PAYLOAD), seal(&PAYLOAD), seal(&[0; PAYLOAD_LEN]));
    assert_eq!(first, again);
    assert_eq!(first.nullifier, other.nullifier);
    assert_ne!(first.fingerprint, other.fingerprint);
}

#[test]
fn every_token_has_a_nullifier_of_its_own_and_another_one_under_another_key() {
    let headers: Vec<_> = envelopes(128, 1).iter().map(Envelope::header).collect();
    let other_key = EpochKey::generate(&mut rng(9)).unwrap();
    let openers = [opener(), Opener::new(&other_key, &CONTEXT).unwrap()];
    let nullifiers = openers.iter().flat_map(|opener| headers.iter().map(|header| opener.nullifier(header)));
    assert_eq!(nullifiers.collect::<HashSet<Nullifier>>().len(), 2 * 128);
}

#[test]
fn stored_nullifiers_and_fingerprints_compare_equal_to_fresh_ones() {
    let opened = opener().open(&envelopes(1, 1)[0]).unwrap();
    assert_eq!(Nullifier::from_bytes(*opened.nullifier.as_bytes()), opened.nullifier);
    assert_eq!(Fingerprint::from_bytes(*opened.fingerprint.as_bytes()), opened.fingerprint);
}

#[test]
fn opening_many_keeps_the_order_and_lets_one_bad_envelope_spoil_no_other() {
    let mut mixed = envelopes(8, 1);
    let mut alter = |index: usize, at: usize| {
        let mut bytes = *mixed[index].as_bytes();
        bytes[at] ^= 1;
        mixed[index] = Envelope::from_bytes(&bytes).unwrap();
    };
    alter(0, 5);
    alter(3, 9);
    alter(4, 20);
    alter(7, 85);
    let opened = opener().open_many(&mixed);
    let refused: Vec<_> = opened.iter().map(|opened| opened.as_ref().err().copied()).collect();
    let wrong_publisher = Error::WrongPublisher { expected: 7, found: 6 };
    let wrong_epoch = Error::WrongEpoch { expected: 2960, found: 2961 };
    assert_eq!(
        refused,
        [Some(wrong_publisher), None, None, Some(wrong_epoch), Some(Error::Refused), None, None, Some(Error::Refused)]
    );
    for index in [1, 2, 5, 6] {
        assert_eq!(opened[index], opener().open(&mixed[index]));
    }
    assert!(opener().open_many(&[]).is_empty());
}

#[test]
fn an_issuer_repeats_no_proof_and_no_request_tells_its_tokens() {
    let (_, request) = Pending::new(&key().public_key(), &CONTEXT, 2, &mut rng(1)).unwrap();
    let issuer = Issuer::new(&key(), &CONTEXT).unwrap();
    let mut rng = rng(2);
    let (one, two) =
        (issuer.issue(&request, &mut rng).unwrap().to_bytes(), issuer.issue(&request, &mut rng).unwrap().to_bytes());
    assert_eq!(one[..64], two[..64]);
    assert_ne!(one[64..], two[64..]);
}

#[test]
fn any_generator_of_rand_core_serves() {
    let from_the_system = EpochKey::generate(&mut getrandom::SysRng).unwrap();
    let from_the_thread = EpochKey::generate(&mut rand::rng()).unwrap();
    let mut boxed: Box<dyn rand::TryCryptoRng<Error = std::convert::Infallible>> = Box::new(rng(1));
    let from_a_trait_object = EpochKey::generate(&mut *boxed).unwrap();
    assert_ne!(*from_the_system.to_bytes(), *from_the_thread.to_bytes());
    assert_eq!(*from_a_trait_object.to_bytes(), *EpochKey::generate(&mut rng(1)).unwrap().to_bytes());
}

#[test]
fn no_secret_shows_in_debug_output() {
    let key = key();
    let (pending, response) = issuance(1, 1);
    let pending_shown = format!("{pending:?}");
    let token = pending.finish(&response).unwrap().remove(0);
    let token_hex = hex::encode(*token.to_bytes());
    let (nonce, output) = (&token_hex[20..84], &token_hex[84..]);
    let opened = opener().open(&Token::from_bytes(&token.to_bytes()).unwrap().seal(&PAYLOAD)).unwrap();
    let issuer = Issuer::new(&key, &CONTEXT).unwrap();
    let shown = format!("{key:?} {pending_shown} {token:?} {issuer:?} {:?} {opened:?}", opener());
    for secret in [&hex::encode(*key.to_bytes())[..], nonce, output, &hex::encode(PAYLOAD), "sixteen"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    assert!(shown.contains("EpochKey(secret)"));
}
