//! Our own vectors, `spec/vectors/tokens.json`: written by this file, read by every other implementation.

use alloc::string::String;
use alloc::vec::Vec;
use alloc::{format, vec};

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::hexes;
use crate::context::TOKEN_TYPE;
use crate::dleq::ProofNonce;
use crate::envelope::{SUITE, VERSION};
use crate::mac::hmac_sha512;
use crate::prf::{Evaluator, Function};
use crate::suite::{random_bytes, random_scalar};
use crate::{
    BlindedBatch, Context, ENVELOPE_LEN, Envelope, EpochKey, Error, HEADER_LEN, IssuedBatch, Issuer, MAX_BATCH, Opener,
    PAYLOAD_LEN, Pending, TOKEN_LEN,
};

const FILE: &str = include_str!("../../../../spec/vectors/tokens.json");
const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/vectors/tokens.json");

#[test]
fn the_vectors_in_the_specification_are_what_this_code_computes() {
    let message = "after an intended change: cargo test -p tacita-tokens rewrite_the_vectors -- --ignored";
    assert!(FILE == render(), "spec/vectors/tokens.json is not what this code computes; {message}");
}

#[test]
#[ignore = "not a check: rewrites spec/vectors/tokens.json, after an intended change of the format"]
fn rewrite_the_vectors() {
    extern crate std;
    std::fs::write(PATH, render()).unwrap();
}

fn render() -> String {
    let vectors: Vec<Value> = [(1, 1, 0, 0), (2, 2, 7, 2960), (3, 5, u32::MAX, u32::MAX)]
        .into_iter()
        .map(|(seed, count, publisher, epoch)| vector(seed, count, publisher, epoch))
        .collect();
    let file = json!({
        "about": "Tacita tokens and envelopes, as spec/tokens.md defines them. All values are hexadecimal; scalars are \
                  little-endian as in RFC 9496. Written by crates/tokens/src/tests/vectors.rs.",
        "version": VERSION,
        "suite": SUITE,
        "token_type": format!("{TOKEN_TYPE:04x}"),
        "lengths": {
            "header": HEADER_LEN, "payload": PAYLOAD_LEN, "envelope": ENVELOPE_LEN, "token": TOKEN_LEN,
            "max_batch": MAX_BATCH,
        },
        "vectors": vectors,
        "refused": refused(),
    });
    serde_json::to_string_pretty(&file).unwrap() + "\n"
}

/// One issuance from key to nullifiers, with everything in between.
fn vector(seed: u64, count: usize, publisher: u32, epoch: u32) -> Value {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let key = EpochKey::generate(&mut rng).unwrap();
    let public_key = key.public_key();
    let context = Context { publisher, epoch, chain: random_bytes(&mut rng).unwrap() };
    let nonces: Vec<_> = (0..count).map(|_| random_bytes(&mut rng).unwrap()).collect();
    let blinds: Vec<_> = (0..count).map(|_| random_scalar(&mut rng).unwrap()).collect();
    let fresh = random_bytes(&mut rng).unwrap();
    let payloads: Vec<[u8; PAYLOAD_LEN]> = (0..count).map(|_| rng.random()).collect();

    let (pending, request) =
        Pending::with(&public_key, &context, Zeroizing::new(nonces.clone()), Zeroizing::new(blinds.clone())).unwrap();
    let response = issue(&key, &context, &request, fresh);
    let inputs: Vec<_> = nonces.iter().map(|nonce| context.inputs(&public_key.id()).of(nonce)).collect();
    let tokens = pending.finish(&response).unwrap();
    let wallet: Vec<_> = tokens.iter().map(|token| *token.to_bytes()).collect();
    let envelopes: Vec<_> = tokens.into_iter().zip(&payloads).map(|(token, payload)| token.seal(payload)).collect();

    let opener = Opener::new(&key, &context).unwrap();
    let opened: Vec<_> = opener.open_many(&envelopes).into_iter().collect::<Result<_, _>>().unwrap();
    assert!(opened.iter().map(|opened| opened.payload).eq(payloads.iter().copied()));

    json!({
        "epoch_key": hex::encode(key.to_bytes()),
        "public_key": hex::encode(public_key.to_bytes()),
        "key_id": hex::encode(public_key.id().0),
        "publisher": publisher,
        "epoch": epoch,
        "chain": hex::encode(context.chain),
        "info": hex::encode(context.info()),
        "nonces": hexes(&nonces),
        "inputs": hexes(&inputs),
        "blinds": hexes(blinds.iter().map(|blind| blind.to_bytes())),
        "request": hex::encode(request.to_bytes()),
        "blinded": hexes(&request.0.bytes),
        "proof_fresh": hex::encode(fresh),
        "response": hex::encode(response.to_bytes()),
        "evaluated": hexes(&response.evaluated.bytes),
        "proof": hex::encode(response.proof.to_bytes()),
        "outputs": hexes(wallet.iter().map(|token| &token[HEADER_LEN..])),
        "tokens": hexes(&wallet),
        "okm": hexes(wallet.iter().map(okm)),
        "payloads": hexes(&payloads),
        "envelopes": hexes(envelopes.iter().map(|envelope| envelope.as_bytes())),
        "nullifiers": hexes(opened.iter().map(|opened| opened.nullifier.as_bytes())),
        "fingerprints": hexes(opened.iter().map(|opened| opened.fingerprint.as_bytes())),
    })
}

