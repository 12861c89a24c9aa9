//! Published vectors: RFC 9497 appendix A.1.2 and A.1.3, and Privacy Pass' batched token type 0x0005.

use alloc::vec::Vec;

use curve25519_dalek::RistrettoPoint;
use serde_json::Value;

use super::{array, bytes, each, scalar};
use crate::EpochKey;
use crate::dleq::{Proof, ProofNonce};
use crate::element::Elements;
use crate::key::PublicKey;
use crate::prf::{Evaluator, Function, Verifier};
use crate::suite::Suite;

const VOPRF: &str = include_str!("../../../../spec/vectors/tokens-rfc9497-voprf.json");
const POPRF: &str = include_str!("../../../../spec/vectors/tokens-rfc9497-poprf.json");
const PRIVACY_PASS: &str = include_str!("../../../../spec/vectors/tokens-privacypass-0005.json");

#[test]
fn every_voprf_vector_of_rfc_9497_holds_to_the_byte_of_the_proof() {
    let file: Value = serde_json::from_str(VOPRF).unwrap();
    assert_eq!(check_rfc_file(&file, &Suite::voprf(), |_| Function::voprf()), [1, 1, 2]);
}

#[test]
fn every_poprf_vector_of_rfc_9497_holds_to_the_byte_of_the_proof() {
    let file: Value = serde_json::from_str(POPRF).unwrap();
    let function = |vector: &Value| Function::poprf(&bytes(&vector["info"])).unwrap();
    assert_eq!(check_rfc_file(&file, &Suite::poprf(), function), [1, 1, 2]);
}

/// Checks key derivation and all batches of a file; returns the sizes of the batches checked.
fn check_rfc_file(file: &Value, suite: &Suite, function: impl Fn(&Value) -> Function) -> Vec<usize> {
    let key = suite.derive_key(&array(&file["seed"]), &bytes(&file["keyInfo"])).unwrap();
    assert_eq!(key, scalar(&file["skSm"]));
    let key = EpochKey::from_bytes(&key.to_bytes()).unwrap();
    // The VOPRF file has a public key, the POPRF file one too: before any tweak.
    assert_eq!(key.public_key().to_bytes(), array(&file["pkSm"]));

    each(&file["vectors"], |vector| {
        let nonce = ProofNonce::Fixed(scalar(&vector["proofRandomScalar"]));
        let evaluator = Evaluator::new(function(vector), key.scalar()).unwrap();
        let verifier = Verifier::new(function(vector), &key.public_key()).unwrap();

        let inputs = each(&vector["input"], bytes);
        let blinds = each(&vector["blind"], scalar);
        let blinded = verifier.blind(&inputs, &blinds).unwrap();
        assert_eq!(blinded.bytes, each(&vector["blindedElement"], array));

        let (evaluated, proof) = evaluator.blind_evaluate(&blinded, &nonce);
        assert_eq!(evaluated.bytes, each(&vector["evaluationElement"], array));
        assert_eq!(proof.to_bytes(), array(&vector["proof"]));

        let outputs = verifier.finalize(&inputs, &blinds, &blinded, &evaluated, &proof).unwrap();
        let expected: Vec<[u8; 64]> = each(&vector["output"], array);
        assert_eq!(outputs.iter().map(|output| **output).collect::<Vec<_>>(), expected);
        assert_eq!(evaluate(&evaluator, &inputs), expected, "what the key alone computes");
        inputs.len()
    })
}

/// `Evaluate`, RFC 9497 §3.3.2 and §3.3.3: the outputs as the server computes them without a client.
fn evaluate(evaluator: &Evaluator, inputs: &[Vec<u8>]) -> Vec<[u8; 64]> {
    let output = |input: &Vec<u8>| {
        let half: RistrettoPoint = evaluator.half_evaluate(&evaluator.function.element_of(input).unwrap());
        let output = evaluator.function.output(input, &(half + half).compress().to_bytes()).unwrap();
        *output
    };
    inputs.iter().map(output).collect()
}

#[test]
fn every_batched_token_of_privacy_pass_type_0x0005_comes_out_the_same() {
    let file: Value = serde_json::from_str(PRIVACY_PASS).unwrap();
    let tokens = each(&file["vectors"], |vector| {
        let key = EpochKey::from_bytes(&array(&vector["skS"])).unwrap();
        let public_key = PublicKey::from_bytes(&array(&vector["pkS"])).unwrap();
        assert_eq!(key.public_key(), public_key);

        // token = token_input || authenticator, token_input = type || nonce || challenge_digest || token_key_id
        let tokens: Vec<[u8; 162]> = each(&vector["tokens"], array);
        let inputs: Vec<_> = tokens.iter().map(|token| token[..98].to_vec()).collect();
        let nonces: Vec<[u8; 32]> = each(&vector["nonces"], array);
        assert!(inputs.iter().zip(&nonces).all(|(input, nonce)| input[2..34] == *nonce));
        assert!(inputs.iter().all(|input| input[66..] == public_key.id().0));

        // token_request = type || truncated_token_key_id || varint(len) || blinded elements
        let blinds = each(&vector["blinds"], scalar);
        let verifier = Verifier::new(Function::voprf(), &public_key).unwrap();
        let blinded = verifier.blind(&inputs, &blinds).unwrap();
        assert_eq!(blinded.bytes.as_flattened(), &bytes(&vector["token_request"])[5..]);

        // token_response = varint(len) || evaluated elements || proof
        let response = bytes(&vector["token_response"]);
        let (elements, proof) = response[2..].split_last_chunk().unwrap();
        let (evaluated, proof) = (Elements::decode(elements).unwrap(), Proof::from_bytes(proof).unwrap());
        let evaluator = Evaluator::new(Function::voprf(), key.scalar()).unwrap();
        let (ours, _) = evaluator.blind_evaluate(&blinded, &ProofNonce::Hedged([0; 32].into()));
        assert_eq!(ours.bytes, evaluated.bytes);

        let outputs = verifier.finalize(&inputs, &blinds, &blinded, &evaluated, &proof).unwrap();
        assert!(outputs.iter().zip(&tokens).all(|(output, token)| output[..] == token[98..]));
        outputs.len()
    });
    assert_eq!(tokens, [3; 5]);
}
