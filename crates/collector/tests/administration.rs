//! What operators create, what they cannot, and what a restart keeps.
#![allow(clippy::unwrap_used)]

use std::{os::unix::fs::PermissionsExt as _, sync::Arc};

use tacita_collector::{Collector, CollectorConfig, CollectorError};
use tacita_proto::v1;
use tacita_protocol::{outcome::Outcome, time::ManualClock};
use tacita_store::{
    ChangeLog as _,
    embedded::{EmbeddedOptions, EmbeddedStore},
};
use tokio::net::TcpListener;
use tonic::{Code, Status};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};
use tonic_types::StatusExt as _;

use crate::support::{self, Cast, House, NOON};

fn field_of(status: &Status) -> String {
    status.get_details_bad_request().unwrap().field_violations[0].field.clone()
}

#[tokio::test]
async fn names_are_checked_and_unique() {
    let cast = Cast::assemble().await;
    let mut admin = cast.house.admin();
    for name in ["", "9news", "Daily", "a b", "a/b", &"a".repeat(64)] {
        let publisher = admin.create_publisher(v1::CreatePublisherRequest { name: name.into() }).await.unwrap_err();
        let brand = admin.create_brand(v1::CreateBrandRequest { name: name.into() }).await.unwrap_err();
        for refused in [publisher, brand] {
            assert_eq!((refused.code(), field_of(&refused)), (Code::InvalidArgument, "name".into()));
            assert!(refused.message().contains("beginning with a letter"), "{}", refused.message());
        }
    }
    let taken = admin.create_publisher(v1::CreatePublisherRequest { name: "daily".into() }).await.unwrap_err();
    assert_eq!((taken.code(), taken.message().contains("choose another")), (Code::AlreadyExists, true));
    let taken = admin.create_brand(v1::CreateBrandRequest { name: "acme".into() }).await.unwrap_err();
    assert_eq!(taken.code(), Code::AlreadyExists);
}

