//! The catalogues that the manifest names: fetched before the manifest is served, the same bytes for every visitor.
//!
//! A visitor who was given the manifest finds its catalogues here. They are verified against the manifest's digests and
//! kept on disk beside it, so that both are served while the collector is away.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use tacita_proto::v1::{self, manifest_service_client::ManifestServiceClient};
use tacita_protocol::{
    catalogue::{CatalogueDigest, CatalogueRef},
    id::PublisherId,
};

use crate::{
    manifest::{CacheError, replace_file},
    upstream::{Line, Upstream, answer},
};

/// Catalogues' bytes by their digests.
pub(crate) type Catalogues = BTreeMap<CatalogueDigest, Vec<u8>>;

/// Where catalogues come from, and where they are kept.
pub(crate) struct CatalogueShelf {
    publisher: PublisherId,
    folder: PathBuf,
    upstream: Upstream,
    collector: ManifestServiceClient<Line>,
}

impl CatalogueShelf {
    pub(crate) fn new(
        publisher: PublisherId,
        data: &Path,
        upstream: Upstream,
        collector: ManifestServiceClient<Line>,
    ) -> Self {
        Self { publisher, folder: data.join("catalogues"), upstream, collector }
    }

    /// Every catalogue of `named`, if the disk holds them all.
    pub(crate) fn read_disk(&self, named: &[CatalogueRef]) -> Result<Catalogues, String> {
        let read = |one: &CatalogueRef| match kept(&self.file(one.digest), one) {
            Some(bytes) => Ok((one.digest, bytes)),
            None => Err(format!("no catalogue {} beside it", one.digest)),
        };
        named.iter().map(read).collect()
    }

    /// Every catalogue of `named`: in service, from disk, or from the collector and then kept.
    pub(crate) async fn gather(
        &self,
        named: &[CatalogueRef],
        in_service: &Catalogues,
    ) -> Result<Catalogues, CacheError> {
        let mut gathered = Catalogues::new();
        for one in named {
            let bytes = match in_service.get(&one.digest) {
                Some(bytes) => bytes.clone(),
                None => self.renew(*one).await?,
            };
            gathered.insert(one.digest, bytes);
        }
        Ok(gathered)
    }

    async fn renew(&self, named: CatalogueRef) -> Result<Vec<u8>, CacheError> {
        let path = self.file(named.digest);
        let looked = tokio::task::spawn_blocking(move || kept(&path, &named)).await;
        if let Ok(Some(bytes)) = looked {
            return Ok(bytes);
        }
        let bytes = self.fetch(named).await?;
        self.keep(named.digest, bytes.clone()).await?;
        tracing::info!(catalogue = %named.digest, contents = named.contents, "a new catalogue");
        Ok(bytes)
    }

    async fn fetch(&self, named: CatalogueRef) -> Result<Vec<u8>, CacheError> {
        let request = v1::GetCatalogueRequest { publisher: self.publisher.0, digest: named.digest.0.to_vec() };
        let answered = answer(self.collector.clone().get_catalogue(self.upstream.request(request))).await;
        let served = answered.map_err(|status| CacheError::Collector(Box::new(status)))?.catalogue;
        Ok(named.read(served)?.as_bytes().to_vec())
    }

    async fn keep(&self, digest: CatalogueDigest, bytes: Vec<u8>) -> Result<(), CacheError> {
        let (folder, path) = (self.folder.clone(), self.file(digest));
        let write = move || fs::create_dir_all(folder).and_then(|()| replace_file(&path, &bytes));
        let written = tokio::task::spawn_blocking(write).await;
        let written = written.unwrap_or_else(|_| Err(io::Error::other("the write was interrupted")));
        written.map_err(|error| CacheError::Disk { path: self.file(digest), error })
    }

    /// Removes the files of catalogues that are not in service. What cannot be removed only takes room.
    pub(crate) async fn forget_others(&self, in_service: &Catalogues) {
        let (folder, keep) = (self.folder.clone(), in_service.keys().map(|&one| self.file(one)).collect::<Vec<_>>());
        let remove = move || {
            let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
            for path in files.filter(|path| !keep.contains(path)) {
                fs::remove_file(path).ok();
            }
        };
        tokio::task::spawn_blocking(remove).await.ok();
    }

    fn file(&self, digest: CatalogueDigest) -> PathBuf {
        self.folder.join(format!("{digest}.bin"))
    }
}

/// What the file holds, if it is whole.
fn kept(path: &Path, named: &CatalogueRef) -> Option<Vec<u8>> {
    let bytes = fs::read(path).ok()?;
    named.read(bytes).ok().map(|catalogue| catalogue.as_bytes().to_vec())
}
