//! A backup as a folder.
//!
//! ```text
//! FOLDER/manifest.json    what it is, and the hash of each file; written last
//! FOLDER/TABLE.rows       u32 length of the key, u32 length of the value, key, value; and so on
//! ```
//!
//! It is made as `FOLDER.unfinished` and renamed: what has the name is whole. The hashes tell damage, not forgery: who
//! can write the folder can write its manifest.

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{BufReader, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tacita_collector::check_log;
use tacita_proto::v1;
use tacita_store::{
    StoreError,
    backup::{PART_BYTES, Part},
};

/// The version of this layout.
const FORMAT: u32 = 1;
const MANIFEST: &str = "manifest.json";
/// The table of the change log, by rising index.
const LOG: &str = "log";

/// What a backup is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Manifest {
    format: u32,
    /// Of the program that made it.
    version: String,
    /// The store's layout.
    pub(crate) schema: u32,
    /// Unix time.
    pub(crate) taken_at: u64,
    pub(crate) log_length: u64,
    pub(crate) rows: u64,
    tables: Vec<Table>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Table {
    name: String,
    bytes: u64,
    sha256: String,
}

/// A backup that is being made.
pub(crate) struct Writer {
    target: PathBuf,
    unfinished: PathBuf,
    tables: BTreeMap<String, Written>,
}

struct Written {
    file: File,
    hash: Sha256,
    bytes: u64,
}

impl Writer {
    /// Begins one that will be `target`.
    pub(crate) fn begin(target: &Path) -> Result<Self> {
        let is_empty = || fs::read_dir(target).is_ok_and(|mut entries| entries.next().is_none());
        ensure!(!target.exists() || is_empty(), "'{}' is there already: name a new folder", target.display());
        let name = target.file_name().with_context(|| format!("'{}' names no folder", target.display()))?;
        let mut unfinished = name.to_os_string();
        unfinished.push(".unfinished");
        let unfinished = target.with_file_name(unfinished);
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).with_context(|| format!("cannot clear {}", unfinished.display()))?;
        }
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&unfinished);
        made.with_context(|| format!("cannot make {}", unfinished.display()))?;
        Ok(Self { target: target.to_owned(), unfinished, tables: BTreeMap::new() })
    }

    /// Adds rows to a table.
    pub(crate) fn add(&mut self, table: &str, rows: &[u8]) -> Result<()> {
        let written = match self.tables.entry(table.to_owned()) {
            std::collections::btree_map::Entry::Occupied(written) => written.into_mut(),
            std::collections::btree_map::Entry::Vacant(place) => {
                let file = create(&path_of(&self.unfinished, table)?)?;
                place.insert(Written { file, hash: Sha256::new(), bytes: 0 })
            }
        };
        written.file.write_all(rows).with_context(|| format!("cannot write in {}", self.unfinished.display()))?;
        written.hash.update(rows);
        written.bytes += rows.len() as u64;
        Ok(())
    }

    /// Ends it: from here on it is there.
    pub(crate) fn finish(self, cut: v1::BackupCut) -> Result<Manifest> {
        let mut tables = Vec::new();
        for (name, Written { file, hash, bytes }) in self.tables {
            file.sync_all()?;
            tables.push(Table { name, bytes, sha256: hex::encode(hash.finalize()) });
        }
        let v1::BackupCut { schema, log_length, rows, taken_at } = cut;
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let manifest = Manifest { format: FORMAT, version, schema, taken_at, log_length, rows, tables };
        let mut file = create(&self.unfinished.join(MANIFEST))?;
        file.write_all(&serde_json::to_vec_pretty(&manifest)?)?;
        file.sync_all()?;
        File::open(&self.unfinished)?.sync_all()?;
        fs::rename(&self.unfinished, &self.target)
            .with_context(|| format!("cannot rename {} to {}", self.unfinished.display(), self.target.display()))?;
        let parent = self.target.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
        verify(&self.target)
    }
}

