//! Runs the simulation (`tests/simulation.rs`) for many seeds.
//!
//! It is the test that runs with all others, there for a few seeds. Debug assertions stay on: they are part of what is tried.

use std::process::Command;

use anyhow::{Result, ensure};

/// Tries `runs` seeds from `seed` on; fails with the first that does not hold, and prints how to see it again.
pub(crate) fn run(runs: u64, seed: Option<u64>) -> Result<()> {
    ensure!(runs > 0, "choose at least one run");
    let mut command = Command::new("cargo");
    command.args(["test", "--quiet", "--package", "tacita-cli", "--test", "simulation", "--", "--nocapture"]);
    command.arg("no_report_is_lost_and_none_counts_twice_whatever_fails");
    command.env("TACITA_SIMULATION_RUNS", runs.to_string());
    if let Some(seed) = seed {
        command.env("TACITA_SIMULATION_SEED", seed.to_string());
    }
    super::run(&mut command)
}
