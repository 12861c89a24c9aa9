//! `tacita audit`: what was done with a collector, by whom, and whether its log is whole.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use clap::Subcommand;
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};
use tacita_proto::v1;
use tacita_protocol::audit::{Head, Link, Place, walk};

use crate::{
    connect::{AuditClient, CollectorArgs, refused},
    table::{Table, utc},
};

/// The audit log: every change and key event, who made it and when, in a hash chain.
///
/// With an auditor's key (`tacita admin key create --role auditor`) or an operator's.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    collector: CollectorArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print the newest entries.
    Show {
        /// How many.
        #[arg(long, value_name = "N", default_value_t = 50)]
        last: usize,
        /// Print JSON Lines: the entries whole, with their numbers.
        #[arg(long)]
        json: bool,
    },
    /// Print all entries as JSON Lines, for a file to keep: `tacita audit verify --file` reads it.
    Export,
    /// Walk the chain from the first entry and name the first one that is not as it was written.
    ///
    /// Prints the head, which stands for all entries up to it: note it where the operator cannot change it, and give it the next
    /// time. A log that was written anew from the beginning is a whole chain, and only a noted head shows that it is another.
    Verify {
        /// A head that was noted before: the log must go through it.
        #[arg(long, value_name = "HEX")]
        head: Option<Head>,
        /// Verify an exported file, without a collector.
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
}

/// A line of an export. The entry's bytes are kept as they are: they are what is hashed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    index: u64,
    /// Instead of the entry, where it is withheld: its digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    withheld: Option<Head>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    entry: Option<Box<RawValue>>,
}

/// The log as somebody gave it.
#[derive(Default)]
struct Log {
    links: Vec<Link>,
    /// Entries whose private part is not the one that they name.
    altered_private: Vec<u64>,
}

/// Runs one of the three.
pub(crate) async fn run(args: Args) -> Result<()> {
    match args.command {
        Command::Show { last, json } => {
            let all = entries(&mut args.collector.audit().await?).await?;
            let newest = &all[all.len().saturating_sub(last)..];
            if json { export(newest) } else { show(newest) }
        }
        Command::Export => export(&entries(&mut args.collector.audit().await?).await?),
        Command::Verify { head, file: Some(file) } => report(&of_file(&file)?, None, head),
        Command::Verify { head, file: None } => {
            let mut audit = args.collector.audit().await?;
            // The head first: the log can only have grown when its entries are read.
            let known = audit.get_audit_head(v1::GetAuditHeadRequest {}).await.map_err(refused)?.into_inner();
            let log = of_collector(&entries(&mut audit).await?)?;
            report(&log, Some(known), head)
        }
    }
}

/// All entries, page by page.
async fn entries(audit: &mut AuditClient) -> Result<Vec<v1::AuditEntry>> {
    let mut entries = Vec::new();
    loop {
        let from = entries.len() as u64;
        let request = v1::ListAuditEntriesRequest { from, page_size: 0 };
        let page = audit.list_audit_entries(request).await.map_err(refused)?.into_inner();
        ensure!(!page.more || !page.entries.is_empty(), "the collector says that there is more, and gives nothing");
        entries.extend(page.entries);
        if !page.more {
            return Ok(entries);
        }
    }
}

fn digest(bytes: &[u8]) -> Result<Head> {
    Ok(Head(bytes.try_into().map_err(|_| anyhow!("the collector gave no digest of 32 bytes: is it of this version?"))?))
}

fn of_collector(entries: &[v1::AuditEntry]) -> Result<Log> {
    let mut log = Log::default();
    for entry in entries {
        log.links.push(match entry.entry.is_empty() {
            true => Link { digest: digest(&entry.digest)?, place: Place::Unsaid },
            false => Link::read(&entry.entry),
        });
        log.altered_private.extend(entry.private_part_altered.then_some(entry.index));
    }
    Ok(log)
}

