//! A clock that starts at a chosen instant and then ticks; and that of one device, which may go ahead of it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

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

/// The clock of one simulated device: that of everybody, until the device lives through some time of its own. What it
/// then reports is of a window ahead, which a collector counts up to an hour ahead.
#[derive(Clone, Debug)]
pub(crate) struct DeviceClock {
    everybody: Arc<dyn Clock>,
    ahead: Arc<AtomicU64>,
}

impl DeviceClock {
    /// A clock that goes as everybody's does.
    pub(crate) fn new(everybody: Arc<dyn Clock>) -> Self {
        Self { everybody, ahead: Arc::default() }
    }

    /// From now on the device is so many seconds ahead.
    pub(crate) fn go_ahead(&self, seconds: u64) {
        self.ahead.store(seconds, Ordering::Relaxed);
    }
}

impl Clock for DeviceClock {
    fn now(&self) -> UnixTime {
        self.everybody.now().plus(self.ahead.load(Ordering::Relaxed))
    }
}
