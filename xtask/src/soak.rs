//! Runs `tacita bench soak` and `tacita bench overload`, built for release.

use std::process::Command;

use anyhow::Result;

/// Prints the figures; fails if a total is not exact, or memory not flat.
pub(crate) fn run(minutes: u32, overload: bool) -> Result<()> {
    let mut command = Command::new("cargo");
    command.args(["run", "--quiet", "--release", "--package", "tacita-cli", "--", "bench"]);
    match overload {
        true => command.arg("overload"),
        false => command.args(["soak", "--minutes", &minutes.to_string()]),
    };
    super::run(&mut command)
}
