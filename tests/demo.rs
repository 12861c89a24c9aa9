//! The README's first command, smaller: every party on this machine, and a seed that repeats it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use support::tacita_ok;

fn demo(seed: &str) -> String {
    let said = tacita_ok(&["demo", "--sessions", "600", "--seed", seed]);
    // Ports, batches, the time taken and which visitors share a place in the relay's limiter differ from run to run.
    let differs = ["127.0.0.1", " s in all", "batches", "visitors' addresses"];
    let steady = |line: &&str| !differs.iter().any(|part| line.contains(part));
    said.lines().filter(steady).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_demo_shows_estimates_beside_the_truth_and_what_each_party_saw() {
    let said = demo("1");
    for part in [
        "arrivals",
        "reach",
        "shares",
        "conversions",
        "sharers · sharer_profile",
        "private-only",
        "whatsapp",
        "truth",
        "95 % interval",
        "who saw what",
    ] {
        assert!(said.contains(part), "no '{part}' in:\n{said}");
    }
    assert!(said.contains("arrivals · arrival · 600 reports"), "{said}");
    assert!(said.contains("ε = 2.000 against everyone"), "{said}");
}

#[test]
fn a_seed_repeats_a_demo_and_another_seed_does_not() {
    let first = demo("5");
    assert_eq!(first, demo("5"));
    assert_ne!(first, demo("6"));
}