#[tokio::test]
async fn each_bad_field_of_a_measure_is_named() {
    let cast = Cast::assemble().await;
    let refusal = async |change: fn(&mut v1::CreateMeasureRequest)| {
        let mut request = v1::CreateMeasureRequest {
            campaign: "acme/spring".into(),
            name: "more".into(),
            event: v1::Event::Share.into(),
            epsilon_micro: 3_000_000,
            ..Default::default()
        };
        change(&mut request);
        cast.house.admin().create_measure(request).await.map(|response| response.into_inner().measure.unwrap())
    };
    let field = |answer: Result<v1::Measure, Status>| field_of(&answer.unwrap_err());
    assert_eq!(field(refusal(|m| m.campaign = "acme".into()).await), "campaign");
    assert_eq!(refusal(|m| m.campaign = "acme/winter".into()).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(field(refusal(|m| m.name = "Two Words".into()).await), "name");
    assert_eq!(refusal(|m| m.name = "arrivals".into()).await.unwrap_err().code(), Code::AlreadyExists);
    assert_eq!(field(refusal(|m| m.event = 0).await), "event");
    assert_eq!(field(refusal(|m| m.epsilon_micro = 7_000_000).await), "epsilon_micro");
    assert_eq!(field(refusal(|m| m.window_seconds = 5).await), "window_seconds");
    let doubled = |m: &mut v1::CreateMeasureRequest| {
        m.dimensions =
            vec![v1::Dimension { name: "channel".into(), labels: vec!["a".into(), "a".into()], catalogue: None }];
    };
    assert_eq!(field(refusal(doubled).await), "dimensions");
    assert_eq!(field(refusal(|m| m.event = v1::Event::ContentShare.into()).await), "contents");
    let doubled = |m: &mut v1::CreateMeasureRequest| {
        m.contents = Some(v1::Contents { ids: vec!["/a".into(), "/a".into()], tail: 0 });
    };
    let refused = refusal(doubled).await.unwrap_err();
    assert!(refused.message().contains("id 2: '/a' stands twice"), "{}", refused.message());

    let measure = refusal(|_| ()).await.unwrap();
    assert_eq!((measure.id, measure.window_seconds), (3, 86_400));
    assert_eq!(measure.participation(), v1::Participation::Event);
    assert!(measure.dimensions[0].labels.iter().any(|label| label == "whatsapp"));
}

#[tokio::test]
async fn a_higher_ceiling_allows_a_larger_epsilon() {
    let cast = Cast::with(|config| {
        config.policy.report_epsilon_micro = 12_000_000;
        config.device_policy.ledger_bound_micro = 12_000_000;
    })
    .await;
    let measure = cast.house.create_measure("acme/spring", "loud", 12_000_000).await;
    assert_eq!(measure.epsilon.micro(), 12_000_000);
}

#[tokio::test]
async fn a_campaign_refers_to_what_exists() {
    let cast = Cast::assemble().await;
    let create = async |brand: &str, name: &str, publishers: &[&str]| {
        cast.house.ask_for_campaign(brand, name, publishers, None).await
    };
    assert_eq!(create("nobody", "x", &["daily"]).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(create("acme", "x", &["nobody"]).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(create("acme", "x", &[]).await.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(create("acme", "spring", &["daily"]).await.unwrap_err().code(), Code::AlreadyExists);
    let campaign = create("acme", "x", &["weekly", "daily"]).await.unwrap();
    assert_eq!((campaign.id, campaign.brand, campaign.attribution_seconds), (3, 1, 604_800));
}

#[tokio::test]
async fn a_key_is_for_a_role_and_a_subject_that_exists() {
    let cast = Cast::assemble().await;
    let create = async |role: v1::Role, subject: &str| {
        let request = v1::CreateApiKeyRequest { role: role.into(), subject: subject.into(), ..Default::default() };
        cast.house.admin().create_api_key(request).await.map(|response| response.into_inner())
    };
    assert_eq!(create(v1::Role::Unspecified, "").await.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(create(v1::Role::Operator, "daily").await.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(create(v1::Role::Publisher, "acme").await.unwrap_err().code(), Code::NotFound);
    assert_eq!(create(v1::Role::Brand, "daily").await.unwrap_err().code(), Code::NotFound);
    let made = create(v1::Role::Publisher, "daily").await.unwrap();
    let key = made.api_key.unwrap();
    assert!(made.secret.starts_with(&format!("tacita_{}_", key.id)));
    assert_eq!((key.role(), key.subject.as_str()), (v1::Role::Publisher, "daily"));
}

#[tokio::test]
async fn the_operator_key_is_in_a_file_of_its_owner_and_in_no_other() {
    let house = House::open(|_| ()).await;
    let path = house.config.data.join("operator.key");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let secret = house.operator.splitn(3, '_').nth(2).unwrap().as_bytes().to_vec();
    let mut folders = vec![house.config.data.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let found = entry.unwrap().path();
            if found.is_dir() {
                folders.push(found);
            } else if found != path {
                let bytes = std::fs::read(&found).unwrap();
                assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{}", found.display());
            }
        }
    }
}

#[tokio::test]
async fn a_restart_keeps_everything() {
    let mut cast = Cast::assemble().await;
    let arrivals = cast.arrivals.clone();
    let envelope = cast.daily.sealed(&arrivals, 1).await;
    assert_eq!(cast.daily.submit(vec![envelope.clone(), vec![]]).await.unwrap()[0], Outcome::Counted);
    let before = (
        cast.house.report("acme/spring").await,
        cast.house.outcomes(cast.daily.publisher).await,
        cast.daily.signed_manifest().await,
        cast.house.collector.signing_key(),
        cast.house.operator.clone(),
    );

    let Cast { house, daily, .. } = cast;
    let house = house.reopen().await;
    let request = v1::GetManifestRequest { publisher: daily.publisher.0 };
    let caller = house.caller(&daily.key);
    let manifest = tacita_proto::v1::manifest_service_client::ManifestServiceClient::new(caller.clone())
        .get_manifest(request)
        .await
        .unwrap()
        .into_inner()
        .signed_manifest
        .unwrap();
    let after = (
        house.report("acme/spring").await,
        house.outcomes(daily.publisher).await,
        manifest,
        house.collector.signing_key(),
        house.collector.operator_key().unwrap().expose().to_owned(),
    );
    assert_eq!(before, after);

    let mut collection = tacita_proto::v1::collection_service_client::CollectionServiceClient::new(caller);
    let again = collection.submit_reports(v1::SubmitReportsRequest { envelopes: vec![envelope] }).await.unwrap();
    assert_eq!(again.into_inner().outcomes, [Outcome::AlreadyCounted.to_wire()]);
}

#[tokio::test]
async fn another_device_policy_is_another_revision() {
    let mut house = House::open(|_| ()).await;
    house.create_publisher("daily").await;
    let daily = support::Device::of(&house, 1, "daily").await;
    let before = daily.manifest().await;
    house.config.device_policy.ledger_bound_micro = 5_000_000;
    let house = house.reopen().await;
    let after = support::Device::of(&house, 1, "daily").await.manifest().await;
    assert_eq!(after.policy.ledger_bound_micro, 5_000_000);
    assert!(after.revision > before.revision);
}

#[tokio::test]
async fn a_collector_that_says_manifests_in_another_form_than_the_last_one_begins_a_revision_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(dir.path().join("store"), EmbeddedOptions::default()).unwrap();
    let early = [
        r#"{"version":1,"at":5,"change":{"publisher-created":{"id":1,"name":"daily"}}}"#,
        r#"{"version":1,"at":5,"change":{"device-policy-set":{"token_batch":32,"ledger_bound_micro":8000000}}}"#,
    ];
    for (index, entry) in (0..).zip(early) {
        store.append(index, entry.as_bytes()).await.unwrap();
    }
    drop(store);
    let start = async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let clock = Arc::new(ManualClock::new(NOON));
        Collector::start(CollectorConfig::new(dir.path()), listener, clock).await.unwrap().shutdown().await.unwrap();
        let store = EmbeddedStore::open(dir.path().join("store"), EmbeddedOptions::default()).unwrap();
        let log = store.read(0).await.unwrap();
        let of_policies = log.iter().filter(|entry| String::from_utf8_lossy(entry).contains("device-policy-set"));
        (of_policies.count(), log.len())
    };
    let (policies, entries) = start().await;
    assert_eq!(policies, 2, "the same policy once more, said in another way");
    assert_eq!(start().await, (policies, entries), "and not again");
}

#[tokio::test]
async fn a_setting_that_cannot_be_is_named() {
    let house = House::open(|_| ()).await;
    let mut config = house.config.clone();
    config.device_policy.token_batch = 129;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refused = Collector::start(config, listener, Arc::new(house.clock.clone())).await.unwrap_err();
    assert!(matches!(refused, CollectorError::Config { setting: "device.token-batch", .. }), "{refused}");
}

#[tokio::test]
async fn a_ready_collector_says_so_and_describes_itself() {
    let house = House::open(|_| ()).await;
    let names = ["Admin", "Audit", "Collection", "Manifest", "Reporting", "Token", "Transparency"];
    let services = names.map(|name| format!("tacita.v1.{name}Service"));
    for service in services.iter().map(String::as_str).chain([""]) {
        let check = HealthCheckRequest { service: service.into() };
        let answer = HealthClient::new(house.channel.clone()).check(check).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving);
    }
    let list = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut answers = ServerReflectionClient::new(house.channel.clone())
        .server_reflection_info(tokio_stream::iter([list]))
        .await
        .unwrap()
        .into_inner();
    let Some(MessageResponse::ListServicesResponse(list)) = answers.message().await.unwrap().unwrap().message_response
    else {
        panic!("no list of services");
    };
    let names: Vec<_> = list.service.iter().map(|service| service.name.as_str()).collect();
    for name in ["Admin", "Collection", "Manifest", "Reporting", "Token"] {
        assert!(names.contains(&format!("tacita.v1.{name}Service").as_str()), "{names:?}");
    }
}
