//! What must be refused, one test for each line of the validation checklist (spec/tokens.md, "Validation").
//!
//! Three lines need what no caller can reach and are tested beside the code: `suite.rs` (`DeriveKeyPair` and zero), `prf.rs`
//! (an input that hashes to the identity, a key that a publisher's tweak cancels) and `seal.rs` (an iv of the sealer's own).

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::convert::Infallible;

use rand::{TryCryptoRng, TryRng};
use support::{CONTEXT, PAYLOAD, envelopes, issuance, issuance_of, key, opener, rng, tokens};
use tacita_tokens::{
    BlindedBatch, Context, ENVELOPE_LEN, Envelope, EpochKey, Error, HEADER_LEN, Header, IssuedBatch, Issuer, MAX_BATCH,
    Opener, Pending, PublicKey, TOKEN_LEN, Token,
};

const IDENTITY: [u8; 32] = [0; 32];

/// RFC 9496 appendix A.2: every kind of encoding that does not decode.
const BAD_ENCODINGS: [(&str, &str); 6] = [
    ("a field element that is not reduced", "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"),
    ("the field's order", "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    ("a negative field element", "0100000000000000000000000000000000000000000000000000000000000000"),
    ("a non-square x²", "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371"),
    ("a negative xy", "3eb858e78f5a7254d8c9731174a94f76755fd3941c0ac93735c07ba14579630e"),
    ("s = -1, which makes y zero", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
];

/// The order of the group, the smallest scalar that is not canonical.
const ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

fn hex32(hex: &str) -> [u8; 32] {
    hex::decode(hex).unwrap().try_into().unwrap()
}

fn request(count: usize) -> Vec<u8> {
    Pending::new(&key().public_key(), &CONTEXT, count, &mut rng(1)).unwrap().1.to_bytes()
}

fn response(count: usize) -> Vec<u8> {
    issuance(count, 1).1.to_bytes()
}

#[test]
fn an_encoding_that_is_not_canonical_is_refused_wherever_it_arrives_and_its_place_is_named() {
    for (why, encoding) in BAD_ENCODINGS {
        let encoding = hex32(encoding);
        let mut request = request(3);
        request[64..96].copy_from_slice(&encoding);
        assert_eq!(BlindedBatch::from_bytes(&request).err(), Some(Error::InvalidElement { index: 2 }), "{why}");

        let mut response = response(3);
        response[32..64].copy_from_slice(&encoding);
        assert_eq!(IssuedBatch::from_bytes(&response).err(), Some(Error::InvalidElement { index: 1 }), "{why}");

        assert_eq!(PublicKey::from_bytes(&encoding), Err(Error::InvalidPublicKey), "{why}");
    }
}

#[test]
fn the_identity_is_refused_wherever_it_arrives() {
    let mut request = request(2);
    request[32..].copy_from_slice(&IDENTITY);
    assert_eq!(BlindedBatch::from_bytes(&request).err(), Some(Error::IdentityElement { index: 1 }));

    let mut response = response(2);
    response[..32].copy_from_slice(&IDENTITY);
    assert_eq!(IssuedBatch::from_bytes(&response).err(), Some(Error::IdentityElement { index: 0 }));

    assert_eq!(PublicKey::from_bytes(&IDENTITY), Err(Error::InvalidPublicKey));
}

#[test]
fn a_request_that_is_no_whole_number_of_elements_is_refused() {
    let request = request(2);
    for cut in 1..32 {
        let got = request.len() - cut;
        assert_eq!(BlindedBatch::from_bytes(&request[..got]).err(), Some(Error::RaggedBatch { got }));
    }
    let longer = [&request[..], &[0]].concat();
    assert_eq!(BlindedBatch::from_bytes(&longer).err(), Some(Error::RaggedBatch { got: longer.len() }));
}

#[test]
fn an_empty_batch_and_one_above_the_limit_are_refused_on_both_sides_of_the_wire() {
    assert_eq!(BlindedBatch::from_bytes(&[]).err(), Some(Error::BatchSize { got: 0 }));
    assert_eq!(IssuedBatch::from_bytes(&response(1)[32..]).err(), Some(Error::BatchSize { got: 0 }));

    let element = &request(1)[..];
    let full = element.repeat(MAX_BATCH);
    assert_eq!(BlindedBatch::from_bytes(&full).map(|batch| batch.len()), Ok(MAX_BATCH));
    let over = element.repeat(MAX_BATCH + 1);
    assert_eq!(BlindedBatch::from_bytes(&over).err(), Some(Error::BatchSize { got: MAX_BATCH + 1 }));
    let over = [&over[..], &[0; 64]].concat();
    assert_eq!(IssuedBatch::from_bytes(&over).err(), Some(Error::BatchSize { got: MAX_BATCH + 1 }));

    for count in [0, MAX_BATCH + 1] {
        let pending = Pending::new(&key().public_key(), &CONTEXT, count, &mut rng(1));
        assert_eq!(pending.err(), Some(Error::BatchSize { got: count }));
    }
}

#[test]
fn a_response_of_another_length_than_the_request_is_refused() {
    for (sent, received) in [(2, 1), (1, 2)] {
        let (pending, _) = issuance(sent, 1);
        let (_, response) = issuance(received, 1);
        assert_eq!(pending.finish(&response).err(), Some(Error::CountMismatch { sent, received }));
    }
}

#[test]
fn a_response_without_its_whole_proof_or_with_bytes_after_it_cannot_be_built() {
    let response = response(1);
    for got in 0..64 {
        assert_eq!(IssuedBatch::from_bytes(&response[..got]).err(), Some(Error::RaggedBatch { got }));
    }
    for got in (65..response.len()).chain([response.len() + 1]) {
        let bytes = [&response[..], &[0]].concat();
        assert_eq!(IssuedBatch::from_bytes(&bytes[..got]).err(), Some(Error::RaggedBatch { got }));
    }
    // The elements of two tokens without a proof read as no token and a proof, or as one element of a wrong proof.
    let two = issuance(2, 1).1.to_bytes();
    assert!(IssuedBatch::from_bytes(&two[..64]).is_err());
}

#[test]
fn a_scalar_of_the_proof_that_is_not_canonical_is_refused() {
    let response = response(1);
    for at in [32, 64] {
        for scalar in [hex32(ORDER), [0xff; 32]] {
            let mut response = response.clone();
            response[at..at + 32].copy_from_slice(&scalar);
            assert_eq!(IssuedBatch::from_bytes(&response).err(), Some(Error::InvalidProof));
        }
    }
}

#[test]
fn one_bad_element_among_many_costs_the_whole_batch() {
    let mut spoiled = response(32);
    let stranger = issuance(32, 2).1.to_bytes();
    spoiled[31 * 32..32 * 32].copy_from_slice(&stranger[31 * 32..32 * 32]);
    let (pending, _) = issuance(32, 1);
    let response = IssuedBatch::from_bytes(&spoiled).unwrap();
    assert_eq!(pending.finish(&response).err(), Some(Error::ProofRejected));
}

#[test]
fn every_altered_bit_of_a_proof_is_noticed() {
    let response = response(2);
    for bit in 0..64 * 8 {
        let mut altered = response.clone();
        altered[64 + bit / 8] ^= 1 << (bit % 8);
        let (pending, _) = issuance(2, 1);
        let refused = IssuedBatch::from_bytes(&altered).and_then(|response| pending.finish(&response)).err();
        assert!(matches!(refused, Some(Error::ProofRejected | Error::InvalidProof)), "bit {bit}: {refused:?}");
    }
}

#[test]
fn evaluated_elements_in_another_order_are_refused() {
    let mut swapped = response(2);
    swapped[..64].rotate_left(32);
    let (pending, _) = issuance(2, 1);
    assert_eq!(pending.finish(&IssuedBatch::from_bytes(&swapped).unwrap()).err(), Some(Error::ProofRejected));
}

#[test]
fn a_response_made_with_another_key_or_for_another_publisher_is_refused() {
    let other_key = EpochKey::generate(&mut rng(9)).unwrap();
    let other_publisher = Context { publisher: 8, ..CONTEXT };
    for (key, context) in [(&other_key, &CONTEXT), (&key(), &other_publisher)] {
        let (pending, _) = issuance(2, 1);
        let request = BlindedBatch::from_bytes(&request(2)).unwrap();
        let response = Issuer::new(key, context).unwrap().issue(&request, &mut rng(3)).unwrap();
        assert_eq!(pending.finish(&response).err(), Some(Error::ProofRejected));
    }
}

#[test]
fn a_response_to_somebody_elses_request_is_refused() {
    let (pending, _) = issuance(2, 1);
    let (_, response) = issuance(2, 2);
    assert_eq!(pending.finish(&response).err(), Some(Error::ProofRejected));
}

#[test]
fn the_same_element_twice_in_a_request_is_served_and_gives_the_same_element_twice() {
    let twice = request(1).repeat(2);
    let batch = BlindedBatch::from_bytes(&twice).unwrap();
    let response = Issuer::new(&key(), &CONTEXT).unwrap().issue(&batch, &mut rng(1)).unwrap().to_bytes();
    assert_eq!(response[..32], response[32..64]);
}

/// A generator that gives this byte, for ever.
struct Stuck(u8);

impl TryRng for Stuck {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_ne_bytes([self.0; 4]))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_ne_bytes([self.0; 8]))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.fill(self.0);
        Ok(())
    }
}

