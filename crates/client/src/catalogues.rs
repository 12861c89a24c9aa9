//! The catalogues that a manifest names: had, all of them, before it is put in force.
//!
//! What is fetched, and when, follows from the manifest and from what was fetched before: never from anything that is shared
//! (`spec/device.md`, §2).

use std::sync::Arc;

use tacita_protocol::{
    catalogue::{CatalogueDigest, CatalogueRef, ContentCatalogue},
    manifest::Manifest,
};

use crate::{ClientError, Storage, device::Inner, edition::Edition};

/// A catalogue as editions share it.
pub(crate) type Shared = Arc<ContentCatalogue>;

impl Inner {
    /// Every catalogue that `manifest` names: at hand, or from the relay.
    pub(crate) async fn gather_catalogues(self: &Arc<Self>, manifest: &Manifest) -> Result<Vec<Shared>, ClientError> {
        let mut gathered = Vec::new();
        for named in manifest.catalogues() {
            gathered.push(match self.off_thread(move |inner| Ok(inner.catalogue_at_hand(&named))).await? {
                Some(catalogue) => catalogue,
                None => self.fetch_catalogue(named).await?,
            });
        }
        Ok(gathered)
    }

    /// From the manifest in force, from another device of the same config, or from the storage.
    fn catalogue_at_hand(&self, named: &CatalogueRef) -> Option<Shared> {
        let of = |edition: Option<Arc<Edition>>| edition?.catalogue(named.digest).cloned();
        of(self.edition()).or_else(|| of(self.config.verified_last())).or_else(|| self.kept_catalogue(named))
    }

    async fn fetch_catalogue(self: &Arc<Self>, named: CatalogueRef) -> Result<Shared, ClientError> {
        let bytes = self.transport.catalogue(self.config.publisher, named.digest).await?;
        self.off_thread(move |_| Ok(Arc::new(named.read(bytes)?))).await
    }
}

/// Every catalogue that `manifest` names, if the storage has kept them all.
pub(crate) fn kept_catalogues(storage: &dyn Storage, manifest: &Manifest) -> Option<Vec<Shared>> {
    manifest.catalogues().iter().map(|named| kept_catalogue(storage, named)).collect()
}

/// A catalogue that the storage has kept whole.
pub(crate) fn kept_catalogue(storage: &dyn Storage, named: &CatalogueRef) -> Option<Shared> {
    named.read(storage.catalogue(named.digest)?).ok().map(Arc::new)
}

/// The catalogue with this digest.
pub(crate) fn find(catalogues: &[Shared], digest: CatalogueDigest) -> Option<&Shared> {
    catalogues.iter().find(|catalogue| catalogue.digest() == digest)
}
