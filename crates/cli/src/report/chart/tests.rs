//! What the pictures say.

use super::*;
use tacita_proto::v1;

const DAY: u64 = 86_400;
const FIRST: u64 = 1_795_305_600;

fn estimate(value: f64) -> Option<v1::Estimate> {
    Some(v1::Estimate { value, low: value - 20.0, high: value + 20.0, above_zero: true, ..Default::default() })
}

/// Arrivals of the measure `arrivals`, of a label and a day each.
fn answer(axis: &str, rows: impl IntoIterator<Item = (String, u64, f64)>) -> v1::QueryResponse {
    let row = |(label, day, value)| v1::Row {
        measure: "arrivals".into(),
        period: Some(v1::TimeRange { from: FIRST + day * DAY, to: FIRST + (day + 1) * DAY }),
        labels: vec![label],
        estimate: estimate(value),
        reports: if day == 2 { 0 } else { 500 },
        settled: true,
        ..Default::default()
    };
    v1::QueryResponse {
        measures: vec![v1::MeasureAnswer {
            measure: Some(v1::Measure { name: "arrivals".into(), ..Default::default() }),
            group_by: vec![axis.into()],
            ..Default::default()
        }],
        rows: rows.into_iter().map(row).collect(),
        ..Default::default()
    }
}

fn drawn(panels: &[Panel]) -> String {
    let picture = as_svg(panels);
    let tree = usvg::Tree::from_str(&picture, &usvg::Options::default());
    assert!(tree.is_ok(), "{picture}");
    picture
}

#[test]
fn a_picture_is_well_formed_whatever_a_label_says() {
    for label in ["whatsapp", "<script>&\"", &"long ".repeat(20)] {
        let mut answer = answer("channel", [(label.to_owned(), 0, 100.0)]);
        answer.ratios = vec![v1::RatioRow { ratio: "dark_share".into(), ..Default::default() }];
        let picture = drawn(&query(&answer));
        assert!(!picture.contains("<script"), "{picture}");
        assert!(picture.contains("100 (80 … 120)") && picture.contains("not estimable"));
    }
}

#[test]
fn private_inferred_and_public_have_colours_of_their_own() {
    let of = |axis: &str, label: &str| drawn(&query(&answer(axis, [(label.to_owned(), 0, 100.0)])));
    let private = tone::Tone::Private.colour();
    assert!(of("channel", "whatsapp").contains(private) && of("kind", "private").contains(private));
    for (axis, label) in [("channel", "facebook"), ("channel", "inferred"), ("kind", "inferred"), ("cohort", "private")]
    {
        assert!(!of(axis, label).contains(private), "{axis} {label}");
    }
    assert!(of("kind", "inferred").contains("inferred, an upper bound"));
}

#[test]
fn what_differs_by_time_is_a_line_for_each_of_the_largest_groups() {
    let channels = ["whatsapp", "messenger", "telegram", "signal", "viber", "wechat", "line", "sms"];
    let rows = (0..60_u64).flat_map(|day| {
        let of_day = move |(place, channel): (usize, &&str)| ((*channel).to_owned(), day, 500.0 - 50.0 * place as f64);
        channels.iter().enumerate().map(of_day).collect::<Vec<_>>()
    });
    let picture = drawn(&query(&answer("channel", rows)));
    assert_eq!(picture.matches("fill-opacity").count(), 6, "a band for each line: {picture}");
    assert!(picture.contains(">2026-11-22<") && !picture.contains("00:00"), "{picture}");
    assert!(picture.contains("The 6 largest; smaller and not drawn: line, sms."), "{picture}");
    let dates = picture.matches("\"middle\"").count();
    assert!((2..10).contains(&dates), "{dates} dates of 60 have room: {picture}");
    assert!(picture.contains(">whatsapp<") && !picture.contains(">sms<"), "{picture}");
}

