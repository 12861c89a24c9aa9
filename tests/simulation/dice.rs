//! Chance, from the seed alone, and what it lets happen to a call.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use parking_lot::Mutex;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Chance. Clones draw from one sequence.
#[derive(Clone, Debug)]
pub(crate) struct Dice(Arc<Mutex<ChaCha8Rng>>);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(ChaCha8Rng::seed_from_u64(seed))))
    }

    /// A sequence of its own: what one part draws then changes nothing for the others.
    pub(crate) fn fork(&self) -> Self {
        Self::new(self.0.lock().random())
    }

    /// A generator for those who take one.
    pub(crate) fn generator(&self) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(self.0.lock().random())
    }

    pub(crate) fn below(&self, bound: usize) -> usize {
        self.0.lock().random_range(0..bound)
    }

    pub(crate) fn one_in(&self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    pub(crate) fn bytes(&self) -> [u8; 32] {
        self.0.lock().random()
    }
}

/// What befalls a call that would change something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    /// Nothing.
    Pass,
    /// An error, and it was not done.
    FailsBefore,
    /// An error, though it was done.
    FailsAfter,
    /// The process ends, and it was not done.
    DiesBefore,
    /// The process ends when it was done.
    DiesAfter,
}

/// Whether and how often faults happen, for all processes; and how many have.
#[derive(Clone, Debug)]
pub(crate) struct Faults {
    dice: Dice,
    armed: Arc<AtomicBool>,
    happened: Arc<AtomicU64>,
}

impl Faults {
    pub(crate) fn new(dice: Dice) -> Self {
        Self { dice, armed: Arc::default(), happened: Arc::default() }
    }

    /// Lets faults happen, or not.
    pub(crate) fn arm(&self, armed: bool) {
        self.armed.store(armed, Relaxed);
    }

    pub(crate) fn are_armed(&self) -> bool {
        self.armed.load(Relaxed)
    }

    /// One in `chances`, while faults may happen.
    pub(crate) fn strike(&self, chances: usize) -> bool {
        let strikes = self.are_armed() && self.dice.one_in(chances);
        self.happened.fetch_add(strikes.into(), Relaxed);
        strikes
    }

    pub(crate) fn pick(&self, bound: usize) -> usize {
        self.dice.below(bound)
    }

    pub(crate) fn happened(&self) -> u64 {
        self.happened.load(Relaxed)
    }
}

/// One process: dead from the fault that ends it until another is started in its place.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    faults: Faults,
    dead: Arc<AtomicBool>,
}

impl Process {
    pub(crate) fn new(faults: Faults) -> Self {
        Self { faults, dead: Arc::default() }
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Relaxed)
    }

    /// What befalls its next call. A dead process calls nobody.
    pub(crate) fn next(&self) -> Fate {
        if self.is_dead() {
            return Fate::DiesBefore;
        }
        if !self.faults.strike(14) {
            return Fate::Pass;
        }
        let fates = [Fate::FailsBefore, Fate::FailsAfter, Fate::DiesBefore, Fate::DiesAfter];
        let fate = fates[self.faults.pick(fates.len())];
        if matches!(fate, Fate::DiesBefore | Fate::DiesAfter) {
            self.dead.store(true, Relaxed);
        }
        fate
    }

    /// Whether its next call that changes nothing fails.
    pub(crate) fn fails_to_read(&self) -> bool {
        self.is_dead() || self.faults.strike(60)
    }

    pub(crate) fn pick(&self, bound: usize) -> usize {
        self.faults.pick(bound)
    }
}
