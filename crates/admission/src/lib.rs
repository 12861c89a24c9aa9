//! Admission: a server takes as much work as gets through in the time that it may take, and refuses the rest at once
//! (`spec/limits.md`).
//!
//! A queue that is bounded by its length makes everyone in it late on a slow machine, and is too short on a fast one.
//! So the bound is a time: by Little's law, what is in work is the pace times the time that it stays. The pace is
//! measured while the server is full, over the whole way of a request, whatever its narrowest place is: processors, the
//! disk, a database.
//!
//! | module | holds |
//! |---|---|
//! | `pace` | how much gets through in a second |
//! | `door` | refusal by a request's head, before its body is decoded |
//!
//! It knows nothing of what the work is.

mod door;
mod pace;

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    hash::Hash,
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{sync::oneshot, time::Instant};

pub use self::door::Door;
use self::pace::Pace;

/// Who comes in, and how much is in work. Clones share it. `K` tells apart whose work it is.
pub struct Admission<K: Eq + Hash + Clone>(Arc<Mutex<Work<K>>>);

/// Leave to have some work in work, until it is dropped.
#[must_use]
pub struct Leave<K: Eq + Hash + Clone> {
    admission: Admission<K>,
    whose: K,
    amount: usize,
}

/// What is in work, and what may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InWork {
    /// In work.
    pub amount: usize,
    /// What may be, at the present pace.
    pub window: usize,
}

struct Work<K: Eq + Hash + Clone> {
    /// How long what comes in may take.
    time: Duration,
    /// So much may be in work at any pace.
    least: usize,
    amount: usize,
    /// Of each who has some in work.
    of: HashMap<K, usize>,
    /// How much came last, of those who are refused otherwise.
    last: usize,
    waiting: VecDeque<Waiting<K>>,
    pace: Pace,
}

struct Waiting<K: Eq + Hash + Clone> {
    whose: K,
    amount: usize,
    leave: oneshot::Sender<Leave<K>>,
}

impl<K: Eq + Hash + Clone> Admission<K> {
    /// Admits what gets through in `time`, and `least` at any pace: as much as keeps every part of the server busy. No
    /// time admits nothing.
    pub fn new(time: Duration, least: usize) -> Self {
        let (of, waiting, pace) = (HashMap::new(), VecDeque::new(), Pace::default());
        Self(Arc::new(Mutex::new(Work { time, least, amount: 0, of, last: 1, waiting, pace })))
    }

    /// Leave for `amount`, or none: try again later.
    ///
    /// One may have as much in work as is free for all others. So who comes with more than everything keeps half of it,
    /// and whoever comes beside finds room (dynamic thresholds: Choudhury and Hahne 1998). Those that wait in turn go
    /// before.
    pub fn enter(&self, whose: &K, amount: usize) -> Option<Leave<K>> {
        let mut work = self.0.lock();
        work.last = amount;
        if work.has_room_for(whose, amount) {
            return Some(self.leave(&mut work, whose.clone(), amount));
        }
        work.pace.is_full(Instant::now());
        None
    }

    /// Whether there is room for as much work of `whose` as came last: for a refusal before it is known how much it is.
    /// With room for less everyone would come in here, to be refused by [`Admission::enter`] after all that was done to
    /// know.
    pub fn has_room(&self, whose: &K) -> bool {
        let mut work = self.0.lock();
        let room = work.has_room_for(whose, work.last);
        if !room {
            work.pace.is_full(Instant::now());
        }
        room
    }

    /// Leave for `amount`, in turn. For callers whose own number is bounded. `None` when there is never any, with no
    /// time to take.
    pub async fn enter_in_turn(&self, whose: &K, amount: usize) -> Option<Leave<K>> {
        let turn = {
            let mut work = self.0.lock();
            if work.time.is_zero() {
                return None;
            }
            if work.waiting.is_empty() && work.has_room_in_turn(amount) {
                return Some(self.leave(&mut work, whose.clone(), amount));
            }
            work.pace.is_full(Instant::now());
            let (leave, turn) = oneshot::channel();
            work.waiting.push_back(Waiting { whose: whose.clone(), amount, leave });
            turn
        };
        turn.await.ok()
    }

    /// How much is in work now.
    pub fn in_work(&self) -> InWork {
        let work = self.0.lock();
        InWork { amount: work.amount, window: work.window() }
    }

    fn leave(&self, work: &mut Work<K>, whose: K, amount: usize) -> Leave<K> {
        work.amount += amount;
        *work.of.entry(whose.clone()).or_default() += amount;
        Leave { admission: self.clone(), whose, amount }
    }
}

impl<K: Eq + Hash + Clone> Work<K> {
    fn window(&self) -> usize {
        if self.time.is_zero() { 0 } else { self.pace.in_time(self.time).max(self.least) }
    }

    /// For one who is refused otherwise. A batch that is larger than what there may be of one comes in where half of
    /// the least would.
    fn has_room_for(&self, whose: &K, amount: usize) -> bool {
        let own = self.of.get(whose).copied().unwrap_or(0);
        let free = self.window().saturating_sub(self.amount);
        !self.time.is_zero() && self.waiting.is_empty() && own + self.counted(amount) <= free
    }

