//! Simulated devices on the real path: what `demo`, `simulate` and `replay` share.

pub(crate) mod audience;
pub(crate) mod clock;
pub(crate) mod drive;
pub(crate) mod loopback;
pub(crate) mod truth;
