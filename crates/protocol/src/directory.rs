//! Comparing the key directories that different relays serve.
//!
//! A collector that gave one publisher's visitors another key could recognise them by it. The chain ties a directory
//! together; only a comparison finds two directories that are each whole.

use std::{collections::BTreeMap, fmt};

use crate::epoch::{EpochEntry, EpochId};

/// Something that two directories say differently of one epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Difference {
    /// The public key: whoever serves them treats visitors differently.
    PublicKey,
    /// The chain value: their histories of keys differ.
    Chain,
    /// When it starts, ends or closes. A manifest that is older than a rotation says so for a while.
    Times,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PublicKey => "another public key",
            Self::Chain => "another chain value",
            Self::Times => "other times",
        })
    }
}

/// Two sources that disagree on an epoch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Disagreement {
    /// The epoch.
    pub epoch: EpochId,
    /// On what.
    pub difference: Difference,
    /// The first source that lists the epoch.
    pub first: String,
    /// The source that says otherwise.
    pub other: String,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "epoch {}: {} says {} than {}", self.epoch, self.other, self.difference, self.first)
    }
}

/// Compares the directories of several sources, each given with its name; every difference from the first source that lists the
/// epoch, by epoch.
pub fn compare(directories: &[(String, Vec<EpochEntry>)]) -> Vec<Disagreement> {
    let mut first: BTreeMap<EpochId, (&str, &EpochEntry)> = BTreeMap::new();
    let mut found = Vec::new();
    for (source, entries) in directories {
        for entry in entries {
            let &mut (known, reference) = first.entry(entry.epoch).or_insert((source, entry));
            let disagreements = differences(reference, entry).map(|difference| Disagreement {
                epoch: entry.epoch,
                difference,
                first: known.to_owned(),
                other: source.clone(),
            });
            found.extend(disagreements);
        }
    }
    found.sort_by_key(|disagreement| disagreement.epoch);
    found
}

fn differences(left: &EpochEntry, right: &EpochEntry) -> impl Iterator<Item = Difference> + use<> {
    let times = |entry: &EpochEntry| (entry.starts_at, entry.ends_at, entry.closes_at);
    let found = [
        (left.public_key != right.public_key, Difference::PublicKey),
        (left.chain != right.chain, Difference::Chain),
        (times(left) != times(right), Difference::Times),
    ];
    found.into_iter().filter_map(|(differs, difference)| differs.then_some(difference))
}

#[cfg(test)]
mod tests {
    use tacita_tokens::EpochKey;

    use super::*;
    use crate::{epoch::EpochSchedule, time::UnixTime};

    fn entry(previous: Option<&EpochEntry>) -> EpochEntry {
        let key = EpochKey::generate(&mut rand::rng()).unwrap().public_key();
        EpochEntry::following(previous, key, UnixTime(1_000), &EpochSchedule::default())
    }

    #[test]
    fn equal_directories_agree_where_they_overlap() {
        let first = entry(None);
        let second = entry(Some(&first));
        let directories = [("a".to_owned(), vec![first, second.clone()]), ("b".to_owned(), vec![second])];
        assert_eq!(compare(&directories), []);
    }

    #[test]
    fn each_difference_is_named_with_its_epoch_and_both_sources() {
        let honest = entry(None);
        let mut rotated = honest.clone();
        rotated.ends_at = rotated.starts_at.plus(1);
        let directories =
            [("a".to_owned(), vec![honest]), ("b".to_owned(), vec![entry(None)]), ("c".to_owned(), vec![rotated])];
        let said: Vec<String> = compare(&directories).iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "epoch 1: b says another public key than a",
                "epoch 1: b says another chain value than a",
                "epoch 1: c says other times than a",
            ]
        );
    }
}