/// Reads a backup through: every file with its hash, every row, and the change log's chain, which is the store's own
/// word on what it held.
///
/// # Errors
/// Names the first file that is not as it was written, or the entry of the log that no collector would take.
pub(crate) fn verify(folder: &Path) -> Result<Manifest> {
    let path = folder.join(MANIFEST);
    let text =
        fs::read(&path).with_context(|| format!("'{}' is no backup: cannot read {MANIFEST}", folder.display()))?;
    let manifest: Manifest = serde_json::from_slice(&text)
        .with_context(|| format!("{}: it is damaged, or of another version of Tacita", path.display()))?;
    let Manifest { format, .. } = manifest;
    ensure!(format == FORMAT, "{}: format {format}, and this version reads {FORMAT}", path.display());
    let (mut rows, mut log) = (0, Vec::new());
    for table in &manifest.tables {
        let path = path_of(folder, &table.name)?;
        let damaged = || format!("{}: not as it was written: use another backup", path.display());
        let mut reader = Rows::open(&path).with_context(damaged)?;
        let mut hash = Sha256::new();
        while let Some(row) = reader.next_row().with_context(damaged)? {
            hash.update(&row);
            rows += 1;
            if table.name == LOG {
                log.push(value_of(&row).with_context(damaged)?);
            }
        }
        ensure!(reader.bytes == table.bytes && hex::encode(hash.finalize()) == table.sha256, damaged());
    }
    ensure!(
        rows == manifest.rows && log.len() as u64 == manifest.log_length,
        "'{}': {rows} rows and {} entries of the change log, where {} and {} were cut: use another backup",
        folder.display(),
        log.len(),
        manifest.rows,
        manifest.log_length
    );
    check_log(&log).with_context(|| {
        format!("'{}': no collector would take this change log: use another backup", folder.display())
    })?;
    Ok(manifest)
}

/// The value of a row with its lengths.
fn value_of(row: &[u8]) -> Option<Vec<u8>> {
    let (key, rest) = row.split_first_chunk()?;
    let key = usize::try_from(u32::from_be_bytes(*key)).ok()?;
    Some(rest.get(4 + key..)?.to_vec())
}

/// The parts of a backup that was verified.
pub(crate) fn parts(folder: &Path, manifest: &Manifest) -> impl Iterator<Item = Result<Part, StoreError>> + use<> {
    let folder = folder.to_owned();
    let tables: Vec<String> = manifest.tables.iter().map(|table| table.name.clone()).collect();
    tables.into_iter().flat_map(move |table| {
        let fault = |error: anyhow::Error| StoreError::Engine(format!("{error:#}"));
        let opened = path_of(&folder, &table).and_then(|path| Rows::open(&path));
        let mut failed = None;
        let mut reader = opened.map_err(|error| failed = Some(fault(error))).ok();
        // An empty table is a part, too.
        let mut first = true;
        std::iter::from_fn(move || {
            if let Some(error) = failed.take() {
                return Some(Err(error));
            }
            let mut part = Part::of(&table);
            while let Some(rows) = &mut reader
                && part.rows.len() < PART_BYTES
            {
                match rows.next_row() {
                    Ok(Some(row)) => part.rows.extend(row),
                    Ok(None) => reader = None,
                    Err(error) => {
                        reader = None;
                        return Some(Err(fault(error)));
                    }
                }
            }
            (std::mem::take(&mut first) || !part.rows.is_empty()).then_some(Ok(part))
        })
    })
}

/// The rows of a file, one after the other.
struct Rows {
    file: BufReader<File>,
    length: u64,
    /// Read so far.
    bytes: u64,
}

impl Rows {
    fn open(path: &Path) -> Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok(Self { file: BufReader::new(file), length, bytes: 0 })
    }

    /// The next row with its lengths; none at the end.
    fn next_row(&mut self) -> Result<Option<Vec<u8>>> {
        if self.bytes == self.length {
            return Ok(None);
        }
        let (mut key, mut value) = ([0; 4], [0; 4]);
        self.file.read_exact(&mut key)?;
        self.file.read_exact(&mut value)?;
        let body = u64::from(u32::from_be_bytes(key)) + u64::from(u32::from_be_bytes(value));
        // Before there is room made for what a damaged length says.
        ensure!(self.bytes + 8 + body <= self.length, "a row is cut short");
        let mut row = [key, value].concat();
        row.resize(8 + usize::try_from(body)?, 0);
        self.file.read_exact(&mut row[8..])?;
        self.bytes += row.len() as u64;
        Ok(Some(row))
    }
}

