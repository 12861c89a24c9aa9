//! The VOPRF mode against `voprf-ng`, both ways. The POPRF mode is compared through the public API, in `tests/differential.rs`.

use alloc::vec::Vec;

use curve25519_dalek::Scalar;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use voprf_ng::{BlindedElement, EvaluationElement, Ristretto255, VoprfClient, VoprfServer};

use crate::dleq::{Proof, ProofNonce};
use crate::element::Elements;
use crate::prf::{Evaluator, Function, Verifier};
use crate::suite::{random_bytes, random_scalar};
use crate::{EpochKey, Error};

/// Tokens in each direction; batches of 1 to 16 of them.
const CASES: usize = 1000;

fn random_inputs(rng: &mut ChaCha20Rng) -> Vec<Vec<u8>> {
    let count = rng.random_range(1..=16);
    (0..count).map(|_| (0..rng.random_range(1..200)).map(|_| rng.random()).collect()).collect()
}

#[test]
fn voprf_ng_evaluates_what_we_blind_and_we_accept_its_proofs() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let mut done = 0;
    while done < CASES {
        let key = EpochKey::generate(&mut rng).unwrap();
        let server = VoprfServer::<Ristretto255>::new_with_key(&*key.to_bytes()).unwrap();
        let verifier = Verifier::new(Function::voprf(), &key.public_key()).unwrap();

        let inputs = random_inputs(&mut rng);
        let blinds: Vec<Scalar> = inputs.iter().map(|_| random_scalar(&mut rng).unwrap()).collect();
        let blinded = verifier.blind(&inputs, &blinds).unwrap();

        let theirs: Vec<_> = blinded.bytes.iter().map(|bytes| BlindedElement::deserialize(bytes).unwrap()).collect();
        let result = server.batch_blind_evaluate(&mut rng, &theirs).unwrap();
        let evaluated: Vec<u8> = result.messages.iter().flat_map(|message| message.serialize()).collect();
        let evaluated = Elements::decode(&evaluated).unwrap();
        let proof = Proof::from_bytes(&result.proof.serialize().into()).unwrap();

        let outputs = verifier.finalize(&inputs, &blinds, &blinded, &evaluated, &proof).unwrap();
        for (input, output) in inputs.iter().zip(&outputs) {
            assert_eq!(output[..], server.evaluate(input).unwrap()[..]);
        }
        done += inputs.len();
    }
}

#[test]
fn voprf_ng_accepts_our_evaluations_and_proofs_of_what_it_blinds() {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let mut done = 0;
    while done < CASES {
        let key = EpochKey::generate(&mut rng).unwrap();
        let evaluator = Evaluator::new(Function::voprf(), key.scalar()).unwrap();

        let inputs = random_inputs(&mut rng);
        let (clients, request): (Vec<_>, Vec<_>) = inputs
            .iter()
            .map(|input| VoprfClient::<Ristretto255>::blind(input, &mut rng).unwrap())
            .map(|blinded| (blinded.state, blinded.message.serialize()))
            .unzip();
        let blinded = Elements::decode(&request.concat()).unwrap();
        let nonce = ProofNonce::Hedged(random_bytes(&mut rng).unwrap().into());
        let (evaluated, proof) = evaluator.blind_evaluate(&blinded, &nonce);

        let messages: Vec<_> =
            evaluated.bytes.iter().map(|bytes| EvaluationElement::deserialize(bytes).unwrap()).collect();
        let proof = voprf_ng::Proof::deserialize(&proof.to_bytes()).unwrap();
        let public_key = VoprfServer::<Ristretto255>::new_with_key(&*key.to_bytes()).unwrap().get_public_key();
        let slices: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
        let outputs = VoprfClient::batch_finalize(&slices, &clients, &messages, &proof, public_key).unwrap();
        for (input, output) in inputs.iter().zip(outputs) {
            let half = evaluator.half_evaluate(&evaluator.function.element_of(input).unwrap());
            let ours = evaluator.function.output(input, &(half + half).compress().to_bytes()).unwrap();
            assert_eq!(output.unwrap()[..], ours[..]);
        }
        done += inputs.len();
    }
}

#[test]
fn a_proof_of_one_mode_does_not_hold_in_the_other() {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let key = EpochKey::generate(&mut rng).unwrap();
    let poprf = || Function::poprf(b"info").unwrap();
    let (inputs, blinds) = ([b"input"], [random_scalar(&mut rng).unwrap()]);
    let verifier = Verifier::new(poprf(), &key.public_key()).unwrap();
    let blinded = verifier.blind(&inputs, &blinds).unwrap();
    for (function, accepted) in [(poprf(), true), (Function::voprf(), false)] {
        let evaluator = Evaluator::new(function, key.scalar()).unwrap();
        let (evaluated, proof) = evaluator.blind_evaluate(&blinded, &ProofNonce::Hedged([0; 32].into()));
        let outputs = verifier.finalize(&inputs, &blinds, &blinded, &evaluated, &proof);
        assert_eq!(outputs.map(|_| ()), if accepted { Ok(()) } else { Err(Error::ProofRejected) });
    }
}
