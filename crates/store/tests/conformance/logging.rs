//! The change log has one order for everybody.

use std::sync::Arc;

use tacita_store::{ChangeLog, LogError};

use super::Home;

pub async fn entries_are_read_in_order_from_any_index(home: &impl Home) {
    let store = home.open().await;
    assert_eq!(store.read(0).await.unwrap(), Vec::<Vec<u8>>::new());
    let entries: Vec<Vec<u8>> = (0..300_u32).map(|n| n.to_be_bytes().repeat(n as usize % 7)).collect();
    for (index, entry) in (0..).zip(&entries) {
        store.append(index, entry).await.unwrap();
    }
    for from in [0, 1, 255, 256, 299, 300, 1_000] {
        assert_eq!(store.read(from as u64).await.unwrap(), entries[from.min(300)..]);
    }
}

pub async fn an_entry_goes_only_where_the_log_ends(home: &impl Home) {
    let store = home.open().await;
    let conflicts = async |expected| matches!(store.append(expected, b"no").await, Err(LogError::Conflict { expected: e }) if e == expected);
    assert!(conflicts(1).await);
    store.append(0, b"a").await.unwrap();
    assert!(conflicts(0).await && conflicts(2).await && conflicts(u64::MAX).await);
    store.append(1, b"b").await.unwrap();
    assert_eq!(store.read(0).await.unwrap(), [b"a", b"b"]);
}

pub async fn of_many_appends_to_one_index_one_wins(home: &impl Home) {
    const WRITERS: u8 = 8;
    const ENTRIES: usize = 20;
    let store = Arc::new(home.open().await);
    // Each reads where the log stands, appends there, and tries again where it lost.
    let write = |writer: u8| {
        let store = Arc::clone(&store);
        async move {
            let mut written = 0;
            while written < ENTRIES {
                let end = store.read(0).await.unwrap().len() as u64;
                match store.append(end, &[writer]).await {
                    Ok(()) => written += 1,
                    Err(LogError::Conflict { .. }) => {}
                    Err(other) => panic!("{other}"),
                }
            }
        }
    };
    tokio::task::JoinSet::from_iter((0..WRITERS).map(write)).join_all().await;
    let entries = store.read(0).await.unwrap();
    assert_eq!(entries.len(), ENTRIES * usize::from(WRITERS));
    for writer in 0..WRITERS {
        assert_eq!(entries.iter().filter(|entry| **entry == [writer]).count(), ENTRIES);
    }
}

pub async fn the_log_goes_on_after_reopening(home: &impl Home) {
    for index in 0..4_u64 {
        let store = home.open().await;
        assert_eq!(store.read(0).await.unwrap().len() as u64, index);
        if index > 0 {
            assert!(matches!(store.append(index - 1, b"late").await, Err(LogError::Conflict { .. })));
        }
        store.append(index, &index.to_be_bytes()).await.unwrap();
    }
}
