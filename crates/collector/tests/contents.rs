//! Measures over a catalogue: what is listed, who may fetch it, what a restart and a report keep.
#![allow(clippy::unwrap_used)]

use tacita_proto::v1::{self, manifest_service_client::ManifestServiceClient};
use tacita_protocol::{
    catalogue::{CatalogueDigest, CatalogueRef, Contents},
    measure::Measure,
};
use tonic::{Code, Status};

use crate::support::{self, Cast, House};

fn ids(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("/2026/11/22/a-story-with-quite-a-long-address-{number}")).collect()
}

async fn create(house: &House, name: &str, ids: Vec<String>, tail: u32) -> Result<Measure, Status> {
    let request = v1::CreateMeasureRequest {
        campaign: "acme/spring".into(),
        name: name.into(),
        event: v1::Event::ContentShare.into(),
        epsilon_micro: 4_000_000,
        contents: Some(v1::Contents { ids, tail }),
        ..Default::default()
    };
    let answer = house.admin().create_measure(request).await?.into_inner();
    Ok(Measure::try_from(&answer.measure.unwrap()).unwrap())
}

async fn fetch(house: &House, key: &str, publisher: u32, named: &CatalogueRef) -> Result<Vec<u8>, Status> {
    let request = v1::GetCatalogueRequest { publisher, digest: named.digest.0.to_vec() };
    let answer = ManifestServiceClient::new(house.caller(key)).get_catalogue(request).await?;
    Ok(answer.into_inner().catalogue)
}

#[tokio::test]
async fn the_manifest_names_a_catalogue_that_its_publisher_fetches() {
    let cast = Cast::assemble().await;
    let measure = create(&cast.house, "contents", ids(22_000), 100).await.unwrap();
    let named = *measure.domain.catalogue().unwrap();
    assert_eq!((named.contents, named.tail, measure.domain.cells()), (22_000, 100, 22_101));
    let bytes = fetch(&cast.house, &cast.daily.key, cast.daily.publisher.0, &named).await.unwrap();
    assert_eq!(named.read(bytes).unwrap(), *Contents::new(ids(22_000)).unwrap().catalogue());
    assert_eq!(cast.daily.manifest().await.catalogues(), [named]);

    let weekly = fetch(&cast.house, &cast.weekly.key, cast.weekly.publisher.0, &named).await.unwrap_err();
    assert_eq!(weekly.code(), Code::NotFound, "it takes no part in that campaign");
    let stranger = fetch(&cast.house, &cast.weekly.key, cast.daily.publisher.0, &named).await.unwrap_err();
    assert_eq!(stranger.code(), Code::NotFound);
    let unknown = CatalogueRef { digest: CatalogueDigest([1; 32]), ..named };
    let unknown = fetch(&cast.house, &cast.daily.key, cast.daily.publisher.0, &unknown).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
}

#[tokio::test]
async fn a_restart_keeps_contents_and_reports_name_them() {
    let cast = Cast::assemble().await;
    let first = create(&cast.house, "contents", ids(300), 2).await.unwrap();
    let second = create(&cast.house, "without-tail", ids(300), 0).await.unwrap();
    assert_eq!(first.domain.catalogue().unwrap().digest, second.domain.catalogue().unwrap().digest);
    let house = cast.house.reopen().await;
    let report = house.report("acme/spring").await;
    let rows: Vec<_> = report.rows.iter().filter(|row| row.measure == "contents").collect();
    assert_eq!(rows.len(), 302);
    assert_eq!((&rows[0].labels[0], &rows[301].labels[0]), (&ids(1)[0], &"tail-1".to_owned()));
    let query = v1::Query { measures: vec!["contents".into()], top: 5, ..support::cells("acme/spring") };
    assert_eq!(house.ask(&house.operator, query).await.unwrap().rows.len(), 5);
}

#[tokio::test]
async fn a_hundred_thousand_contents_with_long_ids_are_taken_and_more_cells_are_not() {
    let cast = Cast::assemble().await;
    let long = |number: usize| format!("{number:06}{}", "x".repeat(250));
    let measure = create(&cast.house, "contents", (0..100_000).map(long).collect(), 31_071).await.unwrap();
    assert_eq!(measure.domain.cells(), 131_072);
    let refused = create(&cast.house, "more", ids(100), 131_000).await.unwrap_err();
    assert!(refused.message().starts_with("dimensions: 131100 cells"), "{}", refused.message());
    assert_eq!(support::limit_of(&refused), ("cells".into(), 131_071));
}

#[tokio::test]
async fn a_large_message_of_a_stranger_is_not_read() {
    let cast = Cast::assemble().await;
    for (key, code) in [("", Code::Unauthenticated), (cast.acme.as_str(), Code::PermissionDenied)] {
        let mut admin = v1::admin_service_client::AdminServiceClient::new(cast.house.caller(key));
        let request = v1::CreateMeasureRequest { name: "x".repeat(40 << 20), ..Default::default() };
        assert_eq!(admin.create_measure(request).await.unwrap_err().code(), code);
    }
}
