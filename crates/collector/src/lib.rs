//! The collector: the neutral party that issues tokens, takes in sealed reports and answers brands.
//!
//! ```text
//!            relay                              brand              operator
//!   manifest │ tokens │ uploads                reports          administration
//!  ──────────┼────────┼──────────┬────────────────┼────────────────┼──────────
//!   services │        │          │                │                │   auth: who may call what
//!            │     crypto pool   │                │                │
//!            │        │        ingest           report             │
//!            │      keys ────────┤                │                │
//!         registry ──────────────┴────────────────┴────────────────┘
//!      (catalogue: a fold of the change log)      │
//!  ───────────────────────────────────────────────┴───────────────────────────
//!   store: spent sets, tallies, change log        vault: secret keys
//! ```
//!
//! | module | holds |
//! |---|---|
//! | `config` | what an operator decides |
//! | `catalogue` | publishers, brands, campaigns, measures, API keys, epochs: rules without I/O |
//! | `registry` | the catalogue in memory and its log |
//! | `keys` | epochs: published ahead, active, in grace, destroyed |
//! | `access` | the table of who may call what |
//! | `guard` | the door of every service, where the table is asked |
//! | `auth` | API keys |
//! | `ingest` | the way of a batch of reports into the tallies |
//! | `alerts` | surges: found, kept, told |
//! | `outside` | where a webhook may be |
//! | `report` | from a question to its answer |
//! | `quota` | tokens of an epoch: what a publisher may still be issued here |
//! | `places` | what one tenant may hold of what all share |
//! | `pool` | threads for opening and issuing |
//! | `receipts` | what became of a batch, signed |
//! | `record` | what became of a publisher's reports, period by period |
//! | `work` | what goes on to its end, also where its caller leaves |
//! | `page_size` | how much a page of an answer may have |
//! | `pages` | who may ask from a page |
//! | `refusal` | statuses with their reasons |
//! | `services` | the gRPC methods |
//! | `dashboard` | the brand's page beside them |
//! | `opening` | the store and the vault, and whether they belong together |
//! | `restoring` | what a store needs that was restored to an earlier instant |
//! | `retention` | deleting what is past its time |
//! | `metrics` | what is counted and timed, where it happens |
//! | `readiness` | why the collector is not ready |
//! | `server` | the assembly: opening the doors, closing them in order |
//! | `error` | why a collector does not start |
//!
//! The wire is described in `spec/collection.md`, `spec/reporting.md` and `spec/administration.md`. How stores store is not
//! known here, and no address of a visitor ever comes here: relays keep those.

pub mod access;
mod alerts;
mod auth;
mod catalogue;
mod config;
mod dashboard;
mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod guard;
mod ingest;
mod keys;
mod metrics;
#[cfg(test)]
mod model;
mod opening;
mod outside;
mod page_size;
mod pages;
mod places;
mod pool;
mod quota;
mod readiness;
mod receipts;
mod record;
mod refusal;
mod registry;
mod report;
mod restoring;
mod retention;
mod server;
mod services;
mod work;

pub use auth::ApiKeyText;
pub use catalogue::LogFault;
pub use config::{
    AlertPolicy, CollectorConfig, ConfigProblem, Limits, MetricsPolicy, Policy, RetentionPolicy, StoreConfig,
    WindowPolicy,
};
pub use error::CollectorError;
pub use keys::KeyMissing;
pub use report::plan_measure;
pub use restoring::{Restored, check_log, mark_restored};
#[cfg(feature = "simulation")]
pub use server::simulation;
pub use server::{Collector, RunningCollector};
pub use tacita_tls::{ClientCertificates, Identity, ServerTls};
