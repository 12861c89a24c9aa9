//! The upload stream: order, exactly-once under concurrency, bounds, drain.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use tacita_proto::v1;
use tacita_protocol::outcome::Outcome;
use tokio::sync::mpsc;
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::support::{self, Cast, limit_of};

/// Envelopes that would count, one token batch of them.
async fn envelopes(cast: &mut Cast) -> Vec<Vec<u8>> {
    let arrivals = cast.arrivals.clone();
    let tokens = cast.daily.tokens().await;
    tokens.into_iter().map(|token| support::seal(token, cast.daily.report(&arrivals, 1))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_of_a_stream_are_answered_in_order() {
    let mut cast = Cast::assemble().await;
    let envelopes = envelopes(&mut cast).await;
    let requests: Vec<_> = envelopes
        .chunks(5)
        .enumerate()
        .map(|(batch, part)| v1::UploadReportsRequest { batch: batch as u64 * 7, envelopes: part.to_vec() })
        .collect();
    let sizes: Vec<_> = requests.iter().map(|request| (request.batch, request.envelopes.len())).collect();
    let answers = cast.daily.collection().upload_reports(tokio_stream::iter(requests)).await.unwrap().into_inner();
    let answers: Vec<_> = answers.map(|answer| answer.unwrap()).collect().await;
    assert_eq!(sizes, answers.iter().map(|answer| (answer.batch, answer.outcomes.len())).collect::<Vec<_>>());
    assert!(answers.iter().flat_map(|answer| &answer.outcomes).all(|&outcome| outcome == Outcome::Counted.to_wire()));
    assert_eq!(cast.house.report("acme/spring").await.measures[0].reports, envelopes.len() as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_envelopes_from_many_senders_at_once_count_once() {
    let mut cast = Cast::assemble().await;
    let envelopes = envelopes(&mut cast).await;
    let senders: Vec<_> = (0..8)
        .map(|turn| {
            let mut collection = cast.daily.collection();
            let mut envelopes = envelopes.clone();
            envelopes.rotate_left(turn * 3);
            tokio::spawn(async move {
                let request = v1::SubmitReportsRequest { envelopes };
                collection.submit_reports(request).await.unwrap().into_inner().outcomes
            })
        })
        .collect();
    let mut outcomes = Vec::new();
    for sender in senders {
        outcomes.extend(sender.await.unwrap());
    }
    let of = |wanted: Outcome| outcomes.iter().filter(|&&outcome| outcome == wanted.to_wire()).count();
    assert_eq!(of(Outcome::Counted), envelopes.len());
    assert_eq!(of(Outcome::AlreadyCounted), envelopes.len() * 7);
    assert_eq!(cast.house.report("acme/spring").await.measures[0].reports, envelopes.len() as u64);
    let counts = cast.house.outcomes(cast.daily.publisher).await;
    assert_eq!(counts[&Outcome::Counted], envelopes.len() as u64);
    assert_eq!(counts[&Outcome::AlreadyCounted], envelopes.len() as u64 * 7);
}

#[tokio::test]
async fn too_many_reports_in_a_batch_are_refused_as_a_whole() {
    let mut cast = Cast::with(|config| config.limits.reports_per_batch = 3).await;
    let mut envelopes = envelopes(&mut cast).await;
    envelopes.truncate(4);
    let refused = cast.daily.submit(envelopes.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("at most 3"), "{}", refused.message());
    assert!(cast.house.outcomes(cast.daily.publisher).await.is_empty());
    envelopes.truncate(3);
    assert_eq!(cast.daily.submit(envelopes).await.unwrap(), [Outcome::Counted; 3]);
}

#[tokio::test]
async fn overload_is_refused_at_once_and_names_the_limit() {
    let cast = Cast::with(|config| {
        config.limits.uploads_in_flight = 0;
        config.limits.issuances_in_flight = 0;
        config.limits.upload_streams = 0;
        config.limits.queries_in_flight = 0;
    })
    .await;
    let expect = |status: Status, limit: &str| {
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert_eq!(limit_of(&status).0, limit);
        assert!(status.message().contains(limit) && status.get_details_retry_info().is_some());
    };
    expect(cast.daily.submit(vec![vec![]]).await.unwrap_err(), "uploads_in_flight");
    let no_batches = tokio_stream::iter(Vec::<v1::UploadReportsRequest>::new());
    expect(cast.daily.collection().upload_reports(no_batches).await.unwrap_err(), "upload_streams");
    let epoch = cast.daily.active_epoch().await;
    expect(cast.daily.tokens_of(&epoch, 32).await.map(|_| ()).unwrap_err(), "issuances_in_flight");
    expect(cast.house.ask(&cast.acme, support::cells("acme/spring")).await.unwrap_err(), "queries_in_flight");
}

#[tokio::test]
async fn a_stream_holds_its_place_until_it_ends() {
    let mut cast = Cast::with(|config| config.limits.upload_streams = 1).await;
    let envelope = envelopes(&mut cast).await.remove(0);
    let (batches, stream) = mpsc::channel(1);
    let mut answers = cast.daily.collection().upload_reports(ReceiverStream::new(stream)).await.unwrap().into_inner();
    let no_batches = || tokio_stream::iter(Vec::<v1::UploadReportsRequest>::new());
    let refused = cast.daily.collection().upload_reports(no_batches()).await.unwrap_err();
    assert_eq!(limit_of(&refused).0, "upload_streams");
    batches.send(v1::UploadReportsRequest { batch: 1, envelopes: vec![envelope] }).await.unwrap();
    assert_eq!(answers.message().await.unwrap().unwrap().outcomes, [Outcome::Counted.to_wire()]);
    drop(batches);
    assert!(answers.message().await.unwrap().is_none());
    assert!(cast.daily.collection().upload_reports(no_batches()).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_answers_what_it_took_and_ends_open_streams() {
    let mut cast = Cast::assemble().await;
    let envelope = envelopes(&mut cast).await.remove(0);
    let (batches, stream) = mpsc::channel(1);
    let mut answers = cast.daily.collection().upload_reports(ReceiverStream::new(stream)).await.unwrap().into_inner();
    batches.send(v1::UploadReportsRequest { batch: 9, envelopes: vec![envelope.clone()] }).await.unwrap();
    assert_eq!(answers.message().await.unwrap().unwrap().batch, 9);
    let Cast { house, .. } = cast;
    let reopened = tokio::time::timeout(Duration::from_secs(60), house.reopen()).await.unwrap();
    assert!(answers.message().await.unwrap().is_none());
    assert_eq!(reopened.report("acme/spring").await.measures[0].reports, 1);
}
