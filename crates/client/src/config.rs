//! What a publisher tells its devices.

use std::{fmt, sync::Arc};

use ed25519_dalek::VerifyingKey;
use parking_lot::Mutex;
#[cfg(feature = "simulation")]
use rand::CryptoRng;
use rand::rngs::SysRng;
use tacita_protocol::{id::PublisherId, manifest::SignedManifest};
use tacita_tokens::{BlindedBatch, Context, Pending, PublicKey};
use zeroize::Zeroizing;

use crate::{
    ClientError,
    catalogues::Shared,
    edition::{Edition, VerifiedManifest},
    seen::Seen,
};

/// What a publisher tells its devices: who it is, whom it trusts, and which pages people open by themselves.
///
/// Cheap to clone. Clones share the last manifest that any of them has verified, and its catalogues: a simulation of many
/// devices opens them all with clones of one config, verifies each manifest and fetches each catalogue once.
#[derive(Clone)]
pub struct DeviceConfig {
    pub(crate) publisher: PublisherId,
    signing_key: VerifyingKey,
    pub(crate) landing_pages: Arc<[String]>,
    pub(crate) seed: Option<Arc<Zeroizing<[u8; 32]>>>,
    verified: Arc<Mutex<Option<Arc<Edition>>>>,
    #[cfg(feature = "simulation")]
    given: Option<Arc<Mutex<dyn CryptoRng + Send>>>,
}

impl DeviceConfig {
    /// For devices of `publisher`, who accept manifests signed by `signing_key` alone: the key that the publisher's build
    /// pins.
    pub fn new(publisher: PublisherId, signing_key: VerifyingKey) -> Self {
        Self {
            publisher,
            signing_key,
            landing_pages: Arc::default(),
            seed: None,
            verified: Arc::default(),
            #[cfg(feature = "simulation")]
            given: None,
        }
    }

    /// The paths that people open by themselves, such as `/news`; `/` always is one. A visit of any other page without
    /// a referrer is taken for one by a shared link.
    #[must_use]
    pub fn landing_pages(mut self, pages: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.landing_pages = pages.into_iter().map(Into::into).collect();
        self
    }

    /// Derives the device's secrets from `seed`, so that a simulation's answers can be repeated. Who knows the seed can
    /// take the noise off every report: **never on a real visitor's device**.
    #[must_use]
    pub fn simulated(mut self, seed: [u8; 32]) -> Self {
        self.seed = Some(Arc::new(Zeroizing::new(seed)));
        self
    }

    /// Blinds tokens with the bytes of `given`, so that a simulation can be repeated to the byte. Whoever knows them
    /// can tell which issuance a token came from: **never on a real visitor's device**.
    #[cfg(feature = "simulation")]
    #[must_use]
    pub fn blinding_with(mut self, given: Arc<Mutex<dyn CryptoRng + Send>>) -> Self {
        self.given = Some(given);
        self
    }

    /// A batch of blinded tokens, and what opens the answer.
    pub(crate) fn blind(
        &self,
        key: &PublicKey,
        context: &Context,
        count: usize,
    ) -> Result<(Pending, BlindedBatch), tacita_tokens::Error> {
        #[cfg(feature = "simulation")]
        if let Some(given) = &self.given {
            return Pending::new(key, context, count, &mut *given.lock());
        }
        Pending::new(key, context, count, &mut SysRng)
    }

    /// Verifies a manifest, unless it is the one that was made ready last.
    pub(crate) fn verify(&self, signed: &SignedManifest) -> Result<Offer, ClientError> {
        match self.verified_last().filter(|edition| edition.signed() == signed) {
            Some(edition) => Ok(Offer::Ready(edition)),
            None => Ok(Offer::Verified(VerifiedManifest::verify(signed, &self.signing_key, self.publisher)?)),
        }
    }

    /// What a manifest that the storage keeps holds the next one to.
    pub(crate) fn seen(&self, kept: &SignedManifest) -> Result<Option<Seen>, ClientError> {
        Seen::kept(kept, &self.signing_key, self.publisher)
    }

    /// The manifest that a clone of this config has made ready last.
    pub(crate) fn verified_last(&self) -> Option<Arc<Edition>> {
        self.verified.lock().clone()
    }

    /// Makes a manifest ready, for all clones of this config.
    pub(crate) fn make_ready(&self, verified: VerifiedManifest, catalogues: Vec<Shared>) -> Arc<Edition> {
        let edition = Arc::new(Edition::new(verified, catalogues));
        *self.verified.lock() = Some(Arc::clone(&edition));
        edition
    }
}

/// A manifest that verifies.
pub(crate) enum Offer {
    /// It is ready for use, with its catalogues.
    Ready(Arc<Edition>),
    /// Its catalogues are to be gathered.
    Verified(VerifiedManifest),
}

impl fmt::Debug for DeviceConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceConfig")
            .field("publisher", &self.publisher)
            .field("landing_pages", &self.landing_pages)
            .field("simulated", &self.seed.is_some())
            .finish_non_exhaustive()
    }
}
