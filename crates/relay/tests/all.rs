//! What the relay does as its callers see it, one module a matter, in one program: to link each by itself takes longer than to run it.
//! `kill` stands by itself, since it starts its own program again.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod catalogues;
mod draining;
mod issuance;
mod kept;
mod limits;
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
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(module) = name.strip_suffix(".rs").filter(|name| !["all", "kill"].contains(name)) else { continue };
        assert!(include_str!("all.rs").contains(&format!("\nmod {module};\n")), "tests/all.rs does not name {module}");
    }
}
