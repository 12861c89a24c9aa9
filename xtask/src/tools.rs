//! Subcommands of cargo that the habits need.

use std::process::Command;

use anyhow::Result;

/// Installs one where it is missing. Without optimisation: to optimise cargo-deny takes minutes, to run it takes
/// seconds either way.
pub(crate) fn install(tool: &str) -> Result<()> {
    let word = tool.trim_start_matches("cargo-");
    let there = Command::new("cargo").args([word, "--version"]).output().is_ok_and(|output| output.status.success());
    if there { Ok(()) } else { crate::cargo(&["install", tool, "--locked", "--quiet", "--debug"]) }
}
