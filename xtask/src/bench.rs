//! Runs the benchmarks and gathers their results in `target/bench.json`: those of criterion, of the whole path ([`ingest`])
//! and of the page SDK ([`web`]).
//!
//! A benchmark of criterion is a criterion group, named like `tokens/open/16`. Its function `tacita` is ours, `floor`
//! is what the machine needs at the least for the same work, and every other function is a peer, all measured in the
//! same run.

mod ingest;
mod web;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value, json};

/// The packages that have benchmarks, and what their groups' names begin with.
const PACKAGES: [(&str, &str); 4] =
    [("tacita-tokens", "tokens"), ("tacita-dp", "dp"), ("tacita-store", "store"), ("tacita-collector", "report")];

/// Runs those whose name holds one of `names` (all without), writes the list, prints it.
pub(crate) fn run(names: &[String], long: bool) -> Result<()> {
    let target = target_dir();
    let criterion = target.join("criterion");
    // Results of earlier runs are not this run's.
    if criterion.exists() {
        fs::remove_dir_all(&criterion).context("cannot clear old results")?;
    }
    for (package, _) in PACKAGES.iter().filter(|(_, area)| concerns(area, names)) {
        super::run(Command::new("cargo").args(["bench", "--package", package, "--"]).args(names.first()))?;
    }
    let mut rows = rows(&criterion, names)?;
    let wanted = |name: &str| is_wanted(name, names);
    rows.extend(ingest::rows(&target, wanted, long || ingest::asks_for_long(names))?);
    rows.extend(web::rows(wanted)?);
    let cpu = cpu();
    rows.iter_mut().for_each(|row| row["cpu"] = cpu.as_str().into());
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
        match result {
            Found::Measured(measured) => groups.entry(measured.group.clone()).or_default().add(measured),
            Found::Parameters(group, more) => groups.entry(group).or_default().parameters = more,
        }
    }
    Ok(groups.iter().filter(|(name, _)| is_wanted(name, names)).filter_map(|(name, group)| group.row(name)).collect())
}

fn is_wanted(name: &str, names: &[String]) -> bool {
    names.is_empty() || names.iter().any(|part| name.contains(part.as_str()))
}

/// What one function of one group took.
struct Measured {
    group: String,
    function: String,
    nanoseconds: f64,
    elements: u64,
}

/// What lies in criterion's folder.
enum Found {
    Measured(Measured),
    /// What a benchmark says of a group besides.
    Parameters(String, Map<String, Value>),
}

/// Every `parameters.json` and `new/benchmark.json` below criterion's folder with its `estimates.json`.
fn results(criterion: &Path) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    // None where no package with such benchmarks was asked for.
    let mut folders: Vec<_> = criterion.exists().then(|| criterion.to_path_buf()).into_iter().collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("no results in {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.ends_with("new/benchmark.json") {
                found.push(Found::Measured(measured(&path)?));
            } else if path.ends_with("parameters.json") {
                found.push(parameters(&path)?);
            }
        }
    }
    Ok(found)
}

fn read(path: &Path) -> Result<Value> {
    Ok(serde_json::from_str(&fs::read_to_string(path)?)?)
}

fn parameters(path: &Path) -> Result<Found> {
    let Value::Object(mut noted) = read(path)? else { bail!("{} holds no object", path.display()) };
    let group = noted["group_id"].as_str().unwrap_or_default().to_owned();
    match noted.remove("parameters") {
        Some(Value::Object(parameters)) => Ok(Found::Parameters(group, parameters)),
        _ => bail!("{} has no parameters", path.display()),
    }
}

fn measured(benchmark: &Path) -> Result<Measured> {
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
    parameters: Map<String, Value>,
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

    fn row(&self, name: &str) -> Option<Value> {
        let value = self.ours?;
        let mut parameters = self.parameters.clone();
        parameters.insert("elements_per_iteration".into(), self.elements.into());
        let best = self.peers.values().copied().reduce(f64::min);
        Some(json!({
            "name": name,
            "value": value,
            "unit": "ns",
            "floor": self.floor,
            "peers": self.peers,
            "ratio_to_floor": self.floor.map(|floor| value / floor),
            "ratio_to_best_peer": best.map(|best| value / best),
            "parameters": parameters,
        }))
    }
}

fn line(row: &Value) -> String {
    let ratio =
        |key: &str, to: &str| row[key].as_f64().map_or_else(String::new, |ratio| format!("   {ratio:.2} × {to}"));
    format!(
        "{:<28} {:>12.1} {}{}{}{}",
        row["name"].as_str().unwrap_or_default(),
        row["value"].as_f64().unwrap_or_default(),
        row["unit"].as_str().unwrap_or_default(),
        ratio("ratio_to_floor", "the floor"),
        ratio("ratio_to_best_peer", "the best peer"),
        row["parameters"]["engine"].as_str().map_or_else(String::new, |engine| format!("   ({engine})")),
    )
}

fn cpu() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    model.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn a_row_has_the_ratio_to_the_floor_and_what_the_benchmark_says_besides() {
        let folder = std::env::temp_dir().join(format!("tacita-xtask-{}", std::process::id()));
        let put = |path: &str, content: Value| {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content.to_string()).unwrap();
        };
        for (function, nanoseconds) in [("tacita", 30.0), ("floor", 10.0)] {
            let about = json!({ "group_id": "report/top100/100k", "function_id": function, "throughput": null });
            put(&format!("report_top100_100k/{function}/new/benchmark.json"), about);
            let estimates = json!({ "median": { "point_estimate": nanoseconds } });
            put(&format!("report_top100_100k/{function}/new/estimates.json"), estimates);
        }
        let noted = json!({ "group_id": "report/top100/100k", "parameters": { "p99_ns": 90 } });
        put("report_top100_100k/parameters.json", noted);

        let rows = rows(&folder, &["report/".to_owned()]).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        let [row] = &rows[..] else { panic!("{rows:?}") };
        assert_eq!((&row["name"], &row["unit"]), (&json!("report/top100/100k"), &json!("ns")));
        assert_eq!((&row["value"], &row["floor"], &row["ratio_to_floor"]), (&json!(30.0), &json!(10.0), &json!(3.0)));
        assert_eq!(row["parameters"], json!({ "elements_per_iteration": 1, "p99_ns": 90 }));
    }
}
