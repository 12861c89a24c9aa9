//! The page SDK's benchmarks: `npm run bench` in `web/`, which measures in Node and in Chromium.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result};
use serde_json::Value;

const NAMES: [&str; 5] = ["web/blind", "web/finalize", "web/seal", "web/size/core", "web/size/tokens"];

/// The rows that are wanted, in the form of every other row but without the processor.
pub(super) fn rows(wanted: impl Fn(&str) -> bool) -> Result<Vec<Value>> {
    if !NAMES.into_iter().any(&wanted) {
        return Ok(Vec::new());
    }
    let npm = |args: &[&str]| crate::run(Command::new("npm").args(args).current_dir("web"));
    if !Path::new("web/node_modules").exists() {
        npm(&["ci", "--ignore-scripts"])?;
    }
    npm(&["run", "--silent", "bench"])?;
    let text = fs::read_to_string("web/target/bench.json").context("`npm run bench` wrote no web/target/bench.json")?;
    let mut rows: Vec<Value> = serde_json::from_str(&text)?;
    rows.retain(|row| row["name"].as_str().is_some_and(&wanted));
    Ok(rows)
}
