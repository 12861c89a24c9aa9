//! Any text as the settings of a collector and of a relay, in a file, in variables and by `--set`: read, or refused
//! with the place.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tacita_cli::fuzzing::{Given, settings};
use tacita_fuzz::{joined, parts, plant};

const VARIABLES: &str = "TACITA_COLLECTOR__LIMITS__CONNECTIONS=7\nTACITA_RELAY__PUBLISHER=1\nTACITA_RELAY__TRUSTED_PROXIES=[\"10.0.0.0/8\"]";
const SET: &str = "windows.max-age=1d\nvisitor.tokens=3\nlog.filter=info,tacita_relay=debug";

fn seeds() -> Vec<Vec<u8>> {
    let (collector, relay) = (include_str!("../../examples/collector.toml"), include_str!("../../examples/relay.toml"));
    vec![joined(&[collector]), joined(&[relay, "", SET]), joined(&["publisher = 1\n", VARIABLES, SET])]
}

fuzz_target!(init: plant("cli_settings", seeds()), |bytes: &[u8]| {
    let [file, variables, set] = parts(bytes);
    settings(&Given { file: &file, variables: &variables, set: &set });
});
