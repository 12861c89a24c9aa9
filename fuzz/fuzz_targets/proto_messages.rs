//! Any bytes as the message of every call: refused, or what is read is written and read again the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prost::Message;
use tacita_fuzz::{message, plant};
use tacita_proto::v1;

fn again<M: Message + Default + PartialEq>(bytes: &[u8]) {
    let Ok(read) = M::decode(bytes) else { return };
    let written = read.encode_to_vec();
    assert_eq!(written.len(), read.encoded_len());
    let reread = M::decode(&*written).expect("what was written is read");
    // By its bytes: a number that is none (NaN) equals nothing.
    assert_eq!(reread.encode_to_vec(), written);
}

/// Every message that one party sends another, and that is read before anything is known of the sender.
const READERS: &[fn(&[u8])] = &[
    again::<v1::GetManifestRequest>,
    again::<v1::GetManifestResponse>,
    again::<v1::Manifest>,
    again::<v1::GetCatalogueRequest>,
    again::<v1::GetCatalogueResponse>,
    again::<v1::IssueTokensRequest>,
    again::<v1::IssueTokensResponse>,
    again::<v1::SubmitReportsRequest>,
    again::<v1::SubmitReportsResponse>,
    again::<v1::UploadReportsRequest>,
    again::<v1::UploadReportsResponse>,
    again::<v1::CreatePublisherRequest>,
    again::<v1::CreateBrandRequest>,
    again::<v1::CreateCampaignRequest>,
    again::<v1::CreateMeasureRequest>,
    again::<v1::CreateApiKeyRequest>,
    again::<v1::RevokeApiKeyRequest>,
    again::<v1::RotateEpochRequest>,
    again::<v1::GetStatusResponse>,
    again::<v1::QueryRequest>,
    again::<v1::QueryResponse>,
    again::<v1::WatchQueryRequest>,
    again::<v1::GetFunnelRequest>,
    again::<v1::GetFunnelResponse>,
    again::<v1::GetReconciliationRequest>,
    again::<v1::GetReconciliationResponse>,
    again::<v1::PlanMeasureRequest>,
    again::<v1::PlanMeasureResponse>,
    again::<v1::DeclareCampaignRequest>,
    again::<v1::ListAlertsRequest>,
    again::<v1::WatchAlertsRequest>,
];

fn seeds() -> Vec<Vec<u8>> {
    let manifest = v1::Manifest { version: 1, publisher: 7, revision: 3, ..Default::default() };
    let upload = v1::UploadReportsRequest { batch: 4, envelopes: vec![vec![1; 86], vec![2; 86]] };
    let measure = v1::CreateMeasureRequest {
        campaign: "acme/spring".into(),
        name: "sharers".into(),
        event: v1::Event::SharerProfile.into(),
        epsilon_micro: 3_000_000,
        ..Default::default()
    };
    let query = v1::Query { campaign: "acme/spring".into(), group_by: vec!["*".into()], ..Default::default() };
    let query = v1::QueryRequest { query: Some(query), page_size: 10, page_token: "x".into() };
    vec![message(2, &manifest), message(9, &upload), message(14, &measure), message(19, &query)]
}

fuzz_target!(init: plant("proto_messages", seeds()), |bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    READERS[usize::from(*kind) % READERS.len()](bytes);
});
