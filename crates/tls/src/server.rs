//! The server's side: each handshake with the newest certificate, none of them in the way of another.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use rustls::{ServerConfig, server::WebPkiClientVerifier, version::TLS13};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::files::{Identity, Renewed, TlsError, authorities, provider};

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// A connection whose handshake is done.
pub type Stream = TlsStream<TcpStream>;

/// How a server is set up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerTls {
    /// What it shows.
    pub identity: Identity,
    /// Whose certificates it takes, if clients may show one.
    pub clients: Option<ClientCertificates>,
}

/// Certificates of clients.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientCertificates {
    /// Their authorities, in PEM.
    pub authority: PathBuf,
    /// Whether there is no connection without one. Otherwise it is asked for, and who shows none is let in.
    pub required: bool,
}

/// Shakes hands.
#[derive(Debug)]
pub struct Acceptor {
    config: Renewed<ServerConfig>,
}

impl Acceptor {
    /// Reads the files; they are read again with the first handshake after a change.
    ///
    /// # Errors
    /// The file that cannot be used, and why.
    pub fn new(tls: ServerTls) -> Result<Self, TlsError> {
        let authority = tls.clients.as_ref().map(|clients| clients.authority.clone());
        let files = tls.identity.files().into_iter().chain(authority).collect();
        Ok(Self { config: Renewed::new(files, move || tls.config())? })
    }

    /// Shakes hands with whoever connected.
    ///
    /// # Errors
    /// The peer is silent, or does not speak TLS 1.3, or shows a certificate that is not taken.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<Stream> {
        let handshake = TlsAcceptor::from(self.config.newest()).accept(stream);
        timeout(HANDSHAKE, handshake).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl ServerTls {
    /// Each file that cannot be used, by the setting that names it, and whether key and certificate belong together: what
    /// [`Acceptor::new`] refuses, all at once.
    pub fn problems(&self) -> Vec<(&'static str, TlsError)> {
        let (certificate, key) = self.identity.problems();
        let authority = self.clients.as_ref().and_then(|clients| authorities(&clients.authority).err());
        let named = [("tls.certificate", certificate), ("tls.key", key), ("tls.client-ca", authority)];
        let found: Vec<_> = named.into_iter().filter_map(|(setting, error)| Some((setting, error?))).collect();
        match found.is_empty() {
            false => found,
            true => self.config().err().map(|error| ("tls.certificate", error)).into_iter().collect(),
        }
    }

    fn config(&self) -> Result<ServerConfig, TlsError> {
        let (chain, key) = self.identity.read()?;
        let refused = |error: rustls::Error| self.identity.refused(&error);
        let builder =
            ServerConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS13]).map_err(refused)?;
        let builder = match &self.clients {
            None => builder.with_no_client_auth(),
            Some(ClientCertificates { authority, required }) => {
                let roots = Arc::new(authorities(authority)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider());
                let verifier = if *required { verifier } else { verifier.allow_unauthenticated() };
                builder
                    .with_client_cert_verifier(verifier.build().map_err(|error| TlsError::content(authority, error))?)
            }
        };
        let mut config = builder.with_single_cert(chain, key).map_err(refused)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}
