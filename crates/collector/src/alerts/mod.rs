//! Surges: what comes in is read every few minutes and held against what came before (spec/alerts.md).
//!
//! | module | holds |
//! |---|---|
//! | `detector` | the test: arithmetic on one step after another |
//! | `increments` | what came between two readings of the same tallies |
//! | `keeper` | the turns, what was found, who is told |
//! | `webhook` | signed posts, tried again |

mod detector;
mod increments;
mod keeper;
mod webhook;

pub(crate) use keeper::{AlertKeeper, Found};
pub(crate) use webhook::Webhooks;
