//! The spent set of one epoch, in generations.
//!
//! Nullifiers are random, and a merge tree that takes random keys merges each of them the more often the larger it
//! grows. So a key begins with the number of its generation, which rises every few million nullifiers: tables of a
//! generation that is full lie apart from all that is written later and are never merged again. What that costs is that
//! a nullifier may stand in any generation; a filter in memory for each says in which, and nearly always: in none.
//!
//! A generation's filter is written in the same batch as the last nullifiers of it. Opening reads those and goes through the
//! nullifiers of the generation that is not full.

use std::fmt;

use fjall::{Keyspace, OwnedWriteBatch};
use parking_lot::RwLock;
use tacita_tokens::{Fingerprint, Nullifier};

use super::{
    filter::{Filter, Probe},
    layout,
};
use crate::StoreError;

/// The nullifiers of an epoch with their fingerprints.
pub(super) struct SpentSet {
    pub(super) keyspace: Keyspace,
    generations: RwLock<Generations>,
    /// How many nullifiers a generation takes.
    size: usize,
}

struct Generations {
    /// By number. The last one is being filled.
    filters: Vec<Filter>,
    /// How many nullifiers the last one has.
    filled: usize,
}

impl SpentSet {
    /// Brings the filters of what stands in the keyspace into memory.
    pub(super) fn open(keyspace: Keyspace, size: usize) -> Result<Self, StoreError> {
        let last = match keyspace.last_key_value() {
            Some(last) => Some(layout::generation_of(keyspace.name(), &last.key()?)?),
            None => None,
        };
        let mut generations = Generations { filters: Vec::new(), filled: size };
        for generation in last.map_or(0..0, |last| 0..last + 1) {
            let (filter, filled) = match keyspace.get(layout::filter_key(generation))? {
                Some(bytes) => {
                    let filter = Filter::from_bytes(&bytes);
                    (filter.ok_or_else(|| layout::malformed(keyspace.name(), &generation.to_be_bytes()))?, size)
                }
                None => gather(&keyspace, generation, size)?,
            };
            generations.filters.push(filter);
            generations.filled = filled;
        }
        generations.make_room(size);
        Ok(Self { keyspace, generations: RwLock::new(generations), size })
    }

    /// False only if no nullifier of these is spent. Asks no disk.
    pub(super) fn may_hold_any(&self, nullifiers: &[Nullifier]) -> bool {
        let generations = self.generations.read();
        nullifiers.iter().any(|nullifier| generations.holding(nullifier).next().is_some())
    }

    /// The fingerprint of a nullifier that is spent.
    pub(super) fn get(&self, nullifier: &Nullifier) -> Result<Option<Fingerprint>, StoreError> {
        // Looked for without the lock, so that the writer waits for no disk but its own.
        let holding: Vec<u32> = self.generations.read().holding(nullifier).collect();
        for generation in holding {
            if let Some(value) = self.keyspace.get(layout::spent_key(generation, nullifier))? {
                let bytes = value.as_ref().try_into();
                let bytes = bytes.map_err(|_| layout::malformed(self.keyspace.name(), &value))?;
                return Ok(Some(Fingerprint::from_bytes(bytes)));
            }
        }
        Ok(None)
    }

    /// Puts nullifiers that are absent into the batch. For the writer. Should the batch fail, the filters hold some
    /// that are not there, and a generation may stay without its own on the disk: both cost a look-up and nothing else.
    pub(super) fn insert(&self, fresh: Vec<(Nullifier, Fingerprint)>, batch: &mut OwnedWriteBatch) {
        let mut generations = self.generations.write();
        let (generation, filter) = generations.last();
        for (nullifier, fingerprint) in &fresh {
            filter.add(nullifier.into());
            batch.insert(&self.keyspace, layout::spent_key(generation, nullifier), fingerprint.as_bytes());
        }
        generations.filled += fresh.len();
        if generations.filled >= self.size {
            let (generation, filter) = generations.last();
            batch.insert(&self.keyspace, layout::filter_key(generation), filter.to_bytes());
            generations.make_room(self.size);
        }
    }
}

impl Generations {
    /// The generations that a nullifier may stand in.
    fn holding(&self, nullifier: &Nullifier) -> impl Iterator<Item = u32> {
        let probe = Probe::from(nullifier);
        (0..).zip(&self.filters).filter(move |(_, filter)| filter.may_hold(probe)).map(|(generation, _)| generation)
    }

    /// The one that is being filled: there always is one.
    fn last(&self) -> (u32, &Filter) {
        let last = self.filters.len() - 1;
        // Generations are of millions, and nullifiers of an epoch fewer than 2⁵⁰.
        (last as u32, &self.filters[last])
    }

    /// Begins a generation if the last one is full.
    fn make_room(&mut self, size: usize) {
        if self.filled >= size {
            self.filters.push(Filter::with_room_for(size));
            self.filled = 0;
        }
    }
}

/// The filter of a generation that was not written, and how many nullifiers it has.
fn gather(keyspace: &Keyspace, generation: u32, size: usize) -> Result<(Filter, usize), StoreError> {
    let (filter, mut filled) = (Filter::with_room_for(size), 0);
    for entry in keyspace.prefix(generation.to_be_bytes()) {
        let key = entry.key()?;
        filter.add((&layout::spent_nullifier(keyspace.name(), &key)?).into());
        filled += 1;
    }
    Ok((filter, filled))
}

impl fmt::Debug for SpentSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpentSet({} generations)", self.generations.read().filters.len())
    }
}
