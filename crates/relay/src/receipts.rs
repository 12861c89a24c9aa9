//! Receipts: the collector's signed word for what became of each batch, kept until it is compared with the record that
//! it publishes.
//!
//! | module | holds |
//! |---|---|
//! | `file` | a file for each day |
//! | [`compare`] | what was answered against what was recorded |
//! | [`head`] | how far the record was seen, so that a past that is rewritten shows |
//!
//! Kept are digests, counts and times of batches: nothing of an envelope, nothing of a visitor.

pub mod compare;
mod file;
pub mod head;

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ed25519_dalek::VerifyingKey;
use tacita_proto::v1;
use tacita_protocol::{
    id::PublisherId,
    outcome::Outcome,
    receipt::{BatchDigest, ReceiptError, SignedReceipt},
    time::Clock,
};

use self::file::Files;
pub use self::file::{Kept, ReadError, read};
use crate::queue::Batch;

/// An answer came without a receipt that can be kept. The batch is kept, and sent again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReceiptFault {
    #[error("the collector gave no receipt; it is older than this relay: update it")]
    Missing,
    #[error(transparent)]
    Refused(#[from] ReceiptError),
    #[error("the collector's receipt is for another batch, or says otherwise than its answer")]
    Other,
    #[error("the receipt cannot be written to the relay's disk: {0}")]
    Disk(#[from] io::Error),
}

/// Something that is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Line {
    /// A batch was answered.
    Receipt(SignedReceipt),
    /// A batch was sent and its answer did not come: it may have been counted, and will be sent again.
    Unanswered(BatchDigest, u64),
}

/// Checks receipts and keeps them.
#[derive(Clone)]
pub(crate) struct Receipts {
    publisher: PublisherId,
    key: VerifyingKey,
    files: Arc<Mutex<Files>>,
}

/// Where a relay with this data folder keeps them.
fn folder_in(data: &Path) -> PathBuf {
    data.join("receipts")
}

impl Receipts {
    /// Opens the folder, or makes it.
    pub(crate) fn open(
        data: &Path,
        (publisher, key): (PublisherId, VerifyingKey),
        kept_for: Duration,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Self> {
        let files = Files::open(folder_in(data), kept_for, clock)?;
        Ok(Self { publisher, key, files: Arc::new(Mutex::new(files)) })
    }

    /// Believes the receipt of a batch that was answered so, and keeps it; durable on return.
    pub(crate) async fn keep(
        &self,
        batch: &Batch,
        outcomes: &[Outcome],
        given: Option<v1::Receipt>,
    ) -> Result<(), ReceiptFault> {
        let signed = SignedReceipt::from(given.ok_or(ReceiptFault::Missing)?);
        let receipt = signed.verify(&self.key)?;
        let mut counts: BTreeMap<Outcome, u64> = BTreeMap::new();
        outcomes.iter().for_each(|&outcome| *counts.entry(outcome).or_default() += 1);
        if receipt.publisher != self.publisher || receipt.batch != batch.digest() || receipt.outcomes() != counts {
            return Err(ReceiptFault::Other);
        }
        Ok(self.write(vec![Line::Receipt(signed)]).await?)
    }

    /// Writes down that batches were sent and not answered; durable on return.
    pub(crate) async fn unanswered(&self, batches: impl IntoIterator<Item = &Batch>) -> Result<(), ReceiptFault> {
        let line = |batch: &Batch| Line::Unanswered(batch.digest(), batch.envelopes.len() as u64);
        let lines: Vec<Line> = batches.into_iter().map(line).collect();
        if lines.is_empty() { Ok(()) } else { Ok(self.write(lines).await?) }
    }

    async fn write(&self, lines: Vec<Line>) -> io::Result<()> {
        let files = self.files.clone();
        let written =
            tokio::task::spawn_blocking(move || files.lock().unwrap_or_else(PoisonError::into_inner).append(&lines));
        written.await.unwrap_or_else(|end| Err(io::Error::other(end)))
    }
}
