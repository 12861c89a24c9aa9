//! From a true value on a device to a brand's interval, all through gRPC.
#![allow(clippy::unwrap_used)]

use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use tacita_dp::{Estimate, Tally};
use tacita_proto::v1;
use tacita_protocol::{measure::Measure, outcome::Outcome, report::Report};
use tonic::Code;

use crate::support::{self, Cast, seal};

/// How many reports of each cell: none, whatsapp, telegram, email, direct, other.
const TRUTH: [u64; 6] = [100, 900, 400, 0, 1_500, 172];

/// The estimates from the same randomized answers, without a collector in between.
fn estimated_here(measure: &Measure, reports: &[Report]) -> Vec<Estimate> {
    let mechanism = measure.mechanism();
    let valid: Vec<_> = reports.iter().map(|report| mechanism.validate(report.value).unwrap()).collect();
    let mut tally = Tally::new(&mechanism);
    tally.absorb(&mechanism, &valid).unwrap();
    mechanism.estimate(&tally).unwrap().cells().to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_intervals_hold_the_truth() {
    let mut cast = Cast::with(|config| config.device_policy.token_batch = 128).await;
    // With six cells at 95 % one seed in four leaves a truth out; this one does not. That nineteen of twenty intervals hold
    // over many seeds is tested in coverage.rs.
    cast.daily.rng = ChaCha20Rng::seed_from_u64(2);
    let arrivals = cast.arrivals.clone();
    let cells = TRUTH.iter().enumerate().flat_map(|(cell, &count)| (0..count).map(move |_| cell as u32));
    let reports: Vec<_> = cells.map(|cell| cast.daily.report(&arrivals, cell)).collect();
    for part in reports.chunks(128) {
        let tokens = cast.daily.tokens().await;
        let envelopes: Vec<_> = tokens.into_iter().zip(part).map(|(token, &report)| seal(token, report)).collect();
        let outcomes = cast.daily.submit(envelopes).await.unwrap();
        assert!(outcomes.iter().all(|&outcome| outcome == Outcome::Counted));
    }

    let query = v1::Query { measures: vec!["arrivals".into()], ..support::cells("acme/spring") };
    let answer = cast.house.ask(&cast.acme, query).await.unwrap();
    let about = &answer.measures[0];
    let total: u64 = TRUTH.iter().sum();
    assert_eq!((about.reports, about.windows), (total, 1));
    let rows = answer.rows.iter().map(|row| row.estimate.unwrap());
    let cells: Vec<v1::Estimate> = std::iter::once(about.none.unwrap()).chain(rows).collect();
    for (cell, expected) in cells.iter().zip(estimated_here(&arrivals, &reports)) {
        assert!((cell.value - expected.count).abs() < 1e-9 && (cell.variance - expected.variance).abs() < 1e-9);
    }
    for (place, (cell, truth)) in cells.iter().zip(TRUTH).enumerate() {
        let truth = truth as f64;
        assert!(cell.low <= truth && truth <= cell.high, "{place}: {} to {} lacks {truth}", cell.low, cell.high);
    }
    let sum: f64 = cells.iter().map(|cell| cell.value).sum();
    assert!((sum - total as f64).abs() < 1e-6);
    assert!(cells[1].above_zero && answer.rows[0].labels == ["whatsapp"]);
    let privacy = about.privacy.as_ref().unwrap();
    assert!(privacy.epsilon > 1.99 && privacy.epsilon < 2.01);
    assert!(privacy.amplified_epsilon < 0.5 && privacy.amplified_over == total);
}

#[tokio::test]
async fn a_time_range_takes_the_windows_that_begin_in_it() {
    let mut cast = Cast::assemble().await;
    let arrivals = cast.arrivals.clone();
    let today = cast.daily.report(&arrivals, 1);
    let mut yesterday = cast.daily.report(&arrivals, 1);
    yesterday.window = support::window_after(today.window, -1);
    let mut tokens = cast.daily.tokens().await;
    let envelopes =
        vec![seal(tokens.remove(0), today), seal(tokens.remove(0), yesterday), seal(tokens.remove(0), yesterday)];
    assert_eq!(cast.daily.submit(envelopes).await.unwrap(), [Outcome::Counted; 3]);

    let midnight = arrivals.window.start_of(today.window).0;
    let ask = async |from: u64, to: u64| {
        let query = v1::Query { range: Some(v1::TimeRange { from, to }), ..support::cells("acme/spring") };
        let answer = cast.house.ask(&cast.acme, query).await?;
        Ok::<_, tonic::Status>((answer.measures[0].reports, answer.measures[0].windows))
    };
    assert_eq!(ask(0, 0).await.unwrap(), (3, 2));
    assert_eq!(ask(midnight, 0).await.unwrap(), (1, 1));
    assert_eq!(ask(0, midnight).await.unwrap(), (2, 1));
    assert_eq!(ask(midnight + 1, midnight + 10).await.unwrap(), (0, 0));
    assert_eq!(ask(10, 10).await.unwrap_err().code(), Code::InvalidArgument);
    let query = v1::Query { measures: vec!["nothing".into()], ..support::cells("acme/spring") };
    assert_eq!(cast.house.ask(&cast.acme, query).await.unwrap_err().code(), Code::NotFound);
}
