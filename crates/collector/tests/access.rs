//! What each is told of what is another's.
#![allow(clippy::unwrap_used)]

use tacita_proto::v1::{
    self, manifest_service_client::ManifestServiceClient, token_service_client::TokenServiceClient,
};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::support::{self, Cast};

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
