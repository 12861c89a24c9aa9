//! How long a fault test goes on: a few rounds among all tests, many by `cargo xtask faults`.

use std::str::FromStr;

/// `few` rounds, or as many as `TACITA_FAULT_ROUNDS` says.
pub(crate) fn rounds<T: FromStr>(few: T) -> T {
    std::env::var("TACITA_FAULT_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(few)
}