fn of_file(path: &Path) -> Result<Log> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut log = Log::default();
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let place = || format!("{}:{}", path.display(), number + 1);
        let line = line.with_context(place)?;
        let read: Result<Line, _> = serde_json::from_str(&line);
        let Line { index, withheld, entry } =
            read.with_context(|| format!("{}: no line of `tacita audit export`", place()))?;
        ensure!(index == number as u64, "{}: entry {number} is missing or moved: entry {index} stands here", place());
        log.links.push(match (withheld, entry) {
            (Some(digest), None) => Link { digest, place: Place::Unsaid },
            (None, Some(entry)) => Link::read(entry.get().as_bytes()),
            _ => bail!("{}: a line holds an entry or the digest of a withheld one", place()),
        });
    }
    Ok(log)
}

/// Reads an export and walks it.
#[cfg(feature = "fuzzing")]
pub(crate) fn read_export(path: &Path) {
    match of_file(path) {
        Ok(log) => {
            let heads = walk(&log.links);
            assert!(heads.is_err() || heads.is_ok_and(|heads| heads.len() == log.links.len()));
        }
        Err(error) => assert!(format!("{error:#}").contains(path.to_str().unwrap_or_default()), "{error:#}"),
    }
    let entry = |line: &str| v1::AuditEntry { entry: line.into(), ..v1::AuditEntry::default() };
    let text = std::fs::read(path).unwrap_or_default();
    let entries: Vec<_> = String::from_utf8_lossy(&text).lines().map(entry).collect();
    for entry in &entries {
        let Ok(read) = serde_json::from_slice::<Value>(&entry.entry) else { continue };
        let _ = (read["at"].as_u64().map(utc), who(&read["by"]), what(&read["change"]));
    }
    let _ = of_collector(&entries).map(|log| walk(&log.links));
}

/// Says whether the log is whole, and what its head is.
fn report(log: &Log, known: Option<v1::GetAuditHeadResponse>, noted: Option<Head>) -> Result<()> {
    // A collector's first start writes some.
    ensure!(!log.links.is_empty(), "there is no entry: no collector has an empty log, so this is none or is cut short");
    let heads = walk(&log.links).map_err(|broken| anyhow!("{broken}"))?;
    if let Some(index) = log.altered_private.first() {
        bail!("entry {index} is altered: its private part is not the one that it names");
    }
    if let Some(known) = known {
        agree(&heads, &known)?;
    }
    let head = heads.last().copied().unwrap_or(Head::START);
    if let Some(noted) = noted {
        let place = heads.iter().position(|one| *one == noted);
        let place = place.with_context(|| {
            format!("the log does not go through the noted head {noted}: it is another log than the one that was noted")
        })?;
        println!("the noted head is that of the first {} entries", place + 1);
    }
    let early = log.links.iter().filter(|link| link.place == Place::Unsaid).count();
    if early > 0 {
        println!("{early} entries of version 1 hold no hash themselves: the first entry after them holds them");
    }
    println!("{} entries, a whole chain", heads.len());
    println!("head {head}");
    Ok(())
}

/// The head that the collector remembers is one of the log in its store.
fn agree(heads: &[Head], known: &v1::GetAuditHeadResponse) -> Result<()> {
    let Some(last) = known.length.checked_sub(1) else { return Ok(()) };
    let remembered = digest(&known.head)?;
    match usize::try_from(last).ok().and_then(|last| heads.get(last)) {
        Some(head) if *head == remembered => Ok(()),
        Some(_) => bail!("entry {last} is altered: the collector remembers another one"),
        None => {
            bail!("entry {} is missing: the collector remembers {} entries", heads.len(), known.length)
        }
    }
}

fn export(entries: &[v1::AuditEntry]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    for entry in entries {
        let raw = || {
            let text = String::from_utf8(entry.entry.clone())?;
            anyhow::Ok(RawValue::from_string(text)?)
        };
        let line = match entry.entry.is_empty() {
            true => Line { index: entry.index, withheld: Some(digest(&entry.digest)?), entry: None },
            false => {
                let raw =
                    raw().with_context(|| format!("entry {} is altered: it does not read as JSON", entry.index))?;
                Line { index: entry.index, withheld: None, entry: Some(raw) }
            }
        };
        let written =
            serde_json::to_string(&line).map_err(std::io::Error::from).and_then(|line| writeln!(out, "{line}"));
        match written {
            // `tacita audit export | head` closes its end early.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
            written => written?,
        }
    }
    Ok(())
}

