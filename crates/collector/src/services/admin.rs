//! `AdminService`: what the neutral operator does.

use std::sync::Arc;

use ed25519_dalek::VerifyingKey;
use tacita_observability::{Page, Unready};
use tacita_proto::v1::{self, admin_service_server::AdminService};
use tacita_protocol::{catalogue::Contents, epoch::EpochState, id::PublisherId, outcome::Outcome, time::Clock};
use tacita_store::TallyStore;
use tonic::{Request, Response, Status};

use super::{
    AuditedFilter, Backups,
    backup::BackupStream,
    wishes::{self, MeasureWish},
};
use crate::{
    auth::ApiKeyText,
    catalogue::{ApiKey, Brand, By, Catalogue, Change, Compromise, NewApiKey, Principal, Publisher, Refused, Rules},
    guard::Caller,
    keys::{Entered, EpochKeeper, KeeperError},
    metrics::{Metrics, StoreCall},
    readiness::Readiness,
    refusal,
    registry::{Registry, RegistryError},
};

#[derive(Debug)]
pub(crate) struct Admin {
    pub(crate) registry: Arc<Registry>,
    pub(crate) store: Arc<dyn TallyStore>,
    pub(crate) keys: Arc<EpochKeeper>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rules: Rules,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) page: Arc<Page>,
    pub(crate) readiness: Arc<Readiness>,
    /// None where the process has a log of its own making.
    pub(crate) log: Option<AuditedFilter>,
    pub(crate) verifying_key: VerifyingKey,
    pub(crate) backups: Backups,
}

