//! A token counts once.

use std::sync::Arc;

use tacita_protocol::{epoch::EpochId, id::PublisherId};
use tacita_store::{
    Partition, TallyStore,
    Verdict::{AlreadyCounted, Counted, Spent},
};

use super::{Home, reports::*};

pub async fn a_first_spend_counts_and_the_same_bytes_again_are_known(home: &impl Home) {
    let store = home.open().await;
    assert_eq!(commit(&store, reports(0..3)).await.unwrap(), [Counted; 3]);
    assert_eq!(commit(&store, reports(0..3)).await.unwrap(), [AlreadyCounted; 3]);
    assert_eq!(commit(&store, reports([2, 3])).await.unwrap(), [AlreadyCounted, Counted]);
    assert_tallied_once(&store, 0..4).await;
}

pub async fn a_token_spent_on_other_bytes_is_a_double_spend(home: &impl Home) {
    let store = home.open().await;
    commit(&store, reports(0..3)).await.unwrap();
    assert_eq!(commit(&store, vec![forged(1), report(9), forged(0)]).await.unwrap(), [Spent, Counted, Spent]);
    assert_eq!(commit(&store, vec![report(1)]).await.unwrap(), [AlreadyCounted]);
    assert_tallied_once(&store, [0, 1, 2, 9]).await;
}

pub async fn duplicates_inside_one_batch_are_judged_in_order(home: &impl Home) {
    let store = home.open().await;
    let batch = vec![report(5), report(1), report(5), forged(1), forged(5), report(1)];
    let verdicts = commit(&store, batch).await.unwrap();
    assert_eq!(verdicts, [Counted, Counted, AlreadyCounted, Spent, Spent, AlreadyCounted]);
    assert_tallied_once(&store, [1, 5]).await;
}

pub async fn a_nullifier_counts_once_whatever_the_publisher_of_the_commit(home: &impl Home) {
    // Tokens are bound to a publisher, so the same nullifier of two publishers is none that a client makes. An engine may take it
    // for one token or for two, as long as each publisher's counts are its own and once.
    let store = home.open().await;
    let other = Partition { publisher: PublisherId(PUBLISHER.0 + 1), lane: 0 };
    assert_eq!(commit(&store, reports([1])).await.unwrap(), [Counted]);
    store.commit(other, EPOCH, reports([1, 2])).await.unwrap();
    assert_tallied_once(&store, [1]).await;
}

pub async fn epochs_do_not_know_each_others_nullifiers(home: &impl Home) {
    let store = home.open().await;
    let next = EpochId(EPOCH.0 + 1);
    commit(&store, reports([1])).await.unwrap();
    let partition = Partition { publisher: PUBLISHER, lane: 0 };
    assert_eq!(store.commit(partition, next, vec![forged(1), report(2)]).await.unwrap().verdicts, [Counted; 2]);
    assert_eq!(store.spent(PUBLISHER, EPOCH, &[nullifier(2)]).await.unwrap(), [None]);
}

pub async fn the_hint_tells_what_is_spent_and_nothing_else(home: &impl Home) {
    let store = home.open().await;
    assert_eq!(store.spent(PUBLISHER, EPOCH, &[nullifier(1)]).await.unwrap(), [None]);
    commit(&store, reports([1, 2])).await.unwrap();
    let hints = store.spent(PUBLISHER, EPOCH, &[nullifier(2), nullifier(3), nullifier(1)]).await.unwrap();
    assert_eq!(hints, [Some(report(2).fingerprint), None, Some(report(1).fingerprint)]);
    assert_eq!(store.spent(PUBLISHER, EPOCH, &[]).await.unwrap(), []);
}

pub async fn an_empty_batch_changes_nothing(home: &impl Home) {
    let store = home.open().await;
    assert_eq!(commit(&store, Vec::new()).await.unwrap(), []);
    assert_tallied_once(&store, []).await;
    assert_eq!(store.outcomes().await.unwrap(), []);
}

pub async fn commits_racing_on_the_same_nullifiers_count_each_once(home: &impl Home) {
    const RACERS: u32 = 8;
    const BATCHES: u32 = 30;
    const SIZE: u32 = 40;
    let store = Arc::new(home.open().await);
    let race = |racer: u32| {
        let store = Arc::clone(&store);
        async move {
            let mut counted = 0;
            for batch in 0..BATCHES {
                // Windows that overlap by half, begun at another place by each.
                let first = (batch + 4 * racer) % BATCHES * SIZE / 2;
                let verdicts = commit(&*store, reports(first..first + SIZE)).await.unwrap();
                assert!(!verdicts.contains(&Spent));
                counted += verdicts.iter().filter(|&&verdict| verdict == Counted).count();
            }
            counted
        }
    };
    let counted: usize = tokio::task::JoinSet::from_iter((0..RACERS).map(race)).join_all().await.into_iter().sum();
    let distinct = (BATCHES + 1) * SIZE / 2;
    assert_eq!(counted as u32, distinct);
    assert_tallied_once(&*store, 0..distinct).await;
}

pub async fn what_was_spent_is_spent_after_reopening(home: &impl Home) {
    for round in 0..4 {
        let store = home.open().await;
        let (old, new) = (0..round * 100, round * 100..(round + 1) * 100);
        assert_eq!(commit(&store, reports(old.clone())).await.unwrap(), vec![AlreadyCounted; old.len()]);
        assert_eq!(commit(&store, old.clone().map(forged).collect()).await.unwrap(), vec![Spent; old.len()]);
        assert_eq!(commit(&store, reports(new.clone())).await.unwrap(), vec![Counted; new.len()]);
        assert_tallied_once(&store, 0..new.end).await;
    }
}
