//! A store as it is at one instant, handed out in parts while it goes on, and made anew from them.
//!
//! What is spent is not in it. Whoever restores a store cannot know what was spent after the cut, so every epoch that
//! was open then must be closed for good (`spec/operation.md`, section 3), and of a closed epoch the spent set is
//! dropped. So what it held before would never be asked again.

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::StoreError;

/// About how many bytes of rows a part has. A part has at least one row, and a row may be larger.
pub const PART_BYTES: usize = 256 << 10;

/// Some rows of one table, in the order of the table.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Part {
    /// The table's name, of `a-z0-9-`.
    pub table: String,
    /// `u32(key's length) ‖ u32(value's length) ‖ key ‖ value` for each, numbers big-endian.
    pub rows: Vec<u8>,
}

/// What was cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cut {
    /// The version of the layout that the rows are in.
    pub schema: u32,
    /// How many entries the change log has in it.
    pub log_length: u64,
    /// How many rows there are, of all tables.
    pub rows: u64,
}

/// An engine whose state can be handed out while commits go on.
#[async_trait]
pub trait Backup: Send + Sync + std::fmt::Debug {
    /// Sends every row as it stood at one instant: each commit is in it whole or not at all, and all that had returned
    /// before the call are.
    ///
    /// Commits go on meanwhile, and wait for nothing but the instant. Of tables that nobody reads from the channel,
    /// memory holds what the channel holds.
    ///
    /// # Errors
    /// [`StoreError::Closed`] when the receiver is gone; any fault of the store.
    async fn back_up(&self, parts: mpsc::Sender<Part>) -> Result<Cut, StoreError>;
}

impl Part {
    /// An empty one.
    pub fn of(table: &str) -> Self {
        Self { table: table.to_owned(), rows: Vec::new() }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// [`StoreError::Engine`] for a key or a value of 4 GiB.
    pub fn push(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let length =
            |bytes: &[u8]| u32::try_from(bytes.len()).map_err(|_| StoreError::Engine("a row of 4 GiB".to_owned()));
        self.rows.extend(length(key)?.to_be_bytes());
        self.rows.extend(length(value)?.to_be_bytes());
        self.rows.extend(key);
        self.rows.extend(value);
        Ok(())
    }
}

/// Takes the first row off `rows`: key and value. `None` where there is no whole one.
pub fn take_row<'a>(rows: &mut &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let (head, rest) = rows.split_at_checked(8)?;
    let length =
        |bytes: &[u8]| bytes.try_into().ok().map(u32::from_be_bytes).and_then(|length| usize::try_from(length).ok());
    let (key, rest) = rest.split_at_checked(length(&head[..4])?)?;
    let (value, rest) = rest.split_at_checked(length(&head[4..])?)?;
    *rows = rest;
    Some((key, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn rows_come_back_as_they_went_and_what_is_cut_short_is_none(
            given in proptest::collection::vec((proptest::collection::vec(0..=u8::MAX, 0..20), proptest::collection::vec(0..=u8::MAX, 0..20)), 0..10),
            cut in 0..400_usize,
        ) {
            let mut part = Part::of("t");
            given.iter().for_each(|(key, value)| part.push(key, value).unwrap());
            let mut rows = &part.rows[..];
            let back: Vec<_> = std::iter::from_fn(|| take_row(&mut rows)).map(|(k, v)| (k.to_vec(), v.to_vec())).collect();
            proptest::prop_assert_eq!(&back, &given);
            let mut torn = &part.rows[..cut.min(part.rows.len())];
            let some: Vec<_> = std::iter::from_fn(|| take_row(&mut torn)).collect();
            proptest::prop_assert!(some.len() <= given.len());
        }
    }
}