impl TryCryptoRng for Stuck {}

#[test]
fn a_blind_of_zero_is_refused() {
    assert_eq!(Pending::new(&key().public_key(), &CONTEXT, 1, &mut Stuck(0)).err(), Some(Error::Rng));
}

#[test]
fn a_nonce_that_repeats_within_a_batch_is_refused() {
    assert!(Pending::new(&key().public_key(), &CONTEXT, 1, &mut Stuck(1)).is_ok());
    assert_eq!(Pending::new(&key().public_key(), &CONTEXT, 2, &mut Stuck(1)).err(), Some(Error::Rng));
}

/// A generator that has failed.
struct Failed;

impl TryRng for Failed {
    type Error = std::io::Error;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Err(std::io::Error::other("no entropy"))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Err(std::io::Error::other("no entropy"))
    }

    fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), Self::Error> {
        Err(std::io::Error::other("no entropy"))
    }
}

impl TryCryptoRng for Failed {}

#[test]
fn a_generator_that_fails_is_an_error_and_no_panic() {
    let batch = BlindedBatch::from_bytes(&request(1)).unwrap();
    assert_eq!(EpochKey::generate(&mut Failed).err(), Some(Error::Rng));
    assert_eq!(Pending::new(&key().public_key(), &CONTEXT, 1, &mut Failed).err(), Some(Error::Rng));
    assert_eq!(Issuer::new(&key(), &CONTEXT).unwrap().issue(&batch, &mut Failed).err(), Some(Error::Rng));
}

