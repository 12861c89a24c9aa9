//! A manifest that was taken, by this process or by an earlier one: it holds the next one to its revision, its bytes
//! and its keys.
//!
//! It does so by its signature alone, whether or not it can be served: this program may be a newer one that refuses the
//! rest of it, and its catalogues may be lost.

use std::{fs, io, path::Path};

use ed25519_dalek::VerifyingKey;
use prost::Message as _;
use tacita_proto::v1;
use tacita_protocol::{
    id::PublisherId,
    manifest::{Directory, Manifest, SignedManifest},
};

use super::CacheError;

/// See the module.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) directory: Directory,
    pub(super) signed: v1::SignedManifest,
}

impl Taken {
    pub(super) fn new(manifest: &Manifest, signed: v1::SignedManifest) -> Self {
        Self { directory: manifest.directory(), signed }
    }

    /// The one in the file at `path`. None where there is no file, or none of this publisher's by the pinned key in it:
    /// one by another key is another collector's, and holds nobody to anything.
    pub(super) fn read(path: &Path, key: &VerifyingKey, publisher: PublisherId) -> Result<Option<Self>, CacheError> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(CacheError::Unreadable { path: path.to_owned(), error }),
        };
        let taken = Self::decode(&bytes, key, publisher);
        if taken.is_none() {
            let what = "no manifest of this publisher by the pinned key: the next one is taken by its signature alone";
            tracing::warn!(path = %path.display(), "{what}");
        }
        Ok(taken)
    }

    fn decode(bytes: &[u8], key: &VerifyingKey, publisher: PublisherId) -> Option<Self> {
        let wire = v1::SignedManifest::decode(bytes).ok()?;
        let directory = SignedManifest::from(wire.clone()).directory(key, publisher).ok()??;
        Some(Self { directory, signed: wire })
    }

    /// Checks that `next` may follow: its revision is larger, or it is this very manifest, and its key directory goes
    /// on where this one stands.
    pub(super) fn check_followed_by(&self, next: &Self) -> Result<(), CacheError> {
        let (held, offered) = (self.directory.revision, next.directory.revision);
        if offered < held {
            return Err(CacheError::Older { held, offered });
        }
        if offered == held && next.signed != self.signed {
            return Err(CacheError::Changed(held));
        }
        match self.directory.broken_by(&next.directory.epochs) {
            Some(epoch) => Err(CacheError::BrokenDirectory(epoch)),
            None => Ok(()),
        }
    }
}
