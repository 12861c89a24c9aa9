//! Who calls, and what they may do.
//!
//! A caller shows an API key, `tacita_ID_SECRET`, as `authorization: Bearer KEY`. The secret is 32 random bytes in base64url,
//! kept as a SHA-256 hash only (it has no structure to guess, so a slow hash would buy nothing) and compared in constant time.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::{TryRng as _, rngs::SysRng};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;
use tacita_protocol::id::PublisherId;
use tonic::{Request, Status};
use zeroize::Zeroizing;

use crate::{
    catalogue::{Catalogue, Principal},
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
fn split(key: &str) -> Option<(u32, &str)> {
    let (id, secret) = key.strip_prefix(PREFIX)?.split_once('_')?;
    Some((id.parse().ok()?, secret))
}

/// The methods of all services, as far as permission goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rpc {
    GetManifest,
    GetCatalogue,
    IssueTokens,
    SubmitReports,
    UploadReports,
    ListRecord,
    /// All of ReportingService but what is declared.
    ReadReports,
    Declare,
    /// All of AdminService.
    Administer,
}

/// Whom a method admits.
struct Admits {
    operator: bool,
    publisher: bool,
    brand: bool,
}

impl Rpc {
    /// The one table of permissions.
    #[rustfmt::skip]
    const fn admits(self) -> Admits {
        match self {
            Self::GetManifest   => Admits { operator: true,  publisher: true,  brand: false },
            Self::GetCatalogue  => Admits { operator: true,  publisher: true,  brand: false },
            Self::IssueTokens   => Admits { operator: false, publisher: true,  brand: false },
            Self::SubmitReports => Admits { operator: false, publisher: true,  brand: false },
            Self::UploadReports => Admits { operator: false, publisher: true,  brand: false },
            Self::ListRecord    => Admits { operator: true,  publisher: true,  brand: false },
            Self::ReadReports   => Admits { operator: true,  publisher: false, brand: true  },
            Self::Declare       => Admits { operator: true,  publisher: false, brand: true  },
            Self::Administer    => Admits { operator: true,  publisher: false, brand: false },
        }
    }

    fn admits_principal(self, principal: Principal) -> bool {
        let admits = self.admits();
        match principal {
            Principal::Operator => admits.operator,
            Principal::Publisher(_) => admits.publisher,
            Principal::Brand(_) => admits.brand,
        }
    }

    /// What kind of key to use instead.
    fn remedy(self) -> &'static str {
        match self.admits() {
            Admits { operator: true, publisher: true, .. } => "use a publisher's or an operator's key",
            Admits { operator: true, brand: true, .. } => "use a brand's or an operator's key",
            Admits { publisher: true, .. } => "use a publisher's key",
            _ => "use an operator's key",
        }
    }
}

/// Who calls, if they may call `rpc`.
pub(crate) fn admit<T>(catalogue: &Catalogue, request: &Request<T>, rpc: Rpc) -> Result<Principal, Status> {
    let principal = authenticate(catalogue, request)?;
    if rpc.admits_principal(principal) {
        return Ok(principal);
    }
    let message = format!("this key may not call {rpc:?}: {}", rpc.remedy());
    Err(refusal::permission_denied("WRONG_ROLE", message))
}

/// The publisher who calls, if publishers may call `rpc`.
pub(crate) fn admit_publisher<T>(catalogue: &Catalogue, request: &Request<T>, rpc: Rpc) -> Result<PublisherId, Status> {
    match admit(catalogue, request, rpc)? {
        Principal::Publisher(publisher) => Ok(publisher),
        _ => Err(refusal::permission_denied("WRONG_ROLE", format!("{rpc:?} is for publishers: use a publisher's key"))),
    }
}

fn authenticate<T>(catalogue: &Catalogue, request: &Request<T>) -> Result<Principal, Status> {
    let header = request.metadata().get("authorization").ok_or_else(|| {
        refusal::unauthenticated("KEY_MISSING", "no API key: send the metadata 'authorization: Bearer tacita_…'")
    })?;
    let key = header.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
    let known = key.and_then(split).and_then(|(id, secret)| {
        let key = catalogue.api_key(id).filter(|key| !key.revoked)?;
        bool::from(key.hash.ct_eq(&hash(secret))).then_some(key.principal)
    });
    known.ok_or_else(|| {
        refusal::unauthenticated("KEY_INVALID", "the API key is unknown or revoked: ask the operator for another")
    })
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
