//! What a device has seen of its publisher's manifests, and the rule for what may follow it.
//!
//! The manifest that it keeps holds the next one to this by its signature alone, whether or not this program still takes the rest
//! of it and whether or not its catalogues are at hand.

use ed25519_dalek::VerifyingKey;
use tacita_protocol::{
    id::PublisherId,
    manifest::{Directory, Manifest, SignedManifest},
};

use crate::ClientError;

/// What the next manifest is held to.
#[derive(Debug)]
pub(crate) struct Seen {
    directory: Directory,
    /// None if this program does not take all of it: a collector's newer version says the same revision in other bytes.
    whole: Option<SignedManifest>,
}

impl Seen {
    /// What a manifest in force holds the next one to.
    pub(crate) fn in_force(signed: &SignedManifest, manifest: &Manifest) -> Self {
        Self { directory: manifest.directory(), whole: Some(signed.clone()) }
    }

    /// What a manifest that an earlier process, or an earlier program, has taken holds the next one to: nothing, if it is not by
    /// the pinned key or not the publisher's.
    pub(crate) fn kept(
        signed: &SignedManifest,
        key: &VerifyingKey,
        publisher: PublisherId,
    ) -> Result<Option<Self>, ClientError> {
        let whole = signed.verify(key, publisher).is_ok().then(|| signed.clone());
        Ok(signed.directory(key, publisher)?.map(|directory| Self { directory, whole }))
    }

    /// Checks that a manifest may follow: its revision is larger, or it is the same manifest, and its key directory goes on where
    /// this one stands. A gap, after a long absence, cannot be checked and is accepted.
    pub(crate) fn check_followed_by(&self, signed: &SignedManifest, manifest: &Manifest) -> Result<(), ClientError> {
        let (remembered, offered) = (self.directory.revision, manifest.revision);
        if offered < remembered {
            return Err(ClientError::Rollback { remembered, offered });
        }
        if offered == remembered && self.whole.as_ref().is_some_and(|whole| whole != signed) {
            return Err(ClientError::Equivocation(offered));
        }
        match self.directory.broken_by(&manifest.epochs) {
            Some(epoch) => Err(ClientError::BrokenDirectory(epoch)),
            None => Ok(()),
        }
    }
}