#[test]
fn a_secret_key_of_zero_or_one_that_is_not_reduced_is_refused() {
    for bytes in [[0; 32], hex32(ORDER), [0xff; 32]] {
        assert_eq!(EpochKey::from_bytes(&bytes).err(), Some(Error::InvalidKey));
    }
}

#[test]
fn an_envelope_for_another_publisher_epoch_or_format_is_refused_before_any_work() {
    let genuine = *envelopes(1, 1)[0].as_bytes();
    let altered = |at: usize, to: u8| {
        let mut bytes = genuine;
        bytes[at] = to;
        Envelope::from_bytes(&bytes).and_then(|envelope| opener().open(&envelope))
    };
    assert_eq!(altered(0, 2), Err(Error::UnknownVersion(2)));
    assert_eq!(altered(1, 9), Err(Error::UnknownSuite(9)));
    assert_eq!(altered(5, 8), Err(Error::WrongPublisher { expected: 7, found: 8 }));
    assert_eq!(altered(9, 0x91), Err(Error::WrongEpoch { expected: 2960, found: 2961 }));
}

#[test]
fn an_envelope_relabelled_for_the_publisher_or_epoch_that_opens_it_is_refused() {
    let key = key();
    for other in [Context { publisher: 8, ..CONTEXT }, Context { epoch: 2961, ..CONTEXT }] {
        let (pending, response) = issuance_of(&key, &other, 1, 1);
        let envelope = pending.finish(&response).unwrap().remove(0).seal(&PAYLOAD);
        assert!(Opener::new(&key, &other).unwrap().open(&envelope).is_ok());
        let mut relabelled = *envelope.as_bytes();
        relabelled[2..10].copy_from_slice(&envelopes(1, 1)[0].as_bytes()[2..10]);
        let relabelled = Envelope::from_bytes(&relabelled).unwrap();
        assert_eq!(opener().open(&relabelled), Err(Error::Refused));
    }
}

