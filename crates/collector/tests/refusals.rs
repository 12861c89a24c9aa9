//! Every reason to refuse a report: through gRPC, answered, counted, and without a trace in the tallies.
#![allow(clippy::unwrap_used)]

use tacita_protocol::{
    measure::Measure,
    outcome::{Outcome, Refusal},
    report::Report,
};
use tacita_tokens::{Context, EpochKey, Issuer, Pending};

use crate::support::{Cast, bytes_of, copy_of, seal, unknown_measure, window_after};

/// Where a header's fields begin.
const VERSION: usize = 0;
const PUBLISHER: std::ops::Range<usize> = 2..6;
const EPOCH: std::ops::Range<usize> = 6..10;

/// A cast, and an envelope of its first publisher that would count.
async fn good_envelope() -> (Cast, Vec<u8>) {
    let mut cast = Cast::assemble().await;
    let arrivals: Measure = cast.arrivals.clone();
    let envelope = cast.daily.sealed(&arrivals, 1).await;
    (cast, envelope)
}

/// Seals what `change` makes of a good report.
async fn sealed_with(change: impl FnOnce(&Cast, &mut Report)) -> (Cast, Vec<u8>) {
    let mut cast = Cast::assemble().await;
    let arrivals = cast.arrivals.clone();
    let mut report = cast.daily.report(&arrivals, 1);
    change(&cast, &mut report);
    let envelope = seal(cast.daily.token().await, report);
    (cast, envelope)
}

#[tokio::test]
async fn a_good_report_counts_once_and_the_same_bytes_again_are_known() {
    let (cast, envelope) = good_envelope().await;
    assert_eq!(cast.daily.submit(vec![envelope.clone()]).await.unwrap(), [Outcome::Counted]);
    assert_eq!(cast.house.report("acme/spring").await.measures[0].reports, 1);
    assert_eq!(cast.daily.submit(vec![envelope]).await.unwrap(), [Outcome::AlreadyCounted]);
    assert_eq!(cast.house.report("acme/spring").await.measures[0].reports, 1);
    let counts = cast.house.outcomes(cast.daily.publisher).await;
    assert_eq!(counts, [(Outcome::Counted, 1), (Outcome::AlreadyCounted, 1)].into());
}

#[tokio::test]
async fn a_spent_token_is_refused() {
    let mut cast = Cast::assemble().await;
    let (arrivals, token) = (cast.arrivals.clone(), cast.daily.token().await);
    let first = seal(copy_of(&token), cast.daily.report(&arrivals, 1));
    let mut second = cast.daily.report(&arrivals, 2);
    second.value ^= 0b11;
    assert_eq!(cast.daily.submit(vec![first]).await.unwrap(), [Outcome::Counted]);
    cast.expect_refusal(seal(token, second), Refusal::Spent).await;
}

#[tokio::test]
async fn a_forged_token_is_refused() {
    let mut cast = Cast::assemble().await;
    let epoch = cast.daily.active_epoch().await;
    let forger = EpochKey::generate(&mut rand::rngs::SysRng).unwrap();
    let context: Context = epoch.context(cast.daily.publisher);
    let (pending, request) = Pending::new(&forger.public_key(), &context, 1, &mut rand::rngs::SysRng).unwrap();
    let issued = Issuer::new(&forger, &context).unwrap().issue(&request, &mut rand::rngs::SysRng).unwrap();
    let token = pending.finish(&issued).unwrap().remove(0);
    let arrivals = cast.arrivals.clone();
    let report = cast.daily.report(&arrivals, 1);
    cast.expect_refusal(bytes_of(&token.seal(&report.to_bytes())), Refusal::Unauthentic).await;
}

#[tokio::test]
async fn an_envelope_of_another_publisher_is_refused() {
    let mut cast = Cast::assemble().await;
    let arrivals = cast.arrivals.clone();
    let envelope = cast.weekly.sealed(&arrivals, 1).await;
    cast.expect_refusal(envelope, Refusal::WrongPublisher).await;
}

#[tokio::test]
async fn a_token_of_another_publisher_under_this_ones_name_is_refused() {
    let mut cast = Cast::assemble().await;
    let arrivals = cast.arrivals.clone();
    let mut envelope = cast.weekly.sealed(&arrivals, 1).await;
    envelope[PUBLISHER].copy_from_slice(&cast.daily.publisher.0.to_be_bytes());
    cast.expect_refusal(envelope, Refusal::Unauthentic).await;
}

#[tokio::test]
async fn an_epoch_that_is_not_published_is_refused() {
    for epoch in [0_u32, 4, u32::MAX] {
        let (cast, mut envelope) = good_envelope().await;
        envelope[EPOCH].copy_from_slice(&epoch.to_be_bytes());
        cast.expect_refusal(envelope, Refusal::UnknownEpoch).await;
    }
}

#[tokio::test]
async fn a_token_of_another_epoch_under_a_published_ones_number_is_refused() {
    let (cast, mut envelope) = good_envelope().await;
    envelope[EPOCH].copy_from_slice(&2_u32.to_be_bytes());
    cast.expect_refusal(envelope, Refusal::Unauthentic).await;
}

