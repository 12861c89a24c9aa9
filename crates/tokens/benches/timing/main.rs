//! Does time tell a secret scalar? `cargo bench -p tacita-tokens --bench timing`, about two minutes on an idle core.
//!
//! After dudect (Reparaz, Balasch, Verbauwhede, "Dude, is my code constant time?", 2017): two classes of secrets, one fixed
//! and one drawn afresh for each sample, in random order, and Welch's t-test on their times, cropped at many percentiles
//! against the noise of a shared machine. Beyond |t| = 10 there is a leak; beyond 4.5, take more samples; below, these
//! samples show none, which is no proof of there being none.
//!
//! The fixed class is the one most likely to show: the scalar that multiplies is 1, all digits but one zero. Whatever is
//! public is drawn afresh in both classes, so the parts in variable time are equal in distribution. The last line is a
//! control, a multiplication known to be in variable time: the bench fails if it does *not* find that one.

mod welch;

use std::convert::Infallible;
use std::hint::black_box;
use std::time::Instant;

use curve25519_dalek::traits::VartimeMultiscalarMul;
use curve25519_dalek::{RistrettoPoint, Scalar};
use rand::{Rng, RngExt, SeedableRng, TryCryptoRng, TryRng};
use rand_chacha::ChaCha20Rng;
use sha2::{Digest, Sha512};
use tacita_tokens::{BlindedBatch, Context, Envelope, EpochKey, Issuer, Opener, PAYLOAD_LEN, Pending};

use welch::{Class, compare};

const CONTEXT: Context = Context { publisher: 7, epoch: 2960, chain: [0x5a; 32] };

fn main() {
    // `cargo test --benches` and the like only ask whether it builds.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    println!("{:<10} {:>9} {:>12} {:>12} {:>8}  verdict", "what", "samples", "fixed ns", "random ns", "max |t|");
    let clean = [
        compare("issue", 60_000, issue()),
        compare("open", 100_000, open()),
        compare("blind", 100_000, blind()),
        compare("finish", 60_000, finish()),
    ];
    let control = compare("control", 20_000, control());
    assert!(control > 10.0, "the control leaks and was not found out: nothing above is worth reading");
    assert!(clean.iter().all(|t| *t < 10.0), "time depends on a secret");
}

/// The key under which [`CONTEXT`]'s evaluation multiplies by 1: (k + m)⁻¹/2 = 1.
fn extreme_key() -> EpochKey {
    let tweak = {
        // m = HashToScalar("Info" || I2OSP(len(info), 2) || info), RFC 9497 §3.3.3, through RFC 9380 §5.3.1
        let info = [&b"tacita/publisher/v1"[..], &CONTEXT.publisher.to_be_bytes()].concat();
        let dst_prime = [&b"HashToScalar-OPRFV1-\x02-ristretto255-SHA512"[..], &[41]].concat();
        let message = [&b"Info"[..], &(info.len() as u16).to_be_bytes(), &info].concat();
        let b_0 = Sha512::digest([&[0; 128][..], &message, &[0, 64, 0], &dst_prime].concat());
        let b_1 = Sha512::digest([&b_0[..], &[1], &dst_prime].concat());
        Scalar::from_bytes_mod_order_wide(&b_1.into())
    };
    let half = Scalar::from(2u8).invert();
    EpochKey::from_bytes(&(half - tweak).to_bytes()).expect("a key")
}

fn key_of(class: Class, rng: &mut ChaCha20Rng) -> EpochKey {
    match class {
        Class::Fixed => extreme_key(),
        Class::Random => EpochKey::generate(rng).expect("a key"),
    }
}

/// The server's multiplications by (k + m)⁻¹, k + m and the proof's scalar.
fn issue() -> impl FnMut(Class) -> f64 {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    move |class| {
        // Both keys are made, so that both classes come from the same past.
        let keys = [key_of(Class::Fixed, &mut rng), key_of(Class::Random, &mut rng)];
        let issuer = Issuer::new(&keys[class as usize], &CONTEXT).expect("an issuer");
        let mut uniform = [0; 64];
        rng.fill_bytes(&mut uniform);
        let element = RistrettoPoint::from_uniform_bytes(&uniform).compress();
        let batch = BlindedBatch::from_bytes(element.as_bytes()).expect("a batch");
        time(|| issuer.issue(&batch, &mut rng))
    }
}