    /// For one who waits otherwise.
    fn has_room_in_turn(&self, amount: usize) -> bool {
        self.amount + self.counted(amount) <= self.window()
    }

    fn counted(&self, amount: usize) -> usize {
        amount.min(self.least.div_ceil(2))
    }

    fn give_back(&mut self, whose: &K, amount: usize) {
        self.amount -= amount;
        if let Some(of) = self.of.get_mut(whose) {
            *of -= amount;
            if *of == 0 {
                self.of.remove(whose);
            }
        }
        let is_full = !self.waiting.is_empty() || self.amount > self.window() / 4;
        self.pace.did(amount, is_full, Instant::now());
    }
}

impl<K: Eq + Hash + Clone> Drop for Leave<K> {
    fn drop(&mut self) {
        // Leaves whose callers went away while they waited: they are given back when the lock is free again.
        let mut gone = Vec::new();
        let mut work = self.admission.0.lock();
        work.give_back(&self.whose, self.amount);
        while let Some(next) = work.waiting.front().filter(|next| work.has_room_in_turn(next.amount))
            && let (whose, amount) = (next.whose.clone(), next.amount)
            && let Some(next) = work.waiting.pop_front()
        {
            let leave = self.admission.leave(&mut work, whose, amount);
            gone.extend(next.leave.send(leave).err());
        }
        drop(work);
    }
}

impl<K: Eq + Hash + Clone> Clone for Admission<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K: Eq + Hash + Clone> fmt::Debug for Admission<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Admission({:?})", self.in_work())
    }
}

impl<K: Eq + Hash + Clone> fmt::Debug for Leave<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Leave({})", self.amount)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    const TIME: Duration = Duration::from_millis(100);

    #[tokio::test(start_paused = true)]
    async fn one_keeps_half_and_another_finds_room() {
        let admission = Admission::new(TIME, 100);
        let held: Vec<_> = std::iter::from_fn(|| admission.enter(&"flood", 10)).collect();
        assert_eq!(held.len(), 5);
        assert!(!admission.has_room(&"flood") && admission.has_room(&"other"));
        let _other = admission.enter(&"other", 20).unwrap();
        assert!(admission.enter(&"other", 20).is_none());
        drop(held);
        assert_eq!(admission.in_work(), InWork { amount: 20, window: 100 });
    }

    #[tokio::test(start_paused = true)]
    async fn room_for_less_than_came_last_is_none() {
        let admission = Admission::new(TIME, 100);
        let _held = admission.enter(&1, 40).unwrap();
        assert!(!admission.has_room(&1), "another 40 would be refused");
        let _little = admission.enter(&1, 5).unwrap();
        assert!(admission.has_room(&1), "another 5 would not");
    }

    #[tokio::test(start_paused = true)]
    async fn no_time_admits_nothing() {
        let admission = Admission::new(Duration::ZERO, 100);
        assert!(admission.enter(&(), 0).is_none() && !admission.has_room(&()));
        assert!(admission.enter_in_turn(&(), 1).await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_beyond_everything_comes_in_alone() {
        let admission = Admission::new(TIME, 100);
        let large = admission.enter(&1, 4_096).unwrap();
        assert!(admission.enter(&1, 4_096).is_none() && admission.enter(&2, 1).is_none());
        drop(large);
        assert!(admission.enter(&1, 4_096).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_comes_in_turn_and_before_those_who_do_not_wait() {
        let admission = Admission::new(TIME, 100);
        let first = admission.enter_in_turn(&1, 90).await.unwrap();
        let (second, third) = (admission.enter_in_turn(&1, 40), admission.enter_in_turn(&2, 30));
        let (mut second, mut third) = (Box::pin(second), Box::pin(third));
        assert!(second.as_mut().now_or_never().is_none() && third.as_mut().now_or_never().is_none());
        assert!(admission.enter(&3, 1).is_none(), "others wait");
        drop(first);
        let _second = second.await.unwrap();
        let third = third.await.unwrap();
        assert_eq!(admission.in_work().amount, 70);
        drop(third);
        assert!(admission.enter(&3, 1).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn who_goes_away_while_waiting_leaves_nothing_behind() {
        let admission = Admission::new(TIME, 100);
        let first = admission.enter_in_turn(&1, 100).await.unwrap();
        let mut gone = Box::pin(admission.enter_in_turn(&2, 100));
        assert!(gone.as_mut().now_or_never().is_none());
        let mut given_and_gone = Box::pin(admission.enter_in_turn(&3, 100));
        assert!(given_and_gone.as_mut().now_or_never().is_none());
        drop(gone);
        drop(first);
        drop(given_and_gone);
        assert_eq!(admission.in_work().amount, 0);
        assert!(admission.enter(&1, 50).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn as_much_is_in_work_as_gets_through_in_the_time() {
        let admission = Admission::new(TIME, 100);
        // A server that does 10 in a millisecond.
        let mut held = VecDeque::new();
        for _ in 0..2_000 {
            held.extend(std::iter::from_fn(|| admission.enter(&1, 10)));
            tokio::time::advance(Duration::from_millis(1)).await;
            held.pop_front();
        }
        let InWork { window, .. } = admission.in_work();
        assert!((900..=1_100).contains(&window), "{window}");
    }
}
