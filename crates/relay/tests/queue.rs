//! Queue and upload: durable, in batches, in no order of arrival, until answered.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{collections::HashSet, time::Duration};

use tacita_protocol::outcome::{Outcome, Refusal};
use tacita_relay::{BatchPolicy, RunningRelay};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::Code;

use crate::support::*;

const NEVER: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn each_envelope_has_its_own_outcome_and_the_good_ones_are_counted() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let relay = start(double.config(data.path())).await;
    let device = connect(relay.address()).await;

    let good = envelope();
    let changed = |at: usize, to: u8| {
        let mut bytes = envelope();
        bytes[at] = to;
        bytes
    };
    let short = envelope()[..85].to_vec();
    let sent = vec![good.clone(), short, changed(0, 2), changed(1, 9), changed(5, 8), vec![], envelope()];
    let refused = Outcome::Refused;
    let expected = [
        Outcome::Queued,
        refused(Refusal::WrongLength),
        refused(Refusal::UnknownVersion),
        refused(Refusal::UnknownVersion),
        refused(Refusal::WrongPublisher),
        refused(Refusal::WrongLength),
        Outcome::Queued,
    ];
    assert_eq!(submit(&device, sent).await.unwrap(), expected);
    until("both are counted", || double.state.counted() == 2).await;
    assert!(double.state.counted.lock().unwrap().contains(&good));
    until("both are forgotten", || relay.seen().held == 0).await;

    let seen = relay.seen();
    assert_eq!((seen.envelopes_queued, seen.bytes_queued, seen.batches_uploaded), (2, 172, 1));
    assert_eq!(seen.outcomes[&Outcome::Counted], 2);
    assert_eq!(seen.outcomes[&refused(Refusal::WrongLength)], 2);
    assert_eq!(submit(&device, vec![]).await.unwrap(), []);
}

#[tokio::test]
async fn more_than_128_envelopes_in_one_request_are_refused() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let relay = start(double.config(data.path())).await;
    let device = connect(relay.address()).await;
    assert_eq!(submit(&device, envelopes(129)).await.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(submit(&device, envelopes(128)).await.unwrap().len(), 128);
    assert!(submit(&device, vec![vec![0; 200_000]]).await.is_err());
}

#[tokio::test]
async fn a_batch_leaves_when_enough_wait_and_a_large_queue_divides() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let mut config = double.config(data.path());
    config.batch = BatchPolicy { least: 20, age: NEVER, most: 40 };
    let relay = start(config.clone()).await;
    let device = connect(relay.address()).await;

    submit(&device, envelopes(19)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!((double.state.batches().len(), relay.seen().waiting), (0, 19));
    submit(&device, envelopes(1)).await.unwrap();
    until("the batch of 20", || double.state.counted() == 20).await;

    submit(&device, envelopes(45)).await.unwrap();
    until("all", || double.state.counted() == 65).await;
    let sizes: Vec<usize> = double.state.batches().iter().map(|batch| batch.envelopes.len()).collect();
    assert_eq!(sizes, [20, 25, 20]);
    assert_eq!(relay.seen().small_batches, 0);
}

#[tokio::test]
async fn a_small_batch_leaves_when_it_has_waited_long_enough() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let mut config = double.config(data.path());
    config.batch = BatchPolicy { least: 1_000, age: Duration::from_millis(400), most: 4_096 };
    let relay = start(config).await;
    let device = connect(relay.address()).await;
    submit(&device, envelopes(3)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(150)).await;
    submit(&device, envelopes(2)).await.unwrap();
    assert_eq!(double.state.batches().len(), 0);
    until("the old batch", || double.state.counted() == 5).await;
    assert_eq!((double.state.batches().len(), relay.seen().small_batches), (1, 1));
}

#[tokio::test]
async fn a_batch_is_in_no_order_of_arrival() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let mut config = double.config(data.path());
    config.batch = BatchPolicy { least: 120, age: NEVER, most: 240 };
    let relay = start(config).await;
    let device = connect(relay.address()).await;
    let arrived = envelopes(120);
    for request in arrived.chunks(10) {
        submit(&device, request.to_vec()).await.unwrap();
    }
    until("the batch", || double.state.counted() == 120).await;

    let left = double.state.batches()[0].envelopes.clone();
    let places: Vec<usize> = left.iter().map(|e| arrived.iter().position(|a| a == e).unwrap()).collect();
    assert_eq!(places.iter().collect::<HashSet<_>>().len(), 120, "a permutation");
    // Of the pairs of a random permutation half are in order, with a standard deviation of 0.031: 0.25 is 8 of them.
    let pairs = (0..120).flat_map(|i| (0..i).map(move |j| (j, i)));
    let in_order = pairs.filter(|&(j, i)| places[j] < places[i]).count() as f64 / (120.0 * 119.0 / 2.0);
    assert!((in_order - 0.5).abs() < 0.25, "{in_order} of the pairs are in the order of arrival");
}