/// Makes the key that is asked for: its text for its holder, its hash for the log.
async fn create_api_key(
    registry: &Registry,
    clock: &dyn Clock,
    by: By,
    asked: &v1::CreateApiKeyRequest,
) -> Result<(ApiKeyText, Arc<Catalogue>), Status> {
    let &v1::CreateApiKeyRequest { read_only, valid_seconds, .. } = asked;
    loop {
        let id = registry.snapshot().next_api_key();
        let text = ApiKeyText::generate(id).map_err(refusal::internal)?;
        let (hash, created_at) = (text.hash(), clock.now());
        let created = registry.apply(by, |catalogue| {
            let principal = catalogue.resolve_principal(asked.role(), &asked.subject)?;
            catalogue.propose_api_key(id, &NewApiKey { principal, hash, created_at, read_only, valid_seconds })
        });
        match created.await {
            Ok((_, catalogue)) => return Ok((text, catalogue)),
            // Somebody else took the number, which is part of the text.
            Err(RegistryError::Refused(Refused::AlreadySo)) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn publisher_on_wire(publisher: &Publisher) -> v1::Publisher {
    v1::Publisher { id: publisher.id.0, name: publisher.name.to_string() }
}

fn brand_on_wire(brand: &Brand) -> v1::Brand {
    v1::Brand { id: brand.id.0, name: brand.name.to_string() }
}

fn api_key_on_wire(catalogue: &Catalogue, key: &ApiKey) -> v1::ApiKey {
    let (role, subject) = match key.principal {
        Principal::Operator => (v1::Role::Operator, None),
        Principal::Auditor => (v1::Role::Auditor, None),
        Principal::Publisher(id) => (v1::Role::Publisher, catalogue.publisher(id).map(|publisher| &publisher.name)),
        Principal::Brand(id) => (v1::Role::Brand, catalogue.brand(id).map(|brand| &brand.name)),
    };
    v1::ApiKey {
        id: key.id,
        role: role.into(),
        subject: subject.map_or(String::new(), ToString::to_string),
        created_at: key.created_at.0,
        revoked: key.revoked,
        read_only: key.read_only,
        expires_at: key.expires_at.map_or(0, |end| end.0),
    }
}

impl Admin {
    /// Lists contents, unless they are listed.
    async fn list(&self, by: By, contents: &Contents) -> Result<(), Status> {
        match self.registry.apply(by, |catalogue| catalogue.propose_contents(contents)).await {
            Ok(_) | Err(RegistryError::Refused(Refused::AlreadySo)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// How this collector stands.
    fn server_status(&self) -> v1::ServerStatus {
        let unready = |Unready { reason, told }| v1::Unready { reason: reason.to_owned(), told };
        v1::ServerStatus {
            unready: self.readiness.standing().into_iter().map(unready).collect(),
            log_filter: self.log.as_ref().map_or_else(String::new, AuditedFilter::text),
            metrics: String::from_utf8_lossy(&self.page.text()).into_owned(),
        }
    }

    /// One publisher's line of the status, out of the counts of all.
    fn publisher_status(&self, publisher: &Publisher, counts: &[(PublisherId, Outcome, u64)]) -> v1::PublisherStatus {
        let own = counts.iter().filter(|(id, ..)| *id == publisher.id);
        v1::PublisherStatus {
            publisher: Some(publisher_on_wire(publisher)),
            tokens_issued: self.metrics.tokens_issued(publisher.id).get(),
            outcomes: own
                .map(|&(_, outcome, reports)| v1::OutcomeCount { outcome: outcome.to_wire(), reports })
                .collect(),
        }
    }
}

#[tonic::async_trait]
impl AdminService for Admin {
    type BackupStream = BackupStream;

    async fn backup(&self, request: Request<v1::BackupRequest>) -> Result<Response<BackupStream>, Status> {
        let caller = Caller::of(&request)?;
        let turn = self.backups.turn()?;
        // No row leaves without its entry.
        self.registry.apply(caller.by(), |_| Ok(Change::BackupTaken {})).await?;
        tracing::warn!(by = ?caller, "a backup is taken: the whole store is read");
        Ok(Response::new(Box::pin(caller.while_admitted(turn.begin()))))
    }

    async fn create_publisher(
        &self,
        request: Request<v1::CreatePublisherRequest>,
    ) -> Result<Response<v1::CreatePublisherResponse>, Status> {
        let by = Caller::of(&request)?.by();
        let name = request.into_inner().name;
        let (_, catalogue) = self.registry.apply(by, |catalogue| catalogue.propose_publisher(&name)).await?;
        Ok(Response::new(v1::CreatePublisherResponse {
            publisher: catalogue.publisher_named(&name).map(publisher_on_wire),
        }))
    }

    async fn list_publishers(
        &self,
        _: Request<v1::ListPublishersRequest>,
    ) -> Result<Response<v1::ListPublishersResponse>, Status> {
        let catalogue = self.registry.snapshot();
        let publishers = catalogue.publishers().iter().map(publisher_on_wire).collect();
        Ok(Response::new(v1::ListPublishersResponse { publishers }))
    }

    async fn create_brand(
        &self,
        request: Request<v1::CreateBrandRequest>,
    ) -> Result<Response<v1::CreateBrandResponse>, Status> {
        let by = Caller::of(&request)?.by();
        let name = request.into_inner().name;
        let (_, catalogue) = self.registry.apply(by, |catalogue| catalogue.propose_brand(&name)).await?;
        Ok(Response::new(v1::CreateBrandResponse { brand: catalogue.brand_named(&name).map(brand_on_wire) }))
    }

    async fn list_brands(&self, _: Request<v1::ListBrandsRequest>) -> Result<Response<v1::ListBrandsResponse>, Status> {
        let catalogue = self.registry.snapshot();
        Ok(Response::new(v1::ListBrandsResponse { brands: catalogue.brands().iter().map(brand_on_wire).collect() }))
    }

    async fn create_campaign(
        &self,
        request: Request<v1::CreateCampaignRequest>,
    ) -> Result<Response<v1::CreateCampaignResponse>, Status> {
        let by = Caller::of(&request)?.by();
        let asked = request.into_inner();
        let wish = wishes::campaign(&asked);
        let propose = |catalogue: &Catalogue| catalogue.propose_campaign(&wish, &self.rules);
        let (_, catalogue) = self.registry.apply(by, propose).await?;
        let campaign = catalogue.campaigns().last().map(|campaign| (&campaign.for_manifest()).into());
        Ok(Response::new(v1::CreateCampaignResponse { campaign }))
    }

    async fn create_measure(
        &self,
        request: Request<v1::CreateMeasureRequest>,
    ) -> Result<Response<v1::CreateMeasureResponse>, Status> {
        let by = Caller::of(&request)?.by();
        let wish = MeasureWish::read(request.into_inner())?;
        let propose = |catalogue: &Catalogue| catalogue.propose_measure(wish.measure(), &self.rules);
        // What is refused lists no contents.
        propose(&self.registry.snapshot())?;
        if let Some(contents) = wish.contents() {
            self.list(by, contents).await?;
        }
        let (change, _) = self.registry.apply(by, propose).await?;
        let Change::MeasureCreated(measure) = change else {
            return Err(refusal::internal("a wish for a measure became another change"));
        };
        Ok(Response::new(v1::CreateMeasureResponse { measure: Some((&*measure).into()) }))
    }

    async fn create_api_key(
        &self,
        request: Request<v1::CreateApiKeyRequest>,
    ) -> Result<Response<v1::CreateApiKeyResponse>, Status> {
        let by = Caller::of(&request)?.by();
        let (text, catalogue) = create_api_key(&self.registry, &*self.clock, by, request.get_ref()).await?;
        let api_key = catalogue.api_keys().last().map(|key| api_key_on_wire(&catalogue, key));
        Ok(Response::new(v1::CreateApiKeyResponse { api_key, secret: text.expose().to_owned() }))
    }

    async fn list_api_keys(
        &self,
        _: Request<v1::ListApiKeysRequest>,
    ) -> Result<Response<v1::ListApiKeysResponse>, Status> {
        let catalogue = self.registry.snapshot();
        let api_keys = catalogue.api_keys().iter().map(|key| api_key_on_wire(&catalogue, key)).collect();
        Ok(Response::new(v1::ListApiKeysResponse { api_keys }))
    }

    async fn revoke_api_key(
        &self,
        request: Request<v1::RevokeApiKeyRequest>,
    ) -> Result<Response<v1::RevokeApiKeyResponse>, Status> {
        let by = Caller::of(&request)?.by();
        let id = request.into_inner().id;
        match self.registry.apply(by, |catalogue| catalogue.propose_revocation(id)).await {
            // Revoked before: it is as the caller wants it.
            Ok(_) | Err(RegistryError::Refused(Refused::AlreadySo)) => Ok(Response::new(v1::RevokeApiKeyResponse {})),
            Err(error) => Err(error.into()),
        }
    }

    async fn rotate_epoch(
        &self,
        request: Request<v1::RotateEpochRequest>,
    ) -> Result<Response<v1::RotateEpochResponse>, Status> {
        let by = Caller::of(&request)?.by();
        let entered = match request.into_inner().compromise {
            None => self.keys.rotate(by).await,
            Some(v1::Compromise { reason, grace_seconds }) => {
                self.keys.give_up(by, &Compromise { reason, grace_seconds }).await
            }
        };
        let Entered { unfinished } = entered.map_err(|error| match error {
            KeeperError::Registry(error) => error.into(),
            error => refusal::internal(error),
        })?;
        let unfinished = unfinished.map_or_else(String::new, |error| error.to_string());
        let (catalogue, now) = (self.registry.snapshot(), self.clock.now());
        let active = catalogue.epochs().iter().find(|epoch| epoch.state(now) == EpochState::Active);
        Ok(Response::new(v1::RotateEpochResponse { active: active.map(|epoch| (&epoch.entry).into()), unfinished }))
    }

    async fn get_status(&self, _: Request<v1::GetStatusRequest>) -> Result<Response<v1::GetStatusResponse>, Status> {
        let catalogue = self.registry.snapshot();
        let counts = self.metrics.store(StoreCall::Outcomes, self.store.outcomes()).await.map_err(refusal::store)?;
        Ok(Response::new(v1::GetStatusResponse {
            signing_key: self.verifying_key.to_bytes().to_vec(),
            epochs: catalogue.epochs().iter().map(|epoch| (&epoch.entry).into()).collect(),
            publishers: catalogue.publishers().iter().map(|one| self.publisher_status(one, &counts)).collect(),
            server: Some(self.server_status()),
        }))
    }

    async fn set_log_filter(
        &self,
        request: Request<v1::SetLogFilterRequest>,
    ) -> Result<Response<v1::SetLogFilterResponse>, Status> {
        let log = self.log.as_ref().ok_or_else(|| {
            refusal::failed_precondition(
                "NO_LOG",
                "this collector writes no log of its own: ask whoever runs its process",
            )
        })?;
        let by = Caller::of(&request)?.by();
        let asked = request.into_inner().filter;
        let before = if asked.is_empty() { log.text() } else { log.replace(by, asked).await? };
        Ok(Response::new(v1::SetLogFilterResponse { filter: log.text(), before }))
    }
}
