//! What the collector does as its callers see it, one module a matter, in one program: to link each by itself takes
//! longer than to run it.

#![allow(clippy::unwrap_used, missing_docs)]

mod access;
mod administration;
mod alerts;
mod audit;
mod compromise;
mod contents;
mod dashboard;
mod doors;
mod draining;
mod epochs;
mod estimates;
#[path = "../../../tests/support/files.rs"]
mod files;
mod key_ends;
mod leaving;
mod limits;
#[path = "../../../tests/support/limits_page.rs"]
mod limits_page;
mod permissions;
mod postgres;
mod privacy;
mod questions;
mod readiness;
mod refusals;
mod reporting;
mod restoring;
#[path = "../../store/tests/server/mod.rs"]
mod server;
mod strangers;
mod support;
mod tls;
mod transparency;
mod upload;

#[test]
fn every_file_here_is_run() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");
    files::assert_all_run(folder, include_str!("all.rs"), include_str!("../Cargo.toml"));
}
