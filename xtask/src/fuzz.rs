//! Runs every fuzz target for a bounded time, on the stable toolchain.

use std::{path::Path, process::Command};

use anyhow::{Context as _, Result, ensure};

/// Fuzzes each target for `seconds`; fails on the first input that breaks one.
pub(crate) fn run(seconds: u32) -> Result<()> {
    install()?;
    let targets = targets()?;
    ensure!(!targets.is_empty(), "fuzz/ has no targets");
    for target in &targets {
        println!("fuzzing {target} for {seconds} s");
        let limits =
            [format!("-max_total_time={seconds}"), "-max_len=8192".to_owned(), "-print_final_stats=1".to_owned()];
        let mut command = cargo_fuzz();
        super::run(command.args(["run", "--sanitizer", "none", target, "--"]).args(limits))?;
    }
    println!("{} targets held", targets.len());
    Ok(())
}

/// `cargo fuzz` asks for nightly flags, which this variable allows on stable. `fuzz/` is a workspace of its own.
fn cargo_fuzz() -> Command {
    let mut command = Command::new("cargo");
    command.arg("fuzz").env("RUSTC_BOOTSTRAP", "1");
    command
}

/// Installs cargo-fuzz where it is missing.
fn install() -> Result<()> {
    let there = cargo_fuzz().arg("--version").output().is_ok_and(|output| output.status.success());
    if there { Ok(()) } else { super::cargo(&["install", "cargo-fuzz", "--locked", "--quiet"]) }
}

/// The targets, one file each.
fn targets() -> Result<Vec<String>> {
    let folder = Path::new("fuzz/fuzz_targets");
    let mut names = Vec::new();
    for entry in folder.read_dir().with_context(|| format!("no {}: run this at the root", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned));
        }
    }
    names.sort();
    Ok(names)
}
