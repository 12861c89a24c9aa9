//! Questions that cannot be answered as asked: each is told what is amiss, in a form for programs and in one for people.
#![allow(clippy::unwrap_used)]

use tacita_proto::v1;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::support::{Cast, NOON, cells};

const DAY: u64 = 86_400;

fn reason(status: &Status) -> String {
    status.get_details_error_info().unwrap().reason
}

#[tokio::test]
async fn a_wrong_key_anothers_campaign_and_an_unknown_measure_are_refused_with_what_to_do() {
    let cast = Cast::assemble().await;
    let ask = async |key: &str, query: v1::Query| cast.house.ask(key, query).await.unwrap_err();

    let wrong = cast.acme.replace(&cast.acme[10..14], "XXXX");
    let status = ask(&wrong, cells("acme/spring")).await;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unauthenticated, "KEY_INVALID"));

    let foreign = ask(&cast.acme, cells("rival/summer")).await;
    let missing = ask(&cast.acme, cells("rival/autumn")).await;
    assert_eq!((foreign.code(), reason(&foreign).as_str()), (Code::NotFound, "NO_SUCH_CAMPAIGN"));
    assert_eq!(foreign.message().replace("summer", "autumn"), missing.message(), "nobody learns that it exists");
    assert!(foreign.message().contains("ListCampaigns"), "{}", foreign.message());

    let measures = vec!["departures".into()];
    let status = ask(&cast.acme, v1::Query { measures, ..cells("acme/spring") }).await;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "NO_SUCH_MEASURE"));
    assert!(status.message().contains("departures") && status.message().contains("arrivals"), "{}", status.message());
}

#[tokio::test]
async fn a_range_without_reports_or_ahead_is_answered_with_a_notice() {
    let cast = Cast::assemble().await;
    let ask = async |from: u64, to: u64| {
        let query = v1::Query { range: Some(v1::TimeRange { from, to }), ..cells("acme/spring") };
        cast.house.ask(&cast.acme, query).await
    };
    let codes = async |from: u64, to: u64| {
        let notices = ask(from, to).await.unwrap().notices;
        notices.into_iter().map(|notice| notice.code).collect::<Vec<_>>()
    };
    assert!(codes(NOON.0 - 30 * DAY, NOON.0 - 20 * DAY).await.contains(&"NO_REPORTS".to_owned()));
    assert!(codes(NOON.0 + 20 * DAY, NOON.0 + 30 * DAY).await.contains(&"RANGE_AHEAD".to_owned()));
    let status = ask(NOON.0, NOON.0 - DAY).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "INVALID_FIELD"));
    assert!(status.message().contains("range"), "{}", status.message());
}
