//! Anonymous one-time tokens, and reports sealed under them.
//!
//! A token proves that its holder was let in, without saying who. Here it does one thing more: it *is* the key under which
//! its holder seals one report. Opening the report costs the collector one hash to the group and one multiplication, and
//! that authenticates the token and decrypts the report at once.
//!
//! ```text
//!    client                                                     server
//!    ------                                                     ------
//!                                    PublicKey, chain           EpochKey::generate
//!                              <------------------------
//!    Pending::new, random nonces
//!       |                            BlindedBatch
//!       |                      ------------------------>        Issuer::issue
//!       |                            IssuedBatch, proved           quota: who asks
//!       |                      <------------------------
//!    Pending::finish
//!       |                                                 . . . later, elsewhere, on another connection . . .
//!    Token::seal(payload)            Envelope
//!                              ------------------------>        Opener::open_many
//!                                                                  nullifier: once only
//! ```
//!
//! ```
//! use rand::rngs::SysRng;
//! use tacita_tokens::{Context, EpochKey, Issuer, Opener, Pending};
//!
//! let key = EpochKey::generate(&mut SysRng)?;
//! let context = Context { publisher: 7, epoch: 2960, chain: [0x5a; 32] };
//!
//! let (pending, request) = Pending::new(&key.public_key(), &context, 32, &mut SysRng)?;
//! let response = Issuer::new(&key, &context)?.issue(&request, &mut SysRng)?;
//! let mut tokens = pending.finish(&response)?;
//!
//! let envelope = tokens.remove(0).seal(b"sixteen bytes...");
//! let opened = Opener::new(&key, &context)?.open(&envelope)?;
//! assert_eq!(&opened.payload, b"sixteen bytes...");
//! # Ok::<(), tacita_tokens::Error>(())
//! ```
//!
//! The function behind it is the POPRF of RFC 9497 on ristretto255 with SHA-512, to the byte. The construction, its
//! security statement and its limits are in `spec/tokens.md`, vectors in `spec/vectors/tokens.json`.
//!
//! What lives elsewhere: quotas, storage of nullifiers, the life cycle of keys, transport.

#![no_std]

extern crate alloc;

mod batch;
mod context;
mod dleq;
mod element;
mod envelope;
mod error;
mod hex;
mod issuer;
mod key;
mod mac;
mod opener;
mod pending;
mod prf;
mod redemption;
mod seal;
mod suite;
mod token;

pub use batch::{BlindedBatch, IssuedBatch};
pub use context::{Context, NONCE_LEN};
pub use envelope::{ENVELOPE_LEN, Envelope, HEADER_LEN, Header};
pub use error::Error;
pub use issuer::Issuer;
pub use key::{EpochKey, KEY_LEN, KeyId, PublicKey};
pub use opener::{Opened, Opener};
pub use pending::Pending;
pub use redemption::{Fingerprint, Nullifier};
pub use token::{TOKEN_LEN, Token};

/// The largest batch: the most tokens of one request.
pub const MAX_BATCH: usize = 128;

/// Bytes of a payload, always: envelopes of one length tell nothing by it.
pub const PAYLOAD_LEN: usize = 16;

#[cfg(test)]
mod tests;
