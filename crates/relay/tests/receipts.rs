//! An answer is one only with a receipt that holds; what is kept says which answers were lost.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use tacita_protocol::outcome::Outcome;
use tacita_relay::receipts::{self, Kept};

use crate::support::*;

fn kept(data: &Path) -> Kept {
    receipts::read(data, PUBLISHER, &signing_key().verifying_key()).unwrap()
}

/// How many reports of all receipts had this outcome.
fn answered(data: &Path, outcome: Outcome) -> u64 {
    kept(data).receipts.iter().filter_map(|receipt| receipt.outcomes().get(&outcome).copied()).sum()
}

#[tokio::test]
async fn an_answer_without_a_receipt_that_holds_is_none_and_the_batch_is_sent_again() {
    let forgeries = [
        Forged::Absent,
        Forged::ByAnotherKey,
        Forged::OfAnotherBatch,
        Forged::OfAnotherPublisher,
        Forged::OfOtherCounts,
    ];
    for forged in forgeries {
        let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
        *double.state.forgeries.lock().unwrap() = vec![forged];
        let relay = start(double.config(data.path())).await;
        submit(&connect(relay.address()).await, envelopes(5)).await.unwrap();
        until("the batch is answered", || relay.seen().held == 0).await;
        let batches = double.state.batches();
        assert_eq!(batches.len(), 2, "{forged:?}");
        assert_eq!(batches[0], batches[1]);
        let kept = kept(data.path());
        assert_eq!((kept.receipts.len(), answered(data.path(), Outcome::AlreadyCounted)), (1, 5), "{forged:?}");
        assert_eq!(kept.unanswered, [(kept.receipts[0].batch, 5)]);
        relay.shutdown().await;
    }
}

#[tokio::test]
async fn a_lost_answer_is_written_down_and_an_answer_that_came_is_not() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let relay = start(double.config(data.path())).await;
    let channel = connect(relay.address()).await;
    submit(&channel, envelopes(3)).await.unwrap();
    until("the first batch is answered", || relay.seen().held == 0).await;
    assert_eq!(kept(data.path()).unanswered, []);

    // Counted and not answered.
    *double.state.breaks.lock().unwrap() = vec![Break::AfterCounting];
    submit(&channel, envelopes(4)).await.unwrap();
    until("the second batch is answered", || relay.seen().held == 0).await;
    assert_eq!((answered(data.path(), Outcome::Counted), answered(data.path(), Outcome::AlreadyCounted)), (3, 4));
    let second = kept(data.path()).receipts[1].batch;
    assert_eq!(kept(data.path()).unanswered, [(second, 4)]);

    // And with the relay gone as well.
    let (address, state) = double.stop().await;
    submit(&channel, envelopes(6)).await.unwrap();
    relay.shutdown().await;
    let before = kept(data.path()).unanswered.len();
    let double = RunningDouble::serve(address, state).await;
    let relay = start(double.config(data.path())).await;
    until("what was left is answered", || relay.seen().held == 0).await;
    // Found on disk, or still in the pool at the shutdown: both are right, and no report is in it twice.
    let lost = &kept(data.path()).unanswered[before..];
    assert!(lost.iter().all(|&(batch, reports)| batch != second && reports <= 6), "{lost:?}");
    assert_eq!(answered(data.path(), Outcome::Counted), 9);
    relay.shutdown().await;
}
