//! Migrations of the layout: run up when the store is opened, one version after the other, and never down.
//!
//! | from | to | what is done |
//! |---|---|---|
//! | 1 | 2 | nullifiers get a generation: their keys are rewritten |
//! | 2 | 3 | the record begins: two keyspaces more, and its first period has all that was counted until then |
//!
//! A migration that is cut short goes on at the next opening: each one may be done again from wherever it stopped, and
//! the version is raised when it is done.

use fjall::{Database, Keyspace, OwnedWriteBatch, PersistMode};
use tacita_tokens::Nullifier;

use super::{
    EmbeddedOptions,
    disk::{small_keyspace, spent_keyspace},
    filter::Filter,
    layout,
};
use crate::StoreError;

/// How many nullifiers are rewritten in one batch.
const STEP: usize = 16_384;
/// The length of a key of version 1: a nullifier.
const OLD_KEY: usize = 16;

/// Brings a store of an older version up to [`layout::SCHEMA`]; refuses one of a version that is not known.
pub(super) fn bring_up(db: &Database, options: &EmbeddedOptions) -> Result<(), StoreError> {
    let meta = db.keyspace(layout::META, || small_keyspace(options))?;
    let found = meta.get(layout::SCHEMA_KEY)?.ok_or_else(|| layout::malformed(layout::META, layout::SCHEMA_KEY))?;
    let found = layout::number(layout::META, &found)?;
    if !(1..=layout::SCHEMA).contains(&found) {
        return Err(StoreError::Schema { found, known: layout::SCHEMA });
    }
    for version in found..layout::SCHEMA {
        tracing::info!(from = version, to = version + 1, "the store is migrated");
        if version == 1 {
            give_generations(db, options)?;
        }
        let mut batch = synced(db);
        batch.insert(&meta, layout::SCHEMA_KEY, (version + 1).to_be_bytes());
        batch.commit()?;
    }
    Ok(())
}

/// Version 1 had a nullifier as the whole key. No key of a later version is as long, so what is left to do shows.
fn give_generations(db: &Database, options: &EmbeddedOptions) -> Result<(), StoreError> {
    for name in db.list_keyspace_names() {
        if layout::epoch_of_name(&name).is_some() {
            let keyspace = db.keyspace(&name, || spent_keyspace(options))?;
            give_generations_in(db, &keyspace, options.generation_entries.max(1))?;
        }
    }
    Ok(())
}

fn give_generations_in(db: &Database, keyspace: &Keyspace, size: usize) -> Result<(), StoreError> {
    // What an attempt that was cut short has written is left alone: a generation may have fewer nullifiers than it could.
    let mut generation = 0;
    for entry in keyspace.iter() {
        let key = entry.key()?;
        if key.len() != OLD_KEY {
            generation = generation.max(layout::generation_of(keyspace.name(), &key)? + 1);
        }
    }
    let (mut filter, mut filled) = (Filter::with_room_for(size), 0);
    let (mut batch, mut waiting) = (synced(db), 0);
    // What is written meanwhile is not among what is gone through: an iterator keeps to what was there when it began.
    for entry in keyspace.iter() {
        let (key, fingerprint) = entry.into_inner()?;
        let Ok(nullifier) = <[u8; OLD_KEY]>::try_from(key.as_ref()) else { continue };
        let nullifier = Nullifier::from_bytes(nullifier);
        filter.add((&nullifier).into());
        batch.insert(keyspace, layout::spent_key(generation, &nullifier), fingerprint);
        batch.remove(keyspace, key);
        (filled, waiting) = (filled + 1, waiting + 1);
        if filled == size {
            batch.insert(keyspace, layout::filter_key(generation), filter.to_bytes());
            (filter, filled, generation) = (Filter::with_room_for(size), 0, generation + 1);
        }
        if waiting == STEP {
            std::mem::replace(&mut batch, synced(db)).commit()?;
            waiting = 0;
        }
    }
    Ok(batch.commit()?)
}

/// A batch whose commit returns when it is on the disk.
fn synced(db: &Database) -> OwnedWriteBatch {
    db.batch().durability(Some(PersistMode::SyncAll))
}

#[cfg(test)]
mod tests;
