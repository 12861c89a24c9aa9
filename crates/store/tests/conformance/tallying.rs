//! Tallies and outcome counts are exact.

use std::sync::Arc;

use tacita_protocol::{
    id::{MeasureId, PublisherId},
    outcome::{Outcome, Refusal},
    time::WindowId,
};
use tacita_store::{Entry, Partition, Series, TallyStore};

use super::{Home, reports::*};

/// The report with this number, elsewhere.
fn elsewhere(number: u32, measure: u32, window: u32) -> Entry {
    Entry { series: Series { measure: MeasureId(measure), window: WindowId(window) }, ..report(number) }
}

fn partition(publisher: u32) -> Partition {
    Partition { publisher: PublisherId(publisher), lane: 0 }
}

pub async fn each_series_holds_exactly_its_own_reports(home: &impl Home) {
    let store = home.open().await;
    let batch = (0..90).map(|number| elsewhere(number, number % 3, 10 + number % 2)).collect();
    commit(&store, batch).await.unwrap();
    for measure in 0..3 {
        let tallies = store.tallies(MeasureId(measure), WindowId(0)..WindowId(99)).await.unwrap();
        assert_eq!(tallies.len(), 2);
        for tally in tallies {
            let mine = (0..90).filter(|number| number % 3 == measure && 10 + number % 2 == tally.window.0);
            assert_eq!(tally.counters, mine.map(|number| (number, 1)).collect::<Vec<_>>());
            assert_eq!(tally.reports, 15);
        }
    }
}

pub async fn tallies_come_by_rising_window_and_publisher_within_the_range(home: &impl Home) {
    let store = home.open().await;
    let mut number = 0;
    for publisher in [256, 1, 70_000] {
        for window in [300, 2, 1, 255, 256] {
            number += 1;
            store.commit(partition(publisher), EPOCH, vec![elsewhere(number, 4, window)]).await.unwrap();
        }
    }
    let within = async |windows: std::ops::Range<u32>| {
        let windows = WindowId(windows.start)..WindowId(windows.end);
        let tallies = store.tallies(MeasureId(4), windows).await.unwrap();
        tallies.into_iter().map(|tally| (tally.window.0, tally.publisher.0)).collect::<Vec<_>>()
    };
    assert_eq!(within(2..256).await, [(2, 1), (2, 256), (2, 70_000), (255, 1), (255, 256), (255, 70_000)]);
    assert_eq!(within(256..u32::MAX).await.len(), 6);
    assert_eq!(within(3..3).await, []);
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is tested")]
    let backwards = within(300..2).await;
    assert_eq!(backwards, []);
}

pub async fn a_report_may_raise_many_counters_far_apart(home: &impl Home) {
    let store = home.open().await;
    let far = [0, 63, 64, 4_096, 99_999, u32::MAX - 1, u32::MAX];
    for number in 0..3 {
        let entry = Entry { increments: far.into_iter().collect(), ..report(number) };
        commit(&store, vec![entry]).await.unwrap();
    }
    let near = Entry { increments: [0, 63].into_iter().collect(), ..report(3) };
    commit(&store, vec![near, Entry { increments: [].into_iter().collect(), ..report(4) }]).await.unwrap();
    let tally = tally(&store).await;
    assert_eq!(tally.reports, 5);
    assert_eq!(tally.counters, far.map(|counter| (counter, if counter < 64 { 4 } else { 3 })));
}

pub async fn a_reader_never_sees_half_a_commit(home: &impl Home) {
    const BATCHES: u32 = 60;
    const SIZE: u32 = 50;
    let store = Arc::new(home.open().await);
    let writer = tokio::spawn({
        let store = Arc::clone(&store);
        async move {
            for batch in 0..BATCHES {
                commit(&*store, reports(batch * SIZE..(batch + 1) * SIZE)).await.unwrap();
            }
        }
    });
    let mut last = 0;
    while last < u64::from(BATCHES * SIZE) {
        let tally = tally(&*store).await;
        assert_eq!(tally.reports, tally.counters.len() as u64);
        assert_eq!(tally.reports % u64::from(SIZE), 0);
        assert!(tally.reports >= last);
        last = tally.reports;
    }
    writer.await.unwrap();
}

pub async fn outcome_counts_grow_by_the_verdicts_and_by_what_is_added(home: &impl Home) {
    let store = home.open().await;
    let refused = |refusal| Outcome::Refused(refusal);
    commit(&store, reports(0..5)).await.unwrap();
    commit(&store, vec![report(0), report(1), forged(2), report(7)]).await.unwrap();
    store.add_outcomes(PUBLISHER, &[(refused(Refusal::Unauthentic), 2), (refused(Refusal::Spent), 10)]).await.unwrap();
    store.add_outcomes(PublisherId(1), &[(refused(Refusal::Unauthentic), 4), (Outcome::Queued, 0)]).await.unwrap();
    store.add_outcomes(PublisherId(1), &[(refused(Refusal::Unauthentic), 1)]).await.unwrap();
    let mut outcomes = store.outcomes().await.unwrap();
    outcomes.sort_unstable();
    let expected = [
        (PublisherId(1), refused(Refusal::Unauthentic), 5),
        (PUBLISHER, Outcome::Counted, 6),
        (PUBLISHER, Outcome::AlreadyCounted, 2),
        (PUBLISHER, refused(Refusal::Unauthentic), 2),
        (PUBLISHER, refused(Refusal::Spent), 11),
    ];
    assert_eq!(outcomes, expected);
}

pub async fn tallies_and_outcomes_go_on_after_reopening(home: &impl Home) {
    for round in 0..4 {
        let store = home.open().await;
        let entry = Entry { increments: [1, 64].into_iter().collect(), ..report(round) };
        commit(&store, vec![entry]).await.unwrap();
        let total = u64::from(round) + 1;
        assert_eq!(tally(&store).await.counters, [(1, total), (64, total)]);
        assert_eq!(store.outcomes().await.unwrap(), [(PUBLISHER, Outcome::Counted, total)]);
    }
}
