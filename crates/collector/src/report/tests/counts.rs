//! Rows of counts: groups, filters, periods, comparisons, pages, and what is refused.

use tacita_proto::v1;
use tacita_protocol::time::UnixTime;
use tonic::Code;
use tonic_types::StatusExt as _;

use super::{
    super::scene::{DAY, MIDNIGHT, Scene, days, query, ratio},
    declared, find, holds, scene, value,
};

#[test]
fn groups_sum_cells_with_their_exact_variance() {
    let (scene, _) = scene();
    let by_channel = scene.ask(query(&["arrivals"], &["channel"])).unwrap();
    assert_eq!(by_channel.rows.len(), 5);
    assert!(holds(&value(&by_channel, &["whatsapp"]), 8_000.0));
    assert!(holds(&value(&by_channel, &["facebook"]), 3_600.0));
    let by_kind = scene.ask(query(&["arrivals"], &["kind"])).unwrap();
    let kinds: Vec<&str> = by_kind.rows.iter().map(|row| row.labels[0].as_str()).collect();
    assert_eq!(kinds, ["private", "public", "inferred", "other"]);
    assert!(holds(&value(&by_kind, &["private"]), 8_000.0), "WhatsApp alone");
    assert!(holds(&value(&by_kind, &["inferred"]), 3_000.0), "never one number with those that have evidence");
    let total = scene.ask(query(&["arrivals"], &[])).unwrap();
    assert_eq!(total.rows.len(), 1);
    let sum: f64 = by_channel.rows.iter().map(|row| row.estimate.unwrap().value).sum();
    assert!((value(&total, &[]).value - sum).abs() < 1e-6);
    let naive: f64 = by_channel.rows.iter().map(|row| row.estimate.unwrap().variance).sum();
    assert!(value(&total, &[]).variance < naive, "cells of one histogram are correlated");
    assert!(holds(&total.measures[0].none.unwrap(), 240.0));
    let whole = value(&total, &[]).value + total.measures[0].none.unwrap().value;
    assert!((whole - 20_240.0).abs() < 1e-6, "the estimates sum to the reports");
}

#[test]
fn publishers_and_periods_are_told_apart_and_add_up() {
    let (scene, _) = scene();
    let daily =
        v1::Query { granularity: v1::Granularity::Day.into(), ..query(&["arrivals"], &["publisher", "channel"]) };
    let answer = scene.ask(daily).unwrap();
    assert_eq!(answer.rows.len(), 3 * 2 * 5);
    assert_eq!(answer.rows[0].labels, ["daily", "whatsapp"]);
    let starts: Vec<u64> = answer.rows.iter().map(|row| row.period.unwrap().from).collect();
    assert_eq!((starts[0], starts[10], starts[20]), (MIDNIGHT, MIDNIGHT + DAY, MIDNIGHT + 2 * DAY));
    let whatsapp: Vec<_> = answer.rows.iter().filter(|row| row.labels[1] == "whatsapp").collect();
    for (row, truth) in whatsapp.iter().zip([1_000.0, 1_000.0, 1_000.0, 1_000.0, 2_000.0, 2_000.0]) {
        assert!(holds(&row.estimate.unwrap(), truth), "{row:?}");
    }
    let together = value(&scene.ask(query(&["arrivals"], &["channel"])).unwrap(), &["whatsapp"]);
    let sum = whatsapp.iter().map(|row| row.estimate.unwrap().value).sum::<f64>();
    assert!((together.value - sum).abs() < 1e-6);
    let variances = whatsapp.iter().map(|row| row.estimate.unwrap().variance).sum::<f64>();
    assert!((together.variance / variances - 1.0).abs() < 1e-9);
    assert!(answer.rows.iter().all(|row| row.settled && row.reports > 0));
}

#[test]
fn filters_keep_or_leave_out_labels_of_any_axis() {
    let (scene, _) = scene();
    let filtered = |dimension: &str, value: &str, exclude| {
        let filter = v1::Filter { dimension: dimension.into(), values: vec![value.into()], exclude };
        let query = v1::Query { filters: vec![filter], ..query(&["arrivals"], &[]) };
        scene.ask(query).unwrap().rows[0].estimate.unwrap()
    };
    assert!(holds(&filtered("channel", "whatsapp", false), 8_000.0));
    assert!(holds(&filtered("channel", "whatsapp", true), 12_000.0));
    assert!(holds(&filtered("publisher", "daily", false), 10_000.0));
    assert!(holds(&filtered("analytics", "Direct", false), 16_400.0));
    assert!(holds(&filtered("grade", "inferred", false), 3_000.0));
    assert!(holds(&filtered("kind", "private", false), 8_000.0));
    assert!(holds(&filtered("kind", "inferred", false), 3_000.0));
}

