//! A clock that starts at a chosen instant and then ticks.

use std::time::Instant;

use tacita_protocol::time::{Clock, UnixTime};

/// Noon of Monday, 5 January 2026 (UTC). A simulation on this machine starts here, so that a seed repeats a run whatever the day:
/// windows enter into the noise.
const START: UnixTime = UnixTime(1_767_614_400);

/// Time as a simulation on this machine knows it.
#[derive(Debug)]
pub(crate) struct SimulatedClock(Instant);

impl SimulatedClock {
    /// A clock that begins to tick now.
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> UnixTime {
        START.plus(self.0.elapsed().as_secs())
    }
}
