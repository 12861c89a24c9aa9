//! Secret bytes at rest in the device's state: wiped when dropped, never printed.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, SeqAccess, Visitor},
};
use zeroize::Zeroizing;

/// `N` secret bytes. `Clone` only so that a storage can prepare a new state beside the old one.
#[derive(Clone)]
pub(crate) struct Secret<const N: usize>(Zeroizing<[u8; N]>);

impl<const N: usize> Secret<N> {
    pub(crate) fn new(bytes: Zeroizing<[u8; N]>) -> Self {
        Self(bytes)
    }

    pub(crate) fn expose(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({N} bytes)")
    }
}

impl<const N: usize> Serialize for Secret<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&*self.0)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Secret<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(SecretVisitor)
    }
}

struct SecretVisitor<const N: usize>;

impl<'de, const N: usize> Visitor<'de> for SecretVisitor<N> {
    type Value = Secret<N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{N} bytes")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        let bytes: [u8; N] = bytes.try_into().map_err(|_| E::invalid_length(bytes.len(), &self))?;
        Ok(Secret(Zeroizing::new(bytes)))
    }

    /// Formats without bytes of their own, such as JSON, write a sequence.
    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut bytes = Zeroizing::new([0; N]);
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = sequence.next_element()?.ok_or_else(|| A::Error::invalid_length(index, &self))?;
        }
        match sequence.next_element::<u8>()? {
            None => Ok(Secret(bytes)),
            Some(_) => Err(A::Error::invalid_length(N + 1, &self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_survives_storage_and_is_never_printed() {
        let secret = Secret::<4>::new(Zeroizing::new([1, 2, 3, 222]));
        let stored = postcard::to_stdvec(&secret).unwrap();
        assert_eq!(postcard::from_bytes::<Secret<4>>(&stored).unwrap().expose(), secret.expose());
        assert!(postcard::from_bytes::<Secret<5>>(&stored).is_err());
        assert!(!format!("{secret:?}").contains("222"));
    }
}
