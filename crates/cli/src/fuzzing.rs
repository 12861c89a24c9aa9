//! What `fuzz/` drives: the readers of files and arguments that people write for `tacita`. No interface: nothing here
//! is promised to anybody.

use std::{fs, iter, path::Path, sync::LazyLock};

use ed25519_dalek::VerifyingKey;
use tacita_observability::{LogFilter, LogFormat};
use tacita_proto::v1;
use tacita_protocol::{
    id::PublisherId,
    record::{RecordEntry, RecordHead},
    time::UnixTime,
};
use tacita_relay::receipts::{self, compare::compare, head};
use tacita_store::{PostgresUrl, backup::take_row};

use crate::{
    admin, audit, backup::folder, collector, configuration, configuration::Settings, contents, plan, relay, replay,
    report, settings, status, table,
};

/// Settings as they are given: a file, variables (`NAME=VALUE` lines), `--set` (lines).
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// TOML.
    pub file: &'a str,
    /// Their names begin with `TACITA_COLLECTOR__` or `TACITA_RELAY__`.
    pub variables: &'a str,
    /// `SETTING=VALUE`.
    pub set: &'a str,
}

impl Given<'_> {
    /// The settings of a server: what is wrong is said with its place, and stands at its default.
    pub(crate) fn decode<S: Settings>(&self) -> S {
        let variables = self.variables.lines().filter_map(|line| line.split_once('='));
        let variables = variables.map(|(name, value)| (name.to_owned(), value.into()));
        let set: Vec<String> = self.set.lines().map(str::to_owned).collect();
        let file = Some((Path::new("settings.toml"), self.file));
        let (loaded, _) = configuration::decode::<S>(file, iter::empty(), &set, variables).expect("known settings");
        let shown = loaded.rows().expect("settings are shown");
        assert!(shown.iter().all(|[name, ..]| !name.is_empty()));
        assert!(loaded.problems.iter().all(|problem| !problem.is_empty()));
        loaded.settings
    }
}

/// The settings of a collector, of a relay.
pub fn settings(given: &Given<'_>) {
    collector::read_settings(given);
    relay::read_settings(given);
}

/// A map, TOML, and the CSV that it maps, in files of `folder`: rows come out, or an error that names the file.
pub fn replay(folder: &Path, map: &str, csv: &str) {
    let (map_file, csv_file) = (folder.join("map.toml"), folder.join("log.csv"));
    fs::write(&map_file, map).expect("a map");
    fs::write(&csv_file, csv).expect("a log");
    if let Err(error) = replay::headline(&map_file, &csv_file) {
        assert!(format!("{error:#}").contains(folder.to_str().unwrap_or_default()), "{error:#}");
    }
}

/// A list of contents, one on each line.
pub fn contents(folder: &Path, text: &str) {
    let file = folder.join("contents.txt");
    fs::write(&file, text).expect("a list");
    if let Ok(ids) = contents::read(&file) {
        assert_eq!(ids, text.lines().collect::<Vec<_>>());
    }
}

/// A log whose filter is replaced, as operators do it.
static LOG: LazyLock<LogFilter> = LazyLock::new(|| LogFilter::to_stderr(LogFormat::Text, "off").expect("a filter"));

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
    let _ = LOG.set(text);
    // These say nothing of what was written: it may be a secret, or as long as a head.
    let _ = (text.parse::<PostgresUrl>().map(|url| url.to_string()), text.parse::<tacita_protocol::audit::Head>());
    for refusal in refusals.into_iter().flatten() {
        assert!(refusal.contains(text), "{refusal}");
    }
}

/// What a relay kept, a day's receipts and a head, and the record of a collector: told apart from each other, or
/// refused with the place.
pub fn relay_verify(folder: &Path, day: &str, seen: &str, record: &[u8], pinned: &VerifyingKey) {
    const PUBLISHER: PublisherId = PublisherId(7);
    let kept = folder.join("receipts");
    fs::create_dir_all(&kept).expect("a folder");
    fs::write(kept.join("2026-11-22.txt"), day).expect("receipts");
    fs::write(kept.join("head"), seen).expect("a head");
    let place = folder.to_str().unwrap_or_default();
    let refused = |error: &dyn std::fmt::Display| assert!(error.to_string().contains(place), "{error}");
    let kept = receipts::read(folder, PUBLISHER, pinned).inspect_err(|error| refused(error));
    let seen = head::read(folder, PUBLISHER).inspect_err(|error| refused(error));
    let Ok(page) = <v1::ListRecordResponse as prost::Message>::decode(record) else { return };
    let Ok(entries) = page.entries.iter().map(RecordEntry::try_from).collect::<Result<Vec<_>, _>>() else { return };
    entries.iter().for_each(|entry| drop(table::utc(entry.closed_at.0)));
    let Some(head) = page.head.and_then(|head| RecordHead::verify(&head, pinned).ok()) else { return };
    let held = head::verify(&entries, &head, None).is_ok();
    if let Ok(Some(seen)) = seen {
        assert!(
            head::verify(&entries, &head, Some(&seen)).is_err() || held,
            "a head that was seen makes a record good"
        );
    }
    let Ok(kept) = kept else { return };
    let compared = compare(&entries, head.periods, &[kept], UnixTime(u64::MAX));
    assert!(compared.differences.iter().all(|row| compared.rows.contains(row)));
}

/// An exported audit log: a whole chain, or an error that names its place.
pub fn audit_export(folder: &Path, text: &[u8]) {
    let file = folder.join("audit.jsonl");
    fs::write(&file, text).expect("an export");
    audit::read_export(&file);
}

/// A backup as somebody gave it, header and rows.
pub fn backup_verify(backup: &Path, header: &[u8], rows: &[u8]) {
    fs::create_dir_all(backup).expect("a folder");
    fs::write(backup.join("manifest.json"), header).expect("a header");
    fs::write(backup.join("log.rows"), rows).expect("rows");
    if let Err(error) = folder::verify(backup) {
        let told = format!("{error:#}");
        assert!(told.contains(backup.to_str().unwrap_or_default()) || told.contains("is no name of a table"), "{told}");
    }
}

/// Rows as a collector hands them out, with a header that is right: whole, and then they are read back as they were; or refused.
pub fn backup_rows(folder: &Path, rows: &[u8]) {
    let to = folder.join("backup");
    let _ = fs::remove_dir_all(&to);
    let mut left = rows;
    let mut whole = 0;
    while take_row(&mut left).is_some() {
        whole += 1;
    }
    let mut writer = folder::Writer::begin(&to).expect("a new folder");
    // Of a table that is not looked into: the change log's entries are walked.
    writer.add("tallies", rows).expect("rows are written");
    let cut = v1::BackupCut { schema: 3, log_length: 0, rows: whole, taken_at: 0 };
    match writer.finish(cut) {
        Ok(manifest) => {
            let parts = folder::parts(&to, &manifest).map(|part| part.expect("it was verified").rows);
            assert!(left.is_empty() && parts.collect::<Vec<_>>().concat() == rows);
        }
        Err(_) => assert!(!left.is_empty(), "whole rows were refused"),
    }
}

/// The metrics page of a server, as `tacita status` reads it.
pub fn metrics_page(text: &str) {
    status::read_page(text);
}
