//! What Tacita's parties agree on, without any I/O.
//!
//! | module | holds |
//! |---|---|
//! | [`id`] | numbers and names of publishers, brands, campaigns, measures |
//! | [`time`] | Unix time, clocks, windows |
//! | [`epoch`] | epochs, their life, the hash-chained key directory |
//! | [`domain`] | dimensions, cells, which cell a value falls in |
//! | [`catalogue`] | contents too many to list in a manifest |
//! | [`directory`] | comparing the key directories that relays serve |
//! | [`measure`] | events, participation, measures |
//! | [`manifest`] | the signed manifest |
//! | [`policy`] | what a campaign is held to |
//! | [`report`] | the 16 bytes that a sealed report carries |
//! | [`outcome`] | what became of a report: the closed set |
//! | [`receipt`] | a collector's signed word for what became of a batch |
//! | [`record`] | the hash-chained record of what a collector counted |
//! | [`channel`] | the channel table |
//! | [`arrival`] | how a visit came about: classification on the device |
//! | [`profile`] | whether a device shares in private, in public, or both |
//! | [`tag`] | link tags |
//! | [`audit`] | the audit log's hash chain |
//!
//! The bytes are written down in `spec/`.

pub mod arrival;
pub mod audit;
pub mod catalogue;
pub mod channel;
pub mod directory;
pub mod domain;
pub mod epoch;
mod excerpt;
pub mod id;
pub mod manifest;
pub mod measure;
pub mod outcome;
pub mod policy;
pub mod profile;
pub mod receipt;
pub mod record;
pub mod report;
pub mod tag;
pub mod time;

pub use excerpt::excerpt;
