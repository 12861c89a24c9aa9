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
//! | [`channel`] | the channel table |
//! | [`arrival`] | how a visit came about: classification on the device |
//! | [`tag`] | link tags |
//!
//! The bytes are written down in `spec/`.

pub mod arrival;
pub mod catalogue;
pub mod channel;
pub mod directory;
pub mod domain;
pub mod epoch;
pub mod id;
pub mod manifest;
pub mod measure;
pub mod outcome;
pub mod policy;
pub mod report;
pub mod tag;
pub mod time;
