//! Receipts and the record, `spec/vectors/transparency.json`: what this crate writes, and what it refuses to read.
//!
//! After a deliberate change of the specification: `TACITA_WRITE_VECTORS=1 cargo test -p tacita-protocol --test
//! transparency`, and read the difference.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{fs, path::Path};

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use prost::Message as _;
use serde_json::{Value, json};
use tacita_proto::v1;
use tacita_protocol::{
    id::PublisherId,
    outcome::{Outcome, Refusal},
    receipt::{BatchDigest, Receipt, ReceiptError, SignedReceipt},
    record::{PeriodId, RecordChain, RecordEntry, RecordHead},
    time::UnixTime,
};

const NOON: u64 = 1_795_348_800;

fn key() -> SigningKey {
    SigningKey::from_bytes(&std::array::from_fn(|place| place as u8))
}

/// Envelopes of lengths that no real batch has, so that their bounds show in the digest.
fn batches() -> [Vec<Vec<u8>>; 3] {
    [vec![], vec![vec![0x61], vec![0x62, 0x63]], vec![vec![0x61, 0x62], vec![], vec![0x63; 86]]]
}

fn receipts() -> [Receipt; 3] {
    let [none, two, three] = batches().map(|batch| BatchDigest::of(batch.iter().map(Vec::as_slice)));
    let refused = |refusal| Outcome::Refused(refusal);
    let receipt = |publisher, batch, seconds, counts: &[((u32, Outcome), u32)]| Receipt {
        publisher: PublisherId(publisher),
        batch,
        answered_at: UnixTime(NOON + seconds),
        counts: counts.iter().map(|&((period, outcome), reports)| ((PeriodId(period), outcome), reports)).collect(),
    };
    [
        receipt(1, none, 0, &[]),
        receipt(7, two, 1, &[((0, Outcome::Counted), 2)]),
        receipt(
            u32::MAX,
            three,
            3_600,
            &[
                ((41, Outcome::Counted), 1),
                ((41, refused(Refusal::WrongLength)), 300),
                ((42, Outcome::AlreadyCounted), u32::MAX),
                ((42, refused(Refusal::Newer(99))), 1),
            ],
        ),
    ]
}

fn receipt_vector(batch: &[Vec<u8>], receipt: &Receipt) -> Value {
    let signed = receipt.sign(&key());
    let counts =
        receipt.counts.iter().map(|(&(period, outcome), reports)| json!([period.0, outcome.to_wire(), reports]));
    json!({
        "envelopes": batch.iter().map(hex::encode).collect::<Vec<_>>(),
        "publisher": receipt.publisher.0,
        "batch_digest": hex::encode(receipt.batch.0),
        "answered_at": receipt.answered_at.0,
        "counts": counts.collect::<Vec<_>>(),
        "statement": hex::encode(signed.statement),
        "signature": hex::encode(signed.signature),
    })
}

/// Statements that nobody may believe, with the reason: all but the first are signed by the right key.
fn refused_receipts() -> Vec<(&'static str, SignedReceipt)> {
    let genuine = receipts()[2].sign(&key());
    let altered = |change: fn(&mut v1::ReceiptStatement)| {
        let mut wire = v1::ReceiptStatement::decode(&*genuine.statement).unwrap();
        change(&mut wire);
        let statement = wire.encode_to_vec();
        let signature = key().sign(&[b"tacita/receipt/v1", &*statement].concat()).to_bytes().to_vec();
        SignedReceipt { statement, signature }
    };
    let mut flipped = genuine.clone();
    flipped.statement[1] ^= 1;
    vec![
        ("signature", flipped),
        ("digest of 31 bytes", altered(|wire| wire.batch_digest.truncate(31))),
        ("counts that do not rise", altered(|wire| wire.counts.reverse())),
        ("a count twice", altered(|wire| wire.counts[1] = wire.counts[0])),
        ("a count of 0 reports", altered(|wire| wire.counts[0].reports = 0)),
        ("no outcome", altered(|wire| wire.counts[0].outcome = 0)),
    ]
}

