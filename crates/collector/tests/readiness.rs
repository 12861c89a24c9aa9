//! A collector whose store is away says so: to gRPC's health service, to probes, in its metrics; and that it is back.
#![allow(clippy::unwrap_used)]

use std::{net::SocketAddr, time::Duration};

use tacita_collector::{MetricsPolicy, StoreConfig};
use tacita_proto::v1;
use tacita_store::{PostgresOptions, PostgresUrl};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use crate::{
    server::{self, Fresh},
    support::{House, get},
};

/// Status and body of a GET.
async fn health(house: &House) -> ServingStatus {
    let mut health = HealthClient::new(house.channel.clone());
    let asked = HealthCheckRequest { service: "tacita.v1.CollectionService".into() };
    health.check(asked).await.unwrap().into_inner().status()
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..600 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("not within a minute: {what}");
}

#[tokio::test]
async fn a_collector_is_ready_while_its_store_takes_commits_and_not_while_it_is_away() {
    let Some(server) = server::alone() else { return };
    let database = Fresh::on(server.url()).await;
    drop(database.open(PostgresOptions::default()).await);
    let url: PostgresUrl = database.url().parse().unwrap();
    let house = House::open(|config| {
        config.store = StoreConfig::Postgres(url);
        config.metrics = MetricsPolicy { listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))), grain: Duration::ZERO };
    })
    .await;
    let told = house.collector.metrics_address().unwrap();
    until("it is ready", async || health(&house).await == ServingStatus::Serving).await;
    assert_eq!(get(told, "/readyz").await, (200, "ready\n".to_owned()));
    assert!(house.status().await.server.unwrap().unready.is_empty());

    server.kill().unwrap();
    until("it says that it is not ready", async || health(&house).await == ServingStatus::NotServing).await;
    let (status, why) = get(told, "/readyz").await;
    assert!(status == 503 && why.starts_with("store: "), "{status} {why}");
    let page = get(told, "/metrics").await.1;
    assert!(page.contains("tacita_collector_ready 0\n"), "{page}");
    assert!(page.contains("tacita_collector_unready{reason=\"store\"} 1\n"), "{page}");
    assert!(page.contains("tacita_collector_unready{reason=\"keys\"} 0\n"), "its keys are in memory: {page}");
    assert_eq!(get(told, "/healthz").await.0, 200, "it lives: nothing is won by starting it again");

    server.go().unwrap();
    until("it is ready again", async || health(&house).await == ServingStatus::Serving).await;
    until("and says so", async || get(told, "/readyz").await.0 == 200).await;
}

#[tokio::test]
async fn only_an_operator_replaces_the_filter_of_a_log_and_where_there_is_none_is_told_so() {
    let house = House::open(|_| {}).await;
    house.create_brand("acme").await;
    let key = house.create_key(v1::Role::Brand, "acme").await;
    let request = || v1::SetLogFilterRequest { filter: "trace".into() };
    let mut brand = v1::admin_service_client::AdminServiceClient::new(house.caller(&key));
    let refused = brand.set_log_filter(request()).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::PermissionDenied);
    let refused = house.admin().set_log_filter(request()).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::FailedPrecondition, "{refused}");
}
