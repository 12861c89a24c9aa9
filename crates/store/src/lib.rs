//! The collector's durable state.
//!
//! | module | holds |
//! |---|---|
//! | [`contract`] | what every engine guarantees, and what not |
//! | [`retention`] | the same, of deleting what is past its time |
//! | [`backup`] | a store at one instant, handed out and made anew |
//! | [`embedded`] | the engine that needs no server |
//! | [`postgres`] | the engine for several collectors on one database |
//! | [`vault`] | secret keys, each in a file of its own so that it can be destroyed |
//!
//! Nothing here knows of gRPC, tokens' secrets or mechanisms: a report has become a nullifier and a few counters to raise.

pub mod backup;
pub mod contract;
pub mod embedded;
pub mod postgres;
pub mod retention;
pub mod vault;

pub use contract::{
    ChangeLog, Closing, Committed, Entry, Increments, LogError, Partition, PeriodCounts, PeriodRecord, Series,
    SeriesTally, StoreError, Syncs, TallyStore, Verdict,
};
pub use postgres::{PostgresOptions, PostgresStore, PostgresUrl};
