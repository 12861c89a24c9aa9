//! The public API against `voprf-ng`, an independent implementation of RFC 9497, thousands of times and both ways.
//!
//! The PRF input is put together here a second time, from the specification and not from the crate.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use rand::RngExt;
use rand_chacha::ChaCha20Rng;
use sha2::{Digest, Sha256};
use support::rng;
use tacita_tokens::{
    BlindedBatch, Context, EpochKey, HEADER_LEN, IssuedBatch, Issuer, Opener, Pending, PublicKey, Token,
};
use voprf_ng::{BlindedElement, EvaluationElement, PoprfClient, PoprfServer, Proof, Ristretto255};

/// Tokens in each direction, in batches of 1 to 32.
const CASES: usize = 2000;

fn setting(rng: &mut ChaCha20Rng) -> (EpochKey, PoprfServer<Ristretto255>, Context) {
    let key = EpochKey::generate(rng).unwrap();
    let server = PoprfServer::new_with_key(&*key.to_bytes()).unwrap();
    (key, server, Context { publisher: rng.random(), epoch: rng.random(), chain: rng.random() })
}

fn info(context: &Context) -> Vec<u8> {
    [&b"tacita/publisher/v1"[..], &context.publisher.to_be_bytes()].concat()
}

fn input(key: &PublicKey, context: &Context, nonce: &[u8]) -> Vec<u8> {
    let Context { publisher, epoch, chain } = context;
    let bound = [&b"tacita/context/v1"[..], &publisher.to_be_bytes(), &epoch.to_be_bytes(), chain].concat();
    [b"TA", nonce, &Sha256::digest(bound), &Sha256::digest(key.to_bytes())].concat()
}

#[test]
fn voprf_ng_issues_tokens_that_we_accept_and_that_are_its_own_outputs() {
    let mut rng = rng(1);
    let mut done = 0;
    while done < CASES {
        let (key, server, context) = setting(&mut rng);
        let public_key = key.public_key();
        let count = rng.random_range(1..=32);
        let (pending, request) = Pending::new(&public_key, &context, count, &mut rng).unwrap();

        let element = |bytes: &[u8]| BlindedElement::<Ristretto255>::deserialize(bytes).unwrap();
        let blinded: Vec<_> = request.to_bytes().chunks_exact(32).map(element).collect();
        let info = info(&context);
        let prepared = server.batch_blind_evaluate_prepare(blinded.iter(), Some(&info)).unwrap();
        let (tweak, evaluated) = (prepared.prepared_tweak, prepared.prepared_evaluation_elements.collect::<Vec<_>>());
        let finished = PoprfServer::batch_blind_evaluate_finish(&mut rng, blinded.iter(), &evaluated, &tweak).unwrap();
        let mut response: Vec<u8> = finished.messages.flat_map(|message| message.serialize()).collect();
        response.extend_from_slice(&finished.proof.serialize());

        let opener = Opener::new(&key, &context).unwrap();
        for token in pending.finish(&IssuedBatch::from_bytes(&response).unwrap()).unwrap() {
            let bytes = token.to_bytes();
            let input = input(&public_key, &context, &bytes[HEADER_LEN - 32..HEADER_LEN]);
            assert_eq!(bytes[HEADER_LEN..], server.evaluate(&input, Some(&info)).unwrap()[..]);
            assert_eq!(opener.open(&token.seal(&support::PAYLOAD)).unwrap().payload, support::PAYLOAD);
            done += 1;
        }
    }
}

#[test]
fn voprf_ng_accepts_our_proofs_and_its_outputs_are_tokens_that_open() {
    let mut rng = rng(2);
    let mut done = 0;
    while done < CASES {
        let (key, server, context) = setting(&mut rng);
        let public_key = key.public_key();
        let info = info(&context);
        let count = rng.random_range(1..=32);
        let nonces: Vec<[u8; 32]> = (0..count).map(|_| rng.random()).collect();
        let inputs: Vec<_> = nonces.iter().map(|nonce| input(&public_key, &context, nonce)).collect();
        let (clients, request): (Vec<_>, Vec<_>) = inputs
            .iter()
            .map(|input| PoprfClient::<Ristretto255>::blind(input, &mut rng).unwrap())
            .map(|blinded| (blinded.state, blinded.message.serialize()))
            .unzip();

        let batch = BlindedBatch::from_bytes(&request.concat()).unwrap();
        let response = Issuer::new(&key, &context).unwrap().issue(&batch, &mut rng).unwrap().to_bytes();

        let (elements, proof) = response.split_at(response.len() - 64);
        let element = |bytes: &[u8]| EvaluationElement::<Ristretto255>::deserialize(bytes).unwrap();
        let messages: Vec<_> = elements.chunks_exact(32).map(element).collect();
        let proof = Proof::deserialize(proof).unwrap();
        let inputs = inputs.iter().map(Vec::as_slice);
        let outputs =
            PoprfClient::batch_finalize(inputs, &clients, &messages, &proof, server.get_public_key(), Some(&info))
                .unwrap();

        let seal = |(nonce, output): (&[u8; 32], voprf_ng::Result<_>)| {
            let output: [u8; 64] = Into::into(output.unwrap());
            let header = [&[1, 1][..], &context.publisher.to_be_bytes(), &context.epoch.to_be_bytes(), nonce].concat();
            let bytes = [&header[..], &output].concat().try_into().unwrap();
            Token::from_bytes(&bytes).unwrap().seal(&support::PAYLOAD)
        };
        let envelopes: Vec<_> = nonces.iter().zip(outputs).map(seal).collect();
        for opened in Opener::new(&key, &context).unwrap().open_many(&envelopes) {
            assert_eq!(opened.unwrap().payload, support::PAYLOAD);
            done += 1;
        }
    }
}
