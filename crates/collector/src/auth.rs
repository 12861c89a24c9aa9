//! Who calls: API keys.
//!
//! A caller shows an API key, `tacita_ID_SECRET`, as `authorization: Bearer KEY`. The secret is 32 random bytes in base64url,
//! kept as a SHA-256 hash only (it has no structure to guess, so a slow hash would buy nothing) and compared in constant time.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, header::AUTHORIZATION};
use rand::{TryRng as _, rngs::SysRng};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;
use tacita_protocol::time::UnixTime;
use tonic::Status;
use zeroize::Zeroizing;

use crate::{
    catalogue::{ApiKey, Catalogue},
    refusal,
};

/// What every key begins with, so that a leaked one is recognised by scanners.
const PREFIX: &str = "tacita_";

/// The text of an API key. Shown by [`ApiKeyText::expose`] only; `Debug` hides it, and it is wiped on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKeyText(Zeroizing<String>);

impl ApiKeyText {
    /// The key as its holder sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A fresh key with this number.
    pub(crate) fn generate(id: u32) -> Result<Self, rand::rngs::SysError> {
        let mut secret = Zeroizing::new([0; 32]);
        SysRng.try_fill_bytes(secret.as_mut())?;
        let secret = Zeroizing::new(URL_SAFE_NO_PAD.encode(secret.as_slice()));
        Ok(Self(Zeroizing::new(format!("{PREFIX}{id}_{}", secret.as_str()))))
    }

    pub(crate) fn from_text(text: &str) -> Self {
        Self(Zeroizing::new(text.trim().to_owned()))
    }

    /// What the catalogue keeps of it.
    pub(crate) fn hash(&self) -> [u8; 32] {
        split(&self.0).map_or([0; 32], |(_, secret)| hash(secret))
    }
}

impl fmt::Debug for ApiKeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKeyText(..)")
    }
}

fn hash(secret: &str) -> [u8; 32] {
    Sha256::new().chain_update(b"tacita/api-key/v1").chain_update(secret.as_bytes()).finalize().into()
}

/// Number and secret.
pub(crate) fn split(key: &str) -> Option<(u32, &str)> {
    let (id, secret) = key.strip_prefix(PREFIX)?.split_once('_')?;
    Some((id.parse().ok()?, secret))
}

/// The key that a call shows, if it is good at `now`.
pub(crate) fn authenticate<'a>(
    catalogue: &'a Catalogue,
    headers: &HeaderMap,
    now: UnixTime,
) -> Result<&'a ApiKey, Status> {
    let header = headers.get(AUTHORIZATION).ok_or_else(|| {
        refusal::unauthenticated("KEY_MISSING", "no API key: send the metadata 'authorization: Bearer tacita_…'")
    })?;
    let shown = header.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
    let known = shown.and_then(split).and_then(|(id, secret)| {
        let key = catalogue.api_key(id)?;
        bool::from(key.hash.ct_eq(&hash(secret))).then_some(key)
    });
    let key = known.ok_or_else(invalid)?;
    still_good(key, now)?;
    Ok(key)
}

/// Whether a key may go on at `now`. Who hears that it expired has shown the secret.
pub(crate) fn still_good(key: &ApiKey, now: UnixTime) -> Result<(), Status> {
    if key.revoked {
        return Err(invalid());
    }
    match key.expires_at {
        Some(end) if end <= now => {
            let message = format!("this API key expired (at {}): ask the operator for another", rfc_3339(end));
            Err(refusal::unauthenticated("KEY_EXPIRED", message))
        }
        _ => Ok(()),
    }
}

/// `2026-11-23T03:39:40Z`.
fn rfc_3339(time: UnixTime) -> String {
    let time_of = i64::try_from(time.0).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    time_of.map_or_else(|| format!("{} in Unix seconds", time.0), |time| time.to_string())
}

fn invalid() -> Status {
    refusal::unauthenticated("KEY_INVALID", "the API key is unknown or revoked: ask the operator for another")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_its_number_and_43_characters_and_hides_itself() {
        let key = ApiKeyText::generate(12).unwrap();
        let (id, secret) = split(key.expose()).unwrap();
        assert_eq!((id, secret.len()), (12, 43));
        assert_eq!(key.hash(), hash(secret));
        assert_eq!(format!("{key:?}"), "ApiKeyText(..)");
        assert_ne!(key, ApiKeyText::generate(12).unwrap());
    }

    #[test]
    fn what_is_no_key_splits_into_nothing() {
        for text in ["", "tacita_", "tacita_1", "tacita_x_secret", "tacita_-1_s", "tacita_99999999999_s", "other_1_s"] {
            assert_eq!(split(text), None, "{text}");
        }
    }
}
