//! What devices may call: thin handlers over the manifest cache, the gate and the queue.

use std::sync::Arc;

use tacita_proto::v1::{
    self, collection_service_server::CollectionService, manifest_service_server::ManifestService,
    token_service_server::TokenService,
};
use tacita_protocol::{
    catalogue::CatalogueDigest,
    id::PublisherId,
    outcome::{Outcome, Refusal},
};
use tacita_tokens::Envelope;
use tokio_stream::Empty;
use tonic::{Code, Request, Response, Status, Streaming};

use crate::{
    config::MAX_SUBMITTED,
    gate::{Allowances, IssuerConnection},
    manifest::ManifestCache,
    metrics::Metrics,
    queue::{Queue, QueueError, WAITING_REQUESTS},
    refusal::{self, Limit},
    submissions::Submissions,
    visitor::{TrustedProxies, Visitor},
};

/// Bytes of one blinded element. The relay counts them and never looks inside.
const BLINDED_LEN: usize = 32;

/// All that the handlers use; shared by every request.
pub(crate) struct Services {
    pub(crate) publisher: PublisherId,
    pub(crate) manifest: Arc<ManifestCache>,
    pub(crate) tokens: Arc<Allowances>,
    pub(crate) envelopes: Arc<Allowances>,
    pub(crate) issuer: IssuerConnection,
    pub(crate) proxies: TrustedProxies,
    pub(crate) submissions: Submissions,
    pub(crate) queue: Queue,
    pub(crate) metrics: Arc<Metrics>,
}

#[tonic::async_trait]
impl ManifestService for Services {
    async fn get_manifest(
        &self,
        request: Request<v1::GetManifestRequest>,
    ) -> Result<Response<v1::GetManifestResponse>, Status> {
        if request.get_ref().publisher != self.publisher.0 {
            return Err(refusal::because(Code::NotFound, "NO_SUCH_PUBLISHER", self.other_publisher()));
        }
        let signed = self.manifest.signed().ok_or_else(no_manifest)?;
        Ok(Response::new(v1::GetManifestResponse { signed_manifest: Some(signed) }))
    }

    async fn get_catalogue(
        &self,
        request: Request<v1::GetCatalogueRequest>,
    ) -> Result<Response<v1::GetCatalogueResponse>, Status> {
        let v1::GetCatalogueRequest { publisher, digest } = request.into_inner();
        if publisher != self.publisher.0 {
            return Err(refusal::because(Code::NotFound, "NO_SUCH_PUBLISHER", self.other_publisher()));
        }
        let digest = CatalogueDigest::try_from(digest.as_slice())
            .map_err(|error| refusal::because(Code::InvalidArgument, "INVALID_FIELD", error.to_string()))?;
        let catalogue = self.manifest.catalogue(digest).ok_or_else(|| {
            let told = "the manifest in service names no such catalogue; fetch the manifest again";
            refusal::because(Code::NotFound, "NO_SUCH_CATALOGUE", told)
        })?;
        Ok(Response::new(v1::GetCatalogueResponse { catalogue }))
    }
}

#[tonic::async_trait]
impl TokenService for Services {
    async fn issue_tokens(
        &self,
        request: Request<v1::IssueTokensRequest>,
    ) -> Result<Response<v1::IssueTokensResponse>, Status> {
        self.metrics.token_requests.inc();
        let tokens = self.check_batch(request.get_ref())?;
        let visitor = self.visitor(&request)?;
        self.tokens.take(visitor, tokens).map_err(|over| {
            self.metrics.over_limit("tokens").inc();
            Status::from(over)
        })?;
        let issued = self.issuer.forward(request.into_inner()).await.inspect_err(|status| {
            if status.code() == Code::FailedPrecondition {
                self.manifest.expect_newer();
            }
        })?;
        Ok(Response::new(issued))
    }
}

