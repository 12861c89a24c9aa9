//! `tacita replay`: every session and conversion of a log is counted once, and intervals hold the truth.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::{fs, path::Path};

use support::{path, tacita_ok};

/// Replays and reads what `--json` wrote.
fn replay(log: &Path, map: &Path, more: &[&str]) -> (String, serde_json::Value) {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("out.json");
    let said = tacita_ok(&[&["replay", path(log), "--map", path(map), "--json", path(&json)], more].concat());
    (said, serde_json::from_slice(&fs::read(&json).unwrap()).unwrap())
}

fn assert_counted(result: &serde_json::Value, measure: &str, expected: u64) {
    for run in result["runs"].as_array().unwrap() {
        let measures = run["measures"].as_array().unwrap();
        let found = measures.iter().find(|found| found["measure"] == measure).unwrap();
        assert_eq!((found["sent"].as_u64(), found["counted"].as_u64()), (Some(expected), Some(expected)), "{measure}");
    }
}

#[test]
fn a_log_with_every_column_is_counted_once_and_intervals_hold_the_truth() {
    let folder = tempfile::tempdir().unwrap();
    let (log, map) = (folder.path().join("log.csv"), folder.path().join("map.toml"));
    let mut csv = String::from("source,who,bought,worth\n");
    for row in 0..2_000_u32 {
        let source = ["search", "whatsapp", "direct"][(row * row % 7 % 3) as usize];
        let who = ["N", "R", "?"][(row % 3) as usize];
        csv.push_str(&format!("{source},{who},{},{}\n", u32::from(row % 5 == 0), row % 90));
    }
    fs::write(&log, csv).unwrap();
    let buckets = "buckets = [\"0..30\", \"30..\"]";
    fs::write(
        &map,
        format!(
            "[channel]\ncolumn = \"source\"\n[visitor]\ncolumn = \"who\"\nnew = [\"N\"]\nreturning = [\"R\"]\n\
             [conversion]\ncolumn = \"bought\"\nyes = [\"1\"]\nno = [\"0\"]\n[value]\ncolumn = \"worth\"\n{buckets}\n"
        ),
    )
    .unwrap();
    let (said, result) = replay(&log, &map, &["--seeds", "2", "--epsilon", "2,4"]);
    assert!(said.contains("semi-synthetic: the log names no device"), "{said}");
    for epsilon in ["2", "4"] {
        assert_counted(&result, &format!("arrivals-{epsilon}"), 2_000);
        assert_counted(&result, &format!("visitors-{epsilon}"), 2_000);
        assert_counted(&result, &format!("conversions-{epsilon}"), 400);
    }
    // 2 seeds × 2 ε × (4 + 4 + 10) cells; at 95 % each, fewer than 55 of 72 would be one chance in ten million.
    assert_eq!(result["intervals"], 72);
    assert!(result["intervals_that_hold_the_truth"].as_u64().unwrap() >= 55, "{result}");
}

#[test]
fn the_online_shoppers_are_counted_to_the_last() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let log = root.join("../shared/data/online_shoppers_intention.csv");
    if !log.exists() {
        println!("skipped: the_online_shoppers_are_counted_to_the_last needs ../shared/data");
        return;
    }
    let (_, result) = replay(&log, &root.join("examples/online-shoppers.toml"), &["--epsilon", "4"]);
    assert_counted(&result, "arrivals-4", 12_330);
    assert_counted(&result, "visitors-4", 12_330);
    assert_counted(&result, "conversions-4", 1_908);
}
