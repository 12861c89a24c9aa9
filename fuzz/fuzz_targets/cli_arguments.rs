//! Any text as each kind of argument: durations, ε, addresses, keys, labels of measures, cohorts, shares, days, filters.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tacita_cli::fuzzing::argument;
use tacita_fuzz::plant;

const SEEDS: [&str; 9] = [
    "15m",
    "0.5",
    "http://127.0.0.1:7601/",
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    "value=0..50, 50..",
    "7=400",
    "whatsapp,private-only=8%",
    "2026-11-22",
    "channel!=whatsapp,sms",
];

fuzz_target!(init: plant("cli_arguments", SEEDS), |bytes: &[u8]| argument(&String::from_utf8_lossy(bytes)));
