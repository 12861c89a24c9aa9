//! How much gets through in a second, measured while the server is full: at other times it does what it is asked and
//! not what it can.

use std::time::Duration;

use tokio::time::Instant;

/// What is measured over: long enough for several groups of commits.
const SAMPLE: Duration = Duration::from_millis(100);

/// How much of the pace is the newest sample's.
const NEWEST: f64 = 0.25;

#[derive(Debug, Default)]
pub(crate) struct Pace {
    per_second: f64,
    /// Since when the server has been full.
    full: Option<Instant>,
    /// Done while it was full, and in which time: the sample that is being taken.
    done: usize,
    took: Duration,
}

impl Pace {
    /// What gets through in so long; 0 as long as nothing was measured.
    pub(crate) fn in_time(&self, time: Duration) -> usize {
        (self.per_second * time.as_secs_f64()) as usize
    }

    /// Somebody found the server full.
    pub(crate) fn is_full(&mut self, now: Instant) {
        self.full.get_or_insert(now);
    }

    /// Some work ended; the server is still full, or it is not.
    pub(crate) fn did(&mut self, amount: usize, is_full: bool, now: Instant) {
        let Some(since) = self.full else { return };
        self.done += amount;
        self.took += now.saturating_duration_since(since);
        self.full = is_full.then_some(now);
        if self.took >= SAMPLE {
            let sample = self.done as f64 / self.took.as_secs_f64();
            let newest = if self.per_second > 0.0 { NEWEST } else { 1.0 };
            self.per_second += newest * (sample - self.per_second);
            (self.done, self.took) = (0, Duration::ZERO);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENTH: Duration = Duration::from_millis(100);

    #[tokio::test(start_paused = true)]
    async fn only_what_is_done_while_it_is_full_says_what_can_be_done() {
        let mut pace = Pace::default();
        let begin = Instant::now();
        pace.did(10, false, begin + TENTH);
        assert_eq!(pace.in_time(TENTH), 0, "nobody found it full");
        pace.is_full(begin);
        pace.did(50, true, begin + TENTH / 2);
        pace.did(50, false, begin + TENTH);
        assert_eq!(pace.in_time(TENTH), 100);
        pace.did(1, false, begin + 50 * TENTH);
        pace.is_full(begin + 60 * TENTH);
        pace.did(100, true, begin + 61 * TENTH);
        assert_eq!(pace.in_time(TENTH), 100, "the time between was idle");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slower_server_is_noticed() {
        let mut pace = Pace::default();
        let begin = Instant::now();
        pace.is_full(begin);
        (1..=10).for_each(|tenth| pace.did(100, true, begin + tenth * TENTH));
        assert_eq!(pace.in_time(TENTH), 100);
        (11..=30).for_each(|tenth| pace.did(10, true, begin + tenth * TENTH));
        assert_eq!(pace.in_time(TENTH), 10);
    }
}
