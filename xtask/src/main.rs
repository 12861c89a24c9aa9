//! `cargo xtask WORD`: the project's habits, one word each.

mod bench;
mod faults;
mod fuzz;
mod simulate;
mod soak;
mod supply;
mod tools;

use std::{
    path::Path,
    process::{Command, ExitCode},
};

use anyhow::{Context as _, Result, ensure};
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's habits, one word each.")]
struct Cli {
    #[command(subcommand)]
    word: Word,
}

#[derive(Subcommand)]
enum Word {
    /// Run every party on this machine and print a brand's report.
    Demo {
        /// Handed to `tacita demo`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Build the brand's page, to be embedded by the next `cargo build`. Takes Node 20 and npm.
    Dashboard,
    /// Run every Rust test.
    Test,
    /// Check formatting, lints and documentation, warnings denied.
    Lint,
    /// Hold the dependencies to deny.toml: licences, sources, and advisories where their database can be reached.
    Deny,
    /// Write what the binary and the web packages are made of to target/sbom, as CycloneDX.
    Sbom,
    /// Run fuzz targets for a bounded time, and print how many inputs each was given.
    Fuzz {
        /// Only targets whose name holds one of these, for example `relay`.
        names: Vec<String>,
        /// For each target.
        #[arg(long, default_value_t = 20)]
        seconds: u32,
        /// Build the targets, every one, and run none.
        #[arg(long, conflicts_with_all = ["names", "seconds"])]
        build: bool,
    },
    /// Simulate a whole deployment, from one seed after the other, with faults before and after each commit.
    Simulate {
        /// How many seeds.
        #[arg(long, default_value_t = 1_000)]
        runs: u64,
        /// The first of them; a random one without it.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Run collector and relay, built for release, at 80 % of their capacity with a fault a minute; or at five times of it.
    Soak {
        /// How long. A run of fewer minutes than there are faults has them closer together.
        #[arg(long, default_value_t = 30)]
        minutes: u32,
        /// Offer five times of what they can take instead, for some seconds.
        #[arg(long)]
        overload: bool,
    },
    /// Run the fault tests for many rounds: kills, torn writes, full disks, a database that is away. Needs root for the
    /// full disk.
    Faults {
        /// Of each test.
        #[arg(long, default_value_t = 100)]
        rounds: u32,
    },
    /// Run benchmarks and write target/bench.json.
    ///
    /// `ingest/embedded/50m` takes many minutes, so it runs only by that name or with --long.
    Bench {
        /// Only benchmarks whose name holds one of these, for example `tokens/open` or `ingest`.
        names: Vec<String>,
        /// Also those that take long.
        #[arg(long)]
        long: bool,
    },
}

fn main() -> ExitCode {
    let done = match Cli::parse().word {
        Word::Demo { args } => demo(&args),
        Word::Dashboard => dashboard(),
        Word::Test => cargo(&["test", "--workspace"]),
        Word::Lint => lint(),
        Word::Deny => supply::deny(),
        Word::Sbom => supply::sbom(),
        Word::Fuzz { build: true, .. } => fuzz::build(),
        Word::Fuzz { names, seconds, .. } => fuzz::run(&names, seconds),
        Word::Faults { rounds } => faults::run(rounds),
        Word::Simulate { runs, seed } => simulate::run(runs, seed),
        Word::Soak { minutes, overload } => soak::run(minutes, overload),
        Word::Bench { names, long } => bench::run(&names, long),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn demo(args: &[String]) -> Result<()> {
    let mut words = vec!["run", "--release", "--", "demo"];
    words.extend(args.iter().map(String::as_str));
    cargo(&words)
}

fn dashboard() -> Result<()> {
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../web");
    run(Command::new("npm").arg("ci").current_dir(&web))?;
    run(Command::new("npm").args(["run", "--silent", "build:dashboard"]).current_dir(&web))
}

fn lint() -> Result<()> {
    every_crate_takes_the_lints()?;
    cargo(&["fmt", "--all", "--check"])?;
    // What only the fuzz targets call is seen here too: they are a workspace of their own.
    let fuzzing = "tacita-cli/fuzzing,tacita-collector/fuzzing,tacita-relay/fuzzing";
    cargo(&["clippy", "--workspace", "--all-targets", "--features", fuzzing, "--", "--deny", "warnings"])?;
    // With its tests a crate has the features that they ask for: this is what is shipped.
    cargo(&["check", "--workspace"])?;
    run(Command::new("cargo").args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "--deny warnings"))
}

/// `unsafe` is forbidden by the workspace's lints, so each crate must take them. Named exceptions: none, but for
/// `fuzz/`, a workspace of its own whose targets' entry points are C functions.
fn every_crate_takes_the_lints() -> Result<()> {
    let manifests = Command::new("git").args(["ls-files", "*/Cargo.toml"]).output().context("cannot start git")?;
    for manifest in String::from_utf8_lossy(&manifests.stdout).lines().filter(|manifest| !manifest.starts_with("fuzz/"))
    {
        let takes = std::fs::read_to_string(manifest)?.contains("[lints]\nworkspace = true");
        ensure!(takes, "{manifest}: write [lints] with workspace = true; the workspace's lints forbid unsafe code");
    }
    Ok(())
}

fn cargo(args: &[&str]) -> Result<()> {
    run(Command::new("cargo").args(args))
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {command:?}"))?;
    ensure!(status.success(), "{command:?} failed");
    Ok(())
}