#[test]
fn an_envelope_of_another_key_or_another_chain_value_is_refused() {
    let other_key = EpochKey::generate(&mut rng(9)).unwrap();
    let other_chain = Context { chain: [0x5b; 32], ..CONTEXT };
    for (key, context) in [(&other_key, &CONTEXT), (&key(), &other_chain)] {
        let (pending, response) = issuance_of(key, context, 1, 1);
        let envelope = pending.finish(&response).unwrap().remove(0).seal(&PAYLOAD);
        assert!(Opener::new(key, context).unwrap().open(&envelope).is_ok());
        assert_eq!(opener().open(&envelope), Err(Error::Refused));
    }
}

#[test]
fn every_altered_bit_of_an_envelope_is_refused() {
    let genuine = *envelopes(1, 1)[0].as_bytes();
    let altered: Vec<_> = (0..ENVELOPE_LEN * 8)
        .filter_map(|bit| {
            let mut bytes = genuine;
            bytes[bit / 8] ^= 1 << (bit % 8);
            Envelope::from_bytes(&bytes).ok()
        })
        .collect();
    assert_eq!(altered.len(), (ENVELOPE_LEN - 2) * 8, "all but those of version and suite are read");
    for opened in opener().open_many(&altered) {
        assert!(matches!(opened, Err(Error::Refused | Error::WrongPublisher { .. } | Error::WrongEpoch { .. })));
    }
}

#[test]
fn a_truncated_or_extended_envelope_is_refused() {
    let long = [&envelopes(1, 1)[0].as_bytes()[..], &[0; 20]].concat();
    for got in (0..ENVELOPE_LEN).chain(ENVELOPE_LEN + 1..long.len()) {
        let expected = Error::Length { expected: ENVELOPE_LEN, got };
        assert_eq!(Envelope::from_bytes(&long[..got]), Err(expected));
    }
}

#[test]
fn a_header_of_another_length_or_format_is_refused() {
    let header = envelopes(1, 1)[0].header();
    let bytes = [&header.to_bytes()[..], &[0]].concat();
    assert_eq!(Header::parse(&bytes[..HEADER_LEN]), Ok(header));
    for got in (0..HEADER_LEN).chain([HEADER_LEN + 1]) {
        assert_eq!(Header::parse(&bytes[..got]), Err(Error::Length { expected: HEADER_LEN, got }));
    }
    assert_eq!(Header::parse(&[2; HEADER_LEN]), Err(Error::UnknownVersion(2)));
}

#[test]
fn a_token_of_an_unknown_format_is_refused_and_an_altered_one_opens_nothing() {
    let bytes = *tokens(1, 1).remove(0).to_bytes();
    let altered = |at: usize| {
        let mut bytes = bytes;
        bytes[at] ^= 0x80;
        Token::from_bytes(&bytes)
    };
    assert_eq!(altered(0).err(), Some(Error::UnknownVersion(0x81)));
    assert_eq!(altered(1).err(), Some(Error::UnknownSuite(0x81)));
    for at in [HEADER_LEN - 1, HEADER_LEN, TOKEN_LEN - 1] {
        assert_eq!(opener().open(&altered(at).unwrap().seal(&PAYLOAD)), Err(Error::Refused));
    }
}
