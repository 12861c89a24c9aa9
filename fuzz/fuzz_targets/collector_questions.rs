//! Any question of a brand, page tokens among it: refused, or answered.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tacita_collector::fuzzing::{CAMPAIGN, questions};
use tacita_fuzz::{message, plant};
use tacita_proto::v1::{self, RatioKind};

fn seeds() -> Vec<Vec<u8>> {
    let query = || v1::Query { campaign: CAMPAIGN.into(), ..Default::default() };
    let ask = |query: v1::Query, page_token: &str| {
        message(0, &v1::QueryRequest { query: Some(query), page_size: 2, page_token: page_token.into() })
    };
    let range = Some(v1::TimeRange { from: 20_000 * 86_400, to: 20_008 * 86_400 });
    let filters = vec![v1::Filter { dimension: "kind".into(), values: vec!["private".into()], exclude: false }];
    let ratio = |kind: RatioKind| v1::RatioRequest { kind: kind.into(), custom: None };
    let kinds = (1..=11).filter_map(|kind| RatioKind::try_from(kind).ok()).filter(|kind| *kind != RatioKind::Custom);
    let side = |measure: &str| Some(v1::Selection { measure: measure.into(), filters: vec![] });
    let custom = v1::CustomRatio { name: "x".into(), numerator: side("shares"), denominator: side("arrivals") };
    let previous = v1::Comparison { period: Some(v1::comparison::Period::PreviousPeriod(true)) };
    let planned =
        v1::Measure { event: v1::Event::SharerProfile.into(), epsilon_micro: 2_000_000, ..Default::default() };
    vec![
        ask(v1::Query { group_by: vec!["*".into()], ..query() }, ""),
        ask(v1::Query { ratios: kinds.map(ratio).collect(), ..query() }, ""),
        ask(
            v1::Query {
                measures: vec!["arrivals".into()],
                group_by: ["channel", "kind", "analytics", "publisher"].map(Into::into).to_vec(),
                range,
                filters: filters.clone(),
                granularity: v1::Granularity::Day.into(),
                compare: Some(previous),
                top: 3,
                ..query()
            },
            "2.0123456789abcdef",
        ),
        ask(
            v1::Query {
                ratios: vec![v1::RatioRequest { kind: RatioKind::Custom.into(), custom: Some(custom) }],
                group_by: vec!["category".into()],
                ..query()
            },
            "",
        ),
        message(
            1,
            &v1::GetFunnelRequest {
                campaign: CAMPAIGN.into(),
                range,
                group_by: "channel".into(),
                filters: filters.clone(),
            },
        ),
        message(2, &v1::GetReconciliationRequest { campaign: CAMPAIGN.into(), range, filters }),
        message(
            3,
            &v1::PlanMeasureRequest {
                measure: Some(planned),
                reports_per_window: 5_000,
                windows: 4,
                shares: vec![v1::ExpectedShare { labels: vec!["both".into()], share: 0.1 }],
            },
        ),
    ]
}

fuzz_target!(init: plant("collector_questions", seeds()), |bytes: &[u8]| questions(bytes));