fn refused_vector((reason, signed): &(&'static str, SignedReceipt)) -> Value {
    json!({
        "reason": reason,
        "statement": hex::encode(&signed.statement),
        "signature": hex::encode(&signed.signature),
    })
}

/// A publisher's closed periods, two of them with nothing, and how many are closed.
fn records() -> [(PublisherId, Vec<RecordEntry>, PeriodId); 2] {
    let entry = |period, outcomes: &[(Outcome, u64)]| RecordEntry {
        period: PeriodId(period),
        closed_at: UnixTime(NOON + 3_600 * u64::from(period)),
        outcomes: outcomes.into(),
    };
    let spent = Outcome::Refused(Refusal::Spent);
    let entries = vec![
        entry(0, &[(Outcome::Counted, 4_096), (Outcome::AlreadyCounted, 3), (spent, 1)]),
        entry(2, &[(Outcome::Refused(Refusal::InvalidValue), u64::MAX)]),
        entry(3, &[(Outcome::Counted, 1), (Outcome::Refused(Refusal::Newer(300)), 2)]),
    ];
    [(PublisherId(1), vec![], PeriodId(0)), (PublisherId(7), entries, PeriodId(5))]
}

fn record_vector((publisher, entries, periods): &(PublisherId, Vec<RecordEntry>, PeriodId)) -> Value {
    let mut chain = RecordChain::of(*publisher);
    let rows = entries.iter().map(|entry| {
        chain.extend(entry).unwrap();
        let outcomes: Vec<_> =
            entry.outcomes.iter().map(|(outcome, reports)| json!([outcome.to_wire(), reports])).collect();
        let value = hex::encode(chain.head(*periods).hash);
        json!({ "period": entry.period.0, "closed_at": entry.closed_at.0, "outcomes": outcomes, "value": value })
    });
    let rows: Vec<_> = rows.collect();
    let head = chain.head(*periods).sign(&key());
    json!({
        "publisher": publisher.0,
        "entries": rows,
        "periods": head.periods,
        "hash": hex::encode(head.hash),
        "signature": hex::encode(head.signature),
    })
}

fn computed() -> Value {
    let batches = batches();
    let receipts = receipts();
    json!({
        "about": "Receipts and the record, as spec/transparency.md defines them. Bytes are hexadecimal; counts are [period, outcome, \
                  reports], outcomes [outcome, reports]. Written by crates/protocol/tests/transparency.rs.",
        "secret_key": hex::encode(key().to_bytes()),
        "public_key": hex::encode(key().verifying_key().to_bytes()),
        "receipts": batches.iter().zip(&receipts).map(|(batch, receipt)| receipt_vector(batch, receipt)).collect::<Vec<_>>(),
        "refused": refused_receipts().iter().map(refused_vector).collect::<Vec<_>>(),
        "records": records().iter().map(record_vector).collect::<Vec<_>>(),
    })
}

fn published() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/vectors/transparency.json");
    if std::env::var_os("TACITA_WRITE_VECTORS").is_some() {
        fs::write(&path, serde_json::to_string_pretty(&computed()).unwrap() + "\n").unwrap();
    }
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

fn signed(vector: &Value) -> SignedReceipt {
    SignedReceipt { statement: bytes(&vector["statement"]), signature: bytes(&vector["signature"]) }
}

#[test]
fn the_vectors_are_what_this_crate_writes() {
    assert!(published() == computed(), "spec/vectors/transparency.json differs from what the crate computes");
}

#[test]
fn the_vectors_are_read_by_who_pins_the_key_and_the_refused_ones_by_nobody() {
    let file = published();
    let pinned = VerifyingKey::from_bytes(&bytes(&file["public_key"]).try_into().unwrap()).unwrap();
    for (vector, receipt) in file["receipts"].as_array().unwrap().iter().zip(receipts()) {
        assert_eq!(signed(vector).verify(&pinned), Ok(receipt));
    }
    for vector in file["refused"].as_array().unwrap() {
        let error = signed(vector).verify(&pinned).unwrap_err();
        let expected = match vector["reason"].as_str().unwrap() {
            "signature" => matches!(error, ReceiptError::Signature),
            "no outcome" => matches!(error, ReceiptError::Outcome(_)),
            _ => matches!(error, ReceiptError::Malformed),
        };
        assert!(expected, "{}: {error}", vector["reason"]);
    }
    for (vector, (publisher, entries, periods)) in file["records"].as_array().unwrap().iter().zip(records()) {
        let mut chain = RecordChain::of(publisher);
        entries
            .iter()
            .for_each(|entry| chain.extend(&RecordEntry::try_from(&v1::RecordEntry::from(entry)).unwrap()).unwrap());
        let wire = v1::RecordHead {
            publisher: publisher.0,
            periods: periods.0,
            hash: bytes(&vector["hash"]),
            signature: bytes(&vector["signature"]),
        };
        assert_eq!(RecordHead::verify(&wire, &pinned), Ok(chain.head(periods)));
    }
}
