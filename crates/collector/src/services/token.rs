//! `TokenService`: evaluates blinded batches under the epoch's key.

use std::sync::Arc;

use rand::rngs::SysRng;
use tacita_connections::Tenant;
use tacita_proto::v1::{self, token_service_server::TokenService};
use tacita_protocol::{epoch::EpochId, time::Clock};
use tacita_tokens::BlindedBatch;
use tonic::{Request, Response, Status};

use crate::{
    catalogue::{Catalogue, Epoch},
    guard::Caller,
    keys::{EpochKeeper, PublisherKeys, is_issued},
    metrics::Metrics,
    pool::CryptoPool,
    quota::TokenQuota,
    refusal,
    registry::Registry,
};

#[derive(Debug)]
pub(crate) struct Tokens {
    pub(crate) registry: Arc<Registry>,
    pub(crate) keys: Arc<EpochKeeper>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) pool: CryptoPool,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) quota: Arc<TokenQuota>,
}

impl Tokens {
    fn issuing_epoch<'a>(&self, catalogue: &'a Catalogue, epoch: EpochId) -> Result<&'a Epoch, Status> {
        let now = self.clock.now();
        catalogue.epoch(epoch).filter(|epoch| is_issued(epoch, now)).ok_or_else(|| {
            let message = format!("epoch {epoch} is not active: fetch the manifest again and ask for its active epoch");
            refusal::failed_precondition("EPOCH_NOT_ACTIVE", message)
        })
    }

    /// One size for all: another one would be a mark on its sender.
    fn check_size(&self, catalogue: &Catalogue, blinded: &[u8]) -> Result<(), Status> {
        let tokens = catalogue.device_policy().unwrap_or_default().token_batch as usize;
        if blinded.len() == tokens * 32 {
            return Ok(());
        }
        let problem = format!("{} bytes: the policy's batch is {tokens} elements of 32 bytes", blinded.len());
        Err(refusal::invalid("blinded_batch", problem))
    }

    async fn issue(
        &self,
        keys: Arc<PublisherKeys>,
        blinded: Vec<u8>,
        tenant: Option<Tenant>,
    ) -> Result<Vec<u8>, Status> {
        let place = self.pool.enter(tenant)?;
        let issue = move || {
            let batch = BlindedBatch::from_bytes(&blinded)
                .map_err(|error| refusal::invalid("blinded_batch", error.to_string()))?;
            let issued = keys.issuer.issue(&batch, &mut SysRng).map_err(refusal::internal)?;
            Ok(issued.to_bytes())
        };
        self.pool.run(place, issue).await?
    }
}

#[tonic::async_trait]
impl TokenService for Tokens {
    async fn issue_tokens(
        &self,
        request: Request<v1::IssueTokensRequest>,
    ) -> Result<Response<v1::IssueTokensResponse>, Status> {
        let catalogue = self.registry.snapshot();
        let caller = Caller::of(&request)?;
        let publisher = caller.publisher()?;
        let v1::IssueTokensRequest { publisher: asked, epoch, blinded_batch } = request.into_inner();
        if asked != publisher.0 {
            let message =
                format!("this key is publisher {publisher}'s, the request publisher {asked}'s: use its own key");
            return Err(refusal::permission_denied("WRONG_PUBLISHER", message));
        }
        self.check_size(&catalogue, &blinded_batch)?;
        let tokens = (blinded_batch.len() / 32) as u64;
        let epoch = self.issuing_epoch(&catalogue, EpochId(epoch))?;
        let keys = self.keys.of(&epoch.entry, publisher).map_err(refusal::internal)?;
        let epoch = epoch.entry.epoch;
        let taken = self.quota.take((publisher, epoch), tokens).await?;
        let issued_batch = self.issue(keys, blinded_batch, caller.principal.tenant()).await?;
        taken.issued();
        self.metrics.tokens_issued(publisher).inc_by(tokens);
        Ok(Response::new(v1::IssueTokensResponse { issued_batch }))
    }
}