#[test]
fn a_line_has_a_gap_where_a_ratio_is_not_estimable() {
    let row = |day: u64, value: Option<f64>| v1::RatioRow {
        ratio: "dark_share".into(),
        period: Some(v1::TimeRange { from: FIRST + day * DAY, to: FIRST + (day + 1) * DAY }),
        estimate: Some(v1::RatioEstimate { value, low: value, high: value, ..Default::default() }),
        settled: day < 3,
        ..Default::default()
    };
    let values = [Some(0.5), Some(0.6), None, Some(0.4), Some(0.5), Some(0.6)];
    let ratios = (0..).zip(values).map(|(day, value)| row(day, value)).collect();
    let picture = drawn(&query(&v1::QueryResponse { ratios, ..Default::default() }));
    assert_eq!(picture.matches("fill-opacity").count(), 2, "a band on each side of the gap: {picture}");
    assert!(picture.contains("dashed: still takes reports") && picture.contains("stroke-dasharray"), "{picture}");
}

#[test]
fn what_is_hidden_is_no_zero() {
    let mut answer = answer("channel", (0..5).map(|day| ("sms".to_owned(), day, 100.0)));
    answer.rows[2].hidden = Some(v1::Hidden::default());
    let picture = drawn(&query(&answer));
    assert_eq!(picture.matches("fill-opacity").count(), 2, "a band on each side of the gap: {picture}");
    let only = v1::QueryResponse { rows: vec![answer.rows[2].clone()], ..answer };
    assert!(drawn(&query(&only)).contains(">hidden<"));
}

#[test]
fn of_many_rows_the_largest_are_drawn_and_the_others_counted() {
    let rows = (0..100).map(|place| (format!("/page-{place}"), 0, f64::from(place)));
    let picture = drawn(&query(&answer("content", rows)));
    assert!(picture.contains(">/page-99<") && picture.contains(">/page-60<") && !picture.contains(">/page-59<"));
    assert!(picture.contains("The 40 largest; 60 are not drawn."), "{picture}");
}

#[test]
fn many_equal_rows_do_not_push_out_the_largest() {
    let rows = (0..100).map(|place| (format!("/page-{place}"), 0, f64::from(place % 10 / 9 * place)));
    let picture = drawn(&query(&answer("content", rows)));
    assert!(picture.contains(">/page-99<") && picture.contains(">/page-0<") && !picture.contains(">/page-34<"));
}

#[test]
fn funnel_and_reconciliation_are_bars_with_intervals() {
    let group = v1::FunnelGroup {
        label: "sms".into(),
        shares: estimate(500.0),
        arrivals_per_share: Some(v1::RatioEstimate {
            value: Some(0.4),
            low: Some(0.3),
            high: Some(0.5),
            ..Default::default()
        }),
        ..Default::default()
    };
    let told = v1::GetFunnelResponse {
        groups: vec![group],
        generations: vec![v1::Generation { generation: 1, arrivals: estimate(70.0), ..Default::default() }],
        ..Default::default()
    };
    let picture = drawn(&funnel(&told, "channel"));
    for part in ["sms · shares", "500 (480 … 520)", "not told", "0.40 (0.30 … 0.50)", "generation 1", "70 (50 … 90)"]
    {
        assert!(picture.contains(part), "{part}: {picture}");
    }

    let part = v1::AnalyticsPart {
        channel: "whatsapp".into(),
        grade: "confirmed".into(),
        kind: "private".into(),
        arrivals: estimate(60.0),
    };
    let view = v1::GetReconciliationResponse {
        groups: vec![v1::AnalyticsGroup { name: "Direct".into(), arrivals: estimate(300.0), parts: vec![part] }],
        direct_inferred: Some(v1::RatioEstimate::default()),
        ..Default::default()
    };
    let picture = drawn(&reconciliation(&view));
    for part in [">Direct<", "300 (280 … 320)", "whatsapp · confirmed", "60 (40 … 80)", "not estimable"] {
        assert!(picture.contains(part), "{part}: {picture}");
    }
}