#[tonic::async_trait]
impl CollectionService for Services {
    async fn submit_reports(
        &self,
        request: Request<v1::SubmitReportsRequest>,
    ) -> Result<Response<v1::SubmitReportsResponse>, Status> {
        let visitor = self.visitor(&request)?;
        let reports = request.into_inner().envelopes;
        if reports.len() > MAX_SUBMITTED {
            let told = format!("{} reports in one request: send at most {MAX_SUBMITTED}", reports.len());
            let limit = Limit::new("envelopes-per-request", MAX_SUBMITTED as u64);
            return Err(limit.refuse(Code::InvalidArgument, told));
        }
        let _leave = self.submissions.enter(visitor, reports.len())?;
        self.queue.check_room(reports.len()).map_err(|error| status_of(&error))?;
        self.envelopes.take(visitor, reports.len() as u32).map_err(|over| {
            self.metrics.over_limit("envelopes").inc();
            Status::from(over)
        })?;
        let checked: Vec<_> = reports.iter().map(|report| self.check_report(report)).collect();
        let fit: Vec<Envelope> = checked.iter().flatten().copied().collect();
        self.queue.submit(fit).await.map_err(|error| status_of(&error))?;
        let outcome = |report: &Result<Envelope, Refusal>| report.map_or_else(Outcome::Refused, |_| Outcome::Queued);
        self.metrics.count_outcomes(checked.iter().map(outcome));
        let outcomes = checked.iter().map(|report| outcome(report).to_wire()).collect();
        Ok(Response::new(v1::SubmitReportsResponse { outcomes }))
    }

    type UploadReportsStream = Empty<Result<v1::UploadReportsResponse, Status>>;

    async fn upload_reports(
        &self,
        _: Request<Streaming<v1::UploadReportsRequest>>,
    ) -> Result<Response<Self::UploadReportsStream>, Status> {
        Err(Status::unimplemented("a relay takes no uploads: devices use SubmitReports, relays upload to a collector"))
    }
}

impl Services {
    /// Whom a request counts against.
    fn visitor<T>(&self, request: &Request<T>) -> Result<Visitor, Status> {
        let peer = request.remote_addr().ok_or_else(|| Status::internal("the peer's address is unknown"))?;
        Ok(self.proxies.visitor(peer, request.metadata().as_ref()))
    }

    /// A batch for this publisher, of the one size that all its devices ask for; says that size.
    fn check_batch(&self, asked: &v1::IssueTokensRequest) -> Result<u32, Status> {
        if asked.publisher != self.publisher.0 {
            return Err(refusal::because(Code::InvalidArgument, "WRONG_PUBLISHER", self.other_publisher()));
        }
        let tokens = self.manifest.token_batch().ok_or_else(no_manifest)?;
        let expected = tokens as usize * BLINDED_LEN;
        match asked.blinded_batch.len() {
            length if length == expected => Ok(tokens),
            length => {
                let told = format!(
                    "a blinded batch of {length} bytes: the manifest's policy is {tokens} tokens, {expected} bytes"
                );
                Err(refusal::because(Code::InvalidArgument, "INVALID_FIELD", told))
            }
        }
    }

    /// What can be told of an envelope without opening it.
    fn check_report(&self, report: &[u8]) -> Result<Envelope, Refusal> {
        let envelope = Envelope::from_bytes(report).map_err(|error| match error {
            tacita_tokens::Error::Length { .. } => Refusal::WrongLength,
            _ => Refusal::UnknownVersion,
        })?;
        match envelope.header().publisher == self.publisher.0 {
            true => Ok(envelope),
            false => Err(Refusal::WrongPublisher),
        }
    }

    fn other_publisher(&self) -> String {
        format!("this relay serves publisher {} only", self.publisher)
    }
}

fn no_manifest() -> Status {
    refusal::because(Code::Unavailable, "NO_MANIFEST", "the relay has no manifest yet; try again later")
}

fn status_of(error: &QueueError) -> Status {
    let told = error.to_string();
    match error {
        QueueError::Full(bytes) => Limit::new("queue.bytes", *bytes).refuse(Code::ResourceExhausted, told),
        QueueError::Busy => {
            Limit::new("requests-waiting", WAITING_REQUESTS as u64).refuse(Code::ResourceExhausted, told)
        }
        QueueError::DiskFull => refusal::because(Code::ResourceExhausted, "DISK_FULL", told),
        QueueError::Closed => refusal::because(Code::Unavailable, "SHUTTING_DOWN", told),
        // What failed is in the log, for the operator.
        QueueError::Disk(_) => {
            let told = "the relay cannot store: keep the reports and try again later";
            refusal::because(Code::Unavailable, "DISK_FAILED", told)
        }
    }
}
