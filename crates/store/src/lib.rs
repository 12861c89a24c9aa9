//! The collector's durable state.
//!
//! | module | holds |
//! |---|---|
//! | [`contract`] | what every engine guarantees, and what not |
//! | [`embedded`] | the engine that needs no server |
//! | [`postgres`] | the engine for several collectors on one database |
//! | [`vault`] | secret keys, each in a file of its own so that it can be destroyed |
//!
//! Nothing here knows of gRPC, tokens' secrets or mechanisms: a report has become a nullifier and a few counters to raise.

pub mod contract;
pub mod embedded;
pub mod postgres;
pub mod vault;

pub use contract::{
    ChangeLog, Closing, Committed, Entry, Increments, LogError, Partition, PeriodCounts, PeriodRecord, Series,
    SeriesTally, StoreError, Syncs, TallyStore, Verdict,
};
pub use postgres::{PostgresOptions, PostgresStore, PostgresUrl};
