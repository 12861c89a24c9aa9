//! What can be done to the catalogue.

use serde::{Deserialize, Serialize};
use tacita_protocol::{
    audit::Broken,
    catalogue::CatalogueDigest,
    epoch::EpochId,
    id::{BrandId, CampaignId, Name, PublisherId},
    measure::Measure,
    policy::CampaignPolicy,
    time::UnixTime,
};

use super::{Declaration, Principal, Surge, VaultKey};

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
    /// What the brand says of its campaign; replaces what it said before. Entries of before
    /// [`Change::DeclarationMade`], which are counted in the revision of manifests for good: one revision is one
    /// sequence of bytes.
    CampaignDeclared {
        campaign: CampaignId,
        declaration: Box<Declaration>,
    },
    /// The same, and the day (of UTC, since 1970) whose allowance it was. No manifest says anything of it.
    DeclarationMade {
        campaign: CampaignId,
        day: u64,
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
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        read_only: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at: Option<UnixTime>,
    },
    ApiKeyRevoked {
        id: u32,
    },
    /// The device policy of all manifests from here on: part of what they say, so part of what makes their revision grow.
    DevicePolicySet {
        token_batch: u32,
        ledger_bound_micro: u32,
        /// The form that manifests have from here on. Entries of before there were forms say none.
        #[serde(default)]
        form: u32,
    },
    /// Tokens that one collector may issue to a publisher: its share of the quota, set aside before it issues any of
    /// them. No manifest says anything of it, so no revision grows by it.
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
    /// The keys in the vault may be known to others: all open epochs ended, and those that had not begun closed. Fresh
    /// ones follow.
    KeysCompromised {
        at: UnixTime,
        /// Reports under epochs that had begun are taken until then.
        closes_at: UnixTime,
        reason: String,
        /// Keys that no epoch has, and none may have.
        unpublished: Vec<VaultKey>,
    },
    /// Its key is destroyed and its spent set dropped.
    EpochDestroyed {
        epoch: EpochId,
    },
    /// The store was restored to what it had been before. All its epochs are closed, and numbers go on beyond any that
    /// were given out in the time that is lost.
    Restored {
        next_epoch: EpochId,
        next_revision: u64,
    },
    /// The tallies of all windows that had ended by then are deleted.
    TalliesDeleted {
        before: UnixTime,
    },
    /// More came than was expected. Nothing that a manifest depends on.
    SurgeFound {
        surge: Box<Surge>,
    },
    /// The webhooks of the surge at this place of the log took it, or were given up.
    SurgeTold {
        surge: u64,
    },
    /// The filter of one collector's log was replaced, until that collector ends.
    LogFilterSet {
        filter: String,
    },
    /// Somebody began to read the whole store. Written before the first row is sent, so that it stands in the backup itself.
    BackupTaken {},
}

impl Change {
    /// Whether manifests may say something else from here on.
    pub(super) fn concerns_manifests(&self) -> bool {
        !matches!(
            self,
            Self::SurgeFound { .. }
                | Self::SurgeTold { .. }
                | Self::LogFilterSet { .. }
                | Self::TokensSetAside { .. }
                | Self::BackupTaken {}
                | Self::DeclarationMade { .. }
        )
    }
}

/// An entry of the log cannot be taken in.
#[derive(Debug, thiserror::Error)]
pub enum LogFault {
    /// It is no entry.
    #[error("entry {index} of the change log does not decode ({cause})")]
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
    /// From it on manifests are said as a newer program says them.
    #[error("entry {index} of the change log begins manifests of form {form}: a newer Tacita wrote it; run that one")]
    Form {
        /// Its place in the log.
        index: u64,
        /// The form.
        form: u32,
    },
    /// It, or one before it, is not as it was written.
    #[error("the change log is altered: {0}")]
    Altered(Broken),
    /// It does not follow from the entries before it.
    #[error("entry {index} of the change log does not follow from what came before ({what})")]
    Sequence {
        /// Its place in the log.
        index: u64,
        /// What does not follow.
        what: &'static str,
    },
}

impl LogFault {
    /// What to do for a store that has such a log.
    pub(crate) fn remedy(&self) -> &'static str {
        match self {
            Self::Version { .. } | Self::Form { .. } => "",
            _ => "; restore a backup (deploy/RUNBOOK.md, section 4)",
        }
    }
}

impl From<Broken> for LogFault {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Unknown { index, version } => Self::Version { index, version },
            altered => Self::Altered(altered),
        }
    }
}