#[tokio::test]
async fn a_broken_stream_loses_nothing_and_sends_the_same_batch_again() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let mut config = double.config(data.path());
    config.batch = BatchPolicy { least: 10, age: Duration::from_millis(50), most: 20 };
    let relay = start(config).await;
    let device = connect(relay.address()).await;
    *double.state.breaks.lock().unwrap() = vec![Break::AfterCounting, Break::BeforeCounting, Break::AfterCounting];

    let sent = envelopes(100);
    for request in sent.chunks(25) {
        submit(&device, request.to_vec()).await.unwrap();
    }
    until("all are answered", || relay.seen().outcomes.values().sum::<u64>() == 100).await;
    assert_eq!(*double.state.counted.lock().unwrap(), sent.into_iter().collect::<HashSet<_>>());
    double.state.assert_batches_keep_their_members();
    assert!(relay.seen().outcomes[&Outcome::AlreadyCounted] >= 10);
}

/// How many uploads broke off, as the metrics tell.
async fn broken(relay: &RunningRelay) -> u64 {
    let mut stream = TcpStream::connect(relay.metrics_address().unwrap()).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: r\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).await.unwrap();
    let counts = page.lines().filter(|line| line.starts_with("tacita_relay_uploads_broken_total{"));
    counts.map(|line| line.split(' ').nth(1).unwrap().parse::<u64>().unwrap()).sum()
}

/// A batch that is sent at the very moment when the collector ends the stream is on a stream that broke: so there may
/// be rounds of that.
#[tokio::test]
async fn a_stream_that_the_collector_ends_with_nothing_on_it_is_not_broken() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let mut config = double.config(data.path());
    config.batch = BatchPolicy { least: 10, age: Duration::from_millis(50), most: 20 };
    config.metrics = Some(([127, 0, 0, 1], 0).into());
    let relay = start(config).await;
    let device = connect(relay.address()).await;
    *double.state.breaks.lock().unwrap() = vec![Break::AfterAnswering; 1_000];
    for round in 1..=20 {
        let (before, streams) = (broken(&relay).await, double.state.calls_of("upload").len());
        submit(&device, envelopes(10)).await.unwrap();
        until("they are answered", || relay.seen().outcomes.values().sum::<u64>() == 10 * round).await;
        // Until the relay has seen its end; the page is made anew meanwhile.
        tokio::time::sleep(Duration::from_millis(300)).await;
        if double.state.calls_of("upload").len() == streams + 1 && broken(&relay).await == before {
            return;
        }
    }
    panic!("each stream that ended counts as broken");
}

#[tokio::test]
async fn what_waits_survives_a_restart_and_a_drawn_batch_keeps_its_members() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let mut config = double.config(data.path());
    config.batch = BatchPolicy { least: 10, age: NEVER, most: 20 };
    *double.state.breaks.lock().unwrap() = vec![Break::AfterCounting; 1_000];
    let relay = start(config.clone()).await;
    let device = connect(relay.address()).await;
    let mut sent = envelopes(10);
    submit(&device, sent.clone()).await.unwrap();
    until("the first batch breaks off", || !double.state.batches().is_empty()).await;
    relay.shutdown().await;

    double.state.breaks.lock().unwrap().clear();
    let relay = start(config.clone()).await;
    let device = connect(relay.address()).await;
    sent.extend(envelopes(5));
    submit(&device, sent[10..].to_vec()).await.unwrap();
    until("the first batch is answered", || relay.seen().held == 5).await;
    double.state.assert_batches_keep_their_members();
    assert_eq!(double.state.counted(), 10);
    relay.shutdown().await;

    config.batch.age = Duration::from_millis(50);
    let relay = start(config).await;
    until("the rest is answered", || relay.seen().held == 0).await;
    assert_eq!(*double.state.counted.lock().unwrap(), sent.into_iter().collect::<HashSet<_>>());
}

#[tokio::test]
async fn a_full_queue_says_so_and_takes_again_when_there_is_room() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let mut config = double.config(data.path());
    config.queue_bytes = 150 * 86;
    let (address, state) = double.stop().await;
    let relay = start(config).await;
    let device = connect(relay.address()).await;

    submit(&device, envelopes(128)).await.unwrap();
    let refused = submit(&device, envelopes(23)).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(refused.message(), "queue full, 12900 bytes: keep the reports and try again later");
    submit(&device, envelopes(22)).await.unwrap();
    assert_eq!(relay.seen().held, 150);

    let double = RunningDouble::serve(address, state).await;
    until("there is room again", || relay.seen().held == 0).await;
    submit(&device, envelopes(100)).await.unwrap();
    until("all are counted", || double.state.counted() == 250).await;
}

#[tokio::test]
async fn devices_that_submit_at_once_are_all_answered_after_their_envelopes_are_held() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let mut config = double.config(data.path());
    config.batch = BatchPolicy { least: 500, age: Duration::from_millis(300), most: 1_000 };
    let relay = start(config).await;
    let device = connect(relay.address()).await;
    let requests = (0..400).map(|_| {
        let device = device.clone();
        tokio::spawn(async move { submit(&device, envelopes(3)).await.unwrap() })
    });
    for request in requests.collect::<Vec<_>>() {
        assert_eq!(request.await.unwrap(), [Outcome::Queued; 3]);
    }
    until("all are answered", || relay.seen().held == 0).await;
    assert_eq!(double.state.counted(), 1_200);
    double.state.assert_batches_keep_their_members();
}

#[tokio::test]
async fn two_relays_cannot_use_one_folder() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let _first = start(double.config(data.path())).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let clock = std::sync::Arc::new(tacita_protocol::time::SystemClock);
    let second = tacita_relay::Relay::start(double.config(data.path()), listener, clock).await;
    assert!(second.err().unwrap().to_string().contains("another relay uses this folder"));
}
