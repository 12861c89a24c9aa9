//! The same work through `voprf` 0.5 and `voprf-ng` 0.6, in VOPRF mode. Bytes in, bytes out.
//!
//! Their APIs agree but for the random number traits, so one macro writes both.

macro_rules! peer {
    ($name:ident, $peer:ident, $rng:ty, $new_rng:expr) => {
        pub(crate) mod $name {
            use tacita_tokens::ENVELOPE_LEN;
            use $peer::{BlindedElement, EvaluationElement, Proof, Ristretto255, VoprfClient, VoprfServer};

            type Client = VoprfClient<Ristretto255>;
            type Server = VoprfServer<Ristretto255>;

            fn server() -> Server {
                Server::new_from_seed(&[7; 32], b"bench").expect("a key")
            }

            pub(crate) struct Issue {
                server: Server,
                rng: $rng,
            }

            impl Issue {
                pub(crate) fn new() -> Self {
                    Self { server: server(), rng: $new_rng }
                }

                pub(crate) fn run(&mut self, request: &[u8]) -> Vec<u8> {
                    let element = |chunk| BlindedElement::<Ristretto255>::deserialize(chunk).expect("an element");
                    let blinded: Vec<_> = request.chunks_exact(32).map(element).collect();
                    let evaluated: Vec<_> = self.server.batch_blind_evaluate_prepare(blinded.iter()).collect();
                    let finished = self
                        .server
                        .batch_blind_evaluate_finish(&mut self.rng, blinded.iter(), &evaluated)
                        .expect("a proof");
                    let mut response: Vec<u8> = finished.messages.flat_map(|message| message.serialize()).collect();
                    response.extend_from_slice(&finished.proof.serialize());
                    response
                }
            }

            pub(crate) struct Finalize {
                server: Server,
                inputs: Vec<[u8; 98]>,
                clients: Vec<Client>,
                response: Vec<u8>,
            }

            impl Finalize {
                pub(crate) fn new(count: usize) -> Self {
                    let inputs: Vec<_> = (0..count).map(|i| [i as u8; 98]).collect();
                    let blind = |input: &[u8; 98]| Client::blind(input, &mut $new_rng).expect("an element");
                    let (clients, request): (Vec<_>, Vec<_>) = inputs
                        .iter()
                        .map(blind)
                        .map(|blinded| (blinded.state, blinded.message.serialize().to_vec()))
                        .unzip();
                    let response = Issue::new().run(&request.concat());
                    Self { server: server(), inputs, clients, response }
                }

                pub(crate) fn run(&self) -> usize {
                    let (elements, proof) = self.response.split_at(self.response.len() - 64);
                    let element = |chunk| EvaluationElement::<Ristretto255>::deserialize(chunk).expect("an element");
                    let messages: Vec<_> = elements.chunks_exact(32).map(element).collect();
                    let proof = Proof::deserialize(proof).expect("a proof");
                    let public_key = self.server.get_public_key();
                    Client::batch_finalize(&self.inputs, &self.clients, &messages, &proof, public_key)
                        .expect("a proof that holds")
                        .map(|output| usize::from(output.expect("an output")[0]))
                        .sum()
                }
            }

            /// Redemption as these crates have it: the server computes the output again. Nothing is decrypted.
            pub(crate) struct Open {
                server: Server,
            }

            impl Open {
                pub(crate) fn new() -> Self {
                    Self { server: server() }
                }

                pub(crate) fn run(&self, sealed: &[[u8; ENVELOPE_LEN]]) -> usize {
                    let mut input = [0; 98];
                    let redeem = |envelope: &[u8; ENVELOPE_LEN]| {
                        input[..ENVELOPE_LEN].copy_from_slice(envelope);
                        usize::from(self.server.evaluate(&input).expect("an output")[0])
                    };
                    sealed.iter().map(redeem).sum()
                }
            }
        }
    };
}

peer!(old, voprf, rand_core_06::OsRng, rand_core_06::OsRng);
peer!(new, voprf_ng, rand_chacha::ChaCha20Rng, <rand_chacha::ChaCha20Rng as rand::SeedableRng>::seed_from_u64(5));
