//! The privacy policy over gRPC: rules that are broken are named, small windows are hidden, and what is guaranteed is
//! told in numbers.
#![allow(clippy::unwrap_used)]

use tacita_proto::v1;
use tacita_protocol::outcome::Outcome;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::support::{Cast, House, cells, seal};

/// The broken rule, its limit and the value, as programs read them.
fn rule(status: &Status) -> [String; 3] {
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    let info = status.get_details_error_info().unwrap();
    assert_eq!((info.reason.as_str(), info.domain.as_str()), ("POLICY_BROKEN", "tacita.v1"));
    assert!(status.message().contains(&info.metadata["rule"]), "{}", status.message());
    ["rule", "limit", "value"].map(|name| info.metadata[name].clone())
}

async fn create(house: &House, name: &str, policy: v1::CampaignPolicy) -> Result<v1::ManifestCampaign, Status> {
    house.ask_for_campaign("acme", name, &["daily"], Some(policy)).await
}

#[tokio::test]
async fn a_campaign_that_is_looser_than_the_policy_is_refused_by_the_rules_name() {
    let cast = Cast::with(|config| config.policy.reports_per_window = 50).await;
    for (wish, expected) in [
        (v1::CampaignPolicy { report_epsilon_micro: 7_000_000, ..Default::default() }, ["report-epsilon", "6", "7"]),
        (v1::CampaignPolicy { device_epsilon_micro: 8_500_000, ..Default::default() }, ["device-epsilon", "8", "8.5"]),
        (v1::CampaignPolicy { people_per_cohort: 2, ..Default::default() }, ["people-per-cohort", "50", "2"]),
        (v1::CampaignPolicy { reports_per_window: 1, ..Default::default() }, ["reports-per-window", "50", "1"]),
    ] {
        assert_eq!(rule(&create(&cast.house, "loose", wish).await.unwrap_err()), expected);
    }
    let campaign = create(&cast.house, "loose", v1::CampaignPolicy::default()).await.unwrap();
    assert_eq!(campaign.policy.unwrap().report_epsilon_micro, 6_000_000, "no wish takes the collector's");
}

#[tokio::test]
async fn a_measure_that_breaks_its_campaigns_policy_is_refused_and_the_policy_is_signed_for_devices() {
    let cast = Cast::assemble().await;
    let strict = v1::CampaignPolicy {
        report_epsilon_micro: 2_000_000,
        device_epsilon_micro: 1_500_000,
        people_per_cohort: 200,
        reports_per_window: 10,
    };
    create(&cast.house, "strict", strict).await.unwrap();
    let measure = async |name: &str, epsilon_micro: u32, people: u64| {
        let cohort = v1::Dimension { name: "cohort".into(), labels: vec!["0".into(), "1".into()], catalogue: None };
        let request = v1::CreateMeasureRequest {
            campaign: "acme/strict".into(),
            name: name.into(),
            event: v1::Event::Arrival.into(),
            epsilon_micro,
            dimensions: if people > 0 { vec![cohort] } else { Vec::new() },
            cohorts: if people > 0 { vec![v1::CohortSize { label: "1".into(), people }] } else { Vec::new() },
            reports_per_window: 100_000,
            ..Default::default()
        };
        cast.house.admin().create_measure(request).await
    };
    assert_eq!(rule(&measure("a", 2_000_001, 0).await.unwrap_err()), ["report-epsilon", "2", "2.000001"]);
    assert_eq!(rule(&measure("b", 2_000_000, 0).await.unwrap_err()), ["device-epsilon", "1.5", "2"]);
    assert_eq!(rule(&measure("c", 1_000_000, 60).await.unwrap_err()), ["people-per-cohort", "200", "60"]);
    measure("d", 1_000_000, 200).await.unwrap();
    let manifest = cast.daily.manifest().await;
    let campaign = manifest.campaigns.iter().find(|campaign| campaign.name.as_str() == "strict").unwrap();
    assert_eq!(v1::CampaignPolicy::from(&campaign.policy), strict);
}

#[tokio::test]
async fn a_window_below_the_least_is_hidden_with_how_many_are_missing_until_it_has_them() {
    let mut cast = Cast::with(|config| config.policy.reports_per_window = 3).await;
    let arrivals = cast.arrivals.clone();
    for (before, missing) in [(0, None), (1, Some(2)), (2, Some(1)), (3, None)] {
        let answer = cast.house.ask(&cast.acme, cells("acme/spring")).await.unwrap();
        let about = &answer.measures[0];
        assert_eq!(about.hidden.map(|hidden| hidden.more_reports), missing, "with {before} reports");
        assert_eq!(about.reports, if before == 3 { 3 } else { 0 });
        assert!(answer.rows.iter().all(|row| row.estimate.unwrap().variance == 0.0 || before == 3));
        let report = cast.daily.report(&arrivals, 1);
        let envelope = seal(cast.daily.token().await, report);
        assert_eq!(cast.daily.submit(vec![envelope]).await.unwrap(), [Outcome::Counted]);
    }
}

#[tokio::test]
async fn the_statement_has_the_numbers_of_the_report_and_says_what_does_not_hold() {
    let mut cast = Cast::assemble().await;
    let arrivals = cast.arrivals.clone();
    let mut tokens = cast.daily.tokens().await;
    let envelopes = (0..20).map(|_| seal(tokens.remove(0), cast.daily.report(&arrivals, 1))).collect();
    cast.daily.submit(envelopes).await.unwrap();

    let ask = async |key: &str, campaign: &str| {
        let request = v1::GetPrivacyRequest { campaign: campaign.into(), range: None };
        Ok::<_, Status>(cast.house.reporting(key).get_privacy(request).await?.into_inner())
    };
    let told = ask(&cast.acme, "acme/spring").await.unwrap();
    let report = cast.house.report("acme/spring").await;
    assert_eq!(told.measures[0].privacy, report.measures[0].privacy, "one code path");
    assert_eq!((told.measures[0].reports, told.measures[0].device_epsilon), (20, 8.0), "four answers of ε 2");
    assert_eq!((told.ledger_bound_micro, told.epoch_seconds, told.budget_seconds), (8_000_000, 604_800, 518_400));
    let guaranteed = |part: &str| told.guarantees.iter().any(|one| one.what.contains(part));
    let amplified = report.measures[0].privacy.as_ref().unwrap().amplified_epsilon;
    assert!(guaranteed("ε = 2.000") && guaranteed("say at most ε = 8") && guaranteed(&format!("ε = {amplified:.3}")));
    assert!(
        told.not_guaranteed.iter().any(|one| one.contains("not hidden from the publisher") && one.contains("arrivals"))
    );

    assert_eq!(ask(&cast.rival, "acme/spring").await.unwrap_err().code(), Code::NotFound);
    assert_eq!(ask(&cast.daily.key, "acme/spring").await.unwrap_err().code(), Code::PermissionDenied);
    create(&cast.house, "empty", v1::CampaignPolicy::default()).await.unwrap();
    assert!(ask(&cast.acme, "acme/empty").await.unwrap().measures.is_empty());
}
