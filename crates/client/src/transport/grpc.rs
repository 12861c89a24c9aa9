//! gRPC to a relay.

use std::{fmt, net::IpAddr, time::Duration};

use tacita_proto::v1::{
    GetCatalogueRequest, GetManifestRequest, IssueTokensRequest, SubmitReportsRequest,
    collection_service_client::CollectionServiceClient, manifest_service_client::ManifestServiceClient,
    token_service_client::TokenServiceClient,
};
use tacita_protocol::{
    catalogue::CatalogueDigest, epoch::EpochId, id::PublisherId, manifest::SignedManifest, outcome::Outcome,
};
use tacita_tokens::{BlindedBatch, Envelope, IssuedBatch};
use tonic::{
    Code, Request, Status,
    body::Body,
    codegen::StdError,
    metadata::{Ascii, MetadataValue},
    transport::Endpoint,
};
use tower::{Service, ServiceExt as _, util::BoxCloneSyncService};

use super::{Reply, Transport, TransportError};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// What calls go out on.
type Line = BoxCloneSyncService<http::Request<Body>, http::Response<Body>, Status>;

/// Speaks to a relay over two HTTP/2 connections of its own: one for the manifest, its catalogues and tokens, one for
/// reports, so that no connection ties an issuance to a report.
///
/// Clones share the two connections. Native application: one per process. Server-side event source or simulation: one for
/// all its devices, each with [`for_visitor`](Self::for_visitor).
#[derive(Clone)]
pub struct GrpcTransport {
    issuance: Line,
    reports: Line,
    visitor: Option<MetadataValue<Ascii>>,
}

impl GrpcTransport {
    /// For the relay at `relay_url`, such as `https://relay.example`. Connects with the first request, and again
    /// whenever a connection was lost. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`TransportError::Address`] if `relay_url` is no `http` or `https` address; [`TransportError::Unavailable`]
    /// outside a tokio runtime.
    pub fn connect(relay_url: &str) -> Result<Self, TransportError> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(TransportError::Unavailable("there is no tokio runtime here to connect from".to_owned()));
        }
        let endpoint = endpoint(relay_url)?;
        Ok(Self::over(endpoint.connect_lazy(), endpoint.connect_lazy()))
    }

    /// Over two connections that the caller makes: with an authority or a certificate of its own, or through what it puts in a
    /// connection's place (a tunnel, a simulation). They must not be one and the same.
    pub fn over<S>(issuance: S, reports: S) -> Self
    where
        S: Service<http::Request<Body>, Response = http::Response<Body>> + Clone + Send + Sync + 'static,
        S::Error: Into<StdError> + 'static,
        S::Future: Send + 'static,
    {
        let line = |service: S| Line::new(service.map_err(|error| Status::from_error(error.into())));
        Self { issuance: line(issuance), reports: line(reports), visitor: None }
    }

    /// The same connections on behalf of the visitor at `address`: sets `x-forwarded-for`, by which a relay that trusts
    /// this sender counts the visitor's limits. The relay strips it: the collector never sees it.
    #[must_use]
    pub fn for_visitor(&self, address: IpAddr) -> Self {
        // An address is digits, letters, dots and colons: it always makes a header.
        Self { visitor: MetadataValue::try_from(address.to_string()).ok(), ..self.clone() }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(visitor) = &self.visitor {
            request.metadata_mut().insert("x-forwarded-for", visitor.clone());
        }
        request
    }

    async fn get_manifest(&self, publisher: PublisherId) -> Result<SignedManifest, TransportError> {
        let request = self.request(GetManifestRequest { publisher: publisher.0 });
        let answer = ManifestServiceClient::new(self.issuance.clone()).get_manifest(request).await.map_err(refusal)?;
        let signed = answer.into_inner().signed_manifest.ok_or_else(|| invalid("an answer without a manifest"))?;
        Ok(signed.into())
    }

    async fn get_catalogue(&self, publisher: PublisherId, digest: CatalogueDigest) -> Result<Vec<u8>, TransportError> {
        let request = self.request(GetCatalogueRequest { publisher: publisher.0, digest: digest.0.to_vec() });
        let answered = ManifestServiceClient::new(self.issuance.clone()).get_catalogue(request).await;
        let answer = answered.map_err(|status| match status.code() {
            // The relay took a newer manifest meanwhile: the next refresh asks for that one's.
            Code::NotFound => TransportError::Unavailable(status.message().chars().take(200).collect()),
            _ => refusal(status),
        })?;
        Ok(answer.into_inner().catalogue)
    }

    async fn issue_tokens(
        &self,
        publisher: PublisherId,
        epoch: EpochId,
        batch: BlindedBatch,
    ) -> Result<IssuedBatch, TransportError> {
        let message = IssueTokensRequest { publisher: publisher.0, epoch: epoch.0, blinded_batch: batch.to_bytes() };
        let mut client = TokenServiceClient::new(self.issuance.clone());
        let answer = client.issue_tokens(self.request(message)).await.map_err(refusal)?;
        IssuedBatch::from_bytes(&answer.into_inner().issued_batch).map_err(invalid)
    }

    async fn submit_reports(&self, envelopes: Vec<Envelope>) -> Result<Vec<Outcome>, TransportError> {
        let envelopes = envelopes.iter().map(|envelope| envelope.as_bytes().to_vec()).collect();
        let request = self.request(SubmitReportsRequest { envelopes });
        let answer =
            CollectionServiceClient::new(self.reports.clone()).submit_reports(request).await.map_err(refusal)?;
        answer.into_inner().outcomes.into_iter().map(|number| Outcome::from_wire(number).map_err(invalid)).collect()
    }
}

