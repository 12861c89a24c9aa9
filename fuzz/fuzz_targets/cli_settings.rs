//! Any text as the settings of a collector and of a relay: read, or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tacita_cli::fuzzing::settings;
use tacita_fuzz::plant;

const SEEDS: [&str; 2] = [include_str!("../../examples/collector.toml"), include_str!("../../examples/relay.toml")];

fuzz_target!(init: plant("cli_settings", SEEDS), |bytes: &[u8]| settings(&String::from_utf8_lossy(bytes)));
