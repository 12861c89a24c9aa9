//! An epoch that was dropped is over.

use std::sync::Arc;

use tacita_protocol::epoch::EpochId;
use tacita_store::{Partition, StoreError, TallyStore, Verdict::Counted};

use super::{Home, reports::*};

pub async fn nothing_counts_in_a_dropped_epoch_even_after_reopening(home: &impl Home) {
    let next = EpochId(EPOCH.0 + 1);
    let partition = Partition { publisher: PUBLISHER, lane: 0 };
    let store = home.open().await;
    commit(&store, reports(0..3)).await.unwrap();
    store.commit(partition, next, reports(3..5)).await.unwrap();
    store.drop_epoch(EPOCH).await.unwrap();
    drop(store);
    for round in 0..2 {
        let store = home.open().await;
        for batch in [reports(0..3), reports(5..9), Vec::new()] {
            let refused = commit(&store, batch).await;
            assert!(matches!(refused, Err(StoreError::EpochDropped(EPOCH))), "{refused:?}");
        }
        let hint = store.spent(PUBLISHER, EPOCH, &[nullifier(0)]).await;
        assert!(matches!(hint, Err(StoreError::EpochDropped(EPOCH))), "{hint:?}");
        assert!(store.is_dropped(EPOCH).await.unwrap());
        assert!(!store.is_dropped(next).await.unwrap());
        let verdicts = store.commit(partition, next, reports([10 + round])).await.unwrap().verdicts;
        assert_eq!(verdicts, [Counted]);
    }
}

pub async fn dropping_again_or_what_never_was_changes_nothing(home: &impl Home) {
    let never = EpochId(99);
    for _ in 0..2 {
        let store = home.open().await;
        for epoch in [EPOCH, never, EPOCH] {
            store.drop_epoch(epoch).await.unwrap();
        }
        let partition = Partition { publisher: PUBLISHER, lane: 0 };
        let refused = store.commit(partition, never, reports([1])).await;
        assert!(matches!(refused, Err(StoreError::EpochDropped(epoch)) if epoch == never));
        store.commit(partition, EpochId(8), reports([1])).await.unwrap();
    }
}

pub async fn tallies_outlive_their_epoch(home: &impl Home) {
    let store = home.open().await;
    commit(&store, reports(0..9)).await.unwrap();
    store.drop_epoch(EPOCH).await.unwrap();
    assert_tallied_once(&store, 0..9).await;
    drop(store);
    assert_tallied_once(&home.open().await, 0..9).await;
}

pub async fn an_epoch_dropped_under_load_loses_nothing_that_was_answered(home: &impl Home) {
    const SIZE: u32 = 20;
    let store = Arc::new(home.open().await);
    let keep_committing = |task: u32| {
        let store = Arc::clone(&store);
        async move {
            let mut counted = Vec::new();
            for batch in 0.. {
                let first = (batch * 4 + task) * SIZE;
                match commit(&*store, reports(first..first + SIZE)).await {
                    Ok(verdicts) => {
                        assert_eq!(verdicts, [Counted; SIZE as usize]);
                        counted.extend(first..first + SIZE);
                    }
                    Err(StoreError::EpochDropped(EPOCH)) => break,
                    Err(other) => panic!("{other}"),
                }
            }
            counted
        }
    };
    let tasks = tokio::task::JoinSet::from_iter((0..4).map(keep_committing));
    // On a machine that is slow just now, too, something counts before the drop.
    while tally(&*store).await.reports == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    store.drop_epoch(EPOCH).await.unwrap();
    let mut counted: Vec<u32> = tasks.join_all().await.concat();
    counted.sort_unstable();
    assert!(!counted.is_empty());
    assert_tallied_once(&*store, counted.iter().copied()).await;
    drop(store);
    assert_tallied_once(&home.open().await, counted).await;
}
