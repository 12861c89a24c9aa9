//! Runs fuzz targets for a bounded time, on the stable toolchain, and prints how many inputs each was given.

use std::{
    path::Path,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
};

use anyhow::{Context as _, Result, anyhow, bail, ensure};

/// Builds every target.
pub(crate) fn build() -> Result<()> {
    crate::tools::install("cargo-fuzz")?;
    super::run(&mut cargo_fuzz("build"))
}

/// Fuzzes each target whose name holds one of `names`, or every one, for `seconds`; fails on the first input that breaks one.
pub(crate) fn run(names: &[String], seconds: u32) -> Result<()> {
    let mut targets = targets()?;
    targets.retain(|target| names.is_empty() || names.iter().any(|name| target.contains(name)));
    ensure!(!targets.is_empty(), "fuzz/ has no such target");
    build()?;
    println!("{:<26} {:>12} {:>12} {:>8}", "target", "executions", "a second", "corpus");
    let executions = fuzz_all(&targets, seconds)?;
    println!("{} targets held; {executions} inputs were tried", targets.len());
    Ok(())
}

/// Fuzzes as many targets at a time as there are processors, each of which libFuzzer keeps on one; says how many inputs
/// were tried.
fn fuzz_all(targets: &[String], seconds: u32) -> Result<u64> {
    let (next, processors) = (AtomicUsize::new(0), thread::available_parallelism().map_or(1, usize::from));
    let work = || -> Result<u64> {
        let mut executions = 0;
        while let Some(target) = targets.get(next.fetch_add(1, Relaxed)) {
            let ran = fuzz(target, seconds)?;
            println!("{target:<26} {:>12} {:>12} {:>8}", ran.executions, ran.per_second, ran.corpus);
            executions += ran.executions;
        }
        Ok(executions)
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..processors).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().map_err(|_| anyhow!("a run broke off"))?).sum()
    })
}

/// What libFuzzer says of a run.
struct Ran {
    executions: u64,
    per_second: u64,
    /// Inputs that each reach something that no other does.
    corpus: u64,
}

fn fuzz(target: &str, seconds: u32) -> Result<Ran> {
    let limits = [format!("-max_total_time={seconds}"), "-max_len=8192".to_owned(), "-print_final_stats=1".to_owned()];
    let mut command = cargo_fuzz("run");
    command.args([target, "--"]).args(limits);
    let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        eprintln!("{said}");
        bail!("{target} broke; fuzz/artifacts/{target} holds the input");
    }
    let number = |after: &str| -> Result<u64> {
        let found = said.rsplit_once(after).map(|(_, rest)| rest.trim_start());
        let digits = found.map(|rest| rest.split(|letter: char| !letter.is_ascii_digit()).next().unwrap_or_default());
        let number = digits.and_then(|digits| digits.parse().ok());
        number.with_context(|| format!("{target}: libFuzzer does not say '{after}'"))
    };
    Ok(Ran {
        executions: number("stat::number_of_executed_units:")?,
        per_second: number("stat::average_exec_per_sec:")?,
        corpus: number("corp:")?,
    })
}

/// `cargo fuzz` asks for nightly flags, which this variable allows on stable. `fuzz/` is a workspace of its own, and
/// its manifest says why there is no sanitizer and what the profile is.
fn cargo_fuzz(word: &str) -> Command {
    let mut command = Command::new("cargo");
    command.args(["fuzz", word, "--dev", "--sanitizer", "none"]).env("RUSTC_BOOTSTRAP", "1");
    command
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
