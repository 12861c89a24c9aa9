//! What the change log holds, entry by entry: what was done, when, in a form that later versions can read.

use serde::{Deserialize, Serialize};
use tacita_protocol::{
    catalogue::CatalogueDigest,
    epoch::EpochId,
    id::{BrandId, CampaignId, Name, PublisherId},
    measure::Measure,
    policy::CampaignPolicy,
    time::UnixTime,
};

use super::{Declaration, Principal};

/// The version of the entries that this program writes, and the newest it reads.
const VERSION: u32 = 1;

/// One line of the change log.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    version: u32,
    /// When it was done. For the audit; nothing is decided by it.
    pub(crate) at: UnixTime,
    /// What was done.
    pub(crate) change: Change,
}

/// One change of the catalogue. Numbers are given in order, and written out so that the log can be read by itself.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Change {
    /// The key that signs the manifests of this log, which names the vault with the epochs' secret keys.
    SigningKeyAdopted {
        #[serde(with = "hex::serde")]
        public_key: [u8; 32],
    },
    PublisherCreated {
        id: PublisherId,
        name: Name,
    },
    BrandCreated {
        id: BrandId,
        name: Name,
    },
    CampaignCreated {
        id: CampaignId,
        brand: BrandId,
        name: Name,
        publishers: Vec<PublisherId>,
        attribution_seconds: u32,
        /// Entries of before there were policies say none: the defaults.
        #[serde(default)]
        policy: CampaignPolicy,
    },
    /// What the brand says of its campaign; replaces what it said before.
    CampaignDeclared {
        campaign: CampaignId,
        declaration: Box<Declaration>,
    },
    /// Contents that measures may be over. An entry of its own, before the first measure over them: several measures share
    /// them.
    ContentsListed {
        digest: CatalogueDigest,
        ids: Vec<String>,
    },
    MeasureCreated(Box<Measure>),
    ApiKeyCreated {
        id: u32,
        principal: Principal,
        /// SHA-256 of the secret; the secret itself is nowhere.
        #[serde(with = "hex::serde")]
        hash: [u8; 32],
        created_at: UnixTime,
    },
    ApiKeyRevoked {
        id: u32,
    },
    /// The device policy of all manifests from here on: part of what they say, so part of what makes their revision grow.
    DevicePolicySet {
        token_batch: u32,
        ledger_bound_micro: u32,
    },
    /// Tokens that one collector may issue to a publisher: its share of the quota, set aside before it issues any of them. No manifest
    /// says anything of it, so no revision grows by it.
    TokensSetAside {
        publisher: PublisherId,
        epoch: EpochId,
        tokens: u64,
    },
    EpochPublished {
        epoch: EpochId,
        #[serde(with = "hex::serde")]
        public_key: [u8; 32],
        starts_at: UnixTime,
        ends_at: UnixTime,
        closes_at: UnixTime,
    },
    /// Ended before its time: a rotation. The epoch after it begins at once.
    EpochEnded {
        epoch: EpochId,
        at: UnixTime,
        closes_at: UnixTime,
    },
    /// Its key is destroyed and its spent set dropped.
    EpochDestroyed {
        epoch: EpochId,
    },
}

/// An entry of the log cannot be taken in.
#[derive(Debug, thiserror::Error)]
pub enum LogFault {
    /// It is no entry.
    #[error("entry {index} of the change log does not decode ({cause}): restore the data directory from a copy")]
    Malformed {
        /// Its place in the log.
        index: u64,
        /// What the decoder said.
        cause: String,
    },
    /// A newer program wrote it.
    #[error("entry {index} of the change log has version {version}: a newer Tacita wrote it; run that one")]
    Version {
        /// Its place in the log.
        index: u64,
        /// Its version.
        version: u32,
    },
    /// It does not follow from the entries before it.
    #[error(
        "entry {index} of the change log does not follow from what came before ({what}): restore the data directory"
    )]
    Sequence {
        /// Its place in the log.
        index: u64,
        /// What does not follow.
        what: &'static str,
    },
}

impl Entry {
    pub(crate) fn new(at: UnixTime, change: Change) -> Self {
        Self { version: VERSION, at, change }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        // Unwrap safety: the types hold no map with keys other than text and no number that JSON lacks.
        serde_json::to_vec(self).expect("a change is plain data")
    }

    pub(crate) fn decode(index: u64, bytes: &[u8]) -> Result<Self, LogFault> {
        #[derive(Deserialize)]
        struct Head {
            version: u32,
        }
        let malformed = |cause: serde_json::Error| LogFault::Malformed { index, cause: cause.to_string() };
        let Head { version } = serde_json::from_slice(bytes).map_err(malformed)?;
        if version != VERSION {
            return Err(LogFault::Version { index, version });
        }
        serde_json::from_slice(bytes).map_err(malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_survives_the_log() {
        let change = Change::EpochPublished {
            epoch: EpochId(3),
            public_key: [7; 32],
            starts_at: UnixTime(1),
            ends_at: UnixTime(2),
            closes_at: UnixTime(3),
        };
        let entry = Entry::new(UnixTime(9), change);
        assert_eq!(Entry::decode(0, &entry.encode()).unwrap(), entry);
    }

    #[test]
    fn nonsense_and_a_newer_version_are_told_apart() {
        assert!(matches!(Entry::decode(4, b"{"), Err(LogFault::Malformed { index: 4, .. })));
        let newer = br#"{"version": 2, "at": 0, "change": "something-new"}"#;
        assert!(matches!(Entry::decode(4, newer), Err(LogFault::Version { index: 4, version: 2 })));
    }
}
