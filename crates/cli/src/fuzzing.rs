//! What `fuzz/` drives: the readers of files and arguments that people write for `tacita`. No interface: nothing here is promised to anybody.

use std::path::Path;

use crate::{admin, collector, contents, plan, relay, replay, report, settings};

/// The settings of a collector, of a relay: TOML.
pub fn settings(text: &str) {
    let _ = collector::read_settings(text);
    let _ = relay::read_settings(text);
}

/// A map, TOML, and the CSV that it maps, in files of `folder`: rows come out, or an error that names the file.
pub fn replay(folder: &Path, map: &str, csv: &str) {
    let (map_file, csv_file) = (folder.join("map.toml"), folder.join("log.csv"));
    std::fs::write(&map_file, map).expect("a map");
    std::fs::write(&csv_file, csv).expect("a log");
    if let Err(error) = replay::headline(&map_file, &csv_file) {
        assert!(format!("{error:#}").contains(folder.to_str().unwrap_or_default()), "{error:#}");
    }
}

/// A list of contents, one on each line.
pub fn contents(folder: &Path, text: &str) {
    let file = folder.join("contents.txt");
    std::fs::write(&file, text).expect("a list");
    if let Ok(ids) = contents::read(&file) {
        assert_eq!(ids, text.lines().collect::<Vec<_>>());
    }
}

/// One argument, as every kind of argument: it is read, or refused with how to write it.
pub fn argument(text: &str) {
    let refusals = [
        settings::duration(text).err(),
        settings::epsilon(text).err(),
        settings::http_address(text).err(),
        settings::signing_key(text).err(),
        admin::dimension(text).err(),
        admin::cohort(text).err(),
        plan::share(text).err(),
        report::ask::day(text).err(),
        report::ask::filter(text).err(),
    ];
    for refusal in refusals.into_iter().flatten() {
        assert!(refusal.contains(text), "{refusal}");
    }
}