#[test]
fn a_change_between_periods_is_significant_when_it_is_more_than_noise() {
    let (scene, _) = scene();
    let compare = Some(v1::Comparison { period: Some(v1::comparison::Period::PreviousPeriod(true)) });
    let asked = v1::Query { range: days(2, 3), compare, ..query(&["arrivals"], &["channel"]) };
    let answer = scene.ask(asked).unwrap();
    let whatsapp = find(&answer, &["whatsapp"]).compared.unwrap();
    assert_eq!(whatsapp.period, days(1, 2));
    let (difference, ratio) = (whatsapp.difference.unwrap(), whatsapp.ratio.unwrap());
    assert!(difference.significant && difference.p_value < 1e-6 && difference.low > 1_000.0);
    assert!(ratio.low.unwrap() > 1.5 && ratio.high.unwrap() < 2.5);
    let facebook = find(&answer, &["facebook"]).compared.unwrap();
    assert!(!facebook.difference.unwrap().significant);
}

#[test]
fn the_largest_rows_come_first_in_each_period() {
    let (scene, _) = scene();
    let top = v1::Query { top: 2, granularity: v1::Granularity::Day.into(), ..query(&["arrivals"], &["channel"]) };
    let answer = scene.ask(top).unwrap();
    let labels: Vec<&str> = answer.rows.iter().map(|row| row.labels[0].as_str()).collect();
    assert_eq!(labels.len(), 6);
    assert_eq!((labels[4], labels[5]), ("whatsapp", "direct"));
    assert!(answer.notices.iter().any(|notice| notice.code == "LARGEST_OF_MANY"));
}

#[test]
fn pages_tile_the_answer_and_end_when_something_is_counted() {
    let (mut scene, arrivals) = scene();
    let asked = || v1::Query {
        granularity: v1::Granularity::Day.into(),
        ratios: vec![],
        ..query(&["arrivals"], &["channel", "publisher"])
    };
    let whole = scene.ask(asked()).unwrap();
    let (mut rows, mut token, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = scene.page(asked(), 7, &token).unwrap();
        assert_eq!((page.total_rows, &page.state), (30, &whole.state));
        rows.extend(page.rows);
        (token, pages) = (page.next_page_token, pages + 1);
        if token.is_empty() {
            break;
        }
    }
    assert_eq!((rows, pages), (whole.rows, 5));
    let token = scene.page(asked(), 7, "").unwrap().next_page_token;
    let other = scene.page(query(&["arrivals"], &["channel"]), 7, &token).unwrap_err();
    assert_eq!(other.code(), Code::Aborted);
    assert_eq!(scene.page(asked(), 7, "next").unwrap_err().code(), Code::InvalidArgument);
    scene.count(arrivals, 1, 5, &[(&["direct", "direct"], 1)]);
    let status = scene.page(asked(), 7, &token).unwrap_err();
    assert_eq!(status.get_details_error_info().unwrap().reason, "PAGES_CHANGED");
}

#[test]
fn pages_end_when_their_rows_would_be_others_though_nothing_is_counted() {
    let (mut scene, _) = scene();
    // A range that goes on: at midnight a day more has begun, and its rows stand before those that follow.
    scene.now = UnixTime(MIDNIGHT + 4 * DAY);
    let asked =
        v1::Query { range: days(0, 9), granularity: v1::Granularity::Day.into(), ..query(&["arrivals"], &["channel"]) };
    let next = |scene: &Scene, token: &str| scene.page(asked.clone(), 7, token);
    let token = next(&scene, "").unwrap().next_page_token;
    assert!(next(&scene, &token).is_ok());
    scene.now = UnixTime(MIDNIGHT + 5 * DAY);
    assert_eq!(next(&scene, &token).unwrap_err().code(), Code::Aborted);
    let token = next(&scene, "").unwrap().next_page_token;
    scene.declare(declared());
    assert_eq!(next(&scene, &token).unwrap_err().code(), Code::Aborted, "rows may be by what is declared");
}

