//! Any bytes as a receipt's statement, an entry of a record, its head: no signature but the signer's is believed, and
//! what is read is written again the same.
#![no_main]

use std::sync::LazyLock;

use ed25519_dalek::{Signer as _, SigningKey};
use libfuzzer_sys::fuzz_target;
use prost::Message as _;
use tacita_fuzz::{message, plant};
use tacita_proto::v1;
use tacita_protocol::{
    id::PublisherId,
    outcome::Outcome,
    receipt::{BatchDigest, Receipt, SignedReceipt},
    record::{PeriodId, RecordChain, RecordEntry, RecordHead},
    time::UnixTime,
};

static SIGNER: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::from_bytes(&[42; 32]));

fn seeds() -> Vec<Vec<u8>> {
    let counts = [((PeriodId(0), Outcome::Counted), 3), ((PeriodId(3), Outcome::AlreadyCounted), 1)].into();
    let receipt = Receipt { publisher: PublisherId(7), batch: BatchDigest([1; 32]), answered_at: UnixTime(9), counts };
    let outcomes = vec![(Outcome::Counted, 3), (Outcome::AlreadyCounted, u64::MAX)];
    let entry = RecordEntry { period: PeriodId(2), closed_at: UnixTime(u64::MAX), outcomes };
    let head = RecordChain::of(PublisherId(7)).head(PeriodId(4));
    let statement = [vec![0], receipt.sign(&SIGNER).statement].concat();
    vec![statement, message(1, &v1::RecordEntry::from(&entry)), message(2, &head.sign(&SIGNER))]
}

/// A statement as anybody would sign it, and as the collector did.
fn receipt(statement: &[u8]) {
    let pinned = SIGNER.verifying_key();
    let forged =
        SignedReceipt { statement: statement.to_vec(), signature: statement[..statement.len().min(64)].to_vec() };
    assert!(forged.verify(&pinned).is_err(), "a signature that nobody made");
    let signature = SIGNER.sign(&[b"tacita/receipt/v1", statement].concat()).to_bytes().to_vec();
    let Ok(read) = (SignedReceipt { signature, ..forged }).verify(&pinned) else { return };
    assert_eq!(read.sign(&SIGNER).verify(&pinned).as_ref(), Ok(&read));
}

fn entry(wire: &v1::RecordEntry) {
    let Ok(read) = RecordEntry::try_from(wire) else { return };
    assert_eq!(RecordEntry::try_from(&v1::RecordEntry::from(&read)).as_ref(), Ok(&read));
    let mut chain = RecordChain::of(PublisherId(7));
    if chain.extend(&read).is_ok() {
        assert!(chain.extend(&read).is_err(), "a period twice");
    }
}

fn head(wire: &v1::RecordHead) {
    if let Ok(read) = RecordHead::verify(wire, &SIGNER.verifying_key()) {
        assert_eq!(read.sign(&SIGNER), *wire);
    }
}

fuzz_target!(init: plant("protocol_receipt", seeds()), |bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    match kind % 3 {
        0 => receipt(bytes),
        1 => drop(v1::RecordEntry::decode(bytes).map(|wire| entry(&wire))),
        _ => drop(v1::RecordHead::decode(bytes).map(|wire| head(&wire))),
    }
});
