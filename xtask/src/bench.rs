//! Runs the criterion benchmarks and gathers their results in `target/bench.json`.
//!
//! A benchmark is a criterion group, named like `tokens/open/16`. Its function `tacita` is ours, `floor` is what the machine
//! needs at the least for the same work, and every other function is a peer, all measured in the same run.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

/// The packages that have benchmarks, and what their groups' names begin with.
const PACKAGES: [(&str, &str); 4] =
    [("tacita-tokens", "tokens"), ("tacita-dp", "dp"), ("tacita-store", "store"), ("tacita-collector", "report")];

/// Runs those whose name holds one of `names` (all without), writes the list, prints it.
pub(crate) fn run(names: &[String]) -> Result<()> {
    let target = target_dir();
    let criterion = target.join("criterion");
    // Results of earlier runs are not this run's.
    if criterion.exists() {
        fs::remove_dir_all(&criterion).context("cannot clear old results")?;
    }
    for (package, _) in PACKAGES.iter().filter(|(_, area)| concerns(area, names)) {
        super::run(Command::new("cargo").args(["bench", "--package", package, "--"]).args(names.first()))?;
    }
    let rows = rows(&criterion, names)?;
    let path = target.join("bench.json");
    fs::write(&path, serde_json::to_string_pretty(&rows)?)?;
    for row in &rows {
        println!("{}", line(row));
    }
    println!("{} benchmarks in {}", rows.len(), path.display());
    Ok(())
}

/// Whether a package whose groups begin with `area` may hold a benchmark of these names.
fn concerns(area: &str, names: &[String]) -> bool {
    names.is_empty() || names.iter().any(|name| name.starts_with(area))
}

fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from)
}

/// One row per group, by name.
fn rows(criterion: &Path, names: &[String]) -> Result<Vec<Value>> {
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for result in results(criterion)? {
        groups.entry(result.group.clone()).or_default().add(result);
    }
    let wanted = |name: &String| names.is_empty() || names.iter().any(|part| name.contains(part.as_str()));
    let cpu = cpu();
    Ok(groups.iter().filter(|(name, _)| wanted(name)).filter_map(|(name, group)| group.row(name, &cpu)).collect())
}

/// What one function of one group took.
struct Measured {
    group: String,
    function: String,
    nanoseconds: f64,
    elements: u64,
}

/// Every `new/benchmark.json` below criterion's folder with its `estimates.json`.
fn results(criterion: &Path) -> Result<Vec<Measured>> {
    let mut found = Vec::new();
    let mut folders = vec![criterion.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("no results in {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.ends_with("new/benchmark.json") {
                found.push(measured(&path)?);
            }
        }
    }
    Ok(found)
}

fn measured(benchmark: &Path) -> Result<Measured> {
    let read = |path: &Path| -> Result<Value> { Ok(serde_json::from_str(&fs::read_to_string(path)?)?) };
    let about = read(benchmark)?;
    let estimates = read(&benchmark.with_file_name("estimates.json"))?;
    let text = |key: &str| about[key].as_str().unwrap_or_default().to_owned();
    Ok(Measured {
        group: text("group_id"),
        function: text("function_id"),
        nanoseconds: estimates["median"]["point_estimate"].as_f64().context("criterion wrote no median")?,
        elements: about["throughput"]["Elements"].as_u64().unwrap_or(1),
    })
}

/// The functions of one group, in nanoseconds per element.
#[derive(Default)]
struct Group {
    ours: Option<f64>,
    floor: Option<f64>,
    peers: BTreeMap<String, f64>,
    elements: u64,
}

impl Group {
    fn add(&mut self, measured: Measured) {
        let value = measured.nanoseconds / measured.elements as f64;
        self.elements = measured.elements;
        match measured.function.as_str() {
            "tacita" => self.ours = Some(value),
            "floor" => self.floor = Some(value),
            _ => {
                self.peers.insert(measured.function, value);
            }
        }
    }

    fn row(&self, name: &str, cpu: &str) -> Option<Value> {
        let value = self.ours?;
        let best = self.peers.values().copied().reduce(f64::min);
        Some(json!({
            "name": name,
            "value": value,
            "unit": "ns",
            "floor": self.floor,
            "peers": self.peers,
            "ratio_to_floor": self.floor.map(|floor| value / floor),
            "ratio_to_best_peer": best.map(|best| value / best),
            "parameters": { "elements_per_iteration": self.elements },
            "cpu": cpu,
        }))
    }
}

fn line(row: &Value) -> String {
    let ratio =
        |key: &str, to: &str| row[key].as_f64().map_or_else(String::new, |ratio| format!("   {ratio:.2} × {to}"));
    format!(
        "{:<28} {:>12.1} {}{}{}",
        row["name"].as_str().unwrap_or_default(),
        row["value"].as_f64().unwrap_or_default(),
        row["unit"].as_str().unwrap_or_default(),
        ratio("ratio_to_floor", "the floor"),
        ratio("ratio_to_best_peer", "the best peer"),
    )
}

fn cpu() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    model.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}
