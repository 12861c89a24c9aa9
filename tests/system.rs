//! The whole system as its operators and brands see it, one module a matter, in one program: to link each by itself
//! takes longer than to run it. What loads a machine by itself, or is run for many rounds, stands by itself beside
//! this.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod audit;
mod bad_input;
mod content;
#[path = "support/files.rs"]
mod files;
mod keys;
mod life;
mod logs;
mod metrics;
mod postgres;
mod relay_bytes;
mod relay_web;
mod report;
#[path = "../crates/store/tests/server/mod.rs"]
mod server;
mod support;
mod tls;
mod transparency;

#[test]
fn every_file_here_is_run() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests");
    files::assert_all_run(folder, include_str!("system.rs"), include_str!("../crates/cli/Cargo.toml"));
}
