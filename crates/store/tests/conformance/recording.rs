//! Every outcome is in one period, and a closed period stays as it is.

use std::{collections::BTreeMap, sync::Arc};

use tacita_protocol::{
    id::PublisherId,
    outcome::{Outcome, Refusal},
    record::PeriodId,
    time::UnixTime,
};
use tacita_store::{Closing, Partition, PeriodCounts, PeriodRecord, TallyStore};

use super::{Home, reports::*};

const REFUSED: Outcome = Outcome::Refused(Refusal::Unauthentic);

fn closing(period: u32) -> Closing {
    Closing { period: PeriodId(period), at: UnixTime(1_000 + u64::from(period)) }
}

async fn closed(store: &impl PeriodRecord, publisher: PublisherId) -> Vec<PeriodCounts> {
    store.closed_periods(publisher, PeriodId(0), 1_000).await.unwrap()
}

fn counts(period: u32, outcomes: &[(Outcome, u64)]) -> PeriodCounts {
    PeriodCounts { closing: closing(period), outcomes: outcomes.to_vec() }
}

pub async fn what_was_counted_stands_in_the_period_that_was_open(home: &impl Home) {
    let other = PublisherId(70_000);
    let partition = Partition { publisher: PUBLISHER, lane: 0 };
    let store = home.open().await;
    assert_eq!(store.last_closing().await.unwrap(), None);
    let committed = store.commit(partition, EPOCH, reports(0..5)).await.unwrap();
    assert_eq!(committed.period, PeriodId(0));
    assert_eq!(store.add_outcomes(other, &[(REFUSED, 3)]).await.unwrap(), PeriodId(0));
    assert_eq!(closed(&store, PUBLISHER).await, []);
    store.close_period(closing(0)).await.unwrap();

    let committed = store.commit(partition, EPOCH, reports([0, 5])).await.unwrap();
    assert_eq!(committed.period, PeriodId(1));
    store.close_period(closing(1)).await.unwrap();
    // One in which nothing came.
    store.close_period(closing(2)).await.unwrap();
    assert_eq!(store.add_outcomes(PUBLISHER, &[(REFUSED, 2)]).await.unwrap(), PeriodId(3));
    store.close_period(closing(3)).await.unwrap();

    assert_eq!(store.last_closing().await.unwrap(), Some(closing(3)));
    let expected = [
        counts(0, &[(Outcome::Counted, 5)]),
        counts(1, &[(Outcome::Counted, 1), (Outcome::AlreadyCounted, 1)]),
        counts(3, &[(REFUSED, 2)]),
    ];
    assert_eq!(closed(&store, PUBLISHER).await, expected);
    assert_eq!(closed(&store, other).await, [counts(0, &[(REFUSED, 3)])]);
    assert_eq!(store.closed_periods(PUBLISHER, PeriodId(1), 1).await.unwrap(), expected[1..2]);
    assert_eq!(store.closed_periods(PUBLISHER, PeriodId(2), 9).await.unwrap(), expected[2..]);
    let all: u64 = store.outcomes().await.unwrap().iter().map(|(.., reports)| reports).sum();
    assert_eq!(all, 12);
}

pub async fn only_the_open_period_is_closed_and_only_once(home: &impl Home) {
    let store = home.open().await;
    commit(&store, reports(0..2)).await.unwrap();
    for ahead in [1, 7, u32::MAX] {
        store.close_period(closing(ahead)).await.unwrap();
        assert_eq!(store.last_closing().await.unwrap(), None);
    }
    store.close_period(closing(0)).await.unwrap();
    commit(&store, reports(2..5)).await.unwrap();
    let late = Closing { at: UnixTime(9_999), ..closing(0) };
    store.close_period(late).await.unwrap();
    assert_eq!(store.last_closing().await.unwrap(), Some(closing(0)));
    assert_eq!(closed(&store, PUBLISHER).await, [counts(0, &[(Outcome::Counted, 2)])]);
}

pub async fn the_record_goes_on_after_reopening(home: &impl Home) {
    for round in 0..4 {
        let store = home.open().await;
        let partition = Partition { publisher: PUBLISHER, lane: 0 };
        let committed = store.commit(partition, EPOCH, reports(0..=round)).await.unwrap();
        assert_eq!(committed.period, PeriodId(round));
        store.close_period(closing(round)).await.unwrap();
        let records = closed(&store, PUBLISHER).await;
        assert_eq!(records.len() as u32, round + 1);
        let again = [(Outcome::Counted, 1), (Outcome::AlreadyCounted, u64::from(round))];
        assert_eq!(records.last().unwrap().outcomes, again[..if round == 0 { 1 } else { 2 }]);
    }
}

pub async fn periods_closed_under_load_hold_what_was_answered_for_them(home: &impl Home) {
    const TASKS: u32 = 4;
    const BATCHES: u32 = 40;
    const SIZE: u32 = 7;
    let store = Arc::new(home.open().await);
    let work = |task: u32| {
        let store = Arc::clone(&store);
        async move {
            let mut answered: BTreeMap<(PeriodId, Outcome), u64> = BTreeMap::new();
            for batch in 0..BATCHES {
                let first = (batch * TASKS + task) * SIZE;
                let partition = Partition { publisher: PUBLISHER, lane: 0 };
                // The first of them was counted by the batch before, of this task.
                let again = if batch > 0 { vec![first - TASKS * SIZE] } else { vec![] };
                let entries = reports(again.into_iter().chain(first..first + SIZE));
                let committed = store.commit(partition, EPOCH, entries).await.unwrap();
                for verdict in committed.verdicts {
                    *answered.entry((committed.period, verdict.into())).or_default() += 1;
                }
                let period = store.add_outcomes(PUBLISHER, &[(REFUSED, 2)]).await.unwrap();
                *answered.entry((period, REFUSED)).or_default() += 2;
            }
            answered
        }
    };
    let mut tasks = tokio::task::JoinSet::from_iter((0..TASKS).map(work));
    // Two that close, as two collectors would.
    let close = || {
        let store = Arc::clone(&store);
        async move {
            for period in 0..30 {
                store.close_period(closing(period)).await.unwrap();
                tokio::time::sleep(std::time::Duration::from_millis(3)).await;
            }
        }
    };
    tokio::join!(close(), close());
    let mut answered: BTreeMap<PeriodId, BTreeMap<Outcome, u64>> = BTreeMap::new();
    while let Some(task) = tasks.join_next().await {
        for ((period, outcome), reports) in task.unwrap() {
            *answered.entry(period).or_default().entry(outcome).or_default() += reports;
        }
    }
    store.close_period(closing(30)).await.unwrap();
    let recorded = closed(&*store, PUBLISHER).await;
    let recorded: BTreeMap<PeriodId, BTreeMap<Outcome, u64>> =
        recorded.into_iter().map(|counts| (counts.closing.period, counts.outcomes.into_iter().collect())).collect();
    assert_eq!(recorded, answered);
}
