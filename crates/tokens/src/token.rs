//! A token: the right to be heard once, and the key to say it under.

use core::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::envelope::{Envelope, HEADER_LEN, Header};
use crate::prf::Output;
use crate::suite::OUTPUT_LEN;
use crate::{Error, PAYLOAD_LEN, seal};

/// Bytes of a token in a wallet: its envelope's header and the PRF output.
pub const TOKEN_LEN: usize = HEADER_LEN + OUTPUT_LEN;

/// One unspent token: a nonce and its PRF output. Secret; zeroized on drop, redacted in `Debug`, not `Clone`.
///
/// **One token, one message.** [`Token::seal`] consumes it. A wallet must keep the same rule: take the token out of storage
/// for good *before* sealing, put the envelope in an outbox, and on failure send that envelope again, byte for byte.
#[derive(ZeroizeOnDrop)]
pub struct Token {
    /// Header and output, as [`Token::to_bytes`] gives them.
    bytes: [u8; TOKEN_LEN],
}

impl Token {
    pub(crate) fn new(header: &Header, output: Output) -> Self {
        let mut bytes = [0; TOKEN_LEN];
        bytes[..HEADER_LEN].copy_from_slice(&header.to_bytes());
        bytes[HEADER_LEN..].copy_from_slice(&*output);
        Self { bytes }
    }

    /// Reads a token from a wallet. Whether it is a valid token, only the collector can tell.
    ///
    /// # Errors
    /// [`Error::UnknownVersion`], [`Error::UnknownSuite`].
    pub fn from_bytes(bytes: &[u8; TOKEN_LEN]) -> Result<Self, Error> {
        Header::parse(&bytes[..HEADER_LEN])?;
        Ok(Self { bytes: *bytes })
    }

    /// The token's bytes for a wallet: `header[42] || output[64]`. As secret as the token.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; TOKEN_LEN]> {
        Zeroizing::new(self.bytes)
    }

    /// The epoch in which it can be spent.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.header().epoch
    }

    /// The publisher with whom it can be spent.
    #[must_use]
    pub fn publisher(&self) -> u32 {
        self.header().publisher
    }

    /// Seals a payload and spends the token. The result depends on token and payload alone.
    #[must_use]
    pub fn seal(self, payload: &[u8; PAYLOAD_LEN]) -> Envelope {
        let mut output = Zeroizing::new([0; OUTPUT_LEN]);
        output.copy_from_slice(&self.bytes[HEADER_LEN..]);
        seal::seal(&output, &self.header(), payload)
    }

    fn header(&self) -> Header {
        let mut header = [0; HEADER_LEN];
        header.copy_from_slice(&self.bytes[..HEADER_LEN]);
        let fields = Header::from_known(&header);
        header.zeroize();
        fields
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("publisher", &self.publisher())
            .field("epoch", &self.epoch())
            .finish_non_exhaustive()
    }
}
