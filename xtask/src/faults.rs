//! Runs the fault tests for many rounds: kill -9 at random instants, torn writes, full disks, a database that is away.
//!
//! They are the tests that run with all others, there for a few rounds each. Every one of them knows what was acknowledged, and
//! fails when a report is lost or counted twice.

use std::process::Command;

use anyhow::{Result, ensure};

/// Package, test and what is done to whom.
const FAULTS: [(&str, &str, &str); 7] = [
    ("tacita-client", "crash", "devices killed between any two steps"),
    ("tacita-relay", "kill", "the relay killed; its disk full"),
    ("tacita-store", "kill", "the embedded store killed"),
    ("tacita-store", "torn", "the embedded store's last write torn"),
    ("tacita-store", "full_disk", "the embedded store's disk full"),
    ("tacita-store", "postgres_faults", "PostgreSQL killed; away for a minute"),
    ("tacita-cli", "faults", "collector, relay and PostgreSQL killed under load, on both engines"),
];

/// Runs each for `rounds`; fails with the first that does not hold.
pub(crate) fn run(rounds: u32) -> Result<()> {
    ensure!(rounds > 0, "choose at least one round");
    for (package, test, what) in FAULTS {
        println!("\n== {what}: {rounds} rounds");
        let mut command = Command::new("cargo");
        command.args([
            "test",
            "--quiet",
            "--package",
            package,
            "--test",
            test,
            "--",
            "--nocapture",
            "--test-threads=1",
        ]);
        // Those that need a file system of their own are left out of ordinary runs, since they must mount one.
        if test == "full_disk" {
            command.arg("--ignored");
        }
        command.env("TACITA_FAULT_ROUNDS", rounds.to_string()).env("TACITA_FAULT_OUTAGE_SECONDS", "60");
        super::run(command.env("TACITA_TEST_REQUIRE_DATABASE", "1"))?;
    }
    println!("\n{} fault tests held for {rounds} rounds each: nothing lost, nothing counted twice", FAULTS.len());
    Ok(())
}
