//! The publisher's edge of Tacita: what stands between a visitor's device and the collector (`spec/relay.md`).
//!
//! The relay sees who (addresses) and never what (sealed envelopes); the collector sees what and never who. So the relay
//! strips all that a transport says of a visitor, holds envelopes until enough of them wait, and sends them on in an order
//! drawn at random.
//!
//! | module | holds |
//! |---|---|
//! | [`config`] | what an operator decides |
//! | `manifest` | the signed manifest, the same bytes for every visitor |
//! | `catalogues` | the catalogues that the manifest names |
//! | `visitor` | which address a request counts against |
//! | `gate` | the visitor's limits, and the forward of issuance |
//! | `submissions` | the door of submissions: how many are in work |
//! | `queue` | envelopes, durable before they are acknowledged; batches drawn at random |
//! | `uploader` | batches to the collector, until each is answered |
//! | `metrics` | what is counted and timed, where it happens |
//! | `readiness` | why the relay is not ready |
//! | [`receipts`] | what the collector answered, kept to be compared with its record |
//! | `refusal` | statuses with their reasons |
//! | `upstream` | the connections to the collector |
//! | [`sdk`] | the SDK's files, as built |
//! | [`links`] | short links, and the totals of clicks on them |
//! | `services` | the gRPC handlers |
//! | `web` | HTTP around them: connections, limits, other origins |
//! | [`server`] | the assembly, start to drain |
//! | [`seen`] | what the relay saw: counts, no one |

mod catalogues;
pub mod config;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod gate;
pub mod links;
mod manifest;
mod metrics;
mod queue;
mod readiness;
pub mod receipts;
mod refusal;
pub mod sdk;
pub mod seen;
pub mod server;
mod services;
mod submissions;
mod uploader;
mod upstream;
mod visitor;
mod web;

pub use config::{BatchPolicy, ConfigError, ConnectionLimit, RelayConfig, RequestLimit, VisitorLimit};
pub use manifest::CacheError;
pub use queue::QueueError;
pub use seen::RelaySeen;
#[cfg(feature = "simulation")]
pub use server::simulation;
pub use server::{Relay, RelayError, RunningRelay};