#[tokio::test]
async fn a_report_of_a_closed_epoch_is_refused() {
    let (cast, envelope) = good_envelope().await;
    let epoch = cast.daily.active_epoch().await;
    cast.house.clock.set(epoch.closes_at);
    cast.expect_refusal(envelope, Refusal::ClosedEpoch).await;
}

#[tokio::test]
async fn a_wrong_length_is_refused() {
    let (cast, envelope) = good_envelope().await;
    let longer = [envelope.as_slice(), &[0]].concat();
    for wrong in [Vec::new(), envelope[..85].to_vec(), longer] {
        cast.expect_refusal(wrong, Refusal::WrongLength).await;
    }
}

#[tokio::test]
async fn a_flipped_bit_is_refused_wherever_it_is() {
    let (cast, envelope) = good_envelope().await;
    // Nonce, initialisation vector, ciphertext, tag: the first and the last bit of each part.
    for (byte, bit) in [(10, 7), (41, 0), (42, 7), (53, 0), (54, 7), (69, 0), (70, 7), (85, 0)] {
        let mut flipped = envelope.clone();
        flipped[byte] ^= 1 << bit;
        cast.expect_refusal(flipped, Refusal::Unauthentic).await;
    }
    assert_eq!(cast.daily.submit(vec![envelope]).await.unwrap(), [Outcome::Counted]);
}

#[tokio::test]
async fn an_unknown_version_or_suite_is_refused() {
    let (cast, envelope) = good_envelope().await;
    for field in [VERSION, VERSION + 1] {
        let mut changed = envelope.clone();
        changed[field] = 0xff;
        cast.expect_refusal(changed, Refusal::UnknownVersion).await;
    }
}

#[tokio::test]
async fn a_window_that_is_too_old_is_refused() {
    let (cast, envelope) = sealed_with(|_, report| report.window = window_after(report.window, -3)).await;
    cast.expect_refusal(envelope, Refusal::WindowTooOld).await;
}

#[tokio::test]
async fn a_window_that_is_ahead_is_refused() {
    let (cast, envelope) = sealed_with(|_, report| report.window = window_after(report.window, 1)).await;
    cast.expect_refusal(envelope, Refusal::WindowAhead).await;
}

#[tokio::test]
async fn the_window_before_still_counts() {
    let (cast, envelope) = sealed_with(|_, report| report.window = window_after(report.window, -2)).await;
    assert_eq!(cast.daily.submit(vec![envelope]).await.unwrap(), [Outcome::Counted]);
}

#[tokio::test]
async fn an_unknown_measure_is_refused() {
    let (cast, envelope) = sealed_with(|_, report| report.measure = unknown_measure()).await;
    cast.expect_refusal(envelope, Refusal::UnknownMeasure).await;
}

#[tokio::test]
async fn a_measure_that_the_publisher_takes_no_part_in_is_refused() {
    let (cast, envelope) = sealed_with(|cast, report| report.measure = cast.elsewhere.id).await;
    cast.expect_refusal(envelope, Refusal::UnknownMeasure).await;
}

#[tokio::test]
async fn a_value_with_the_wrong_number_of_cells_is_refused() {
    let (cast, envelope) = sealed_with(|_, report| report.value = 0b11_1111).await;
    cast.expect_refusal(envelope, Refusal::InvalidValue).await;
}

#[tokio::test]
async fn a_value_outside_the_domain_is_refused() {
    let (cast, envelope) = sealed_with(|_, report| report.value = 1 << 63).await;
    cast.expect_refusal(envelope, Refusal::InvalidValue).await;
}

#[tokio::test]
async fn a_bad_report_stops_none_of_its_batch() {
    let mut cast = Cast::assemble().await;
    let arrivals = cast.arrivals.clone();
    let mut tokens = cast.daily.tokens().await;
    let mut sealed = || seal(tokens.remove(0), cast.daily.report(&arrivals, 1));
    let (first, mut broken, last) = (sealed(), sealed(), sealed());
    broken[80] ^= 1;
    let outcomes = cast.daily.submit(vec![first, broken, vec![1, 2, 3], last]).await.unwrap();
    let refused = |refusal| Outcome::Refused(refusal);
    let expected = [Outcome::Counted, refused(Refusal::Unauthentic), refused(Refusal::WrongLength), Outcome::Counted];
    assert_eq!(outcomes, expected);
    assert_eq!(cast.house.report("acme/spring").await.measures[0].reports, 2);
}

#[tokio::test]
async fn a_token_twice_in_one_batch_counts_once() {
    let mut cast = Cast::assemble().await;
    let (arrivals, token) = (cast.arrivals.clone(), cast.daily.token().await);
    let report = cast.daily.report(&arrivals, 1);
    let mut other = report;
    other.window = window_after(report.window, -1);
    let envelopes = vec![seal(copy_of(&token), report), seal(copy_of(&token), report), seal(token, other)];
    let outcomes = cast.daily.submit(envelopes).await.unwrap();
    assert_eq!(outcomes, [Outcome::Counted, Outcome::AlreadyCounted, Outcome::Refused(Refusal::Spent)]);
    let counts = cast.house.outcomes(cast.daily.publisher).await;
    assert_eq!(counts, outcomes.into_iter().map(|outcome| (outcome, 1)).collect());
    assert_eq!(cast.house.report("acme/spring").await.measures[0].reports, 1);
}
