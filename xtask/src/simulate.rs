//! Runs the simulation (`tests/simulation.rs`) for many seeds.
//!
//! It is the test that runs with all others, there for a few seeds. Debug assertions stay on: they are part of what is tried.

use std::process::Command;

use anyhow::{Result, ensure};

/// Seeds of one process: an engine that was closed at the end of a run keeps its files open until the process ends.
const AT_ONCE: u64 = 500;

/// Tries `runs` seeds from `seed` on; fails with the first that does not hold, and prints how to see it again.
pub(crate) fn run(runs: u64, seed: Option<u64>) -> Result<()> {
    ensure!(runs > 0, "choose at least one run");
    let mut done = 0;
    while done < runs {
        let mut command = Command::new("cargo");
        command.args(["test", "--quiet", "--package", "tacita-cli", "--test", "simulation", "--", "--nocapture"]);
        command.arg("no_report_is_lost_and_none_counts_twice_whatever_fails");
        command.env("TACITA_SIMULATION_RUNS", AT_ONCE.min(runs - done).to_string());
        if let Some(seed) = seed {
            command.env("TACITA_SIMULATION_SEED", seed.wrapping_add(done).to_string());
        }
        super::run(&mut command)?;
        done += AT_ONCE;
    }
    Ok(())
}
