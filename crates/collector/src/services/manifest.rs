//! `ManifestService`: the signed manifest of one publisher, and the catalogues that it names.

use std::{collections::HashMap, sync::Arc};

use ed25519_dalek::SigningKey;
use parking_lot::Mutex;
use tacita_proto::v1::{self, manifest_service_server::ManifestService};
use tacita_protocol::{catalogue::CatalogueDigest, id::PublisherId, manifest::SignedManifest};
use tonic::{Request, Response, Status};

use crate::{
    access::Role,
    catalogue::{Catalogue, Principal},
    guard::Caller,
    refusal,
    registry::Registry,
};

#[derive(Debug)]
pub(crate) struct Manifests {
    registry: Arc<Registry>,
    signing_key: Arc<SigningKey>,
    /// The newest revision that was signed for each publisher: it is signed once and served often.
    signed: Mutex<HashMap<PublisherId, (u64, SignedManifest)>>,
}

impl Manifests {
    pub(crate) fn new(registry: Arc<Registry>, signing_key: Arc<SigningKey>) -> Self {
        Self { registry, signing_key, signed: Mutex::default() }
    }

    fn signed(&self, catalogue: &Catalogue, publisher: PublisherId) -> Option<SignedManifest> {
        let mut signed = self.signed.lock();
        if let Some((_, manifest)) = signed.get(&publisher).filter(|(revision, _)| *revision == catalogue.revision()) {
            return Some(manifest.clone());
        }
        let manifest = catalogue.manifest(publisher)?.sign(&self.signing_key);
        signed.insert(publisher, (catalogue.revision(), manifest.clone()));
        Some(manifest)
    }
}

fn may_read(principal: Principal, publisher: PublisherId) -> bool {
    matches!(principal.role(), Role::Operator | Role::Auditor) || principal == Principal::Publisher(publisher)
}

#[tonic::async_trait]
impl ManifestService for Manifests {
    async fn get_manifest(
        &self,
        request: Request<v1::GetManifestRequest>,
    ) -> Result<Response<v1::GetManifestResponse>, Status> {
        let catalogue = self.registry.snapshot();
        let principal = Caller::of(&request)?.principal;
        let publisher = PublisherId(request.into_inner().publisher);
        let may_read = may_read(principal, publisher);
        let manifest = may_read.then(|| self.signed(&catalogue, publisher)).flatten().ok_or_else(|| {
            let message =
                format!("there is no publisher {publisher}, or it is not yours: check the publisher's number");
            refusal::not_found("NO_SUCH_PUBLISHER", message)
        })?;
        Ok(Response::new(v1::GetManifestResponse { signed_manifest: Some(manifest.into()) }))
    }

    async fn get_catalogue(
        &self,
        request: Request<v1::GetCatalogueRequest>,
    ) -> Result<Response<v1::GetCatalogueResponse>, Status> {
        let catalogue = self.registry.snapshot();
        let principal = Caller::of(&request)?.principal;
        let v1::GetCatalogueRequest { publisher, digest } = request.into_inner();
        let publisher = PublisherId(publisher);
        let digest = CatalogueDigest::try_from(digest.as_slice())
            .map_err(|error| refusal::invalid("digest", error.to_string()))?;
        let contents = catalogue.contents_for(publisher, digest).filter(|_| may_read(principal, publisher));
        let contents = contents.ok_or_else(|| {
            let message = format!("publisher {publisher}'s manifest names no catalogue {digest}, or it is not yours");
            refusal::not_found("NO_SUCH_CATALOGUE", message)
        })?;
        Ok(Response::new(v1::GetCatalogueResponse { catalogue: contents.catalogue().as_bytes().to_vec() }))
    }
}
