//! The page SDK's benchmarks: `npm run bench` in `web/`, which measures in Node and in Chromium.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result};
use serde_json::Value;

/// The rows whose name holds one of `names` (all without), in the form of every other row.
pub(super) fn rows(names: &[String], cpu: &str) -> Result<Vec<Value>> {
    let wanted = |name: &str| names.is_empty() || names.iter().any(|part| name.contains(part.as_str()));
    if !names.is_empty() && !names.iter().any(|name| name.starts_with("web")) {
        return Ok(Vec::new());
    }
    let npm = |args: &[&str]| crate::run(Command::new("npm").args(args).current_dir("web"));
    if !Path::new("web/node_modules").exists() {
        npm(&["ci", "--ignore-scripts"])?;
    }
    npm(&["run", "--silent", "bench"])?;
    let text = fs::read_to_string("web/target/bench.json").context("`npm run bench` wrote no web/target/bench.json")?;
    let mut rows: Vec<Value> = serde_json::from_str(&text)?;
    rows.retain(|row| row["name"].as_str().is_some_and(wanted));
    for row in &mut rows {
        row["cpu"] = cpu.into();
    }
    Ok(rows)
}