#[test]
fn what_cannot_be_asked_is_refused_with_the_reason() {
    let (scene, _) = scene();
    let reason = |query: v1::Query| {
        let status = scene.ask(query).unwrap_err();
        assert!(!status.message().is_empty());
        status.get_details_error_info().unwrap().reason.clone()
    };
    let base = || query(&["arrivals"], &["channel"]);
    assert_eq!(reason(query(&["nothing"], &[])), "NO_SUCH_MEASURE");
    assert_eq!(reason(query(&["arrivals"], &["cohort"])), "NO_SUCH_DIMENSION");
    assert_eq!(reason(query(&[], &["cohort"])), "NO_SUCH_DIMENSION");
    assert_eq!(reason(query(&["arrivals"], &["channel", "channel"])), "INVALID_FIELD");
    assert_eq!(reason(v1::Query { granularity: v1::Granularity::Hour.into(), ..base() }), "WINDOWS_TOO_LONG");
    assert_eq!(reason(v1::Query { granularity: 99, ..base() }), "INVALID_FIELD");
    let filter = |dimension: &str, value: &str| {
        vec![v1::Filter { dimension: dimension.into(), values: vec![value.into()], exclude: false }]
    };
    assert_eq!(reason(v1::Query { filters: filter("channel", "pigeon"), ..base() }), "NO_SUCH_LABEL");
    assert_eq!(reason(v1::Query { filters: filter("publisher", "nobody"), ..base() }), "NO_SUCH_LABEL");
    assert_eq!(reason(v1::Query { filters: filter("weather", "rain"), ..base() }), "NO_SUCH_DIMENSION");
    let backwards = Some(v1::TimeRange { from: 10, to: 9 });
    assert_eq!(reason(v1::Query { range: backwards, ..base() }), "INVALID_FIELD");
    let compare = Some(v1::Comparison { period: Some(v1::comparison::Period::PreviousPeriod(true)) });
    assert_eq!(reason(v1::Query { compare, ..base() }), "INVALID_FIELD");
    let overlapping = Some(v1::Comparison { period: days(1, 3).map(v1::comparison::Period::Range) });
    assert_eq!(reason(v1::Query { range: days(2, 4), compare: overlapping, ..base() }), "INVALID_FIELD");
    let endless = Some(v1::TimeRange { from: 1, to: 250_000_000_000 });
    let hourly = v1::Query { granularity: v1::Granularity::Day.into(), range: endless, ..base() };
    assert_eq!(reason(hourly), "TOO_MANY_ROWS");
    assert_eq!(reason(ratio(v1::RatioKind::DarkShare, &[])), "MEASURE_MISSING");
    assert_eq!(reason(ratio(v1::RatioKind::Roi, &[])), "COST_MISSING");
    assert_eq!(reason(ratio(v1::RatioKind::Unspecified, &[])), "INVALID_FIELD");
}

#[test]
fn an_empty_range_and_one_ahead_are_zeroes_that_say_so() {
    let (scene, _) = scene();
    let ask = |range| scene.ask(v1::Query { range, ..query(&["arrivals"], &["channel"]) }).unwrap();
    for (answer, code) in [(ask(days(10, 20)), "NO_REPORTS"), (ask(days(500, 600)), "RANGE_AHEAD")] {
        assert_eq!(answer.rows.len(), 5);
        for row in &answer.rows {
            let estimate = row.estimate.unwrap();
            assert_eq!((estimate.value, estimate.variance, estimate.low, estimate.high), (0.0, 0.0, 0.0, 0.0));
            assert!(!estimate.above_zero && estimate.reports_needed.is_none());
        }
        assert_eq!(answer.notices[0].code, code);
        let privacy = answer.measures[0].privacy.as_ref().unwrap();
        assert_eq!((privacy.amplified_over, privacy.amplified_epsilon), (0, privacy.epsilon));
    }
}

#[test]
fn a_campaign_without_a_measure_says_that_and_not_that_nothing_came() {
    let answer = Scene::at(&["daily"], 1).ask(query(&[], &["channel"])).unwrap();
    let codes: Vec<&str> = answer.notices.iter().map(|notice| notice.code.as_str()).collect();
    assert_eq!(codes, ["NO_MEASURES"]);
    assert!(answer.notices[0].message.contains("has no measure yet"), "{answer:?}");
}

#[test]
fn days_without_reports_are_rows_within_the_range_asked_for() {
    let (scene, _) = scene();
    let asked = v1::Query { range: days(0, 6), granularity: v1::Granularity::Day.into(), ..query(&["arrivals"], &[]) };
    let reports: Vec<u64> = scene.ask(asked).unwrap().rows.iter().map(|row| row.reports).collect();
    assert_eq!(reports, [6_080, 6_080, 8_080, 0, 0, 0]);
}