/// [`Issuer::issue`] with given bytes in place of fresh ones; the same response, as checked here.
fn issue(key: &EpochKey, context: &Context, request: &BlindedBatch, fresh: [u8; 32]) -> IssuedBatch {
    let evaluator = Evaluator::new(Function::poprf(&context.info()).unwrap(), key.scalar()).unwrap();
    let (evaluated, proof) = evaluator.blind_evaluate(&request.0, &ProofNonce::Hedged(fresh.into()));
    let response = IssuedBatch { evaluated, proof };
    let public = Issuer::new(key, context).unwrap().issue(request, &mut Replay(fresh)).unwrap();
    assert_eq!(response.to_bytes(), public.to_bytes());
    response
}

/// A generator that gives these bytes.
struct Replay([u8; 32]);

impl rand::TryRng for Replay {
    type Error = core::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        unreachable!("keys are made of bytes")
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        unreachable!("keys are made of bytes")
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        bytes.copy_from_slice(&self.0[..bytes.len()]);
        Ok(())
    }
}

impl rand::TryCryptoRng for Replay {}

/// The one-time keys, spelled out a second time.
fn okm(token: &[u8; TOKEN_LEN]) -> [u8; 64] {
    use sha2::{Digest, Sha256};
    let (header, output) = token.split_at(HEADER_LEN);
    let mut okm = [0; 64];
    let info = [&b"tacita/report/v1\x01"[..], &Sha256::digest(header)].concat();
    hkdf::Hkdf::<sha2::Sha512>::from_prk(output).unwrap().expand(&info, &mut okm).unwrap();
    let by_hand = hmac_sha512(output, &[b"tacita/report/v1", &[SUITE], &Sha256::digest(header), &[1]]);
    assert_eq!(okm, *by_hand, "HKDF-Expand of one block is one HMAC");
    okm
}

/// Envelopes that the opener of the second vector must refuse, and why.
fn refused() -> Vec<Value> {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let key = EpochKey::generate(&mut rng).unwrap();
    let context = Context { publisher: 7, epoch: 2960, chain: random_bytes(&mut rng).unwrap() };
    let opener = Opener::new(&key, &context).unwrap();
    let seal = |key: &EpochKey, context: &Context, rng: &mut ChaCha20Rng| {
        let (pending, request) = Pending::new(&key.public_key(), context, 1, rng).unwrap();
        let mut replay = [0; 32];
        rng.fill_bytes(&mut replay);
        let token = pending.finish(&issue(key, context, &request, replay)).unwrap().remove(0);
        token.seal(&[0x11; PAYLOAD_LEN]).as_bytes().to_vec()
    };

    let genuine = seal(&key, &context, &mut rng);
    assert!(opener.open(&Envelope::from_bytes(&genuine).unwrap()).is_ok());
    let flipped = |at: usize| {
        let mut envelope = genuine.clone();
        envelope[at] ^= 1;
        envelope
    };
    let other_chain = seal(&key, &Context { chain: [0; 32], ..context }, &mut rng);
    let other_key = seal(&EpochKey::generate(&mut rng).unwrap(), &context, &mut rng);
    let cases = vec![
        ("version 0", flipped(0), Error::UnknownVersion(0)),
        ("suite 0", flipped(1), Error::UnknownSuite(0)),
        ("another publisher", flipped(5), Error::WrongPublisher { expected: 7, found: 6 }),
        ("another epoch", flipped(9), Error::WrongEpoch { expected: 2960, found: 2961 }),
        ("another nonce", flipped(10), Error::Refused),
        ("another iv", flipped(HEADER_LEN), Error::Refused),
        ("altered ciphertext", flipped(HEADER_LEN + 12), Error::Refused),
        ("altered tag", flipped(ENVELOPE_LEN - 1), Error::Refused),
        ("a token of another chain value", other_chain, Error::Refused),
        ("a token of another key", other_key, Error::Refused),
        ("one byte short", genuine[..85].to_vec(), Error::Length { expected: 86, got: 85 }),
        ("one byte long", [&genuine[..], &[0]].concat(), Error::Length { expected: 86, got: 87 }),
    ];
    let check = |(name, envelope, error): (&str, Vec<u8>, Error)| {
        let opened = Envelope::from_bytes(&envelope).and_then(|envelope| opener.open(&envelope));
        assert_eq!(opened, Err(error), "{name}");
        json!({ "because": name, "opener": 1, "envelope": hex::encode(envelope) })
    };
    cases.into_iter().map(check).collect()
}
