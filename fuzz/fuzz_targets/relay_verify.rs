//! Any lines as the receipts that a relay kept, any text as the head that it saw, any bytes as a collector's record:
//! compared, or refused with the place.
#![no_main]

use std::{path::PathBuf, sync::LazyLock};

use ed25519_dalek::SigningKey;
use libfuzzer_sys::fuzz_target;
use prost::Message as _;
use tacita_cli::fuzzing::relay_verify;
use tacita_fuzz::{joined, plant, scratch};
use tacita_proto::v1;
use tacita_protocol::{
    id::PublisherId,
    outcome::Outcome,
    receipt::{BatchDigest, Receipt},
    record::{PeriodId, RecordChain, RecordEntry},
    time::UnixTime,
};

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| scratch("verify"));
static SIGNER: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::from_bytes(&[42; 32]));

fn seeds() -> Vec<Vec<u8>> {
    let publisher = PublisherId(7);
    let entry = |period, counted| RecordEntry {
        period: PeriodId(period),
        closed_at: UnixTime(1_795_348_800),
        outcomes: vec![(Outcome::Counted, counted), (Outcome::AlreadyCounted, u64::MAX)],
    };
    let entries = [entry(0, 3), entry(2, u64::MAX)];
    let mut chain = RecordChain::of(publisher);
    entries.iter().for_each(|entry| chain.extend(entry).expect("it follows"));
    let head = chain.head(PeriodId(4));
    let record = v1::ListRecordResponse {
        entries: entries.iter().map(Into::into).collect(),
        head: Some(head.sign(&SIGNER)),
        next_period: 0,
    };
    let counts = [((PeriodId(0), Outcome::Counted), 3), ((PeriodId(3), Outcome::AlreadyCounted), 1)].into();
    let batch = BatchDigest([1; 32]);
    let signed = Receipt { publisher, batch, answered_at: UnixTime(9), counts }.sign(&SIGNER);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let receipt = format!("receipt {} {}\n", hex(&signed.statement), hex(&signed.signature));
    let unanswered = format!("unanswered {} {}\n", hex(&[2; 32]), u64::MAX);
    let seen = format!("4 {}\n", hex(&head.hash));
    let with = |day: &str, seen: &str| [joined(&[day, seen, ""]), record.encode_to_vec()].concat();
    let torn = &receipt[..receipt.len() - 9];
    vec![with(&(receipt.clone() + &unanswered), &seen), with(torn, "9 00"), with(&unanswered, "")]
}

fuzz_target!(init: plant("relay_verify", seeds()), |bytes: &[u8]| {
    let mut parts = bytes.splitn(3, |byte| *byte == 0);
    let [day, seen, record] = std::array::from_fn(|_| parts.next().unwrap_or_default());
    let text = |bytes| String::from_utf8_lossy(bytes);
    relay_verify(&FOLDER, &text(day), &text(seen), record, &SIGNER.verifying_key());
});