impl Transport for GrpcTransport {
    fn manifest(&self, publisher: PublisherId) -> Reply<'_, SignedManifest> {
        Box::pin(self.get_manifest(publisher))
    }

    fn catalogue(&self, publisher: PublisherId, digest: CatalogueDigest) -> Reply<'_, Vec<u8>> {
        Box::pin(self.get_catalogue(publisher, digest))
    }

    fn issue(&self, publisher: PublisherId, epoch: EpochId, batch: BlindedBatch) -> Reply<'_, IssuedBatch> {
        Box::pin(self.issue_tokens(publisher, epoch, batch))
    }

    fn submit(&self, envelopes: Vec<Envelope>) -> Reply<'_, Vec<Outcome>> {
        Box::pin(self.submit_reports(envelopes))
    }
}

impl fmt::Debug for GrpcTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GrpcTransport")
    }
}

fn endpoint(relay_url: &str) -> Result<Endpoint, TransportError> {
    let address = |reason: String| TransportError::Address { url: relay_url.chars().take(200).collect(), reason };
    let endpoint = Endpoint::from_shared(relay_url.to_owned()).map_err(|error| address(error.to_string()))?;
    let endpoint = match endpoint.uri().scheme_str() {
        Some("http") => endpoint,
        Some("https") => encrypted(endpoint).map_err(address)?,
        _ => return Err(address("write it as http://HOST:PORT or https://HOST".to_owned())),
    };
    Ok(endpoint.connect_timeout(CONNECT_TIMEOUT).timeout(REQUEST_TIMEOUT))
}

#[cfg(feature = "tls")]
fn encrypted(endpoint: Endpoint) -> Result<Endpoint, String> {
    let tls = tonic::transport::ClientTlsConfig::new().with_webpki_roots();
    endpoint.tls_config(tls).map_err(|error| error.to_string())
}

#[cfg(not(feature = "tls"))]
fn encrypted(_: Endpoint) -> Result<Endpoint, String> {
    Err("this program was built without the feature `tls`".to_owned())
}

/// What a device can do about a status.
fn refusal(status: Status) -> TransportError {
    let message = status.message().chars().take(200).collect();
    match status.code() {
        Code::ResourceExhausted => TransportError::Limited(message),
        Code::FailedPrecondition => TransportError::StaleEpoch(message),
        Code::NotFound => TransportError::UnknownPublisher(message),
        Code::InvalidArgument | Code::OutOfRange | Code::Unimplemented => TransportError::Invalid(message),
        _ => TransportError::Unavailable(message),
    }
}

fn invalid(reason: impl fmt::Display) -> TransportError {
    TransportError::Invalid(reason.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_that_is_none_is_refused_with_what_to_write() {
        for url in ["", "relay.example", "ftp://relay.example", "http://", "https://exa mple"] {
            let error = GrpcTransport::connect(url).unwrap_err();
            assert!(matches!(error, TransportError::Address { .. }), "{url}: {error}");
        }
        assert!(GrpcTransport::connect("http://127.0.0.1:1").is_ok());
        assert!(GrpcTransport::connect("https://relay.example").is_ok());
    }

    #[test]
    fn outside_a_runtime_it_is_an_error_and_no_panic() {
        assert!(matches!(GrpcTransport::connect("http://127.0.0.1:1"), Err(TransportError::Unavailable(_))));
    }

    #[tokio::test]
    async fn a_relay_that_is_not_there_is_unavailable() {
        let transport = GrpcTransport::connect("http://127.0.0.1:1").unwrap();
        let error = transport.manifest(PublisherId(1)).await.unwrap_err();
        assert!(matches!(error, TransportError::Unavailable(_)), "{error}");
    }

    #[tokio::test]
    async fn requests_on_behalf_of_a_visitor_say_whose_they_are() {
        let transport = GrpcTransport::connect("http://127.0.0.1:1").unwrap();
        assert!(transport.request(()).metadata().is_empty());
        let request = transport.for_visitor("2001:db8::7".parse().unwrap()).request(());
        assert_eq!(request.metadata().get("x-forwarded-for").unwrap(), "2001:db8::7");
    }
}
