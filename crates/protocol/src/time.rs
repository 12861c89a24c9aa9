//! Unix time, clocks, and the windows that measures count in.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

/// Seconds since 1970-01-01 UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixTime(pub u64);

impl UnixTime {
    /// This time `seconds` later; stops at the end of time.
    pub fn plus(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// This time `seconds` earlier; stops at 1970.
    pub fn minus(self, seconds: u64) -> Self {
        Self(self.0.saturating_sub(seconds))
    }
}

/// Where a component gets the time from, so that tests can own it.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The present time.
    fn now(&self) -> UnixTime;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixTime {
        // A clock set before 1970 reads as 1970: every window is then too old, and no report is lost.
        UnixTime(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
    }
}

/// A clock that a test or a simulation sets by hand; clones share the time.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// A clock that stands at `now`.
    pub fn new(now: UnixTime) -> Self {
        Self(Arc::new(AtomicU64::new(now.0)))
    }

    /// Moves the clock to `now`.
    pub fn set(&self, now: UnixTime) {
        self.0.store(now.0, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixTime {
        UnixTime(self.0.load(Ordering::Relaxed))
    }
}

/// The ordinal of a window since 1970, in units of its measure's [`WindowLength`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WindowId(pub u32);

/// The length of a measure's windows in seconds: from a minute to 31 days.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct WindowLength(u32);

/// The length lies outside [`WindowLength::MIN`] to [`WindowLength::MAX`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a window of {0} s: choose {min} (a minute) to {max} (31 days)", min = WindowLength::MIN, max = WindowLength::MAX)]
pub struct InvalidWindowLength(u32);

impl WindowLength {
    /// One minute.
    pub const MIN: u32 = 60;
    /// 31 days.
    pub const MAX: u32 = 31 * 86_400;
    /// One day.
    pub const DAY: Self = Self(86_400);

    /// The window that holds `time`.
    pub fn window_at(self, time: UnixTime) -> WindowId {
        WindowId(u32::try_from(time.0 / u64::from(self.0)).unwrap_or(u32::MAX))
    }

    /// When `window` begins.
    pub fn start_of(self, window: WindowId) -> UnixTime {
        UnixTime(u64::from(window.0) * u64::from(self.0))
    }

    /// When `window` ends, exclusive.
    pub fn end_of(self, window: WindowId) -> UnixTime {
        self.start_of(window).plus(u64::from(self.0))
    }

    /// The length in seconds.
    pub fn seconds(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for WindowLength {
    type Error = InvalidWindowLength;

    fn try_from(seconds: u32) -> Result<Self, InvalidWindowLength> {
        if (Self::MIN..=Self::MAX).contains(&seconds) { Ok(Self(seconds)) } else { Err(InvalidWindowLength(seconds)) }
    }
}

impl From<WindowLength> for u32 {
    fn from(length: WindowLength) -> Self {
        length.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_tile_time() {
        let day = WindowLength::DAY;
        let noon = UnixTime(20_000 * 86_400 + 43_200);
        let window = day.window_at(noon);
        assert_eq!(window, WindowId(20_000));
        assert!(day.start_of(window) <= noon && noon < day.end_of(window));
        assert_eq!(day.window_at(day.end_of(window)), WindowId(20_001));
    }

    #[test]
    fn a_window_is_a_minute_to_31_days() {
        assert!(WindowLength::try_from(59).is_err());
        assert!(WindowLength::try_from(60).is_ok());
        assert!(WindowLength::try_from(31 * 86_400 + 1).is_err());
    }
}
