//! What the collector does as its callers see it, one module a matter, in one program: to link each by itself takes longer than to run it.

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
mod key_ends;
mod leaving;
mod limits;
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
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(module) = name.strip_suffix(".rs").filter(|&name| name != "all") else { continue };
        assert!(include_str!("all.rs").contains(&format!("\nmod {module};\n")), "tests/all.rs does not name {module}");
    }
}
