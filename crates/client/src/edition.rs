//! A manifest that was verified, and made ready for use.

use std::sync::Arc;

use ed25519_dalek::VerifyingKey;
use prost::Message as _;
use tacita_dp::Mechanism;
use tacita_proto::v1;
use tacita_protocol::{
    catalogue::{CatalogueDigest, ContentCatalogue},
    epoch::EpochEntry,
    id::{MeasureId, PublisherId},
    manifest::{Manifest, ManifestCampaign, SignedManifest},
    measure::Measure,
    time::UnixTime,
};

use crate::{
    ClientError,
    catalogues::{self, Shared},
    seen::Seen,
};

/// A manifest whose signature holds, and whose catalogues may be still to be fetched.
#[derive(Debug)]
pub(crate) struct VerifiedManifest {
    signed: SignedManifest,
    manifest: Manifest,
}

impl VerifiedManifest {
    pub(crate) fn verify(
        signed: &SignedManifest,
        key: &VerifyingKey,
        publisher: PublisherId,
    ) -> Result<Self, ClientError> {
        let manifest = signed.verify(key, publisher)?;
        Ok(Self { signed: signed.clone(), manifest })
    }

    pub(crate) fn manifest(&self) -> &Manifest {
        &self.manifest
    }
}

/// One verified manifest, with the mechanism of each of its measures and every catalogue that it names.
#[derive(Debug)]
pub(crate) struct Edition {
    signed: SignedManifest,
    stored: Arc<[u8]>,
    manifest: Manifest,
    /// None for a measure that breaks the policy of its campaign: it is not answered.
    mechanisms: Vec<Option<Mechanism>>,
    catalogues: Vec<Shared>,
}

impl Edition {
    /// Makes a manifest ready for use, with the catalogues that it names.
    pub(crate) fn new(verified: VerifiedManifest, catalogues: Vec<Shared>) -> Self {
        let VerifiedManifest { signed, manifest } = verified;
        let mechanism = |measure: &Measure| manifest.is_lawful(measure).then(|| measure.mechanism());
        let mechanisms = manifest.measures.iter().map(mechanism).collect();
        let stored = v1::SignedManifest::from(signed.clone()).encode_to_vec().into();
        Self { signed, stored, manifest, mechanisms, catalogues }
    }

    pub(crate) fn signed(&self) -> &SignedManifest {
        &self.signed
    }

    /// The manifest with its signature, as a device keeps it.
    pub(crate) fn stored(&self) -> Arc<[u8]> {
        Arc::clone(&self.stored)
    }

    pub(crate) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    pub(crate) fn active_epoch(&self, now: UnixTime) -> Result<&EpochEntry, ClientError> {
        self.manifest.active_epoch(now).ok_or(ClientError::NoActiveEpoch)
    }

    /// Every measure that this device answers, with its mechanism: those that keep to the policy of their campaign.
    pub(crate) fn measures(&self) -> impl Iterator<Item = (&Measure, &Mechanism)> {
        let answered = |(measure, mechanism)| Option::as_ref(mechanism).map(|mechanism| (measure, mechanism));
        self.manifest.measures.iter().zip(&self.mechanisms).filter_map(answered)
    }

    pub(crate) fn measure(&self, id: MeasureId) -> Option<(&Measure, &Mechanism)> {
        self.measures().find(|(measure, _)| measure.id == id)
    }

    /// Every catalogue that the manifest names.
    pub(crate) fn catalogues(&self) -> &[Shared] {
        &self.catalogues
    }

    /// The catalogue with this digest, if the manifest names it.
    pub(crate) fn catalogue(&self, digest: CatalogueDigest) -> Option<&Shared> {
        catalogues::find(&self.catalogues, digest)
    }

    /// The catalogue that a measure is over.
    pub(crate) fn catalogue_of(&self, measure: &Measure) -> Option<&ContentCatalogue> {
        self.catalogue(measure.domain.catalogue()?.digest).map(|catalogue| &**catalogue)
    }

    /// Who pays for a measure. Every measure of a verified manifest has a listed campaign.
    pub(crate) fn campaign(&self, measure: &Measure) -> Option<&ManifestCampaign> {
        self.manifest.campaign(measure.campaign)
    }

    /// Checks that this edition may follow what the device has seen.
    pub(crate) fn check_follows(&self, last: &Seen) -> Result<(), ClientError> {
        last.check_followed_by(&self.signed, &self.manifest)
    }

    /// What it holds the next one to.
    pub(crate) fn seen(&self) -> Seen {
        Seen::in_force(&self.signed, &self.manifest)
    }
}
