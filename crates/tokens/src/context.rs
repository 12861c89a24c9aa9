//! What a token is bound to before it exists: publisher, epoch, and the directory its holder saw.

use sha2::{Digest, Sha256};

use crate::key::KeyId;

/// Bytes of a nonce.
pub const NONCE_LEN: usize = 32;

/// Where tokens are valid, and which key directory their holder was shown. Public, and the same for issuer, client and
/// opener: a token made under another context opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Context {
    /// The publisher's number: the POPRF's public `info`.
    pub publisher: u32,
    /// The epoch whose key issues and opens.
    pub epoch: u32,
    /// The hash-chain value of the key directory *at this epoch*: who was shown another directory cannot be heard.
    pub chain: [u8; 32],
}

impl Context {
    /// The POPRF's `info`: `"tacita/publisher/v1" || u32(publisher)`.
    pub(crate) fn info(&self) -> [u8; 23] {
        let mut info = *b"tacita/publisher/v1....";
        info[19..].copy_from_slice(&self.publisher.to_be_bytes());
        info
    }

    /// `SHA-256("tacita/context/v1" || u32(publisher) || u32(epoch) || chain)`, in the place of RFC 9578's challenge digest.
    fn digest(&self) -> [u8; 32] {
        Sha256::new()
            .chain_update(b"tacita/context/v1")
            .chain_update(self.publisher.to_be_bytes())
            .chain_update(self.epoch.to_be_bytes())
            .chain_update(self.chain)
            .finalize()
            .into()
    }

    /// Everything of a PRF input but the nonce.
    pub(crate) fn inputs(&self, key_id: &KeyId) -> Inputs {
        let mut template = [0; INPUT_LEN];
        template[..2].copy_from_slice(&TOKEN_TYPE.to_be_bytes());
        template[34..66].copy_from_slice(&self.digest());
        template[66..].copy_from_slice(key_id.as_bytes());
        Inputs(template)
    }
}

/// `"TA"`: a token type of our own, so that no authenticator of a classic Privacy Pass token can ever be a sealing key.
/// Neither 0x0005 nor any other value of the IANA registry "Privacy Pass Token Types", its GREASE values included.
pub(crate) const TOKEN_TYPE: u16 = 0x5441;

pub(crate) const INPUT_LEN: usize = 2 + NONCE_LEN + 32 + 32;

/// PRF inputs of one key and context, in RFC 9578's layout: `u16(type) || nonce || context || token_key_id`.
#[derive(Clone)]
pub(crate) struct Inputs([u8; INPUT_LEN]);

impl Inputs {
    pub(crate) fn of(&self, nonce: &[u8; NONCE_LEN]) -> [u8; INPUT_LEN] {
        let mut input = self.0;
        input[2..34].copy_from_slice(nonce);
        input
    }
}
