//! Surges: what comes in is read every few minutes and held against what came before (spec/alerts.md).
//!
//! | module | holds |
//! |---|---|
//! | `detector` | the test: arithmetic on one step after another |
//! | `increments` | what came between two readings of the same tallies |
//! | `keeper` | the turns; what was found goes to the change log |
//! | `messenger` | who tells webhooks what the log holds, and that they were told |
//! | `webhook` | signed posts, tried again |

mod detector;
mod increments;
mod keeper;
mod messenger;
mod webhook;

pub(crate) use keeper::AlertKeeper;
pub(crate) use messenger::{Messenger, alert};
pub(crate) use webhook::Webhooks;