fn show(entries: &[v1::AuditEntry]) -> Result<()> {
    let mut table = Table::new(&["entry", "at", "by", "what"]);
    for entry in entries {
        let index = entry.index.to_string();
        let Ok(read) = serde_json::from_slice::<Value>(&entry.entry) else {
            let what = if entry.entry.is_empty() { "withheld" } else { "it does not read: altered" };
            table.row([index, String::new(), String::new(), what.to_owned()]);
            continue;
        };
        let at = read["at"].as_u64().map_or_else(String::new, utc);
        table.row([index, at, who(&read["by"]), what(&read["change"])]);
    }
    table.print();
    Ok(())
}

/// `key 4 (brand 2)`, `collector`.
fn who(by: &Value) -> String {
    // Values and not their fields are asked: a field that is missing is null, as the log may be anybody's.
    match (&by["api-key"], by.as_str()) {
        (_, Some(word)) => word.to_owned(),
        (key @ Value::Object(_), None) => format!("key {} ({})", key["number"], principal(&key["principal"])),
        _ => "not recorded".to_owned(),
    }
}

/// `operator`, `brand 2`.
fn principal(principal: &Value) -> String {
    match principal {
        Value::Object(of) => of.iter().map(|(role, id)| format!("{role} {id}")).collect(),
        role => role.as_str().unwrap_or_default().to_owned(),
    }
}

/// A key that was made, without the hash of its secret, which tells a reader nothing.
fn key_created(key: &Value) -> String {
    let may = if key["read_only"] == true { ", read only" } else { "" };
    let end = key["expires_at"].as_u64().map_or("until it is revoked".to_owned(), |end| format!("until {}", utc(end)));
    format!("api-key-created number {}: {}{may}, {end}", key["id"], principal(&key["principal"]))
}

/// The kind of a change and its first fields.
fn what(change: &Value) -> String {
    const SHOWN: usize = 100;
    let Some((kind, fields)) = change.as_object().and_then(|change| change.iter().next()) else {
        return change.to_string();
    };
    if kind == "api-key-created" {
        return key_created(fields);
    }
    let text = format!("{kind} {fields}");
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_did_it_is_a_key_or_the_collector() {
        let by = |text: &str| who(&serde_json::from_str(text).unwrap());
        assert_eq!(by(r#""collector""#), "collector");
        assert_eq!(by(r#"{"api-key":{"number":4,"principal":{"brand":2}}}"#), "key 4 (brand 2)");
        assert_eq!(by(r#"{"api-key":{"number":1,"principal":"operator"}}"#), "key 1 (operator)");
        assert_eq!(by("null"), "not recorded");
        assert_eq!(by(r#"{"api-key":{}}"#), "key null ()", "found by fuzzing");
    }

    #[test]
    fn a_key_that_was_made_is_shown_with_whose_it_is_and_until_when() {
        let made = |key: Value| what(&serde_json::json!({ "api-key-created": key }));
        let hash = "ab".repeat(32);
        let brand = serde_json::json!({
            "id": 7, "principal": { "brand": 2 }, "hash": hash, "created_at": 1, "read_only": true, "expires_at": 1_795_405_180_u64
        });
        assert_eq!(made(brand), "api-key-created number 7: brand 2, read only, until 2026-11-23 03:39");
        let operator = serde_json::json!({ "id": 1, "principal": "operator", "hash": hash, "created_at": 1 });
        assert_eq!(made(operator), "api-key-created number 1: operator, until it is revoked");
    }

    #[test]
    fn a_long_change_is_cut_between_characters() {
        let long = serde_json::json!({ "brand-created": { "name": "ü".repeat(300) } });
        assert!(what(&long).ends_with('…'));
        assert_eq!(what(&serde_json::json!({ "api-key-revoked": { "id": 3 } })), r#"api-key-revoked {"id":3}"#);
    }
}