/// A table's file. Names come from a server or a file: none leads elsewhere.
fn path_of(folder: &Path, table: &str) -> Result<PathBuf> {
    if table.is_empty() || !table.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        bail!("'{}' is no name of a table", table.escape_default());
    }
    Ok(folder.join(format!("{table}.rows")))
}

fn create(path: &Path) -> Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.with_context(|| format!("cannot make {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &[u8] = br#"{"version":1,"at":5,"change":{"brand-created":{"id":1,"name":"acme"}}}"#;

    fn of_log(folder: &Path, entry: &[u8]) -> Result<Manifest> {
        let mut part = Part::of("log");
        part.push(&[0; 8], entry).unwrap();
        let mut writer = Writer::begin(folder).unwrap();
        writer.add("log", &part.rows).unwrap();
        writer.add("meta", &[]).unwrap();
        writer.finish(v1::BackupCut { schema: 2, log_length: 1, rows: 1, taken_at: 7 })
    }

    fn made(folder: &Path) -> Manifest {
        of_log(folder, ENTRY).unwrap()
    }

    #[test]
    fn a_log_that_no_collector_would_take_is_found_whatever_the_hashes_say() {
        let dir = tempfile::tempdir().unwrap();
        let previous = "ab".repeat(32);
        let forged = format!(
            r#"{{"version":2,"index":0,"at":5,"by":"collector","previous":"{previous}","change":{{"brand-created":{{"id":1,"name":"acme"}}}}}}"#
        );
        let newer = r#"{"version":3,"at":5,"change":{}}"#;
        for (name, entry, said) in
            [("forged", forged.as_str(), "entry 0 is altered"), ("newer", newer, "newer"), ("nonsense", "{", "entry 0")]
        {
            let refused = format!("{:#}", of_log(&dir.path().join(name), entry.as_bytes()).unwrap_err());
            assert!(refused.contains("use another backup") && refused.contains(said), "{refused}");
        }
    }

    #[test]
    fn what_was_written_comes_back_and_any_change_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("backup");
        let manifest = made(&folder);
        assert_eq!(verify(&folder).unwrap(), manifest);
        let parts: Vec<_> = parts(&folder, &manifest).map(Result::unwrap).collect();
        assert_eq!(
            parts.iter().map(|part| (part.table.as_str(), part.rows.len())).collect::<Vec<_>>(),
            [("log", 16 + ENTRY.len()), ("meta", 0)]
        );
        assert!(Writer::begin(&folder).is_err(), "a backup is never written over");

        let file = folder.join("log.rows");
        let right = fs::read(&file).unwrap();
        let mut longer = right.clone();
        longer.push(0);
        for wrong in (0..right.len())
            .map(|place| {
                let mut bytes = right.clone();
                bytes[place] ^= 1;
                bytes
            })
            .chain([right[..15].to_vec(), longer, Vec::new()])
        {
            fs::write(&file, wrong).unwrap();
            assert!(verify(&folder).is_err());
        }
        fs::remove_file(&file).unwrap();
        assert!(verify(&folder).unwrap_err().to_string().contains("log.rows"));
    }

    #[test]
    fn what_was_not_finished_is_no_backup_and_the_next_one_clears_it() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("backup");
        let mut writer = Writer::begin(&folder).unwrap();
        writer.add("log", b"torn").unwrap();
        drop(writer);
        assert!(!folder.exists() && verify(&folder).is_err());
        made(&folder);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_table_cannot_name_a_file_elsewhere() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::begin(&dir.path().join("backup")).unwrap();
        for name in ["../x", "", "a/b", "A", "."] {
            assert!(writer.add(name, b"").is_err(), "{name}");
        }
    }
}
