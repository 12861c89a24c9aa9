//! Receipts and the record: what a relay is told of a batch is what the record says of its period, whoever answers and
//! whatever came.
#![allow(clippy::unwrap_used)]

use std::{collections::BTreeMap, time::Duration};

use tacita_collector::StoreConfig;
use tacita_proto::v1::{self, transparency_service_client::TransparencyServiceClient};
use tacita_protocol::{
    id::PublisherId,
    outcome::{Outcome, Refusal},
    receipt::{BatchDigest, Receipt, SignedReceipt},
    record::{PeriodId, RecordChain, RecordEntry, RecordHead},
};
use tacita_store::PostgresStore;
use tonic::{Code, Status};

use crate::{
    server::Fresh,
    support::{Cast, Device, House, NOON, seal},
};

const HOUR: u64 = 3_600;

async fn page(house: &House, key: &str, request: v1::ListRecordRequest) -> Result<v1::ListRecordResponse, Status> {
    Ok(TransparencyServiceClient::new(house.caller(key)).list_record(request).await?.into_inner())
}

/// The record when this many periods are closed.
async fn record(house: &House, device: &Device, periods: u32) -> (Vec<RecordEntry>, RecordHead) {
    for _ in 0..600 {
        let page = page(house, &device.key, v1::ListRecordRequest::default()).await.unwrap();
        let head = RecordHead::verify(&page.head.unwrap(), &house.collector.signing_key()).unwrap();
        if head.periods == PeriodId(periods) {
            let entries: Vec<RecordEntry> = page.entries.iter().map(|e| e.try_into().unwrap()).collect();
            assert_eq!(head_of(&entries, head), head, "the entries lead to the head");
            return (entries, head);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{periods} periods were not closed in a minute");
}

fn head_of(entries: &[RecordEntry], head: RecordHead) -> RecordHead {
    let mut chain = RecordChain::of(head.publisher);
    entries.iter().for_each(|entry| chain.extend(entry).unwrap());
    chain.head(head.periods)
}

/// Uploads a batch as a relay does; the receipt, verified and compared with the answer.
async fn upload(house: &House, device: &Device, envelopes: Vec<Vec<u8>>) -> Receipt {
    let request = v1::UploadReportsRequest { batch: 1, envelopes: envelopes.clone() };
    let answers = device.collection().upload_reports(tokio_stream::iter([request])).await.unwrap();
    let answer = answers.into_inner().message().await.unwrap().unwrap();
    let receipt = SignedReceipt::from(answer.receipt.unwrap()).verify(&house.collector.signing_key()).unwrap();
    assert_eq!(receipt.publisher, device.publisher);
    assert_eq!(receipt.batch, BatchDigest::of(envelopes.iter().map(Vec::as_slice)));
    let mut outcomes: BTreeMap<Outcome, u64> = BTreeMap::new();
    for outcome in answer.outcomes {
        *outcomes.entry(Outcome::from_wire(outcome).unwrap()).or_default() += 1;
    }
    assert_eq!(receipt.outcomes(), outcomes);
    receipt
}

/// A batch of every kind: three that count, one of them twice, and two that are refused for different reasons.
async fn mixed(cast: &mut Cast) -> Vec<Vec<u8>> {
    let arrivals = cast.arrivals.clone();
    let mut tokens = cast.daily.tokens().await;
    let mut envelopes: Vec<_> = tokens.drain(..3).map(|token| seal(token, cast.daily.report(&arrivals, 1))).collect();
    let mut forged = seal(tokens.remove(0), cast.daily.report(&arrivals, 1));
    forged[80] ^= 1;
    envelopes.extend([envelopes[0].clone(), forged, vec![0; 3]]);
    envelopes
}

fn of_receipts(receipts: &[Receipt]) -> BTreeMap<(PeriodId, Outcome), u64> {
    let mut counts = BTreeMap::new();
    for (&place, &reports) in receipts.iter().flat_map(|receipt| &receipt.counts) {
        *counts.entry(place).or_default() += u64::from(reports);
    }
    counts
}

fn of_record(entries: &[RecordEntry]) -> BTreeMap<(PeriodId, Outcome), u64> {
    let counts = |entry: &RecordEntry| {
        let period = entry.period;
        entry.outcomes.clone().into_iter().map(move |(outcome, reports)| ((period, outcome), reports))
    };
    entries.iter().flat_map(counts).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_receipts_of_a_period_add_up_to_the_record_of_it() {
    let mut cast = Cast::assemble().await;
    let mut receipts = Vec::new();
    let first = mixed(&mut cast).await;
    for envelopes in [first.clone(), mixed(&mut cast).await, vec![]] {
        receipts.push(upload(&cast.house, &cast.daily, envelopes).await);
    }
    let (entries, head) = record(&cast.house, &cast.daily, 0).await;
    assert_eq!((entries, head.hash), (vec![], [0; 32]));

    cast.house.clock.set(NOON.plus(HOUR));
    let (entries, _) = record(&cast.house, &cast.daily, 1).await;
    assert_eq!(of_record(&entries), of_receipts(&receipts));
    // One publisher's counts are in no other's record.
    assert_eq!(record(&cast.house, &cast.weekly, 1).await.0, []);

    // Sent again in another period: known, and recorded as that.
    receipts.push(upload(&cast.house, &cast.daily, first).await);
    let unauthentic = Outcome::Refused(Refusal::Unauthentic);
    assert_eq!(receipts[3].counts[&(PeriodId(1), Outcome::AlreadyCounted)], 4);
    assert_eq!(receipts[3].counts[&(PeriodId(1), unauthentic)], 1);
    let Cast { house, daily, .. } = cast;
    let house = house.reopen().await;
    let daily = daily.at(&house);
    house.clock.set(NOON.plus(5 * HOUR));
    let (entries, head) = record(&house, &daily, 2).await;
    assert_eq!(of_record(&entries), of_receipts(&receipts));
    house.clock.set(NOON.plus(6 * HOUR));
    let (same, later) = record(&house, &daily, 3).await;
    assert_eq!((same, later.hash), (entries, head.hash), "a period in which nothing came has no entry");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_is_read_by_pages_by_its_publisher_and_by_the_operator() {
    let mut cast = Cast::assemble().await;
    for hour in 0..3 {
        let envelope = mixed(&mut cast).await;
        upload(&cast.house, &cast.daily, envelope).await;
        cast.house.clock.set(NOON.plus((hour + 1) * HOUR));
        record(&cast.house, &cast.daily, hour as u32 + 1).await;
    }
    let (whole, head) = record(&cast.house, &cast.daily, 3).await;
    let (mut entries, mut from_period) = (Vec::new(), 0);
    for left in [2, 1, 0] {
        let request = v1::ListRecordRequest { publisher: 1, from_period, page_size: 1 };
        let page = page(&cast.house, &cast.house.operator, request).await.unwrap();
        entries.extend(page.entries.iter().map(|entry| RecordEntry::try_from(entry).unwrap()));
        assert_eq!(page.next_period > 0, left > 0);
        from_period = page.next_period;
    }
    assert_eq!((entries, whole.len()), (whole, 3));
    assert_eq!(head.publisher, PublisherId(1));

    let ask = |publisher| v1::ListRecordRequest { publisher, ..Default::default() };
    let refused = async |key: &str, publisher| page(&cast.house, key, ask(publisher)).await.unwrap_err().code();
    assert_eq!(refused(&cast.weekly.key, 1).await, Code::PermissionDenied);
    assert_eq!(refused(&cast.weekly.key, 99).await, Code::PermissionDenied);
    assert_eq!(refused(&cast.acme, 1).await, Code::PermissionDenied);
    assert_eq!(refused(&cast.house.operator, 0).await, Code::InvalidArgument);
    assert_eq!(refused(&cast.house.operator, 99).await, Code::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn collectors_of_one_database_tell_one_record() {
    let Some(database) = Fresh::new().await else { return };
    let url = database.url().parse().unwrap();
    PostgresStore::init(&url, false).await.unwrap();
    let mut cast = Cast::with(|config| config.store = StoreConfig::Postgres(url)).await;
    let other = cast.house.another().await;
    let mut receipts = Vec::new();
    for hour in 0..3 {
        let batch = mixed(&mut cast).await;
        let (one, two) = (cast.daily.at(&cast.house), cast.daily.at(&other));
        let uploads = tokio::join!(upload(&cast.house, &one, batch.clone()), upload(&other, &two, batch));
        receipts.extend([uploads.0, uploads.1]);
        // Both find that the period has ended, at once.
        cast.house.clock.set(NOON.plus((hour + 1) * HOUR));
        record(&other, &two, hour as u32 + 1).await;
    }
    let records = [record(&cast.house, &cast.daily, 3).await, record(&other, &cast.daily.at(&other), 3).await];
    assert_eq!(records[0], records[1]);
    assert_eq!(of_record(&records[0].0), of_receipts(&receipts));
    cast.house.collector.shutdown().await.unwrap();
    other.collector.shutdown().await.unwrap();
}
