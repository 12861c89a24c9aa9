//! Who may call what, and what each is told.
#![allow(clippy::unwrap_used)]

mod support;

use support::{Cast, House};
use tacita_proto::v1::{
    self, admin_service_client::AdminServiceClient, collection_service_client::CollectionServiceClient,
    manifest_service_client::ManifestServiceClient, reporting_service_client::ReportingServiceClient,
    token_service_client::TokenServiceClient, transparency_service_client::TransparencyServiceClient,
};
use tonic::{Code, Response, Status};
use tonic_types::StatusExt as _;

const RPCS: [&str; 26] = [
    "GetManifest",
    "GetCatalogue",
    "IssueTokens",
    "SubmitReports",
    "UploadReports",
    "ListCampaigns",
    "Query",
    "WatchQuery",
    "GetFunnel",
    "GetReconciliation",
    "PlanMeasure",
    "DeclareCampaign",
    "ListAlerts",
    "WatchAlerts",
    "CreatePublisher",
    "ListPublishers",
    "CreateBrand",
    "ListBrands",
    "CreateCampaign",
    "CreateMeasure",
    "CreateApiKey",
    "ListApiKeys",
    "RevokeApiKey",
    "RotateEpoch",
    "GetStatus",
    "ListRecord",
];

/// What a call with an empty request is answered with.
async fn call(house: &House, key: &str, rpc: &str) -> Result<(), Status> {
    fn done<T>(answer: Result<Response<T>, Status>) -> Result<(), Status> {
        answer.map(|_| ())
    }
    let caller = house.caller(key);
    let admin = || AdminServiceClient::new(caller.clone());
    let reporting = || ReportingServiceClient::new(caller.clone());
    let collection = || CollectionServiceClient::new(caller.clone());
    match rpc {
        "GetManifest" => {
            done(ManifestServiceClient::new(caller.clone()).get_manifest(v1::GetManifestRequest::default()).await)
        }
        "GetCatalogue" => {
            done(ManifestServiceClient::new(caller.clone()).get_catalogue(v1::GetCatalogueRequest::default()).await)
        }
        "IssueTokens" => done(
            TokenServiceClient::new(caller.clone())
                .issue_tokens(v1::IssueTokensRequest { publisher: 1, ..Default::default() })
                .await,
        ),
        "SubmitReports" => done(collection().submit_reports(v1::SubmitReportsRequest::default()).await),
        "UploadReports" => done(collection().upload_reports(tokio_stream::iter(Vec::new())).await),
        "ListCampaigns" => done(reporting().list_campaigns(v1::ListCampaignsRequest {}).await),
        "Query" => done(reporting().query(v1::QueryRequest::default()).await),
        "WatchQuery" => done(reporting().watch_query(v1::WatchQueryRequest::default()).await),
        "GetFunnel" => done(reporting().get_funnel(v1::GetFunnelRequest::default()).await),
        "GetReconciliation" => done(reporting().get_reconciliation(v1::GetReconciliationRequest::default()).await),
        "PlanMeasure" => done(reporting().plan_measure(v1::PlanMeasureRequest::default()).await),
        "DeclareCampaign" => done(reporting().declare_campaign(v1::DeclareCampaignRequest::default()).await),
        "ListAlerts" => done(reporting().list_alerts(v1::ListAlertsRequest::default()).await),
        "WatchAlerts" => done(reporting().watch_alerts(v1::WatchAlertsRequest::default()).await),
        "CreatePublisher" => done(admin().create_publisher(v1::CreatePublisherRequest::default()).await),
        "ListPublishers" => done(admin().list_publishers(v1::ListPublishersRequest {}).await),
        "CreateBrand" => done(admin().create_brand(v1::CreateBrandRequest::default()).await),
        "ListBrands" => done(admin().list_brands(v1::ListBrandsRequest {}).await),
        "CreateCampaign" => done(admin().create_campaign(v1::CreateCampaignRequest::default()).await),
        "CreateMeasure" => done(admin().create_measure(v1::CreateMeasureRequest::default()).await),
        "CreateApiKey" => done(admin().create_api_key(v1::CreateApiKeyRequest::default()).await),
        "ListApiKeys" => done(admin().list_api_keys(v1::ListApiKeysRequest {}).await),
        "RevokeApiKey" => done(admin().revoke_api_key(v1::RevokeApiKeyRequest::default()).await),
        "RotateEpoch" => done(admin().rotate_epoch(v1::RotateEpochRequest {}).await),
        "GetStatus" => done(admin().get_status(v1::GetStatusRequest {}).await),
        "ListRecord" => {
            done(TransparencyServiceClient::new(caller.clone()).list_record(v1::ListRecordRequest::default()).await)
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn each_role_may_call_its_own_methods_and_no_other() {
    let cast = Cast::assemble().await;
    let admits = |role: &str, rpc: &str| match rpc {
        "GetManifest" | "GetCatalogue" | "ListRecord" => role != "brand",
        "IssueTokens" | "SubmitReports" | "UploadReports" => role == "publisher",
        "ListCampaigns" | "Query" | "WatchQuery" | "GetFunnel" | "GetReconciliation" | "PlanMeasure"
        | "DeclareCampaign" | "ListAlerts" | "WatchAlerts" => role != "publisher",
        _ => role == "operator",
    };
    let keys = [("operator", &cast.house.operator), ("publisher", &cast.daily.key), ("brand", &cast.acme)];
    for rpc in RPCS {
        for (role, key) in keys {
            let code = call(&cast.house, key, rpc).await.map_or_else(|status| status.code(), |()| Code::Ok);
            let denied = matches!(code, Code::Unauthenticated | Code::PermissionDenied);
            assert_eq!(denied, !admits(role, rpc), "{role} {rpc}: {code:?}");
        }
    }
}

#[tokio::test]
async fn without_a_valid_key_nothing_is_answered_but_what_to_do() {
    let cast = Cast::assemble().await;
    let own = &cast.daily.key;
    let (head, _) = own.rsplit_once('_').unwrap();
    let other_secret = format!("{head}_{}", "A".repeat(43));
    let other_number = own.replacen("tacita_2_", "tacita_3_", 1).replacen("tacita_4_", "tacita_3_", 1);
    for rpc in RPCS {
        let missing = call(&cast.house, "", rpc).await.unwrap_err();
        assert_eq!(missing.code(), Code::Unauthenticated);
        assert!(missing.message().contains("Bearer"), "{}", missing.message());
        for key in ["nonsense", "tacita_99_x", &other_secret, &other_number] {
            let invalid = call(&cast.house, key, rpc).await.unwrap_err();
            assert_eq!(invalid.code(), Code::Unauthenticated, "{rpc}");
            assert_eq!(invalid.get_details_error_info().unwrap().reason, "KEY_INVALID");
        }
    }
}

#[tokio::test]
async fn a_revoked_key_ends_at_once() {
    let cast = Cast::assemble().await;
    assert!(call(&cast.house, &cast.acme, "ListCampaigns").await.is_ok());
    let id = cast.acme.split('_').nth(1).unwrap().parse().unwrap();
    for _ in 0..2 {
        cast.house.admin().revoke_api_key(v1::RevokeApiKeyRequest { id }).await.unwrap();
    }
    assert_eq!(call(&cast.house, &cast.acme, "ListCampaigns").await.unwrap_err().code(), Code::Unauthenticated);
    let keys = cast.house.admin().list_api_keys(v1::ListApiKeysRequest {}).await.unwrap().into_inner().api_keys;
    assert!(keys.iter().all(|key| key.revoked == (key.id == id)));
}

#[tokio::test]
async fn a_brand_sees_its_own_campaigns_and_another_ones_do_not_exist_for_it() {
    let cast = Cast::assemble().await;
    let mut reporting = cast.house.reporting(&cast.acme);
    let listed = reporting.list_campaigns(v1::ListCampaignsRequest {}).await.unwrap().into_inner().campaigns;
    assert_eq!(listed.iter().map(|campaign| campaign.name.as_str()).collect::<Vec<_>>(), ["acme/spring"]);
    assert_eq!(listed[0].publishers, ["daily"]);
    assert_eq!(listed[0].measures[0].name, "arrivals");

    let ask = async |campaign: &str| cast.house.ask(&cast.acme, support::cells(campaign)).await;
    assert!(ask("acme/spring").await.is_ok());
    let foreign = ask("rival/summer").await.unwrap_err();
    let absent = ask("rival/winter").await.unwrap_err();
    assert_eq!(foreign.code(), Code::NotFound);
    assert_eq!(foreign.message().replace("summer", "winter"), absent.message());
    let details = |status: &Status| format!("{:?}", status.get_details_error_info());
    assert_eq!(details(&foreign), details(&absent));
    assert_eq!(ask("summer").await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_publisher_reads_its_own_manifest_and_takes_its_own_tokens_only() {
    let cast = Cast::assemble().await;
    let mut manifests = ManifestServiceClient::new(cast.house.caller(&cast.daily.key));
    let foreign = v1::GetManifestRequest { publisher: cast.weekly.publisher.0 };
    assert_eq!(manifests.get_manifest(foreign).await.unwrap_err().code(), Code::NotFound);
    let mut operator = ManifestServiceClient::new(cast.house.caller(&cast.house.operator));
    for publisher in [1, 2] {
        assert!(operator.get_manifest(v1::GetManifestRequest { publisher }).await.is_ok());
    }
    let absent = operator.get_manifest(v1::GetManifestRequest { publisher: 3 }).await.unwrap_err();
    assert_eq!(absent.code(), Code::NotFound);

    let mut tokens = TokenServiceClient::new(cast.house.caller(&cast.daily.key));
    let request = v1::IssueTokensRequest { publisher: 2, epoch: 1, blinded_batch: vec![0; 1024] };
    assert_eq!(tokens.issue_tokens(request).await.unwrap_err().code(), Code::PermissionDenied);
}

#[tokio::test]
async fn a_batch_of_another_size_or_of_nonsense_gets_no_tokens() {
    let cast = Cast::assemble().await;
    let mut tokens = TokenServiceClient::new(cast.house.caller(&cast.daily.key));
    for (epoch, blinded_batch, code) in [
        (1, vec![0xff; 31 * 32], Code::InvalidArgument),
        (1, vec![0xff; 33 * 32], Code::InvalidArgument),
        (1, vec![0xff; 32 * 32], Code::InvalidArgument),
        (1, vec![0; 32 * 32], Code::InvalidArgument),
        (1, vec![], Code::InvalidArgument),
        (9, vec![0xff; 32 * 32], Code::FailedPrecondition),
    ] {
        let request = v1::IssueTokensRequest { publisher: 1, epoch, blinded_batch };
        assert_eq!(tokens.issue_tokens(request).await.unwrap_err().code(), code);
    }
    assert_eq!(cast.house.status().await.publishers[0].tokens_issued, 0);
    cast.daily.tokens().await;
    assert_eq!(cast.house.status().await.publishers[0].tokens_issued, 32);
}
