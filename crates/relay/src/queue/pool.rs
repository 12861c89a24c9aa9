//! Which envelopes wait, when a batch is due, and the draw.
//!
//! The pool knows 16 random bytes per envelope and one instant in all: no envelope has a time or a place in a line.

use rand::{CryptoRng, RngExt as _};
use tokio::time::Instant;

use super::disk::Key;
use crate::config::BatchPolicy;

/// The keys of the envelopes that wait.
#[derive(Debug, Default)]
pub(super) struct Pool {
    keys: Vec<Key>,
    /// When the pool began to wait: no envelope in it came earlier, but for those that the last draw left behind.
    since: Option<Instant>,
}

/// What waits, as others may know it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Waiting {
    /// Envelopes in the pool.
    pub(super) envelopes: usize,
    /// When the pool began to wait.
    pub(super) since: Option<Instant>,
    /// Batches drawn before a restart that nobody uploads yet.
    pub(super) orphans: usize,
}

impl Pool {
    /// A pool of what a restart found; its age counts from here.
    pub(super) fn recovered(keys: Vec<Key>) -> Self {
        let since = (!keys.is_empty()).then(Instant::now);
        Self { keys, since }
    }

    pub(super) fn extend(&mut self, keys: impl IntoIterator<Item = Key>) {
        self.keys.extend(keys);
        if !self.keys.is_empty() {
            self.since.get_or_insert_with(Instant::now);
        }
    }

    /// Takes `size` keys, drawn uniformly from the whole pool without replacement, in the order drawn: every ordered
    /// choice is equally likely, whenever each envelope came.
    pub(super) fn draw(&mut self, size: usize, rng: &mut impl CryptoRng) -> Vec<Key> {
        let size = size.min(self.keys.len());
        let drawn = (0..size).map(|_| self.keys.swap_remove(rng.random_range(0..self.keys.len()))).collect();
        // What is left waits at most another `age`: better than a small batch at once.
        self.since = (!self.keys.is_empty()).then(Instant::now);
        self.keys.shrink_to(self.keys.len().saturating_mul(4));
        drawn
    }

    pub(super) fn waiting(&self, orphans: usize) -> Waiting {
        Waiting { envelopes: self.keys.len(), since: self.since, orphans }
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }
}

impl Waiting {
    /// When a batch should leave: in the past if at once, `None` if nothing waits.
    pub(super) fn due_at(&self, policy: &BatchPolicy) -> Option<Instant> {
        if self.orphans > 0 || self.envelopes >= policy.least {
            return Some(Instant::now());
        }
        self.since.filter(|_| self.envelopes > 0).and_then(|since| since.checked_add(policy.age))
    }
}

impl BatchPolicy {
    /// How many of `waiting` envelopes leave together: all, or so many that the rest is no smaller than `least`.
    pub(super) fn batch_of(&self, waiting: usize) -> usize {
        match waiting {
            _ if waiting <= self.most => waiting,
            _ if waiting - self.most < self.least => waiting - self.least,
            _ => self.most,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, time::Duration};

    use super::*;

    const POLICY: BatchPolicy = BatchPolicy { least: 10, age: Duration::from_secs(60), most: 40 };

    fn keys(count: u8) -> Vec<Key> {
        (0..count).map(|number| [number; 16]).collect()
    }

    #[test]
    fn no_batch_of_a_large_queue_is_smaller_than_least() {
        for waiting in 10..1_000 {
            let mut left = waiting;
            while left > 0 {
                let batch = POLICY.batch_of(left);
                assert!((POLICY.least..=POLICY.most).contains(&batch), "{batch} of {left}");
                left -= batch;
            }
        }
    }

    #[test]
    fn a_batch_is_due_when_enough_wait_or_the_wait_was_long() {
        let now = Instant::now();
        let waiting = |envelopes, orphans| Waiting { envelopes, since: Some(now), orphans };
        assert_eq!(Waiting::default().due_at(&POLICY), None);
        assert_eq!(waiting(9, 0).due_at(&POLICY), Some(now + POLICY.age));
        assert!(waiting(10, 0).due_at(&POLICY).unwrap() <= Instant::now());
        assert!(waiting(0, 1).due_at(&POLICY).unwrap() <= Instant::now());
    }

    #[test]
    fn a_draw_takes_each_key_once_and_leaves_the_rest() {
        let mut pool = Pool::recovered(keys(100));
        let first = pool.draw(30, &mut rand::rng());
        let rest = pool.draw(100, &mut rand::rng());
        let all: BTreeSet<Key> = first.iter().chain(&rest).copied().collect();
        assert_eq!((first.len(), rest.len(), all.len(), pool.len()), (30, 70, 100, 0));
        assert_eq!(pool.waiting(0).due_at(&POLICY), None);
    }

    /// χ² of where the first arrival lands among the places of a batch, and of which arrivals land in the first place:
    /// 9 degrees of freedom, so 40 is passed by chance less than once in 100,000 runs.
    #[test]
    fn every_arrival_is_as_likely_in_every_place() {
        const RUNS: usize = 5_000;
        let (mut places_of_first, mut firsts) = ([0_usize; 10], [0_usize; 10]);
        for _ in 0..RUNS {
            let drawn = Pool::recovered(keys(10)).draw(10, &mut rand::rng());
            firsts[usize::from(drawn[0][0])] += 1;
            places_of_first[drawn.iter().position(|key| key[0] == 0).unwrap()] += 1;
        }
        let expected = RUNS as f64 / 10.0;
        let chi2 = |counts: &[usize]| counts.iter().map(|&n| (n as f64 - expected).powi(2) / expected).sum::<f64>();
        assert!(chi2(&places_of_first) < 40.0 && chi2(&firsts) < 40.0);
    }
}
