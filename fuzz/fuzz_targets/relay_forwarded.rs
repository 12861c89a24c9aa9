//! Any `x-forwarded-for`: it names a visitor where the peer is trusted, and nobody where it is not.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tacita_fuzz::plant;
use tacita_relay::fuzzing::forwarded;

const SEEDS: [&str; 3] =
    ["198.51.100.7, 10.0.0.2", "[2001:db8::1]:80\n192.0.2.1:4431", "unknown, _hidden, \"[::ffff:10.0.0.1]\""];

fuzz_target!(init: plant("relay_forwarded", SEEDS), |bytes: &[u8]| forwarded(&String::from_utf8_lossy(bytes)));
