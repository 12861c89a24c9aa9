//! Any file of short links, and any query of a request for one: refused with the lines, or it leads where it was
//! declared to lead.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tacita_fuzz::{joined, parts, plant};
use tacita_relay::fuzzing::short_links;

fn seeds() -> Vec<Vec<u8>> {
    let example = include_str!("../../examples/links.toml");
    let plain = "[[link]]\ncode = \"x\"\nto = \"https://news.example/a?b#c\"\ncampaign = 7\nchannel = \"sms\"\nstyle = \"query\"";
    vec![
        joined(&[example, "ferry", ""]),
        joined(&[example, "spring-wa", "a=1&tct=1"]),
        joined(&[plain, "x", "@evil.example"]),
    ]
}

fuzz_target!(init: plant("relay_short_links", seeds()), |bytes: &[u8]| {
    let [file, code, query] = parts(bytes);
    short_links(&file, &code, &query);
});
