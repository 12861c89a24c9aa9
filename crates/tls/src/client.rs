//! The client's side: one way to write an address, with TLS or without.

use std::{
    fmt,
    future::Future,
    io,
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName, version::TLS13};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::transport::{Channel, Endpoint, Error};
use tower::Service;

use crate::files::{Identity, Renewed, TlsError, authorities, provider};

/// Whom a client trusts, and what it shows.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct ClientTls {
    /// The server's authorities, in PEM; none: those that browsers trust.
    pub authority: Option<PathBuf>,
    /// The client's own certificate, for servers that ask for one.
    pub identity: Option<Identity>,
}

/// A server, and how to reach it.
#[derive(Clone)]
pub struct Server {
    endpoint: Endpoint,
    /// None: without TLS.
    connector: Option<Connector>,
}

impl Server {
    /// The server at `http://HOST:PORT` or `https://HOST[:PORT]`.
    ///
    /// Files are read here, and again with the first connection after they change.
    ///
    /// # Errors
    /// [`TlsError`] names the address or the file that cannot be used, and what to write instead.
    pub fn new(address: &str, tls: &ClientTls) -> Result<Self, TlsError> {
        let refused = || TlsError::Address(address.chars().take(200).collect());
        let uri: Uri = address.parse().map_err(|_| refused())?;
        let (scheme, Some(authority)) = (uri.scheme_str(), uri.authority().filter(|it| !it.host().is_empty())) else {
            return Err(refused());
        };
        // A port that is none, such as 99999, reads as no port.
        let host = authority.host();
        if authority.as_str() != host && authority.port_u16().is_none() {
            return Err(refused());
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(refused());
        }
        match scheme {
            Some("http") if *tls != ClientTls::default() => Err(TlsError::Unused(address.to_owned())),
            Some("http") => Ok(Self { endpoint: Endpoint::from(uri), connector: None }),
            Some("https") => {
                let port = uri.port_u16().unwrap_or(443);
                let connector =
                    Connector::new(host, port, tls.clone()).map_err(|error| error.unwrap_or_else(refused))?;
                // The transport's own TLS would be asked for by an https address; requests still say https.
                let plain = format!("http://{host}:{port}").parse::<Uri>().map_err(|_| refused())?;
                Ok(Self { endpoint: Endpoint::from(plain).origin(uri), connector: Some(connector) })
            }
            _ => Err(refused()),
        }
    }

    /// The same server with other settings of the connection.
    #[must_use]
    pub fn with(self, settings: impl FnOnce(Endpoint) -> Endpoint) -> Self {
        Self { endpoint: settings(self.endpoint), ..self }
    }

    /// A connection, made when it is first used and again when it broke.
    pub fn connect_lazy(&self) -> Channel {
        match &self.connector {
            None => self.endpoint.connect_lazy(),
            Some(connector) => self.endpoint.connect_with_connector_lazy(connector.clone()),
        }
    }

    /// A connection that stands.
    ///
    /// # Errors
    /// Nobody is there, or the handshake fails: the sources say which.
    pub async fn connect(&self) -> Result<Channel, Error> {
        match &self.connector {
            None => self.endpoint.connect().await,
            Some(connector) => self.endpoint.connect_with_connector(connector.clone()).await,
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tls = if self.connector.is_some() { "with TLS" } else { "without TLS" };
        write!(f, "Server({}, {tls})", self.endpoint.uri())
    }
}

/// Opens connections and shakes hands.
#[derive(Clone)]
struct Connector {
    host: Arc<str>,
    port: u16,
    name: ServerName<'static>,
    config: Arc<Renewed<ClientConfig>>,
}

impl Connector {
    /// The error is none where the host cannot be a server's name.
    fn new(host: &str, port: u16, tls: ClientTls) -> Result<Self, Option<TlsError>> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned()).map_err(|_| None)?;
        let own = tls.identity.iter().flat_map(Identity::files);
        let files = own.chain(tls.authority.clone()).collect();
        let config = Arc::new(Renewed::new(files, move || tls.config())?);
        Ok(Self { host: host.into(), port, name, config })
    }

    async fn open(self) -> io::Result<TokioIo<TlsStream<TcpStream>>> {
        let stream = TcpStream::connect((&*self.host, self.port)).await?;
        stream.set_nodelay(true)?;
        let connector = TlsConnector::from(self.config.newest());
        Ok(TokioIo::new(connector.connect(self.name, stream).await?))
    }
}

impl ClientTls {
    fn config(&self) -> Result<ClientConfig, TlsError> {
        let roots = match &self.authority {
            Some(file) => authorities(file)?,
            None => RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
        };
        let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS13]);
        // Unwrap safety: ring has cipher suites of TLS 1.3.
        let builder = builder.expect("ring speaks TLS 1.3").with_root_certificates(roots);
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let (chain, key) = identity.read()?;
                builder.with_client_auth_cert(chain, key).map_err(|error| identity.refused(&error))?
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TlsStream<TcpStream>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, io::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        Box::pin(self.clone().open())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_none_is_refused_with_what_to_write() {
        let tls = ClientTls::default();
        for bad in
            ["", "host", "host:1", "ftp://h:1", "http://", "https://", "https://h:99999", "https://u@h", "http://h:1/p"]
        {
            let refused = Server::new(bad, &tls).unwrap_err().to_string();
            assert!(refused.contains("https://HOST"), "{bad}: {refused}");
        }
        for good in ["http://127.0.0.1:7601", "https://collector.example", "https://[::1]:7601", "https://h:1/"] {
            assert!(Server::new(good, &tls).is_ok(), "{good}");
        }
    }

    #[test]
    fn an_authority_for_an_address_without_tls_is_a_mistake() {
        let tls = ClientTls { authority: Some("/ca.pem".into()), identity: None };
        let refused = Server::new("http://127.0.0.1:7601", &tls).unwrap_err();
        assert!(matches!(refused, TlsError::Unused(_)), "{refused}");
        let missing = Server::new("https://127.0.0.1:7601", &tls).unwrap_err();
        assert!(missing.to_string().starts_with("/ca.pem: "), "{missing}");
    }
}
