//! What brands ask over gRPC: queries followed live, from pages, under a deadline, and what the brand declares.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use tacita_proto::v1;
use tacita_protocol::outcome::Outcome;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tonic::{Code, Request};
use tonic_types::StatusExt as _;

use crate::support::{Cast, PATIENCE, cells, seal};

async fn count_one(cast: &mut Cast) {
    let arrivals = cast.arrivals.clone();
    let token = cast.daily.token().await;
    let report = cast.daily.report(&arrivals, 1);
    assert_eq!(cast.daily.submit(vec![seal(token, report)]).await.unwrap(), [Outcome::Counted]);
}

fn follow(campaign: &str) -> v1::WatchQueryRequest {
    v1::WatchQueryRequest { query: Some(cells(campaign)), page_size: 0, min_seconds: 1 }
}

#[tokio::test]
async fn a_follower_is_told_at_once_and_again_when_something_is_counted() {
    let mut cast = Cast::assemble().await;
    let mut answers = cast.house.reporting(&cast.acme).watch_query(follow("acme/spring")).await.unwrap().into_inner();
    let first = tokio::time::timeout(PATIENCE, answers.message()).await.unwrap().unwrap().unwrap().answer.unwrap();
    assert_eq!(first.measures[0].reports, 0);
    count_one(&mut cast).await;
    let next = tokio::time::timeout(PATIENCE, answers.message()).await.unwrap().unwrap().unwrap().answer.unwrap();
    assert_eq!(next.measures[0].reports, 1);
    assert_ne!(first.state, next.state);
    assert_eq!(next, cast.house.report("acme/spring").await, "the same as a query has");
}

#[tokio::test]
async fn a_follower_holds_a_place_until_it_leaves() {
    let cast = Cast::with(|config| config.limits.followers = 1).await;
    let mut reporting = cast.house.reporting(&cast.acme);
    let first = reporting.watch_query(follow("acme/spring")).await.unwrap();
    let status = reporting.watch_query(follow("acme/spring")).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(status.get_details_error_info().unwrap().metadata["limit"], "followers");
    drop(first);
    let again = async {
        while reporting.watch_query(follow("acme/spring")).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, again).await.unwrap();
}

#[tokio::test]
async fn a_shutdown_ends_followers_with_what_to_do() {
    let cast = Cast::assemble().await;
    let mut answers = cast.house.reporting(&cast.acme).watch_query(follow("acme/spring")).await.unwrap().into_inner();
    answers.message().await.unwrap().unwrap();
    let ended = tokio::spawn(async move { answers.message().await });
    cast.house.collector.shutdown().await.unwrap();
    let status = tokio::time::timeout(PATIENCE, ended).await.unwrap().unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("ask again"), "{status:?}");
}

#[tokio::test]
async fn a_deadline_that_has_passed_is_not_answered() {
    let cast = Cast::assemble().await;
    let mut request = Request::new(v1::QueryRequest { query: Some(cells("acme/spring")), ..Default::default() });
    request.set_timeout(Duration::from_nanos(1));
    let status = cast.house.reporting(&cast.acme).query(request).await.unwrap_err();
    assert!(matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled), "{status:?}");
}

#[tokio::test]
async fn what_a_brand_declares_is_told_to_it_and_survives_a_restart() {
    let cast = Cast::assemble().await;
    let said = v1::Declaration { market: "France".into(), ..Default::default() };
    let declare = |campaign: &str, declaration| v1::DeclareCampaignRequest {
        campaign: campaign.into(),
        declaration: Some(declaration),
    };
    let mut reporting = cast.house.reporting(&cast.acme);
    for _ in 0..2 {
        let told = reporting.declare_campaign(declare("acme/spring", said.clone())).await.unwrap().into_inner();
        assert_eq!(told.declaration.unwrap(), said);
    }
    let foreign = reporting.declare_campaign(declare("rival/summer", said.clone())).await.unwrap_err();
    assert_eq!(foreign.code(), Code::NotFound);
    let nonsense = v1::Declaration { currency: "euro".into(), ..Default::default() };
    let refused = reporting.declare_campaign(declare("acme/spring", nonsense)).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("ISO 4217"), "{}", refused.message());

    let (house, key) = (cast.house.reopen().await, cast.acme);
    let campaigns = house.reporting(&key).list_campaigns(v1::ListCampaignsRequest {}).await.unwrap().into_inner();
    assert_eq!(campaigns.campaigns[0].declaration.as_ref().unwrap(), &said);
}

/// Sends a request as a browser would; the head of the answer.
async fn browse(cast: &Cast, request: &str) -> String {
    let mut socket = tokio::net::TcpStream::connect(cast.house.collector.address()).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(PATIENCE, socket.read_to_end(&mut answer)).await.unwrap().unwrap();
    String::from_utf8_lossy(&answer).to_lowercase()
}

#[tokio::test]
async fn pages_of_the_origins_named_may_ask_over_grpc_web_and_others_may_not() {
    let cast = Cast::with(|config| config.dashboard_origins = vec!["https://dash.example".into()]).await;
    let preflight = |origin: &str| {
        format!(
            "OPTIONS /tacita.v1.ReportingService/ListCampaigns HTTP/1.1\r\nhost: x\r\norigin: {origin}\r\n\
             access-control-request-method: POST\r\naccess-control-request-headers: authorization,content-type\r\n\
             connection: close\r\n\r\n"
        )
    };
    let allowed = browse(&cast, &preflight("https://dash.example")).await;
    assert!(allowed.contains("access-control-allow-origin: https://dash.example"), "{allowed}");
    assert!(allowed.contains("authorization"), "{allowed}");
    let refused = browse(&cast, &preflight("https://evil.example")).await;
    assert!(!refused.contains("access-control-allow-origin"), "{refused}");

    let key = &cast.acme;
    let call = format!(
        "POST /tacita.v1.ReportingService/ListCampaigns HTTP/1.1\r\nhost: x\r\norigin: https://dash.example\r\n\
         content-type: application/grpc-web+proto\r\nauthorization: Bearer {key}\r\ncontent-length: 5\r\n\
         connection: close\r\n\r\n\0\0\0\0\0"
    );
    let answer = browse(&cast, &call).await;
    assert!(answer.contains("acme/spring") && answer.contains("grpc-status:0"), "{answer}");
    let elsewhere = call.replace("ReportingService/ListCampaigns", "AdminService/ListBrands");
    let answer = browse(&cast, &elsewhere).await;
    assert!(!answer.contains("grpc-status:0"), "only reports are for pages: {answer}");
}
