//! Opening a batch allocates its buffers and nothing for each report.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use support::{envelopes, opener};

/// Allocations of opening `count` reports, and how many of its results are good.
fn allocations(count: usize) -> (u64, usize) {
    let (opener, envelopes) = (opener(), envelopes(count, 1));
    let mut opened = Vec::new();
    let allocations = allocation_counter::measure(|| opened = opener.open_many(&envelopes));
    (allocations.count_total, opened.iter().flatten().count())
}

#[test]
fn opening_many_reports_takes_as_many_allocations_as_opening_few() {
    let (few, opened) = allocations(16);
    assert_eq!(opened, 16);
    assert!((1..=7).contains(&few), "{few} allocations, of which there were 7");
    assert_eq!(allocations(128), (few, 128));
}

#[test]
fn opening_one_report_alone_allocates_nothing() {
    let (opener, envelope) = (opener(), envelopes(1, 1)[0]);
    let mut opened = Vec::with_capacity(1);
    let allocations = allocation_counter::measure(|| opened.push(opener.open(&envelope)));
    assert_eq!((allocations.count_total, opened.iter().flatten().count()), (0, 1));
}