/// The collector's multiplication by (k + m)⁻¹ and all that follows, on an envelope that opens.
///
/// Opener and envelope are made afresh each time, in the same places: two standing pools of 256 differ by their addresses,
/// and that alone gave |t| = 15 with random keys in *both* classes.
fn open() -> impl FnMut(Class) -> f64 {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    move |class| {
        let keys = [key_of(Class::Fixed, &mut rng), key_of(Class::Random, &mut rng)];
        let key = &keys[class as usize];
        let envelope = envelope(key, &mut rng);
        let opener = Opener::new(key, &CONTEXT).expect("an opener");
        time(|| opener.open(&envelope))
    }
}

fn envelope(key: &EpochKey, rng: &mut ChaCha20Rng) -> Envelope {
    let (pending, request) = Pending::new(&key.public_key(), &CONTEXT, 1, rng).expect("a request");
    let response = Issuer::new(key, &CONTEXT).and_then(|issuer| issuer.issue(&request, rng)).expect("a response");
    pending.finish(&response).expect("tokens").remove(0).seal(&[7; PAYLOAD_LEN])
}

/// The client's multiplication by half the blind.
fn blind() -> impl FnMut(Class) -> f64 {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let public_key = EpochKey::generate(&mut rng).expect("a key").public_key();
    move |class| {
        let mut script = Script::new(class, Scalar::from(2u8), &mut rng);
        time(|| Pending::new(&public_key, &CONTEXT, 1, &mut script))
    }
}

/// The client's multiplication by half the inverse of the blind, after the proof was checked.
fn finish() -> impl FnMut(Class) -> f64 {
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    let key = EpochKey::generate(&mut rng).expect("a key");
    let issuer = Issuer::new(&key, &CONTEXT).expect("an issuer");
    let public_key = key.public_key();
    move |class| {
        let mut script = Script::new(class, Scalar::from(2u8).invert(), &mut rng);
        let (pending, request) = Pending::new(&public_key, &CONTEXT, 1, &mut script).expect("a request");
        let response = issuer.issue(&request, &mut rng).expect("a response");
        time(|| pending.finish(&response))
    }
}

/// A multiplication in variable time, by the scalars that the others multiply by.
fn control() -> impl FnMut(Class) -> f64 {
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    move |class| {
        let mut bytes = [0; 64];
        rng.fill_bytes(&mut bytes);
        let point = RistrettoPoint::from_uniform_bytes(&bytes);
        let scalar = [Scalar::ONE, Scalar::from_bytes_mod_order_wide(&bytes)][class as usize];
        time(|| RistrettoPoint::vartime_multiscalar_mul([scalar], [point]))
    }
}

fn time<T>(work: impl FnOnce() -> T) -> f64 {
    let start = Instant::now();
    black_box(work());
    start.elapsed().as_nanos() as f64
}

/// A generator whose 32-byte draws are random and whose 64-byte draws are this blind.
struct Script {
    rng: ChaCha20Rng,
    blind: [u8; 64],
}

impl Script {
    fn new(class: Class, fixed: Scalar, rng: &mut ChaCha20Rng) -> Self {
        let mut random = [0; 64];
        rng.fill_bytes(&mut random);
        let mut extreme = [0; 64];
        extreme[..32].copy_from_slice(fixed.as_bytes());
        Self { rng: ChaCha20Rng::seed_from_u64(rng.random()), blind: [extreme, random][class as usize] }
    }
}

impl TryRng for Script {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.rng.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.rng.try_next_u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        match bytes.len() {
            64 => bytes.copy_from_slice(&self.blind),
            _ => self.rng.fill_bytes(bytes),
        }
        Ok(())
    }
}

impl TryCryptoRng for Script {}
