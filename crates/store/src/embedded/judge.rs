//! Which entries of a group of commits count. Knows of no disk.

use tacita_tokens::{Fingerprint, Nullifier};

use crate::{Entry, Verdict};

/// What is to become of the commits to one epoch that are judged together.
pub(super) struct Judgement {
    /// For each commit, for each of its entries, in order.
    pub(super) verdicts: Vec<Vec<Verdict>>,
    /// What is to be spent, by rising nullifier.
    pub(super) fresh: Vec<(Nullifier, Fingerprint)>,
}

/// Where an entry stands: its commit, its place there.
type Place = (usize, usize);

/// Judges commits to one epoch as if one came after the other, looking each nullifier up once, in sorted order.
///
/// `spent` says what the epoch's spent set held before.
pub(super) fn judge<E>(
    commits: &[&[Entry]],
    mut spent: impl FnMut(&Nullifier) -> Result<Option<Fingerprint>, E>,
) -> Result<Judgement, E> {
    // Overwritten below: each place stands in `order` once.
    let mut verdicts: Vec<Vec<Verdict>> =
        commits.iter().map(|entries| vec![Verdict::AlreadyCounted; entries.len()]).collect();
    let mut fresh = Vec::new();
    for same in sorted(commits).chunk_by(|(left, _), (right, _)| left == right) {
        let nullifier = same[0].0;
        let mut held = spent(&nullifier)?;
        for &(_, (commit, place)) in same {
            let fingerprint = commits[commit][place].fingerprint;
            verdicts[commit][place] = match held {
                None => {
                    held = Some(fingerprint);
                    fresh.push((nullifier, fingerprint));
                    Verdict::Counted
                }
                Some(held) if held == fingerprint => Verdict::AlreadyCounted,
                Some(_) => Verdict::Spent,
            };
        }
    }
    Ok(Judgement { verdicts, fresh })
}

/// All entries by nullifier; those with the same one in the order of their arrival.
fn sorted(commits: &[&[Entry]]) -> Vec<(Nullifier, Place)> {
    let mut order: Vec<(Nullifier, Place)> = commits
        .iter()
        .enumerate()
        .flat_map(|(commit, entries)| {
            entries.iter().enumerate().map(move |(place, entry)| (entry.nullifier, (commit, place)))
        })
        .collect();
    order.sort_unstable();
    order
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use tacita_protocol::{id::MeasureId, time::WindowId};

    use super::*;
    use crate::{Increments, Series};

    fn entry((nullifier, fingerprint): (u8, u8)) -> Entry {
        Entry {
            nullifier: Nullifier::from_bytes([nullifier; 16]),
            fingerprint: Fingerprint::from_bytes([fingerprint; 8]),
            series: Series { measure: MeasureId(1), window: WindowId(1) },
            increments: Increments::One(0),
        }
    }

    /// The contract read aloud: one entry after the other against a map.
    fn one_by_one(commits: &[Vec<Entry>], set: &mut BTreeMap<Nullifier, Fingerprint>) -> Vec<Vec<Verdict>> {
        let mut verdict = |entry: &Entry| match set.get(&entry.nullifier) {
            None => {
                set.insert(entry.nullifier, entry.fingerprint);
                Verdict::Counted
            }
            Some(held) if *held == entry.fingerprint => Verdict::AlreadyCounted,
            Some(_) => Verdict::Spent,
        };
        commits.iter().map(|entries| entries.iter().map(&mut verdict).collect()).collect()
    }

    proptest! {
        #[test]
        fn judging_a_group_equals_judging_its_entries_one_by_one(
            before in prop::collection::vec((0..12_u8, 0..3_u8), 0..6),
            commits in prop::collection::vec(prop::collection::vec((0..12_u8, 0..3_u8), 0..8), 0..5),
        ) {
            let mut set = BTreeMap::new();
            one_by_one(&[before.into_iter().map(entry).collect()], &mut set);
            let held = set.clone();
            let commits: Vec<Vec<Entry>> =
                commits.into_iter().map(|entries| entries.into_iter().map(entry).collect()).collect();
            let slices: Vec<&[Entry]> = commits.iter().map(Vec::as_slice).collect();

            let judged = judge(&slices, |nullifier| Ok::<_, ()>(held.get(nullifier).copied())).unwrap();

            prop_assert_eq!(judged.verdicts, one_by_one(&commits, &mut set));
            let fresh: BTreeMap<_, _> = set.into_iter().filter(|(nullifier, _)| !held.contains_key(nullifier)).collect();
            prop_assert!(judged.fresh.is_sorted());
            prop_assert_eq!(judged.fresh.len(), fresh.len());
            prop_assert_eq!(judged.fresh.into_iter().collect::<BTreeMap<_, _>>(), fresh);
        }
    }
}
