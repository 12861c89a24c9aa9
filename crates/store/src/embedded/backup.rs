//! Handing the store out while it goes on, and making one from what was handed out.

use std::{
    fs::{self, File},
    path::Path,
};

use fjall::{PersistMode, Readable};
use tokio::sync::mpsc;

use super::{
    EmbeddedOptions,
    disk::{Disk, open_database, small_keyspace},
    layout,
};
use crate::{
    StoreError,
    backup::{Cut, PART_BYTES, Part, take_row},
};

/// Rows that are written at once when a store is made.
const AT_ONCE: usize = 4_096;

/// See [`Backup::back_up`](crate::backup::Backup::back_up). All keyspaces but spent sets, whatever they are for.
pub(super) fn back_up(disk: &Disk, parts: &mpsc::Sender<Part>) -> Result<Cut, StoreError> {
    let snapshot = disk.snapshot();
    let mut cut = Cut { schema: layout::SCHEMA, log_length: 0, rows: 0 };
    for (name, keyspace) in disk.kept_keyspaces()? {
        let mut part = Part::of(&name);
        for entry in snapshot.iter(&keyspace) {
            let (key, value) = entry.into_inner()?;
            part.push(&key, &value)?;
            cut.rows += 1;
            cut.log_length += u64::from(name == layout::LOG);
            if part.rows.len() >= PART_BYTES {
                let full = std::mem::replace(&mut part, Part::of(&name));
                parts.blocking_send(full).map_err(|_| StoreError::Closed)?;
            }
        }
        // An empty table is a part, too: it is to be there again.
        parts.blocking_send(part).map_err(|_| StoreError::Closed)?;
    }
    Ok(cut)
}

/// Makes the store in `path` out of parts. It stands there whole or not at all.
pub(super) fn restore(
    path: &Path,
    schema: u32,
    parts: impl Iterator<Item = Result<Part, StoreError>>,
) -> Result<(), StoreError> {
    if schema > layout::SCHEMA {
        return Err(StoreError::Schema { found: schema, known: layout::SCHEMA });
    }
    let options = EmbeddedOptions::default();
    let (engine, unfinished) = (path.join("engine"), path.join("engine.unfinished"));
    if engine.try_exists()? {
        return Err(StoreError::Engine(format!(
            "there is a store in '{}' already: name an empty folder",
            path.display()
        )));
    }
    fs::create_dir_all(path)?;
    if unfinished.try_exists()? {
        fs::remove_dir_all(&unfinished)?;
    }
    let db = open_database(&unfinished, &options)?;
    for part in parts {
        let Part { table, rows } = part?;
        let is_name =
            !table.is_empty() && table.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !is_name || layout::epoch_of_name(&table).is_some() {
            return Err(StoreError::Engine(format!("'{table}' is no table of a backup")));
        }
        let keyspace = db.keyspace(&table, || small_keyspace(&options))?;
        let mut rest = &rows[..];
        while !rest.is_empty() {
            let mut batch = db.batch();
            for _ in 0..AT_ONCE {
                let Some((key, value)) = take_row(&mut rest) else { break };
                batch.insert(&keyspace, key, value);
            }
            if batch.is_empty() {
                return Err(StoreError::Engine(format!("a row of '{table}' is cut short")));
            }
            batch.commit()?;
        }
    }
    db.persist(PersistMode::SyncAll)?;
    drop(db);
    fs::rename(&unfinished, &engine)?;
    Ok(File::open(path)?.sync_all()?)
}
