//! The envelope's cryptography: from a PRF output to two one-time keys, and AES-256-GCM under them.
//!
//! The iv is taken from the payload under a key of its own. A token sealed twice by mistake (a restored backup, two tabs on
//! one wallet) so gives two ivs, and not the keystream and the authentication key.

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::envelope::{Envelope, HEADER_LEN, Header, IV_LEN, SUITE, TAG_LEN};
use crate::mac::{hmac_sha256, hmac_sha512};
use crate::prf::Output;
use crate::{Error, PAYLOAD_LEN};

/// The one-time keys of one token.
struct Keys {
    /// `key` then `siv_key`, 32 bytes each.
    okm: Zeroizing<[u8; 64]>,
}

impl Keys {
    /// `HKDF-Expand(output, "tacita/report/v1" || suite || SHA-256(header), 64)`, RFC 5869 §2.3: with SHA-512 it is one
    /// block, T(1) = HMAC(PRK, info || 0x01). The output is a uniform 512-bit string, so nothing needs extracting (§3.3).
    fn derive(output: &Output, header: &[u8; HEADER_LEN]) -> Self {
        let header_hash = Sha256::digest(header);
        Self { okm: hmac_sha512(&**output, &[b"tacita/report/v1", &[SUITE], &header_hash, &[1]]) }
    }

    fn cipher(&self) -> Aes256Gcm {
        let mut key = Zeroizing::new([0; 32]);
        key.copy_from_slice(&self.okm[..32]);
        Aes256Gcm::new((&*key).into())
    }

    /// The first 12 bytes of `HMAC-SHA256(siv_key, payload)`.
    fn iv(&self, payload: &[u8; PAYLOAD_LEN]) -> [u8; IV_LEN] {
        let mac = hmac_sha256(&self.okm[32..], &[payload]);
        core::array::from_fn(|i| mac[i])
    }
}

/// Seals `payload` under the token's output. Deterministic.
pub(crate) fn seal(output: &Output, header: &Header, payload: &[u8; PAYLOAD_LEN]) -> Envelope {
    let header = header.to_bytes();
    let keys = Keys::derive(output, &header);
    encrypt(&keys, &header, &keys.iv(payload), payload)
}

fn encrypt(keys: &Keys, header: &[u8; HEADER_LEN], iv: &[u8; IV_LEN], payload: &[u8; PAYLOAD_LEN]) -> Envelope {
    let mut ciphertext = *payload;
    let tag: [u8; TAG_LEN] = keys
        .cipher()
        .encrypt_inout_detached(&(*iv).into(), header, (&mut ciphertext[..]).into())
        // Expect safety: GCM refuses only payloads above 64 GiB, and this one has 16 bytes.
        .expect("16 bytes are within GCM's limit")
        .into();
    Envelope::assemble(header, iv, &ciphertext, &tag)
}

/// Opens an envelope with the output its header leads to. Accepts exactly what [`seal`] makes.
pub(crate) fn open(output: &Output, envelope: &Envelope) -> Result<[u8; PAYLOAD_LEN], Error> {
    let keys = Keys::derive(output, envelope.header_bytes());
    let mut payload = *envelope.ciphertext();
    keys.cipher()
        .decrypt_inout_detached(
            &(*envelope.iv()).into(),
            envelope.header_bytes(),
            (&mut payload[..]).into(),
            &(*envelope.tag()).into(),
        )
        .map_err(|_| Error::Refused)?;
    // A sealer that draws its ivs otherwise is one mistake away from repeating one: not let in to begin with.
    if bool::from(keys.iv(&payload).ct_eq(envelope.iv())) { Ok(payload) } else { Err(Error::Refused) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> (Output, Header) {
        (Zeroizing::new([7; 64]), Header { publisher: 1, epoch: 2, nonce: [3; 32] })
    }

    #[test]
    fn an_authentic_envelope_whose_iv_is_not_its_payloads_own_is_refused() {
        let (output, header) = token();
        let payload = [9; PAYLOAD_LEN];
        let keys = Keys::derive(&output, &header.to_bytes());
        let own = encrypt(&keys, &header.to_bytes(), &keys.iv(&payload), &payload);
        let other = encrypt(&keys, &header.to_bytes(), &[0; IV_LEN], &payload);
        assert_eq!(own, seal(&output, &header, &payload));
        assert_eq!(open(&output, &own), Ok(payload));
        assert_eq!(open(&output, &other), Err(Error::Refused));
    }

    #[test]
    fn a_token_sealed_twice_by_mistake_repeats_no_iv() {
        let (output, header) = token();
        let one = seal(&output, &header, &[1; PAYLOAD_LEN]);
        let two = seal(&output, &header, &[2; PAYLOAD_LEN]);
        assert_ne!(one.iv(), two.iv());
        assert_eq!(one, seal(&output, &header, &[1; PAYLOAD_LEN]), "and sealing the same again reveals nothing");
    }

    #[test]
    fn every_byte_of_the_header_changes_the_keys() {
        let (output, header) = token();
        let header = header.to_bytes();
        let keys = Keys::derive(&output, &header);
        for at in 0..HEADER_LEN {
            let mut altered = header;
            altered[at] ^= 1;
            assert_ne!(*keys.okm, *Keys::derive(&output, &altered).okm, "byte {at}");
        }
    }
}
