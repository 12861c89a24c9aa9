//! What is past its time is deleted, and nothing else.

use std::sync::Arc;

use tacita_protocol::{
    id::{MeasureId, PublisherId},
    time::WindowId,
};
use tacita_store::{
    Entry, Partition, Series, TallyStore,
    Verdict::{AlreadyCounted, Counted},
    retention::Retention,
};

use super::{Home, reports::*};

const ALL: std::ops::Range<WindowId> = WindowId(0)..WindowId(u32::MAX);

fn of(number: u32, measure: u32, window: u32) -> Entry {
    let series = Series { measure: MeasureId(measure), window: WindowId(window) };
    // Counters near and far: engines keep them apart.
    Entry { series, increments: [number % 64, 64 + number].into_iter().collect(), ..report(number) }
}

async fn windows(store: &impl TallyStore, measure: u32) -> Vec<(u32, u32)> {
    let tallies = store.tallies(MeasureId(measure), ALL).await.unwrap();
    tallies.into_iter().map(|tally| (tally.window.0, tally.publisher.0)).collect()
}

pub async fn windows_before_a_window_are_gone_and_the_others_are_not(home: &impl Home) {
    let store = home.open().await;
    let mut number = 0;
    for publisher in [1, 2] {
        for measure in [4, 5] {
            for window in [1, 10, 255, 256, 300] {
                number += 1;
                let partition = Partition { publisher: PublisherId(publisher), lane: 0 };
                store.commit(partition, EPOCH, vec![of(number, measure, window)]).await.unwrap();
            }
        }
    }
    assert_eq!(store.oldest_window(MeasureId(4)).await.unwrap(), Some(WindowId(1)));
    assert_eq!(store.oldest_window(MeasureId(99)).await.unwrap(), None);
    assert_eq!(store.delete_windows(MeasureId(4), WindowId(256)).await.unwrap(), 6);
    assert_eq!(store.oldest_window(MeasureId(4)).await.unwrap(), Some(WindowId(256)));
    store.shed().await.unwrap();
    let kept = [(256, 1), (256, 2), (300, 1), (300, 2)];
    assert_eq!(windows(&store, 4).await, kept);
    assert_eq!(windows(&store, 5).await.len(), 10);
    assert_eq!(store.delete_windows(MeasureId(4), WindowId(256)).await.unwrap(), 0);
    assert_eq!(store.delete_windows(MeasureId(99), WindowId(256)).await.unwrap(), 0);
    drop(store);
    let store = home.open().await;
    assert_eq!(windows(&store, 4).await, kept);
    assert_eq!(store.outcomes().await.unwrap().iter().map(|(.., count)| count).sum::<u64>(), 20);
}

pub async fn deleting_changes_nothing_that_is_spent_and_counting_goes_on(home: &impl Home) {
    let store = home.open().await;
    commit(&store, vec![of(1, 4, 7), of(2, 4, 8)]).await.unwrap();
    assert_eq!(store.delete_windows(MeasureId(4), WindowId(8)).await.unwrap(), 1);
    assert_eq!(
        commit(&store, vec![of(1, 4, 7), of(2, 4, 8), of(3, 4, 8)]).await.unwrap(),
        [AlreadyCounted, AlreadyCounted, Counted]
    );
    let tallies = store.tallies(MeasureId(4), ALL).await.unwrap();
    let [tally] = &tallies[..] else { panic!("{tallies:?}") };
    assert_eq!((tally.window, tally.reports, tally.counters.len()), (WindowId(8), 2, 4));
    // A window that is counted in again begins at nothing.
    commit(&store, vec![of(4, 4, 7)]).await.unwrap();
    let again = &store.tallies(MeasureId(4), ALL).await.unwrap()[0];
    assert_eq!((again.window, again.reports, &*again.counters), (WindowId(7), 1, &[(4, 1), (68, 1)][..]));
}

pub async fn windows_deleted_under_load_lose_nothing_of_the_others(home: &impl Home) {
    const BATCHES: u32 = 40;
    let store = Arc::new(home.open().await);
    let writer = tokio::spawn({
        let store = Arc::clone(&store);
        async move {
            for batch in 0..BATCHES {
                let entries = (0..20).map(|number| of(batch * 20 + number, 4, 1 + number % 2)).collect();
                commit(&*store, entries).await.unwrap();
            }
        }
    });
    while !writer.is_finished() {
        store.delete_windows(MeasureId(4), WindowId(2)).await.unwrap();
        store.shed().await.unwrap();
    }
    writer.await.unwrap();
    store.delete_windows(MeasureId(4), WindowId(2)).await.unwrap();
    let tallies = store.tallies(MeasureId(4), ALL).await.unwrap();
    let [tally] = &tallies[..] else { panic!("{tallies:?}") };
    assert_eq!((tally.window, tally.reports), (WindowId(2), u64::from(BATCHES * 10)));
    assert!(tally.counters.iter().filter(|(counter, _)| *counter >= 64).all(|(_, count)| *count == 1));
}
