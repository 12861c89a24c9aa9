//! The benchmarks of the whole path: `tacita bench ingest` in its settings, and the store as an epoch grows.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::run;

/// A setting of `tacita bench ingest`, and the lines that it gives.
struct Setting {
    arguments: &'static [&'static str],
    lines: &'static [(&'static str, Line)],
}

/// A line out of a result.
type Line = fn(&Value) -> Value;

const SETTINGS: [Setting; 4] = [
    Setting {
        arguments: &["--reports", "200000", "--batch", "1000", "--connections", "4"],
        lines: &[("ingest/embedded/batched", rate), ("ingest/embedded/bytes", bytes)],
    },
    Setting {
        arguments: &["--reports", "60000", "--batch", "1", "--connections", "256", "--in-flight", "1"],
        lines: &[("ingest/embedded/single", rate)],
    },
    Setting {
        arguments: &["--reports", "3000", "--batch", "1", "--connections", "1", "--in-flight", "1"],
        lines: &[("ingest/embedded/lone_p99", p99)],
    },
    Setting {
        arguments: &["--store", "postgres", "--reports", "200000", "--batch", "1000", "--connections", "4"],
        lines: &[("ingest/postgres/batched", rate), ("ingest/postgres/bytes", bytes)],
    },
];

/// Takes many minutes: only by name, or with `--long`.
const LONG: &str = "ingest/embedded/50m";

/// Runs the settings with a line that is wanted; gives those lines.
pub(crate) fn rows(target: &Path, wanted: impl Fn(&str) -> bool, long: bool) -> Result<Vec<Value>> {
    let mut rows = Vec::new();
    let settings: Vec<_> = SETTINGS.iter().filter(|one| one.lines.iter().any(|(name, _)| wanted(name))).collect();
    if settings.is_empty() && !long {
        return Ok(rows);
    }
    run(Command::new("cargo").args(["build", "--release", "--package", "tacita-cli"]))?;
    // Whole, since a benchmark runs in its package's folder.
    let out = fs::canonicalize(target)?.join("ingest.json");
    for setting in settings {
        let mut bench = Command::new(target.join("release/tacita"));
        run(bench.args(["bench", "ingest"]).args(setting.arguments).arg("--json").arg(&out))?;
        let result = read(&out)?;
        rows.extend(
            setting.lines.iter().filter(|(name, _)| wanted(name)).map(|&(name, line)| row(name, line, &result)),
        );
    }
    if long {
        rows.push(growth(target, &out)?);
    }
    Ok(rows)
}

/// How an epoch's growth weighs on ingest; and, by the store alone, on commits, on dropping the epoch and on opening again.
fn growth(target: &Path, out: &Path) -> Result<Value> {
    let ingest = |spent: &str| {
        let arguments = ["bench", "ingest", "--reports", "200000", "--spent", spent, "--json"];
        run(Command::new(target.join("release/tacita")).args(arguments).arg(out))?;
        read(out)
    };
    let (few, many) = (ingest("1000000")?, ingest("50000000")?);
    let bench = ["bench", "--package", "tacita-store", "--bench", "spent", "--", "--long", "--json"];
    run(Command::new("cargo").args(bench).arg(out))?;
    let rate = |result: &Value| result["reports_per_second"].as_f64().unwrap_or_default();
    Ok(json!({
        "name": LONG,
        "value": rate(&many) / rate(&few),
        "unit": "× the rate at 1 million",
        "parameters": { "at_1_million": few, "at_50_million": many, "store_alone": read(out)? },
    }))
}

/// Whether one of the names asks for the long one and for no other.
pub(crate) fn asks_for_long(names: &[String]) -> bool {
    let others = || SETTINGS.iter().flat_map(|setting| setting.lines).map(|(name, _)| name);
    names.iter().any(|name| LONG.contains(name.as_str()) && !others().any(|other| other.contains(name.as_str())))
}

fn read(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).with_context(|| format!("no result in {}", path.display()))?;
    Ok(serde_json::from_str(&text)?)
}

/// The line with its name, and all of the run that it is from.
fn row(name: &str, line: Line, result: &Value) -> Value {
    let mut row = line(result);
    row["name"] = name.into();
    row["parameters"] = result.clone();
    row
}

fn rate(result: &Value) -> Value {
    json!({
        "value": result["reports_per_second"],
        "unit": "reports/s",
        "floor": result["floor_reports_per_second"],
        "ratio_to_floor": result["ratio_to_floor"],
    })
}

fn bytes(result: &Value) -> Value {
    json!({ "value": result["written_bytes_per_report"], "unit": "bytes" })
}

/// The floor of a lone upload is one fsync.
fn p99(result: &Value) -> Value {
    let seconds = |value: &Value| value.as_f64().unwrap_or_default();
    let (p99, fsync) = (seconds(&result["latency_seconds"]["p99"]), seconds(&result["fsync_seconds"]));
    json!({ "value": p99 * 1e9, "unit": "ns", "floor": fsync * 1e9, "ratio_to_floor": p99 / fsync })
}
