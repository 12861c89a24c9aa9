//! Any bytes as the message of every call: refused, or what is read is written and read again the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prost::Message;
use prost_types::FileDescriptorSet;
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

/// A reader for each message, under its name.
macro_rules! readers {
    ($($message:ident),* $(,)?) => {
        &[$((stringify!($message), again::<v1::$message>)),*]
    };
}

/// Every message of every call, and those that travel as signed bytes within others. [`every_call_is_read`] holds the
/// list to `proto/`.
const READERS: &[(&str, fn(&[u8]))] = readers![
    CreatePublisherRequest,
    CreatePublisherResponse,
    ListPublishersRequest,
    ListPublishersResponse,
    CreateBrandRequest,
    CreateBrandResponse,
    ListBrandsRequest,
    ListBrandsResponse,
    CreateCampaignRequest,
    CreateCampaignResponse,
    CreateMeasureRequest,
    CreateMeasureResponse,
    CreateApiKeyRequest,
    CreateApiKeyResponse,
    ListApiKeysRequest,
    ListApiKeysResponse,
    RevokeApiKeyRequest,
    RevokeApiKeyResponse,
    RotateEpochRequest,
    RotateEpochResponse,
    GetStatusRequest,
    GetStatusResponse,
    SetLogFilterRequest,
    SetLogFilterResponse,
    BackupRequest,
    BackupResponse,
    GetAuditHeadRequest,
    GetAuditHeadResponse,
    ListAuditEntriesRequest,
    ListAuditEntriesResponse,
    SubmitReportsRequest,
    SubmitReportsResponse,
    UploadReportsRequest,
    UploadReportsResponse,
    GetManifestRequest,
    GetManifestResponse,
    GetCatalogueRequest,
    GetCatalogueResponse,
    ListCampaignsRequest,
    ListCampaignsResponse,
    QueryRequest,
    QueryResponse,
    WatchQueryRequest,
    WatchQueryResponse,
    GetFunnelRequest,
    GetFunnelResponse,
    GetReconciliationRequest,
    GetReconciliationResponse,
    PlanMeasureRequest,
    PlanMeasureResponse,
    DeclareCampaignRequest,
    DeclareCampaignResponse,
    GetPrivacyRequest,
    GetPrivacyResponse,
    ListAlertsRequest,
    ListAlertsResponse,
    WatchAlertsRequest,
    WatchAlertsResponse,
    IssueTokensRequest,
    IssueTokensResponse,
    ListRecordRequest,
    ListRecordResponse,
    Manifest,
    ReceiptStatement,
];

/// What a call takes or gives and no reader reads.
fn every_call_is_read() {
    let described = FileDescriptorSet::decode(tacita_proto::DESCRIPTORS).expect("the services");
    let methods = described.file.iter().flat_map(|file| &file.service).flat_map(|service| &service.method);
    for name in methods.flat_map(|method| [method.input_type(), method.output_type()]) {
        let known = |(reader, _): &(&str, fn(&[u8]))| name.strip_prefix(".tacita.v1.") == Some(reader);
        assert!(READERS.iter().any(known), "{name} has no reader");
    }
}

/// Says which reader by its place.
fn seed(name: &str, written: &impl Message) -> Vec<u8> {
    let place = READERS.iter().position(|(reader, _)| *reader == name).expect("a reader");
    message(place as u8, written)
}

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
    let record = v1::ListRecordResponse {
        entries: vec![v1::RecordEntry {
            period: 3,
            closed_at: 7,
            outcomes: vec![v1::OutcomeCount { outcome: 2, reports: 9 }],
        }],
        head: Some(v1::RecordHead { publisher: 7, periods: 4, hash: vec![1; 32], signature: vec![2; 64] }),
        next_period: 4,
    };
    vec![
        seed("Manifest", &manifest),
        seed("UploadReportsRequest", &upload),
        seed("CreateMeasureRequest", &measure),
        seed("QueryRequest", &query),
        seed("ListRecordResponse", &record),
    ]
}

fn begin() {
    every_call_is_read();
    plant("proto_messages", seeds());
}

fuzz_target!(init: begin(), |bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    READERS[usize::from(*kind) % READERS.len()].1(bytes);
});
