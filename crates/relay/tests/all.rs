//! What the relay does as its callers see it, one module a matter, in one program: to link each by itself takes longer
//! than to run it. `kill` stands by itself, since it starts its own program again.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod catalogues;
mod draining;
#[path = "../../../tests/support/files.rs"]
mod files;
mod issuance;
mod kept;
mod limits;
#[path = "../../../tests/support/limits_page.rs"]
mod limits_page;
mod links;
mod manifest;
mod queue;
mod receipts;
mod sdk;
mod standard;
mod submission;
mod support;
mod versions;
mod web;

#[test]
fn every_file_here_is_run() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");
    files::assert_all_run(folder, include_str!("all.rs"), include_str!("../Cargo.toml"));
}
